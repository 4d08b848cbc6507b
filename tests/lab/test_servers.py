import asyncio
from contextlib import suppress

import pytest

from tests.lab.stage import PROTOCOLS, RUNNERS, run
from unstrip.evidence import Endpoint
from unstrip.io.asyncio import attend
from unstrip.io.session import Terms
from unstrip.io.trust import anchors
from unstrip.lab.dialects import DIALECTS
from unstrip.lab.servers import serve
from unstrip.protocols import REGISTRY
from unstrip.trouble import Injected
from unstrip.upgrade import Asking, Outcome


def visit(authority, server, protocol, *, implicit=False, insist=True):
    terms = Terms(
        ask=Asking(insist=insist),
        timeout=3,
        connect_to=server.host,
        roots=anchors(authority.ca_file),
    )
    return attend(Endpoint("localhost", server.port, protocol, implicit=implicit), terms)


@pytest.mark.parametrize("runner", RUNNERS.values(), ids=RUNNERS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_server_of_ours_secures_a_client_of_ours(authority, protocol, runner):
    async def main():
        async with serve(protocol, authority.context("localhost")) as server:
            evidence = await visit(authority, server, protocol)
            await server.alone()
        assert evidence.secured
        assert evidence.handshake.webpki.valid
        assert [ending.outcome for ending in server.endings] == [Outcome.UPGRADED]
        assert not server.troubles

    run(main, runner)


@pytest.mark.parametrize("protocol", [name for name in PROTOCOLS if REGISTRY[name].IMPLICIT_PORTS])
def test_it_serves_tls_from_the_first_byte_too(authority, protocol):
    async def main():
        async with serve(protocol, authority.context("localhost"), implicit=True) as server:
            evidence = await visit(authority, server, protocol, implicit=True)
        assert evidence.upgrade.outcome is Outcome.IMPLICIT
        assert evidence.clear_sent == evidence.clear_received == 0

    run(main)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_it_can_do_without_tls(authority, protocol):
    async def main():
        async with serve(protocol, authority.context("localhost"), offer=False) as server:
            asked = await visit(authority, server, protocol)
            not_asked = await visit(authority, server, protocol, insist=False)
        assert asked.upgrade.outcome is Outcome.REFUSED
        listed = DIALECTS[protocol].lists()  # else only asking tells
        assert not_asked.upgrade.outcome is (Outcome.NOT_OFFERED if listed else Outcome.REFUSED)

    run(main)


def test_it_can_listen_on_ipv6(authority):
    async def main():
        async with serve("smtp", authority.context("localhost"), host="::1") as server:
            evidence = await visit(authority, server, "smtp")
        assert evidence.secured
        assert evidence.address == "::1"

    run(main)


def test_what_breaks_a_visit_off_is_kept_and_not_printed(authority, capfd, caplog):
    async def main():
        async with serve("smtp", authority.context("localhost")) as server:
            reader, writer = await asyncio.open_connection(server.host, server.port)
            writer.write(b"STARTTLS\r\nMAIL FROM:<>\r\n")
            said = await reader.read()
            writer.close()
            await writer.wait_closed()
        assert said.splitlines()[1] == b"501 5.5.1 Nothing may follow STARTTLS"
        assert [type(trouble) for trouble in server.troubles] == [Injected]

    run(main)
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


@pytest.mark.parametrize("runner", RUNNERS.values(), ids=RUNNERS)
def test_a_silent_visitor_is_shown_out_when_time_is_up(authority, runner):
    async def main():
        async with serve("smtp", authority.context("localhost"), deadline=0.05) as server:
            reader, writer = await asyncio.open_connection(server.host, server.port)
            with suppress(ConnectionResetError):  # shown out is shown out
                assert await reader.read() == b"220 localhost ESMTP unstrip\r\n"
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
        assert [type(trouble) for trouble in server.troubles] == [TimeoutError]

    run(main, runner)


@pytest.mark.parametrize("runner", RUNNERS.values(), ids=RUNNERS)
def test_nobody_is_left_when_it_closes(authority, runner):
    async def main():
        async with serve("smtp", authority.context("localhost")) as server:
            visitors = [await asyncio.open_connection(server.host, server.port) for _ in range(5)]
            await visitors[0][0].readline()
        for reader, writer in visitors:
            with_error = await asyncio.gather(reader.read(), return_exceptions=True)
            assert isinstance(with_error[0], bytes | ConnectionError)
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
        with pytest.raises(OSError, match=r"Connect call failed|refused"):
            await asyncio.open_connection(server.host, server.port)

    run(main, runner)
