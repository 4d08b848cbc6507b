"""The resolver as a whole: what it remembers, whom it keeps waiting, and its blocking front."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time

import pytest

from tests.io.resolver.nameserver import NO_TEST, QUESTION, address, asked, name_server, silent
from unstrip.io.resolver import AT_ONCE, BlockingResolver, Resolver
from unstrip.io.resolver.stub import Stub
from unstrip.policy.questions import Address, Dns, DnsAnswer, Kind, Status

FOUND = DnsAnswer(Status.FOUND, (Address("192.0.2.1"),), ttl=60)


class Slow:
    """A backend that answers when it is told to."""

    def __init__(self, answer=FOUND, *, ready=True):
        self.answer, self.asked, self.most, self.under_way = answer, [], 0, 0
        self.ready = asyncio.Event()
        if ready:
            self.ready.set()

    async def ask(self, question):
        self.asked.append(question)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await self.ready.wait()
        await asyncio.sleep(0)
        self.under_way -= 1
        return self.answer


def test_a_question_is_asked_once_while_its_answer_holds():
    backend = Slow()

    async def ask_twice():
        resolver = Resolver(backend)
        return [await resolver.ask(QUESTION) for _ in range(2)]

    first, second = asyncio.run(ask_twice())
    assert first == FOUND
    assert second.records == FOUND.records
    assert len(backend.asked) == 1


def test_many_who_ask_at_once_share_one_question():
    backend = Slow()

    async def ask_often():
        resolver = Resolver(backend)
        return await asyncio.gather(*(resolver.ask(QUESTION) for _ in range(50)))

    assert set(asyncio.run(ask_often())) == {FOUND}
    assert len(backend.asked) == 1


def test_an_answer_that_does_not_hold_is_asked_for_anew():
    backend = Slow(DnsAnswer(Status.NO_DATA))

    async def ask_twice():
        resolver = Resolver(backend)
        return [await resolver.ask(QUESTION) for _ in range(2)]

    asyncio.run(ask_twice())
    assert len(backend.asked) == 2


def test_who_gives_up_early_leaves_the_question_to_the_others():
    backend = Slow(ready=False)

    async def one_gives_up():
        resolver = Resolver(backend)
        patient = asyncio.create_task(resolver.ask(QUESTION))
        hasty = await resolver.ask(QUESTION, 0.01)
        cancelled = asyncio.create_task(resolver.ask(QUESTION))
        await asyncio.sleep(0)
        cancelled.cancel()
        backend.ready.set()
        return hasty, await patient, await resolver.ask(QUESTION)

    hasty, patient, later = asyncio.run(one_gives_up())
    assert hasty.status is Status.TIMEOUT
    assert "0.01 seconds" in hasty.words
    assert patient == FOUND
    assert later.status is Status.FOUND
    assert len(backend.asked) == 1


def test_nobody_waits_longer_than_the_resolver_itself():
    async def wait():
        return await Resolver(Slow(ready=False), timeout=0.01).ask(QUESTION, 60)

    began = time.monotonic()
    found = asyncio.run(wait())
    assert found.status is Status.TIMEOUT
    assert time.monotonic() - began < 10


def test_no_more_questions_are_under_way_than_there_are_sockets_for():
    backend = Slow()

    async def ask_much():
        resolver = Resolver(backend)
        many = (Dns(f"{n}.example.org", Kind.A) for n in range(3 * AT_ONCE))
        return await asyncio.gather(*map(resolver.ask, many))

    assert set(asyncio.run(ask_much())) == {FOUND}
    assert backend.most == AT_ONCE


def test_a_mistake_in_the_backend_is_not_hidden_and_not_remembered():
    class Broken(Slow):
        async def ask(self, question):
            self.asked.append(question)
            raise ZeroDivisionError

    backend = Broken()

    async def ask_twice():
        resolver = Resolver(backend)
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                await resolver.ask(QUESTION)

    asyncio.run(ask_twice())
    assert len(backend.asked) == 2


def test_a_whole_look_up_over_the_network():
    with name_server(address) as there:

        async def look_up():
            resolver = Resolver(Stub([there.server], NO_TEST))
            return [await resolver.ask(QUESTION) for _ in range(2)]

        first, second = asyncio.run(look_up())
    assert first.records == second.records == FOUND.records
    assert len(there.calls) == 1
    assert 0 < second.ttl <= 60


# The blocking front


def test_callers_without_an_event_loop_are_answered_from_any_thread():
    answers = []
    with name_server(address) as there:
        make = lambda: Resolver(Stub([there.server], NO_TEST))  # noqa: E731  # a word for it
        with BlockingResolver(make) as resolver:
            threads = [
                threading.Thread(target=lambda: answers.append(resolver.ask(QUESTION)))
                for _ in range(10)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    assert {answer.records for answer in answers} == {FOUND.records}
    assert len(answers) == 10
    assert len(there.calls) == 1


def test_a_blocking_caller_waits_no_longer_than_it_wants_and_nothing_is_left_behind():
    before = threading.active_count()
    with (
        name_server(silent) as there,
        BlockingResolver(lambda: Resolver(Stub([there.server], NO_TEST))) as resolver,
    ):
        assert resolver.ask(QUESTION, 0.05).status is Status.TIMEOUT
    assert threading.active_count() == before


def test_a_resolver_that_cannot_be_made_is_an_error_and_leaves_no_thread():
    def fail():
        raise OSError("no such thing")

    before = threading.active_count()
    with pytest.raises(OSError, match="no such thing"), BlockingResolver(fail):
        pass
    assert threading.active_count() == before


def test_the_command_line_prints_its_help_without_loading_a_resolver():
    code = (
        "import sys\n"
        "from unstrip.faces.cli import main\n"
        "sys.argv[1:] = ['check', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print([name for name in sys.modules if name.split('.')[0] == 'dns'])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"


def test_asking_by_name_is_the_same_whoever_asks():
    backend = Slow()

    async def ask():
        return await Resolver(backend).ask(QUESTION)

    assert asyncio.run(ask()) == asked(backend)
