"""Fetching over HTTPS: from a real web server, in all the ways it may fail."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import threading
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trustme
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import SERVER
from tests.interop.servers import free_ports
from tests.io.policy_host import (
    PATIENCE,
    answer,
    chunked,
    hangs_up,
    mute,
    ok,
    policy_host,
    resets,
    says,
    serves,
)
from tests.policy.answering import bogus, failure, found, nothing
from unstrip.certificates import Fault
from unstrip.escaping import printable
from unstrip.io.https import BODY_LIMIT, Fetcher, Upload, _Request
from unstrip.lab.authority import self_signed
from unstrip.policy.mta_sts import PATH
from unstrip.policy.questions import (
    Address,
    Dns,
    Https,
    HttpsFailure,
    Kind,
    ResultType,
    Security,
    Status,
)
from unstrip.trouble import ProtocolError
from unstrip.wire import Send

HOST = "mta-sts.example.org"
POLICY = b"version: STSv1\r\nmode: enforce\r\nmx: mx.example.org\r\nmax_age: 86400\r\n"
HERE, THERE, SIX = "127.0.0.1", "127.0.0.2", "::1"
FETCH_ERROR, WEBPKI = ResultType.STS_POLICY_FETCH_ERROR, ResultType.STS_WEBPKI_INVALID
DAY = timedelta(days=1)
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=LOOPS.values(), ids=LOOPS)
def loop(request):
    return request.param


@pytest.fixture(scope="module")
def context(pki):
    made = pki.server_context(HOST)
    made.set_alpn_protocols(["http/1.1"])
    return made


def names(*addresses):
    """DNS that has these addresses for any name, and keeps what it was asked."""
    asked = []

    async def ask(question):
        asked.append(question)
        kind = Kind.AAAA if question.kind is Kind.AAAA else Kind.A
        records = [Address(a) for a in addresses if (":" in a) is (kind is Kind.AAAA)]
        return found(*records) if records else nothing()

    ask.asked = asked
    return ask


def get(fetcher, question, loop=asyncio.new_event_loop):
    """Fetch; it must end in time, and nothing may go unheard."""
    complaints = []

    async def watched():
        asyncio.get_running_loop().set_exception_handler(lambda _, c: complaints.append(c))
        async with asyncio.timeout(PATIENCE):
            answer = await fetcher.get(question)
        await asyncio.sleep(0.01)
        return answer

    with asyncio.Runner(loop_factory=loop) as runner:
        answer = runner.run(watched())
    assert not complaints
    return answer


def fetch(pki, web, *, ask=None, host=HOST, loop=asyncio.new_event_loop, **settings):
    settings.setdefault("timeout", 5.0)
    fetcher = Fetcher(ask or names(HERE), pki.roots, port=web.port, **settings)
    return get(fetcher, Https(host, PATH), loop)


@pytest.fixture
def visit(pki, context):
    """Fetch from a server that follows this script."""

    def run(script, server=context, **settings):
        with policy_host(script, server) as web:
            return fetch(pki, web, **settings)

    return run


def failed(answer, words, result=FETCH_ERROR):
    assert isinstance(answer, HttpsFailure), answer
    assert answer.result is result
    assert words in answer.words, answer.words
    assert answer.words.isascii()
    assert answer.words.isprintable()
    return answer


# What is fetched


def test_a_policy_is_fetched(pki, context, loop):
    with policy_host(says(ok(POLICY)), context) as web:
        said = fetch(pki, web, loop=loop)
    assert (said.status, said.content_type, said.body) == (200, "text/plain", POLICY)
    assert said.webpki.valid
    assert said.webpki.name == HOST


def test_the_request_says_what_is_wanted_and_by_whom(pki, context):
    with policy_host(says(ok(POLICY)), context) as web:
        fetch(pki, web)
    start, *fields = web.requests[0].decode().split("\r\n")
    assert start == f"GET {PATH} HTTP/1.1"
    assert f"Host: {HOST}:{web.port}" in fields
    assert {"Accept: text/plain", "Accept-Encoding: identity", "Connection: close"} <= {*fields}
    assert any(field.startswith("User-Agent: unstrip/") for field in fields)


def test_the_name_is_sent_by_sni_and_http_by_alpn(pki, context):
    seen = []

    def note(engine, name, _):
        seen.append(name)

    async def script(caller):
        seen.append(caller.writer.get_extra_info("ssl_object").selected_alpn_protocol())
        await says(ok(POLICY))(caller)

    server = pki.server_context(HOST)
    server.set_alpn_protocols(["http/1.1"])
    server.sni_callback = note
    with policy_host(script, server) as web:
        assert fetch(pki, web).status == 200
    assert seen == [HOST, "http/1.1"]


def test_a_name_is_asked_for_as_it_goes_into_dns(pki):
    ask = names(HERE)
    with policy_host(says(ok(POLICY)), pki.server_context("mta-sts.xn--bcher-kva.example")) as web:
        assert fetch(pki, web, ask=ask, host="MTA-STS.Bücher.example.").status == 200
    assert {question.name for question in ask.asked} == {"mta-sts.xn--bcher-kva.example"}


def test_what_is_not_ours_to_judge_is_handed_on(visit):
    said = visit(says(answer("200 OK", "Content-Type: text/html", "Content-Length: 0")))
    assert (said.status, said.content_type, said.body) == (200, "text/html", b"")
    assert visit(says(answer("200 OK", "Content-Length: 0"))).content_type == ""
    twice = ("Content-Type: text/plain", "Content-Type: text/html")
    said = visit(says(answer("200 OK", *twice, "Content-Length: 0")))
    assert said.content_type == "text/plain, text/html"


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "308 Permanent Redirect"])
def test_a_redirect_is_an_answer_and_not_followed(pki, context, status):
    with policy_host(says(answer(status, f"Location: https://{HOST}/x")), context) as web:
        assert fetch(pki, web).status == int(status[:3])
    assert web.callers == 1


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified", "404 No", "500 Oh"])
def test_an_answer_of_another_status_is_its_head(visit, status):
    fields = () if status[0] == "2" or status[:3] == "304" else ("Content-Length: 99999999",)
    said = visit(says(answer(status, "Content-Encoding: gzip", *fields, body=b"x")))
    assert (said.status, said.body) == (int(status[:3]), b"")


def test_many_are_fetched_at_a_time(pki):
    domains = [f"d{number}.example" for number in range(50)]
    server = pki.server_context(*(f"mta-sts.{domain}" for domain in domains))
    bodies = {domain: POLICY + domain.encode() for domain in domains}
    with policy_host(serves(bodies), server) as web:
        fetcher = Fetcher(names(HERE), pki.roots, port=web.port)

        async def main():
            questions = [Https(f"mta-sts.{domain}", PATH) for domain in domains]
            return await asyncio.gather(*map(fetcher.get, questions))

        answers = asyncio.run(main())
        assert fetch(pki, web, host="mta-sts.d1.example").body == bodies["d1.example"]
    assert [getattr(a, "body", a) for a in answers] == list(bodies.values())


def test_another_web_server_is_understood_as_well(pki, context, tmp_path):
    (tmp_path / "mta-sts.txt").write_bytes(POLICY)
    files = partial(SimpleHTTPRequestHandler, directory=tmp_path)
    files.log_message = lambda *_: None
    with ThreadingHTTPServer((HERE, 0), files) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        fetcher = Fetcher(names(HERE), pki.roots, port=server.server_port)
        policy, none = (get(fetcher, Https(HOST, f"/{name}.txt")) for name in ("mta-sts", "no"))
        server.shutdown()
        thread.join(PATIENCE)
    assert (policy.content_type, policy.body) == ("text/plain", POLICY)
    assert none.status == 404


# How a body ends


BARE = answer("200 OK", "Content-Type: text/plain")


@pytest.mark.parametrize(
    "said",
    [
        (ok(POLICY),),
        (chunked(POLICY),),
        (chunked(POLICY[:10], POLICY[10:11], POLICY[11:]),),
        (BARE + POLICY,),
        (b"HTTP/1.0 200 OK\r\n\r\n" + POLICY,),
        tuple(bytes([byte]) for byte in ok(POLICY)),
        tuple(bytes([byte]) for byte in chunked(POLICY)),
        (answer("103 Early Hints", "Link: x"), answer("100 Continue"), ok(POLICY)),
        (ok(POLICY, "Content-Encoding: Identity"),),
    ],
    ids=["length", "chunk", "chunks", "close", "1.0", "bytes", "chunk bytes", "1xx", "identity"],
)
def test_a_whole_body_is_taken_however_it_is_framed(visit, said):
    assert visit(says(*said)).body == POLICY


@pytest.mark.parametrize(
    "framed", [ok, chunked, lambda body: BARE + body], ids=["length", "chunked", "close"]
)
def test_a_body_may_be_as_long_as_the_limit_and_no_longer(visit, framed):
    assert visit(says(framed(b"x" * BODY_LIMIT))).body == b"x" * BODY_LIMIT
    failed(visit(says(framed(b"x" * (BODY_LIMIT + 1)))), f"a body of more than {BODY_LIMIT} bytes")
    assert visit(says(framed(b"12345")), most=5).body == b"12345"
    failed(visit(says(framed(b"123456")), most=5), "a body of more than 5 bytes")


def test_a_body_without_end_is_not_heard_to_its_end(visit):
    async def script(caller):
        await caller.head()
        await caller.say(BARE)
        while True:
            await caller.say(b"x" * 65536)

    failed(visit(script), "a body of more than 65536 bytes")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (ok(POLICY)[:-1], "before the answer was whole"),
        (chunked(POLICY)[:-5], "before the answer was whole"),
        (chunked(POLICY)[:-2], "before the answer was whole"),
        (BARE + POLICY, "before the answer was whole"),
        (ok(POLICY)[:30], "before the answer was whole"),
        (b"", "before the answer was whole"),
    ],
    ids=["length", "chunk", "last chunk", "close", "head", "nothing"],
)
def test_a_connection_that_is_cut_never_passes_for_an_end(visit, said, words, loop):
    async def script(caller):
        await caller.head()
        await caller.say(said)
        await caller.hang_up()

    failed(visit(script, loop=loop), words)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (ok(POLICY)[:-1], f"received {len(POLICY) - 1} bytes, expected {len(POLICY)}"),
        (chunked(POLICY)[:-5], "incomplete chunked read"),
        (ok(POLICY)[:30], "before the answer was whole"),
        (answer("100 Continue"), "before the answer was whole"),
    ],
    ids=["length", "chunk", "head", "100"],
)
def test_nor_does_a_server_that_stops_half_way(visit, said, words):
    failed(visit(says(said)), words)


# What is no answer


@pytest.mark.parametrize("coding", ["gzip", "br", "identity, gzip", "\x1b[31m"])
def test_a_coding_that_was_not_asked_for_is_refused_by_name(visit, coding):
    said = visit(says(ok(gzip.compress(POLICY), f"Content-Encoding: {coding}")))
    failed(said, f"'{printable(coding)}', which was not asked for")


GARBAGE = {
    "0.9": (POLICY, "before the answer was whole: 'version: STSv1"),
    "0.9 with an empty line": (b"<html>\r\n\r\n", "illegal status line"),
    "smtp": (b"220 mx ESMTP\r\n\r\n", "illegal status line"),
    "binary": (b"\x00\x16\x03\xff" * 9000, "not an answer of HTTP/1.1"),
    "terminal": (b"\x1b[31m\r\n\r\n", "not an answer of HTTP/1.1"),
    "field": (answer("200 OK", "X Y: z\x1b[31m"), "illegal header line"),
    "two lengths": (ok(b"x", "Content-Length: 7"), "conflicting Content-Length"),
    "no length": (answer("200 OK", "Content-Length: -1"), "bad Content-Length"),
    "huge length": (answer("200 OK", f"Content-Length: {'9' * 5000}"), "bad Content-Length"),
    "coding": (answer("200 OK", "Transfer-Encoding: gzip, chunked"), "Only Transfer-Encoding"),
    "chunk": (answer("200 OK", "Transfer-Encoding: chunked", body=b"xyz\r\n"), "chunk header"),
    "footer": (answer("200 OK", "Transfer-Encoding: chunked", body=b"1\r\nabc"), "chunk footer"),
    "switch": (answer("101 Switching", "Upgrade: h2c"), "not an answer of HTTP/1.1"),
    "long line": (b"HTTP/1.1 200 " + b"x" * 40000, "Receive buffer too long"),
    "long chunk": (
        answer("200 OK", "Transfer-Encoding: chunked", body=b"1;" + b"x" * 40000),
        "Receive buffer too long",
    ),
    "1xx": (answer("100 Continue") * 50, "more than 8 answers before the answer"),
}


@pytest.mark.parametrize(("said", "words"), GARBAGE.values(), ids=GARBAGE)
def test_what_is_no_answer_of_http_is_refused(visit, said, words):
    failed(visit(says(said)), words)


@pytest.mark.parametrize("piece", [b"X: y\r\n", b"X: " + b"y" * 8000 + b"\r\n"])
def test_a_head_without_end_is_not_heard_to_its_end(visit, piece):
    async def script(caller):
        await caller.head()
        await caller.say(b"HTTP/1.1 200 OK\r\n")
        while True:
            await caller.say(piece * 100)

    failed(visit(script), "Receive buffer too long")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_an_answer_that_came_before_the_request_is_not_ours(visit, pki, version):
    async def script(caller):
        await caller.say(ok(POLICY))
        await says(ok(POLICY))(caller)

    server = pki.server_context(HOST)
    server.maximum_version = version
    failed(visit(script, server), ": said ")


@pytest.mark.parametrize("gap", [0.0, 0.03])
def test_an_answer_with_another_behind_it_is_not_ours(visit, gap):
    failed(visit(says(ok(POLICY), ok(b"version: STSv1\r\n"), gap=gap)), "behind")


def test_a_server_that_does_not_close_is_not_waited_for(visit, loop):
    async def script(caller):
        await says(ok(POLICY))(caller)
        await caller.wait()

    assert visit(script, loop=loop).body == POLICY


def test_a_server_that_tears_down_what_is_over_has_answered(visit, loop):
    async def script(caller):
        await says(ok(POLICY), gap=0.02)(caller)
        caller.reset()

    assert visit(script, loop=loop).body == POLICY


PIECES = st.one_of(
    st.binary(min_size=1, max_size=40),
    st.sampled_from(
        [
            *(
                b"HTTP/1.1 200 OK\r\n",
                b"HTTP/1.0 200\r\n",
                b"HTTP/1.1 100\r\n",
                b"HTTP/1.1 204\r\n",
            ),
            *(b"HTTP/1.1 200 OK\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"),
            *(b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Content-Length: 5\r\n\r\n"),
            *(b"Content-Type: text/plain\r\n", b"\r\n", b"\n", b" folded\r\n", b"12345"),
            *(b"5\r\n12345\r\n", b"0\r\n\r\n", b"ffffffffffffffffffff\r\n", b"5;x=y\r\n"),
        ]
    ),
)


@given(st.lists(PIECES, max_size=12), st.booleans())
def test_whatever_a_server_says_is_a_value_with_words_that_can_be_shown(pki, pieces, notifies):
    request = _Request(Https(SERVER, PATH), pki.roots, 443, 64)
    try:
        said = conversed(request.talk(), pki.server_end(), pieces, notifies=notifies)
    except ProtocolError as error:
        failed(request.failed(error, HERE), f"{HERE}: ")
    else:
        assert said.status >= 200
        assert len(said.body) <= 64


def conversed(talk, server, pieces, *, notifies):
    """Be the network, and a server that says these."""
    rest = iter(pieces)
    for effect in talk:
        if isinstance(effect, Send):
            server.hear(effect.data)
        elif not server.ready:
            server.shake()
            talk.hear(server.outgoing())
        elif piece := next(rest, b""):
            talk.hear(server.seal(piece))
        else:
            talk.hear(server.close() if notifies else b"")
            notifies = False
    return talk.result


# What is no TLS


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (hangs_up, "TLS failed: connection closed"),
        (resets, "connection reset"),
        (mute, "the time allowed is over"),
    ],
)
def test_a_server_without_tls_is_a_failure(visit, script, words, loop):
    failed(visit(script, None, timeout=0.3, loop=loop), words)


def test_plaintext_on_the_port_is_a_failure(visit):
    async def script(caller):
        await caller.say(ok(POLICY))
        await caller.wait()

    said = failed(visit(script, None), "TLS failed")
    assert "HTTP/1.1 200" in said.words


def test_an_alert_is_a_failure(visit):
    async def script(caller):
        await caller.say(b"\x15\x03\x03\x00\x02\x02\x28")  # RFC 8446, 6: handshake_failure
        await caller.wait()

    failed(visit(script, None), "TLS failed: tls alert handshake failure")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (hangs_up, "before the answer was whole"),
        (resets, "connection reset"),
        (mute, "the time allowed is over"),
        (says(*(b"%c" % byte for byte in ok(POLICY)), gap=0.05), "the time allowed is over"),
        (says(BARE, POLICY, *[b"x"] * 200, gap=0.05), "the time allowed is over"),
    ],
    ids=["hangs up", "resets", "mute", "slow head", "slow body"],
)
def test_a_server_that_does_not_answer_in_time_or_at_all_is_a_failure(visit, script, words, loop):
    failed(visit(script, timeout=0.4, loop=loop), words)


# Who is to be believed


def certificate(pki, name=HOST, **dates):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pki.ca.issue_cert(name, **dates).configure_cert(context)
    return context


def unknown(pki):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert(HOST).configure_cert(context)
    return context


NOW = datetime.now(UTC)
FLAWED = {
    "wrong name": (partial(certificate, name="example.org"), {Fault.WRONG_NAME}),
    "two labels": (partial(certificate, name="*.org"), {Fault.WRONG_NAME}),
    "expired": (
        partial(certificate, not_before=NOW - 9 * DAY, not_after=NOW - DAY),
        {Fault.EXPIRED},
    ),
    "not yet": (
        partial(certificate, not_before=NOW + DAY, not_after=NOW + 9 * DAY),
        {Fault.NOT_YET_VALID},
    ),
    "both": (
        partial(certificate, name="a.example", not_before=NOW - 9 * DAY, not_after=NOW - DAY),
        {Fault.EXPIRED, Fault.WRONG_NAME},
    ),
    "self-signed": (lambda _: self_signed(HOST), {Fault.SELF_SIGNED}),
    "unknown CA": (unknown, {Fault.UNTRUSTED}),
}


@pytest.mark.parametrize(("make", "faults"), FLAWED.values(), ids=FLAWED)
def test_a_certificate_that_proves_nothing_is_told_and_no_request_goes_out(pki, make, faults):
    heard = []

    async def script(caller):
        heard.append(await caller.reader.read(1))

    with policy_host(script, make(pki)) as web:
        said = failed(fetch(pki, web), f"the certificate is not valid for {HOST}: ", WEBPKI)
    assert {*said.webpki.faults} == faults
    assert said.webpki.name == HOST
    assert all(fault.value in said.words for fault in faults)
    assert heard in ([b""], [])
    assert web.requests == []


def test_a_wildcard_of_one_label_proves_the_name(visit, pki):
    assert visit(says(ok(POLICY)), certificate(pki, "*.example.org")).body == POLICY


def test_what_fails_later_has_the_certificate_with_it(visit):
    assert failed(visit(hangs_up), "").webpki.valid
    assert failed(visit(hangs_up, None), "").webpki is None


# Whom to ask


@pytest.mark.parametrize(
    ("host", "path", "words"),
    [
        ("127.0.0.1", PATH, "'127.0.0.1' is an address, not a host name"),
        ("::1", PATH, "'::1' is an address"),
        ("fe80::1%eth0", PATH, "is an address"),
        ("127.1", PATH, "'127.1' is an address"),
        ("", PATH, "is no host name"),
        ("a b", PATH, "is no host name"),
        ("a..example", PATH, "is no host name"),
        ("mta-sts.example.org:443", PATH, "is no host name"),
        ("x@example.org", PATH, "is no host name"),
        ("\x1b[31m.example", PATH, "is no host name"),
        (f"{'a' * 64}.example", PATH, "is no host name"),
        (HOST, "", "'' is no path"),
        (HOST, "x", "'x' is no path"),
        (HOST, "/ HTTP/1.1\r\nX: y", "is no path"),
        (HOST, "/\x1b", "is no path"),
        (HOST, "/é", "is no path"),
    ],
)
def test_what_cannot_be_asked_is_a_failure_and_nobody_is_asked(pki, host, path, words):
    ask = names(HERE)
    failed(get(Fetcher(ask, pki.roots), Https(host, path)), words)
    assert ask.asked == []


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (bogus(), "server failure (bogus): signature expired"),
        (failure(), "server failure"),
        (failure(Status.TIMEOUT, words="no answer in 2 seconds"), "no answer in 2 seconds"),
        (failure(Status.MALFORMED), "malformed answer"),
        (nothing(), "A: no data (secure)"),
        (nothing(Security.INSECURE, Status.NXDOMAIN), "no such name (insecure)"),
    ],
    ids=["bogus", "servfail", "timeout", "malformed", "no data", "nxdomain"],
)
def test_a_name_without_an_address_is_a_failure_that_says_why(pki, said, words):
    async def ask(question):
        return said

    failed(get(Fetcher(ask, pki.roots), Https(HOST, PATH)), f"{HOST} has no address; AAAA: ")
    failed(get(Fetcher(ask, pki.roots), Https(HOST, PATH)), words)


@pytest.mark.parametrize("other", [bogus(), failure(), nothing()])
def test_one_kind_of_address_that_cannot_be_had_leaves_the_other(pki, context, other):
    async def ask(question):
        return other if question.kind is Kind.AAAA else found(Address(HERE))

    with policy_host(says(ok(POLICY)), context) as web:
        assert fetch(pki, web, ask=ask).body == POLICY


def test_an_address_that_was_forged_is_not_dialled(pki, context):
    async def ask(question):
        return found(Address(HERE), security=Security.BOGUS)

    with policy_host(says(ok(POLICY)), context) as web:
        failed(fetch(pki, web, ask=ask), "bogus")
    assert web.callers == 0


def test_a_look_up_that_does_not_end_leaves_time_for_the_other(pki, context):
    async def ask(question):
        if question.kind is Kind.AAAA:
            await asyncio.sleep(PATIENCE)
        return found(Address(HERE))

    with policy_host(says(ok(POLICY)), context) as web:
        assert fetch(pki, web, ask=ask, timeout=1.0).body == POLICY


def test_every_name_is_asked_once_and_every_address_in_turn(pki):
    ask = names(SIX, HERE, THERE)
    fetcher = Fetcher(ask, pki.roots, port=1)
    said = failed(get(fetcher, Https(HOST, PATH)), f"{HERE}: connection refused")
    assert said.words.split(": ")[0] == SIX
    assert said.words.endswith(f"; {HERE}: connection refused; {THERE}: connection refused")
    assert ask.asked == [Dns(HOST, Kind.AAAA), Dns(HOST, Kind.A)]


def test_no_more_addresses_are_tried_than_there_is_time_for(pki):
    ask = names(*(f"127.0.1.{number}" for number in range(100)))
    said = failed(get(Fetcher(ask, pki.roots, port=1), Https(HOST, PATH)), "refused")
    assert len(said.words.split(";")) == 8


@pytest.mark.parametrize(
    ("script", "secured"),
    [(None, False), (mute, False), (resets, False), (mute, True), (hangs_up, True)],
    ids=["refuses", "mute", "resets", "mute inside", "hangs up inside"],
)
def test_an_address_that_fails_leaves_time_for_the_next(pki, context, script, secured, loop):
    (port,) = free_ports(1)
    with ExitStack() as servers:
        web = servers.enter_context(policy_host(says(ok(POLICY)), context, THERE, port))
        if script is not None:
            first = policy_host(script, context if secured else None, HERE, port)
            servers.enter_context(first)
        said = fetch(pki, web, ask=names(HERE, THERE), timeout=1.0, loop=loop)
    assert said.body == POLICY


@pytest.mark.parametrize("order", [(HERE, THERE), (THERE, HERE)])
def test_of_several_failures_the_certificate_says_most(pki, order):
    with policy_host(says(ok(POLICY)), certificate(pki, "example.org")) as web:
        said = failed(fetch(pki, web, ask=names(*order)), "not valid for", WEBPKI)
    assert f"{THERE}: connection refused" in said.words
    assert said.webpki.faults == (Fault.WRONG_NAME,)


def test_one_deadline_holds_for_all_addresses_together(pki):
    async def main(port):
        ask = names(HERE, THERE, "127.0.0.3", "127.0.0.4")
        async with asyncio.timeout(0.8 + 1):
            return await Fetcher(ask, pki.roots, port=port, timeout=0.8).get(Https(HOST, PATH))

    with policy_host(mute, None, "0.0.0.0") as web:  # noqa: S104  # all of 127/8
        failed(asyncio.run(main(web.port)), "127.0.0.4: the time allowed is over")
    assert web.callers == 4


def test_no_time_at_all_is_a_failure(pki):
    ask = names(HERE)
    failed(get(Fetcher(ask, pki.roots, timeout=0), Https(HOST, PATH)), "0 seconds are over")
    assert ask.asked == []


# What is none of a peer's doing


def test_an_error_of_our_own_is_not_swallowed(pki):
    async def ask(question):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        get(Fetcher(ask, pki.roots), Https(HOST, PATH))


def test_who_gives_up_leaves_no_connection_behind(pki, context):
    asked, gone = threading.Event(), threading.Event()

    async def script(caller):
        await caller.head()
        asked.set()
        await caller.wait()
        gone.set()

    async def main(port):
        fetching = asyncio.create_task(
            Fetcher(names(HERE), pki.roots, port=port).get(Https(HOST, PATH))
        )
        assert await asyncio.to_thread(asked.wait, PATIENCE)
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching
        assert await asyncio.to_thread(gone.wait, PATIENCE)

    with policy_host(script, context) as web:
        asyncio.run(main(web.port))


# What is handed over


REPORT = bytes(range(256)) * 2000


def post(pki, web, body=REPORT, *, host=HOST, path="/tls?x=1", timeout=5.0, at=HERE, **how):
    fetcher = Fetcher(names(at), pki.roots, timeout=timeout)
    upload = Upload(host, path, body, "application/tlsrpt+gzip", web.port)

    async def main():
        async with asyncio.timeout(PATIENCE):
            return await fetcher.post(upload, **{"private": True, **how})

    return asyncio.run(main())


def swallows(*parts, bodies=None, gap=0.0):
    """Take what is posted, and answer with these."""

    async def script(caller):
        head = (await caller.head()).decode()
        length = next(line[16:] for line in head.split("\r\n") if line.startswith("Content-Length"))
        body = await caller.reader.readexactly(int(length))
        if bodies is not None:
            bodies.append(body)
        await caller.say(*parts, gap=gap)

    return script


@pytest.mark.parametrize("body", [REPORT, b"x", b""], ids=len)
def test_a_report_is_handed_over_whole(pki, context, body):
    script = swallows(answer("201 Created", "Content-Length: 0"), bodies=(bodies := []))
    with policy_host(script, context) as web:
        said = post(pki, web, body)
    assert (said.status, said.body) == (201, b"")
    assert bodies == [body]
    start, *fields = web.requests[0].decode().split("\r\n")
    assert start == "POST /tls?x=1 HTTP/1.1"
    assert {f"Host: {HOST}:{web.port}", f"Content-Length: {len(body)}"} <= {*fields}
    assert {"Content-Type: application/tlsrpt+gzip", "Connection: close"} <= {*fields}


@pytest.mark.parametrize("status", ["204 No Content", "301 Moved", "413 Too Large", "500 Oh"])
def test_what_is_said_of_a_report_is_the_status(pki, context, status):
    with policy_host(swallows(answer(status, "Location: /y")), context) as web:
        assert post(pki, web).status == int(status[:3])
    assert web.callers == 1


def test_of_an_answer_that_never_ends_the_head_is_read(pki, context):
    endless = [answer("200 OK", "Transfer-Encoding: chunked"), *[b"1\r\nx\r\n"] * 10**6]
    with policy_host(swallows(*endless), context) as web:
        assert post(pki, web).status == 200


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([answer("100 Continue")] * 1000, "answers before the answer"),
        ([b"HTTP/1.1 200 OK\r\n", *[b"X: " + b"y" * 1000 + b"\r\n"] * 1000], "not an answer"),
        ([b"220 smtp\r\n"], "220 smtp"),
        ([], "closed"),
    ],
    ids=["interim", "head", "smtp", "nothing"],
)
def test_what_is_no_answer_to_a_report_is_none(pki, context, parts, words):
    with policy_host(swallows(*parts), context) as web:
        failed(post(pki, web), words)


def test_a_web_server_that_does_not_read_a_report_is_left(pki, context):
    async def deaf(caller):
        await caller.head()
        caller.writer.transport.pause_reading()
        await asyncio.sleep(PATIENCE)

    with policy_host(deaf, context) as web:
        failed(post(pki, web, REPORT * 10, timeout=0.5), "")


def test_a_report_goes_to_nobody_who_does_not_prove_the_name_unless_asked_to(pki):
    bodies = []
    script = swallows(answer("200 OK", "Content-Length: 0"), bodies=bodies)
    with policy_host(script, pki.server_context("other.example")) as web:
        failed(post(pki, web), "certificate is not valid", WEBPKI)
        assert web.requests == []
        assert post(pki, web, verify=False).status == 200
    assert bodies == [REPORT]


@pytest.mark.parametrize("at", [HERE, "10.0.0.1", "169.254.169.254", "fd00::1", "::ffff:127.0.0.1"])
def test_a_report_goes_into_no_private_network_unless_asked_to(pki, context, at):
    with policy_host(swallows(answer("200 OK")), context) as web:
        failed(post(pki, web, at=at, private=False), f"private addresses alone: {at}")
    assert web.callers == 0


@pytest.mark.parametrize(
    ("host", "path"), [(HERE, "/"), ("", "/"), (HOST, ""), (HOST, "/a b"), (HOST, "/a\r\nX: y")]
)
def test_a_report_goes_to_a_host_and_a_path(pki, host, path):
    with policy_host(hangs_up, None) as web:
        failed(post(pki, web, host=host, path=path), "")
    assert web.callers == 0
