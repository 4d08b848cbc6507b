"""HTTP: what it understands, what it says, and to whom it says nothing."""

from __future__ import annotations

import asyncio
import json

import h11
import pytest

from tests.faces.mta.world import LOST, PLAIN, STRICT, connected, served, world
from unstrip.evidence import from_json
from unstrip.faces.mta.desk import Desk
from unstrip.faces.mta.http import LONGEST, Http, Page
from unstrip.faces.mta.server import Limits
from unstrip.mta.decision import MailDecision
from unstrip.mta.tongue import Told

ROOM = {"/page": lambda: Page(b"it is here", "text/plain")}


def get(path: str, host: str = "localhost", verb: str = "GET") -> bytes:
    return f"{verb} {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()


def read(data: bytes) -> tuple[int, bytes, dict[bytes, bytes]]:
    """A reply as another reads it."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
    client.send(h11.EndOfMessage())
    client.receive_data(data)
    answer, body = client.next_event(), b""
    while isinstance(event := client.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert client.trailing_data == (b"", False)
    return answer.status_code, body, dict(answer.headers.raw_items()) | dict(answer.headers)


def heard(*said: bytes, http: Http | None = None, limits: Limits = Limits()) -> bytes:  # noqa: B008  # a frozen value
    """All that comes on one connection, to its end."""

    async def within():
        desk = Desk(http or Http(ROOM), world().inquiry())
        async with asyncio.timeout(10), served(desk, limits) as (_, where, port):
            reader, writer = await connected(where, port)
            for each in said:
                writer.write(each)
                await writer.drain()
                await asyncio.sleep(0)
            data = await reader.read()
            writer.close()
            return data

    return asyncio.run(within())


@pytest.mark.parametrize(
    ("name", "text"),
    [(STRICT, f"secure match=mx.{STRICT} servername=hostname"), (PLAIN, "")],
)
def test_a_decision_has_what_each_is_told_and_what_it_rests_on(name, text):
    status, body, headers = read(heard(get(f"/v1/decision/{name}")))
    assert (status, headers[b"content-type"]) == (200, b"application/json")
    found = from_json(MailDecision, body)
    assert (found.domain, found.waits, found.postfix.text) == (name, "", text)
    assert found.derivation.destinations[0].endpoint.host == f"mx.{name}"
    assert bool(found.exim.tls_verify_hosts) is bool(text)


def test_a_domain_may_be_written_in_other_ways():
    _, body, _ = read(heard(get(f"/v1/decision/{STRICT.upper()}.%3A587?why")))
    assert from_json(MailDecision, body).domain == STRICT


def test_what_cannot_be_found_out_is_an_answer_that_says_so():
    status, body, _ = read(heard(get(f"/v1/decision/{LOST}")))
    assert status == 200
    assert json.loads(body)["waits"]


def test_a_page_is_made_anew_each_time():
    count = iter(range(10))
    http = Http({"/page": lambda: Page(str(next(count)).encode())})

    async def within():
        desk, request = Desk(http, world().inquiry()), get("/page")
        first, second = [(await desk.ask(request)).data for _ in range(2)]
        return read(first)[1], read(second)[1], desk.ready(request, 0.0)

    assert asyncio.run(within()) == (b"0", b"1", None)


def test_a_decision_is_kept_ready():
    async def within():
        desk, request = Desk(Http(ROOM), world().inquiry()), get(f"/v1/decision/{STRICT}")
        first = (await desk.ask(request)).data
        return first, desk.ready(request, 0.0)

    first, ready = asyncio.run(within())
    assert first == ready


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (get("/page"), 200),
        (get("/page?name=x"), 200),
        (b"GET /page HTTP/1.0\r\n\r\n", 200),
        (b"GET /page HTTP/1.1\nHost: localhost\n\n", 200),
        (get("/"), 404),
        (get("/v1/decision/a%20b"), 400),
        (get("/v1/decision/"), 400),
        (get("/v1/decision/.example.org"), 400),
        (get("/v1/decision/%ff"), 400),
        (get("/page", verb="POST"), 405),
        (get("/page", verb="HEAD", host="evil.example"), 421),
        (b"GET /page HTTP/1.1\r\n\r\n", 400),
        (b"GET /page HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\n\n", 400),
        (b"GET /" + b"a" * LONGEST + b" HTTP/1.1\r\n\r\n", 431),
    ],
)
def test_each_request_has_its_status(request_, status):
    found, _, headers = read(heard(request_))
    assert found == status
    assert headers[b"connection"] == b"close"
    assert headers[b"cache-control"] == b"no-store"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8463", "localhost.evil.example", "a b"]
)
def test_a_page_of_somebody_else_reads_nothing_under_its_own_name(host):
    status, body, _ = read(heard(get("/page", host)))
    assert status in {400, 421}
    assert b"it is here" not in body


@pytest.mark.parametrize("host", ["localhost:1", "LOCALHOST", "127.0.0.1:8463", "[::1]:8463"])
def test_who_asks_by_an_address_is_answered(host):
    assert read(heard(get("/page", host)))[0] == 200


def test_where_it_is_open_to_others_it_may_have_a_name():
    http = Http(ROOM, guarded=False)
    assert read(heard(get("/page", "policy.example.org"), http=http))[0] == 200


def test_a_request_may_come_in_pieces_and_only_the_first_is_answered():
    status, body, _ = read(heard(b"GET /pa", b"ge HTTP/1.1\r\nHost: local", b"host\r\n\r\n"))
    assert (status, body) == (200, b"it is here")
    assert read(heard(get("/page") * 3))[1] == b"it is here"


def test_half_a_request_is_not_waited_for():
    assert heard(b"GET /page HT", limits=Limits(half=0.05)) == b""


def test_what_was_asked_for_is_in_no_field_of_the_reply():
    data = heard(get("/v1/decision/%0d%0aSet-Cookie:%20x=1"))
    head, _, _ = data.partition(b"\r\n\r\n")
    assert b"Cookie" not in head
    assert read(data)[0] == 400


def test_a_failure_in_here_is_told_to_come_back():
    told = Http(ROOM).failed("the store\r\nis \x1b[31mgone")
    assert isinstance(told, Told)
    assert told.passing
    status, body, headers = read(told.data)
    assert (status, headers[b"retry-after"]) == (503, b"5")
    assert json.loads(body) == {"error": "the store is \\x1b[31mgone"}


def test_what_a_client_sends_beside_the_path_cannot_be_foreseen():
    assert Http({}).requests("example.org") == ()
