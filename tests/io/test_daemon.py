"""Asking a daemon what it believes: a real one, one that is not there, and whoever else answers."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest

from tests.faces.mta.world import LOST, PLAIN, STRICT, served, world
from tests.mta.domains import DOMAIN, NONE, A, derived
from unstrip.evidence import to_json
from unstrip.faces.mta.desk import Desk
from unstrip.faces.mta.http import Http
from unstrip.io.daemon import LIMIT, BadPlace, NoAnswer, Place, ask, place
from unstrip.mta.decision import decision
from unstrip.mta.nexthop import NextHop

HOP = NextHop(DOMAIN)
GOOD = to_json(decision(derived({A: NONE})))
CEILING = 20  # seconds; no test waits for as long


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8463", ("127.0.0.1", 8463, "")),
        ("http://127.0.0.1:8463/", ("127.0.0.1", 8463, "")),
        ("http://localhost", ("localhost", 80, "")),
        ("http://[::1]:8463", ("::1", 8463, "")),
        ("unix:/run/unstrip/http", ("localhost", 80, "/run/unstrip/http")),
    ],
)
def test_a_place_is_a_url_or_a_socket(url, expected):
    found = place(url)
    assert (found.host, found.port, found.path) == expected
    assert found.url == url


@pytest.mark.parametrize(
    "url",
    [
        *("", "example.org", "https://127.0.0.1:8463", "http://", "http://[::1", "http://::1:80"),
        *("http://127.0.0.1:0", "http://127.0.0.1:70000", "http://a@127.0.0.1:80", "unix:here"),
        *("http://127.0.0.1:80/v1", "http://ho\r\nst", "http://\u00fc", "unix:/a\0b"),
    ],
)
def test_what_is_none_is_refused(url):
    with pytest.raises(BadPlace, match="neither http://ADDRESS:PORT nor unix:/PATH"):
        place(url)


@pytest.mark.parametrize("name", [STRICT, PLAIN, LOST])
def test_a_daemon_says_what_it_believes(name):
    async def asked():
        desk = Desk(Http({}), world().inquiry())
        async with served(desk) as (_, host, port):
            return await ask(Place("", host, port), NextHop(name))

    found = asyncio.run(asked())
    assert found.domain == name
    assert found == decision(found.derivation)


def test_a_daemon_is_asked_at_its_socket_and_about_a_server_in_brackets(tmp_path):
    async def asked():
        desk = Desk(Http({}), world().inquiry())
        async with served(desk, path=tmp_path / "http"):
            hop = NextHop("127.0.0.1", 587, direct=True)
            return await ask(place(f"unix:{tmp_path}/http"), hop)

    (server,) = asyncio.run(asked()).derivation.destinations
    assert server.endpoint.port == 587


@asynccontextmanager
async def answering(said: bytes, *, hold: bool = False):
    """Somebody who says this whatever he is asked, and hangs up, unless he holds the line."""

    served = []

    async def serve(reader, writer):
        served.append(asyncio.current_task())
        with suppress(OSError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(said)
            if hold:
                await reader.read()
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        yield Place(f"http://{host}:{port}", host, port)
    await asyncio.gather(*served)


def heard(said: bytes, *, hold: bool = False, timeout: float = CEILING):
    async def asked():
        async with answering(said, hold=hold) as where:
            return await ask(where, HOP, timeout)

    return asyncio.run(asked())


def http(body: bytes, status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def test_what_is_in_order_is_believed_from_whoever_is_asked():
    assert heard(http(GOOD)).domain == DOMAIN


STRANGERS = {
    "nothing": b"",
    "another protocol": b"220 mail.example.org ESMTP\r\n",
    "netstring": b"9:NOTFOUND ,",
    "binary": bytes(range(256)),
    "no JSON": http(b"<html>It works!</html>"),
    "other JSON": http(b'{"domain": "example.org"}'),
    "no object": http(b"[]"),
    "brackets": http(b"[" * 100_000),
    "not UTF-8": http(b'{"domain": "\xff"}'),
    "another domain": http(GOOD.replace(DOMAIN.encode(), b"example.com")),
    "a time of no zone": http(GOOD.replace(b'12:00:00Z"', b'12:00:00"')),
    "an error that is none": http(b"no", "500 Internal Server Error"),
    "a redirect": http(b"{}", "302 Found"),
    "half an answer": http(GOOD)[:-10],
    "half a head": http(GOOD)[:20],
    "too much": http(b"x" * (LIMIT + 1)),
    "a head without end": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000,
}


@pytest.mark.parametrize("said", STRANGERS.values(), ids=STRANGERS)
def test_whoever_says_anything_else_is_no_daemon(said):
    with pytest.raises(NoAnswer, match="is no policy daemon of this version") as told:
        heard(said)
    assert str(told.value).isprintable()
    assert len(str(told.value)) < 400
    assert told.value.hint


def test_why_the_daemon_does_not_know_is_told():
    body = b'{"error": "still being found out \\u001b[31m"}'
    with pytest.raises(NoAnswer, match=r"the daemon says: still being found out \\x1b") as told:
        heard(http(body, "503 Service Unavailable"))
    assert told.value.hint == "its log may say more"


def test_who_says_nothing_is_not_waited_for_without_end():
    with pytest.raises(NoAnswer, match=r"no answer from .* in 0\.05 seconds"):
        heard(b"HTTP/1.1 200 OK\r\n", hold=True, timeout=0.05)


def test_a_daemon_that_is_not_there_is_told_with_what_could_be_done(tmp_path):
    with pytest.raises(NoAnswer, match=r"unix:.* cannot be asked: no such file") as told:
        asyncio.run(ask(place(f"unix:{tmp_path}/http"), HOP))
    assert "unstrip serve" in told.value.hint

    async def gone():
        async with answering(b"") as where:
            pass
        await ask(where, HOP)

    with pytest.raises(NoAnswer, match="cannot be asked: "):
        asyncio.run(gone())
