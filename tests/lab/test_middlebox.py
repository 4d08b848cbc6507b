import asyncio
import imaplib
import ssl

import pytest

from tests.lab.stage import LOCALHOST, RUNNERS, play, playable, run
from unstrip.lab.crossings import Leg
from unstrip.lab.middlebox import Unstageable, middlebox
from unstrip.lab.servers import serve
from unstrip.lab.tricks import NoSuchTrick
from unstrip.protocols import REGISTRY
from unstrip.upgrade import Manner, Outcome

SOMEWHERE = (LOCALHOST, 1)
SPELT = [  # each way to spell a request that has a word to mask
    (protocol, manner)
    for protocol in playable("mask-verb")
    for manner in REGISTRY[protocol].MANNERS
    if manner is not Manner.CANARY
]


@pytest.fixture(params=RUNNERS.values(), ids=RUNNERS)
def runner(request):
    return request.param


async def say_nothing(box):
    reader, writer = await asyncio.open_connection(box.host, box.port)
    answer = await asyncio.gather(reader.read(), return_exceptions=True)
    writer.close()
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)
    return answer[0]


@pytest.mark.parametrize(
    ("protocol", "manner"), [case for case in SPELT if case[1] is not Manner.PLAIN]
)
def test_a_naive_box_overlooks_what_is_spelt_or_cut_otherwise(authority, protocol, manner):
    plain = play(authority, "mask-verb", protocol, naive=True)
    probe = play(authority, "mask-verb", protocol, naive=True, manner=manner)
    assert plain.only.upgrade.outcome is Outcome.REFUSED
    assert probe.only.secured


@pytest.mark.parametrize(("protocol", "manner"), SPELT)
def test_an_able_box_overlooks_nothing(authority, protocol, manner):
    scene = play(authority, "mask-verb", protocol, manner=manner)
    assert scene.only.upgrade.outcome is Outcome.REFUSED


@pytest.mark.parametrize("protocol", playable("remove-offer"))
def test_a_naive_box_removes_the_offer_as_well(authority, protocol):
    scene = play(authority, "remove-offer", protocol, naive=True, insist=False)
    assert scene.only.upgrade.outcome is Outcome.NOT_OFFERED


def test_tricks_that_cannot_be_staged_are_refused():
    async def main():
        with pytest.raises(NoSuchTrick, match="'magic'"):
            async with middlebox("magic", "smtp", upstream=SOMEWHERE):
                pass
        with pytest.raises(Unstageable, match="early-ok is not a trick on smtp"):
            async with middlebox("early-ok", "smtp", upstream=SOMEWHERE):
                pass
        with pytest.raises(Unstageable, match="implicit-TLS port"):
            async with middlebox("greet-inside", "smtp", upstream=SOMEWHERE):
                pass

    run(main)


def test_a_server_that_is_not_there_ends_the_visit(runner):
    async def main():
        async with middlebox("pass", "smtp", upstream=SOMEWHERE) as box:
            assert await say_nothing(box) == b""
        assert [type(trouble) for trouble in box.troubles] == [ConnectionRefusedError]

    run(main, runner)


def test_one_client_too_many_is_turned_away(authority, runner):
    async def main():
        async with (
            serve("smtp", authority.context("localhost")) as server,
            middlebox("pass", "smtp", upstream=(server.host, server.port), most=1) as box,
        ):
            reader, writer = await asyncio.open_connection(box.host, box.port)
            assert await reader.readline()
            assert not (answer := await say_nothing(box)) or isinstance(answer, ConnectionError)
            writer.close()
            await writer.wait_closed()
        assert box.clients == 1

    run(main, runner)


def test_time_is_up_for_a_silent_client(authority, runner):
    async def main():
        async with (
            serve("smtp", authority.context("localhost")) as server,
            middlebox("pass", "smtp", upstream=(server.host, server.port), deadline=0.1) as box,
        ):
            assert await say_nothing(box) == b"220 localhost ESMTP unstrip\r\n"
        assert [type(trouble) for trouble in box.troubles] == [TimeoutError]

    run(main, runner)


def test_nobody_is_left_when_it_closes(authority, runner):
    async def main():
        async with serve("smtp", authority.context("localhost")) as server:
            async with middlebox("pass", "smtp", upstream=(server.host, server.port)) as box:
                clients = [await asyncio.open_connection(box.host, box.port) for _ in range(5)]
                await clients[0][0].readline()
            for reader, writer in clients:
                (answer,) = await asyncio.gather(reader.read(), return_exceptions=True)
                assert isinstance(answer, bytes | ConnectionError)
                writer.close()
                await asyncio.gather(writer.wait_closed(), return_exceptions=True)
            await server.alone()

    run(main, runner)


def test_whoever_watches_sees_it_happen(authority):
    watched = []

    async def main():
        async with (
            serve("smtp", authority.context("localhost")) as server,
            middlebox(
                "pass", "smtp", upstream=(server.host, server.port), watch=watched.append
            ) as box,
        ):
            reader, writer = await asyncio.open_connection(box.host, box.port)
            await reader.readline()
            writer.close()
            await writer.wait_closed()

    run(main)
    assert [crossing.leg for crossing in watched] == [Leg.FROM_SERVER, Leg.TO_CLIENT]


def careless(port, ca_file):
    """A client that upgrades where it can, and logs in either way."""
    with imaplib.IMAP4("localhost", port) as imap:
        if "STARTTLS" in imap.capabilities:
            imap.starttls(ssl.create_default_context(cafile=ca_file))
        imap.login("alice", "secret")


@pytest.mark.parametrize(("trick", "leaks"), [("pass", False), ("remove-offer", True)])
def test_a_careless_client_is_caught(authority, trick, leaks):
    async def main():
        async with (
            serve("imap", authority.context("localhost")) as server,
            middlebox(trick, "imap", upstream=(server.host, server.port)) as box,
        ):
            with pytest.raises(imaplib.IMAP4.error, match=r"PRIVACY|AUTHENTICATIONFAILED"):
                await asyncio.to_thread(careless, box.port, authority.ca_file)
        assert (b"secret" in box.crossings.in_clear(Leg.FROM_CLIENT)) is leaks
        assert box.crossings.complete

    run(main)
