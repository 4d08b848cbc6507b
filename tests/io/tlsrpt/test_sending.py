"""Sending: reports reach who asks for them, over real connections, and each of them once."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import message_from_bytes
from email.policy import default

import msgspec
import pytest

from tests.io.policy_host import PATIENCE, answer, policy_host, says
from tests.io.tlsrpt.counted import count
from tests.io.tlsrpt.mail_server import mail_server
from tests.io.tlsrpt.telling import wait_for
from tests.policy.answering import N, S, failure, found, nothing
from tests.tlsrpt.days import DAY, DOMAIN, RECORD, WHO
from unstrip.derivation import Beliefs
from unstrip.io.https import Fetcher
from unstrip.io.inquiry import Inquiry
from unstrip.io.reporting import ReportSettings
from unstrip.io.store import Store, StoreError, open_store
from unstrip.io.tlsrpt import sending
from unstrip.io.tlsrpt.planning import SETTLED, close
from unstrip.io.tlsrpt.sending import LEASE, Office
from unstrip.policy.questions import Address, Kind, Security, Txt
from unstrip.tlsrpt.report import Report, encode, make
from unstrip.tlsrpt.schedule import PATIENCE as DAYLONG
from unstrip.tlsrpt.schedule import SPREAD, State, first
from unstrip.tlsrpt.wanted import MOST_EACH

SINK = "sink.example.org"
SETTINGS = ReportSettings(WHO.organization, WHO.contact, private_https=True)
DONE = first(DAY, DOMAIN, "").due.replace(hour=4, minute=0, second=0, microsecond=0)
TAKEN = says(answer("201 Created", "Content-Length: 0"))


@dataclass
class World:
    """DNS, a store and a clock; `answers` are those of DNS by name."""

    store: Store
    roots: object
    answers: dict[str, object] = field(default_factory=dict)
    now: datetime = DONE
    settings: ReportSettings = SETTINGS

    async def ask(self, question):
        if question.kind is Kind.TXT:
            return self.answers.get(question.name, nothing())
        return found(Address("127.0.0.1")) if question.kind is Kind.A else nothing()

    def publish(
        self, record: str | None = RECORD, domain: str = DOMAIN, security: Security = S
    ) -> None:
        txt = [] if record is None else [Txt((record.encode(),))]
        said = found(*txt, security=security) if txt else nothing(security=security)
        self.answers[f"_smtp._tls.{domain}"] = said

    def office(self) -> Office:
        web = Fetcher(self.ask, self.roots, timeout=5.0)
        inquiry = Inquiry(self.ask, web.get, Beliefs())
        clock = lambda: self.now  # noqa: E731  # it goes on with the test
        return Office(self.store, WHO, self.settings, inquiry, web, None, clock)

    def send(self, *, plan: bool = True) -> list[tuple[State, str]]:
        """Plan and send what is due; what became of each."""
        return [(job.state, job.words) for job in self.jobs(plan=plan)]

    def jobs(self, *, plan: bool = True):
        if plan:
            close(self.store, self.settings, self.now)

        async def run():
            async with asyncio.timeout(PATIENCE):
                return [job async for job in self.office().send()]

        return asyncio.run(run())

    def mail_at(self, port: int) -> None:
        self.settings = msgspec.structs.replace(self.settings, submit=f"127.0.0.1:{port}")


@pytest.fixture
def world(tmp_path, pki) -> Iterator[World]:
    with closing(open_store(tmp_path / "store.sqlite3")) as store:
        yield World(store, pki.roots)


@pytest.fixture(scope="module")
def context(pki):
    made = pki.server_context(SINK)
    made.set_alpn_protocols(["http/1.1"])
    return made


def attached(mail: bytes) -> bytes:
    """The report in a mail."""
    _, part = message_from_bytes(mail, policy=default).iter_parts()
    return gzip.decompress(part.get_content())


def test_a_report_goes_out_by_mail_once(world):
    count(world.store)
    world.publish()
    with mail_server(taken := []) as server:
        world.mail_at(server.port)
        assert world.send() == [(State.DELIVERED, "250 2.0.0 queued as 4711")]
        for hours in (0, 1, 20):
            world.now = DONE + timedelta(hours=hours)
            assert world.send() == []
    (mail,) = taken
    assert mail.commands[1:3] == (f"MAIL FROM:<{WHO.contact}>", f"RCPT TO:<tls@{DOMAIN}>")
    report = make(tuple(world.store.day(DAY, DOMAIN)), WHO)
    assert attached(mail.mail) == encode(report)
    assert msgspec.json.decode(attached(mail.mail), type=Report) == report


def test_nothing_is_sent_before_its_time(world):
    count(world.store)
    world.publish()
    due = first(DAY, DOMAIN, f"mailto:tls@{DOMAIN}").due
    world.now = max(due - timedelta(seconds=1), due.replace(hour=0, minute=0) + SETTLED)
    assert world.send() == []
    assert [job.due for job in world.store.jobs(DAY)] == [due]


def test_a_report_goes_out_by_https_once(world, context):
    bodies = []

    async def sink(caller):
        head = await caller.head()
        length = int(re.search(rb"Content-Length: ([0-9]+)", head)[1])
        bodies.append(await caller.reader.readexactly(length))
        await caller.say(answer("200 OK", "Content-Length: 0"))

    with policy_host(sink, context) as web:
        record = f"v=TLSRPTv1; rua=https://{SINK}:{web.port}/tls?of=us"
        count(world.store, record=record)
        world.publish(record)
        assert world.send() == [(State.DELIVERED, "HTTP status 200")]
        assert world.send() == []
    start, *fields = web.requests[0].decode().split("\r\n")
    assert start == "POST /tls?of=us HTTP/1.1"
    assert "Content-Type: application/tlsrpt+gzip" in fields
    report = make(tuple(world.store.day(DAY, DOMAIN)), WHO)
    assert gzip.decompress(bodies[0]) == encode(report)


@pytest.mark.parametrize("status", ["301 Moved", "404 Not Found", "500 Oh", "503 Busy"])
def test_by_https_nothing_but_2xx_is_delivered(world, context, status):
    with policy_host(says(answer(status, "Location: https://example.net/")), context) as web:
        record = f"v=TLSRPTv1; rua=https://{SINK}:{web.port}/"
        count(world.store, record=record)
        world.publish(record)
        assert world.send() == [(State.WAITING, f"HTTP status {status[:3]}")]
    assert web.callers == 1


def test_a_certificate_for_another_name_is_believed_only_if_the_operator_will_have_it(world, pki):
    with policy_host(TAKEN, pki.server_context("other.example")) as web:
        record = f"v=TLSRPTv1; rua=https://{SINK}:{web.port}/"
        count(world.store, record=record)
        world.publish(record)
        ((state, words),) = world.send()
        assert (state, web.requests) == (State.WAITING, [])
        assert "certificate is not valid" in words
        world.settings = msgspec.structs.replace(world.settings, verify_https=False)
        world.now += timedelta(hours=1)
        assert world.send() == [(State.DELIVERED, "HTTP status 201")]


def test_every_destination_is_tried_by_itself(world, context):
    with policy_host(TAKEN, context) as web, mail_server([], RCPT="550 no") as server:
        world.mail_at(server.port)
        record = f"{RECORD}, https://{SINK}:{web.port}/, https://{SINK}:1/"
        count(world.store, record=record)
        world.publish(record)
        jobs = {job.uri: job for job in world.jobs()}
    states = [jobs[uri].state for uri in sorted(jobs, key=record.index)]
    assert states == [State.REFUSED, State.DELIVERED, State.WAITING]


def test_what_could_not_be_delivered_is_tried_again_and_given_up_after_a_day(world):
    count(world.store)
    world.publish()
    seen = []
    with mail_server([], RCPT="451 later") as server:
        world.mail_at(server.port)
        while not seen or seen[-1] is State.WAITING:
            seen += [state for state, _ in world.send()]
            world.now += timedelta(hours=1)
            assert world.now < DONE + 2 * DAYLONG
    assert len(seen) > 10
    assert seen[-1] is State.GIVEN_UP
    assert world.now >= DONE - SPREAD + DAYLONG


def test_whoever_wants_no_report_any_more_gets_none(world):
    count(world.store)
    world.publish(None)
    assert world.send() == [(State.WITHDRAWN, "nobody asks for it any more")]


def test_a_record_that_is_none_any_more_asks_for_nothing(world):
    count(world.store)
    world.publish("v=TLSRPTv1; rua=ftp://x")
    ((state, words),) = world.send()
    assert state is State.WITHDRAWN
    assert "ftp://x" in words


@pytest.mark.parametrize(
    "record", [None, "v=TLSRPTv1; rua=ftp://x", "v=TLSRPTv1; rua=mailto:x@x.example"]
)
def test_an_answer_that_anyone_could_forge_takes_no_report_from_anyone(world, record):
    count(world.store)
    world.publish(record, security=N)
    (job,) = (each for each in world.jobs() if each.uri == f"mailto:tls@{DOMAIN}")
    assert job.state is State.WAITING
    world.publish(security=N)
    world.now += timedelta(hours=1)
    with mail_server([]) as server:
        world.mail_at(server.port)
        assert (State.DELIVERED, "250 2.0.0 queued as 4711") in world.send()


def test_where_the_record_of_the_day_is_no_use_it_goes_where_that_of_today_says(world):
    count(world.store, record="v=TLSRPTv1; rua=ftp://x")
    world.publish()
    with mail_server(taken := []) as server:
        world.mail_at(server.port)
        assert sorted(world.send(), key=str) == [
            (State.DELIVERED, "250 2.0.0 queued as 4711"),
            (State.WITHDRAWN, "its record says where to now"),
        ]
    assert len(taken) == 1


def test_no_report_is_posted_into_our_own_network(world, context):
    world.settings = msgspec.structs.replace(world.settings, private_https=False)
    with policy_host(TAKEN, context) as web:
        record = f"v=TLSRPTv1; rua=https://{SINK}:{web.port}/"
        count(world.store, record=record)
        world.publish(record)
        assert world.send() == [(State.WAITING, f"{SINK} has private addresses alone: 127.0.0.1")]
    assert web.callers == 0


def test_a_look_up_that_fails_is_waited_for(world):
    count(world.store)
    world.answers[f"_smtp._tls.{DOMAIN}"] = failure()
    ((state, words),) = world.send()
    assert state is State.WAITING
    assert words.startswith(f"the record of {DOMAIN}: ")
    world.publish()
    world.now += timedelta(hours=1)
    with mail_server([]) as server:
        world.mail_at(server.port)
        assert world.send()[0][0] is State.DELIVERED


def test_a_report_follows_its_domain_to_another_destination(world):
    count(world.store)
    world.publish(f"v=TLSRPTv1; rua=mailto:new@{DOMAIN}")
    with mail_server(taken := []) as server:
        world.mail_at(server.port)
        jobs = world.jobs()
        world.now = DONE + timedelta(minutes=1)
        jobs += world.jobs()
    assert {job.uri: job.state for job in jobs} == {
        f"mailto:tls@{DOMAIN}": State.WITHDRAWN,
        f"mailto:new@{DOMAIN}": State.DELIVERED,
    }
    assert len(taken) == 1


def test_a_domain_that_is_suppressed_after_all_gets_none(world):
    count(world.store)
    world.publish()
    close(world.store, world.settings, world.now)
    world.settings = msgspec.structs.replace(world.settings, suppress=(DOMAIN,))
    assert world.send() == [(State.WITHDRAWN, "it is suppressed")]


def test_of_a_day_that_is_forgotten_there_is_no_report(world):
    count(world.store)
    world.publish()
    close(world.store, world.settings, world.now)
    world.store.forget_before(DAY + timedelta(days=1))
    ((state, _),) = world.send()
    assert state is State.WITHDRAWN


def test_two_who_send_at_the_same_time_send_once(world):
    domains = [f"d{number}.example" for number in range(30)]
    for domain in domains:
        count(world.store, domain)
        world.publish(domain=domain)

    async def both():
        async def one():
            return [job async for job in world.office().send()]

        async with asyncio.timeout(PATIENCE):
            return await asyncio.gather(one(), one())

    with mail_server(taken := []) as server:
        world.mail_at(server.port)
        close(world.store, world.settings, world.now)
        first_, second = asyncio.run(both())
    assert sorted(job.domain for job in (*first_, *second)) == sorted(domains)
    assert len(taken) == len(domains)


def test_who_dies_over_a_report_leaves_it_to_be_tried_again(world):
    count(world.store)
    world.publish()
    close(world.store, world.settings, world.now)
    (job,) = world.store.jobs(DAY)
    assert world.store.take(job, world.now + LEASE)  # and is gone
    with mail_server(taken := []) as server:
        world.mail_at(server.port)
        assert world.send() == []
        world.now += LEASE
        assert world.send()[0][0] is State.DELIVERED
    assert len(taken) == 1


def test_the_same_report_has_the_same_names_when_it_is_sent_again(world):
    """So that who got it twice can tell."""
    count(world.store)
    world.publish()
    with mail_server(taken := []) as server:
        world.mail_at(server.port)
        world.send()
        world.store._database.run("update outgoing set state = 'waiting'")
        world.now += timedelta(hours=2)
        world.send()
    first_, second = (message_from_bytes(each.mail, policy=default) for each in taken)
    assert first_["Message-ID"] == second["Message-ID"]
    assert attached(taken[0].mail) == attached(taken[1].mail)


def test_an_odd_address_of_one_domain_is_no_trouble_for_the_others(world):
    odd = "=%3Funicode_escape%3Fq%3F=5Cud800%3F="
    for name, local in (("odd.example", odd), (DOMAIN, "tls")):
        record = f"v=TLSRPTv1; rua=mailto:{local}@{name}"
        count(world.store, name, record)
        world.publish(record, name)
    with mail_server(taken := []) as server:
        world.mail_at(server.port)
        assert State.DELIVERED in {state for state, _ in world.send()}
    assert len(taken) == 1


@pytest.mark.parametrize("part", ["build", "look"])
def test_a_mistake_of_ours_with_one_domain_is_no_trouble_for_the_others(world, monkeypatch, part):
    whole = getattr(sending, part)

    def fails(*words, domain=None, **more):
        if "odd.example" in (domain, *words):
            raise UnicodeEncodeError("ascii", "\ud800", 0, 1, "no")
        return whole(*words, **({} if domain is None else {"domain": domain}), **more)

    monkeypatch.setattr(sending, part, fails)
    for name in ("odd.example", DOMAIN):
        record = f"v=TLSRPTv1; rua=mailto:tls@{name}"
        count(world.store, name, record)
        world.publish(record, name)
    with mail_server(taken := []) as server:
        world.mail_at(server.port)
        found = {job.domain: job for job in world.jobs()}
    assert found[DOMAIN].state is State.DELIVERED
    assert found["odd.example"].state is State.WAITING
    assert "a mistake in unstrip: UnicodeEncodeError: " in found["odd.example"].words
    assert len(taken) == 1


def several(world, *names):
    for name in names:
        record = f"v=TLSRPTv1; rua=mailto:tls@{name}"
        count(world.store, name, record)
        world.publish(record, name)


def test_a_store_that_fails_at_one_domain_does_not_end_what_has_begun(world, monkeypatch):
    """Else what was just taken would be sent again."""
    several(world, "odd.example", *(names := [f"d{number}.example" for number in range(5)]))
    settle = world.store.settle

    def fails(job):
        if job.domain == "odd.example":
            raise StoreError("busy")
        settle(job)

    monkeypatch.setattr(world.store, "settle", fails)
    monkeypatch.setattr(sending, "_PAUSES", (0.01,))
    with mail_server(taken := []) as server:
        world.mail_at(server.port)
        with pytest.raises(StoreError, match="busy"):
            world.send()
    kept = {job.domain for job in world.store.jobs(DAY) if job.state is State.DELIVERED}
    assert kept == {*names}
    assert len(taken) == 6


def test_a_store_that_fails_for_a_while_is_waited_for(world, monkeypatch):
    count(world.store)
    world.publish()
    settle, failed = world.store.settle, []

    def fails(job):
        if len(failed) < 2:
            failed.append(job)
            raise StoreError("busy")
        settle(job)

    monkeypatch.setattr(world.store, "settle", fails)
    monkeypatch.setattr(sending, "_PAUSES", (0.01, 0.01))
    with mail_server(taken := []) as server:
        world.mail_at(server.port)
        assert [state for state, _ in world.send()] == [State.DELIVERED]
        world.now += 2 * LEASE
        assert world.send() == []
    assert len(taken) == 1


def test_a_slow_domain_has_its_time_and_then_waits_for_the_next_run(world, monkeypatch):
    monkeypatch.setattr(sending, "BUDGET", 0.0)
    monkeypatch.setattr(sending, "FEW", 1)
    uris = ",".join(f"mailto:tls@x{number}.example" for number in range(3))
    count(world.store, record=f"v=TLSRPTv1; rua={uris}")
    world.publish(f"v=TLSRPTv1; rua={uris}")
    several(world, "other.example")
    with mail_server(taken := []) as server:
        world.mail_at(server.port)
        for at_all in (1, 2, 3):
            monkeypatch.setattr(sending, "BUDGET", 1e-9)
            world.send()
            assert (
                sum(f"tls@x{n}.example" in str(each) for each in taken for n in range(3)) == at_all
            )
            world.now += timedelta(minutes=6)
    assert len(taken) == 4


def test_slow_domains_hold_up_nobody_else(world, monkeypatch):
    monkeypatch.setattr(sending, "AT_ONCE", 3)
    names = ["slow1.example", "slow2.example"]
    free = threading.Event()

    async def slow(caller):
        await asyncio.to_thread(free.wait, PATIENCE)

    with policy_host(slow, None) as web, mail_server(taken := []) as server:
        for name in names:
            record = f"v=TLSRPTv1; rua=https://{name}:{web.port}/"
            count(world.store, name, record)
            world.publish(record, name)
        several(world, *(f"d{number}.example" for number in range(20)))
        world.mail_at(server.port)
        watch = threading.Thread(target=lambda: (wait_for(lambda: len(taken) == 20), free.set()))
        watch.start()
        states = Counter(job.state for job in world.jobs())
        watch.join()
    assert states == {State.DELIVERED: 20, State.WAITING: 2}


def test_a_record_that_is_another_each_time_does_not_make_us_write_for_ever(world, monkeypatch):
    count(world.store)
    asked, ask = itertools.count(), world.ask

    async def rotating(question):
        world.publish(f"v=TLSRPTv1; rua=mailto:tls@{DOMAIN},mailto:n{next(asked)}@{DOMAIN}")
        return await ask(question)

    monkeypatch.setattr(world, "ask", rotating)
    with mail_server([]) as server:
        world.mail_at(server.port)
        assert len(world.jobs()) <= MOST_EACH
    assert len(world.store.jobs(DAY, DOMAIN)) == MOST_EACH
