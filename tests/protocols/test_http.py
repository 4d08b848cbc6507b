"""HTTP/1.1: heads and bodies, one by one; the dialogs are in the transcripts."""

from __future__ import annotations

import pytest

from tests.protocols.replay import Stage, improvise, load, parse
from unstrip.protocols.http import (
    BODY_LIMIT,
    IN_CLEAR,
    INTERIM_LIMIT,
    Head,
    answer,
    body,
    check_switch,
    client,
    head,
)
from unstrip.trouble import ProtocolError, TooLong, Unsolicited
from unstrip.upgrade import Asking, Manner
from unstrip.wire import Send, Wire

SWITCH = "HTTP/1.1 101 Switching Protocols"


def received(dialog, heard, *args, ended=False):
    """What comes of it, and what it leaves unread."""
    wire = Wire(secure=True)
    wire.hear(heard)
    if ended:
        wire.hear(b"")
    try:
        next(dialog(wire, *args))
    except StopIteration as end:
        return end.value, wire.take(100_000)
    raise AssertionError("wants more")


def of(*fields, start="HTTP/1.1 200 OK"):
    return Head(start, fields)


def test_a_head_ends_with_its_empty_line_and_not_a_byte_later():
    said, rest = received(head, b"HTTP/1.1 200 OK\r\nA: b \r\nC:\r\n\r\n\r\nmore")
    assert said == of(("a", "b"), ("c", ""))
    assert rest == b"\r\nmore"


@pytest.mark.parametrize(
    "field", [b"Upgrade", b"Upgrade : TLS/1.0", b" TLS/1.0", b"\tTLS/1.0", b": x", b"A b: x"]
)
def test_what_is_no_field_is_broken(field):
    with pytest.raises(ProtocolError, match="not a header field"):
        received(head, b"HTTP/1.1 101 x\r\n" + field + b"\r\n\r\n")


@pytest.mark.parametrize(
    ("start", "code"),
    [
        ("HTTP/1.1 200 OK", 200),
        ("HTTP/1.1 200 ", 200),
        ("HTTP/1.1 200", 200),
        ("HTTP/1.0 404 Not Found", 404),
        ("HTTP/1.2 200 OK", 0),
        ("HTTP/2 200", 0),
        ("http/1.1 200 OK", 0),
        ("HTTP/1.1 20 OK", 0),
        ("HTTP/1.1 2000 OK", 0),
        ("HTTP/1.1 600 OK", 0),
        ("HTTP/1.1  200 OK", 0),
        ("HTTP/1.1 \u0661\u0660\u0661 OK", 0),
        ("OPTIONS * HTTP/1.1", 0),
    ],
)
def test_an_answer_has_a_code_of_three_digits(start, code):
    assert of(start=start).code == code


@pytest.mark.parametrize(
    ("start", "request_"),
    [
        ("OPTIONS * HTTP/1.1", ("OPTIONS", "1")),
        ("GET / HTTP/1.0", ("GET", "0")),
        ("M-SEARCH * HTTP/1.1", ("M-SEARCH", "1")),
        ("GET /a b HTTP/1.1", ("", "0")),
        ("GET /", ("", "0")),
        ("GET / HTTP/2.0", ("", "0")),
        ("HTTP/1.1 200 OK", ("", "0")),
    ],
)
def test_a_request_has_a_method_and_a_version(start, request_):
    assert of(("host", "a"), start=start).request == request_


@pytest.mark.parametrize("hosts", [[], ["a", "b"], ["a, b"]])
def test_a_request_has_one_host(hosts):
    fields = [("host", host) for host in hosts]
    assert of(*fields, start="GET / HTTP/1.1").request == ("", "0")


def test_a_list_is_all_its_fields_and_has_no_empty_members():
    said = of(("upgrade", "TLS/1.2 ,, H2C"), ("via", "x"), ("upgrade", "\tfoo/1"))
    assert said.listed("upgrade") == ("tls/1.2", "h2c", "foo/1")
    assert said.stack == ("tls", "h2c", "foo")
    assert said.listed("connection") == ()


@pytest.mark.parametrize(
    "fields",
    [
        [("upgrade", "TLS/1.0, HTTP/1.1"), ("connection", "Upgrade")],
        [("upgrade", "tls/1.3")],
        [("upgrade", "TLS")],
        [("upgrade", "TLS/1.0"), ("upgrade", "HTTP/1.1")],
        [("upgrade", "TLS/1.0"), ("content-length", "0")],  # CUPS
    ],
)
def test_a_switch_is_to_tls_first_of_all(fields):
    check_switch(of(*fields, start=SWITCH))


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [("upgrade", "")],
        [("upgrade", "TLSX/1.0")],
        [("upgrade", "HTTP/1.1, TLS/1.0")],
        [("x-upgrade", "TLS/1.0")],
        [("upgrade", "TLS/1.0"), ("content-length", "1")],
        [("upgrade", "TLS/1.0"), ("content-length", "0, 1")],
        [("upgrade", "TLS/1.0"), ("content-length", "x")],
        [("upgrade", "TLS/1.0"), ("transfer-encoding", "chunked")],
    ],
)
def test_a_switch_to_anything_else_or_with_a_body_is_broken(fields):
    with pytest.raises(ProtocolError, match="a switch of protocols"):
        check_switch(of(*fields, start=SWITCH))


@pytest.mark.parametrize(
    ("message", "heard"),
    [
        (of(("content-length", "5")), b"hello"),
        (of(("content-length", "5"), ("content-length", "5")), b"hello"),
        (of(("content-length", "0")), b""),
        (of(("content-length", "5"), start="GET / HTTP/1.1"), b"hello"),
        (of(start="GET / HTTP/1.1"), b""),
        (of(start="HTTP/1.1 204 No Content"), b""),
        (of(("content-length", "5"), start="HTTP/1.1 304 Not Modified"), b""),
        (of(("transfer-encoding", "Chunked")), b"5\r\nhello\r\n0\r\n\r\n"),
        (of(("transfer-encoding", "chunked")), b"00A;a=b\r\n0123456789\r\n0\r\nA: b\r\n\r\n"),
    ],
)
def test_a_body_ends_where_its_head_says(message, heard):
    assert received(body, heard + b"HTTP/1.1 ", message) == (None, b"HTTP/1.1 ")


def test_an_answer_without_a_length_ends_with_the_connection():
    assert received(body, b"hello", of(), ended=True) == (None, b"")


@pytest.mark.parametrize(
    "fields",
    [
        [("content-length", "5"), ("transfer-encoding", "chunked")],
        [("content-length", "5"), ("content-length", "6")],
        [("content-length", "-5")],
        [("content-length", "+5")],
        [("content-length", "5x")],
        [("content-length", "\u0665")],
        [("content-length", "9" * 5000)],
        [("transfer-encoding", "gzip")],
        [("transfer-encoding", "gzip, chunked")],
        [("transfer-encoding", "chunked, identity")],
    ],
)
def test_a_body_of_which_nobody_knows_the_length_is_broken(fields):
    with pytest.raises(ProtocolError):
        received(body, b"hello", of(*fields))


@pytest.mark.parametrize(
    "chunks", [b"x\r\n", b"\r\n", b"-1\r\n", b"+1\r\n", b"0x1\r\n", b"5\r\nhelloo\r\n", b"1 1\r\n"]
)
def test_a_chunk_that_is_none_is_broken(chunks):
    with pytest.raises(ProtocolError):
        received(body, chunks, of(("transfer-encoding", "chunked")))


@pytest.mark.parametrize(
    ("fields", "heard"),
    [
        ([("content-length", str(BODY_LIMIT + 1))], b""),
        ([("content-length", str(1 << 32))], b""),
        ([("content-length", "9" * 18)], b""),
        ([("transfer-encoding", "chunked")], b"FFFFFFFF\r\n"),
        ([("transfer-encoding", "chunked")], (b"1000\r\n" + b"a" * 4096 + b"\r\n") * 17),
        ([], b"a" * BODY_LIMIT),
    ],
)
def test_a_body_too_long_is_told_before_it_is_waited_for(fields, heard):
    with pytest.raises(TooLong):
        received(body, heard, of(*fields))


def test_a_head_of_too_many_fields_is_too_long():
    with pytest.raises(TooLong, match="fields"):
        received(head, b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 129)


def test_answers_before_the_answer_are_counted():
    interim = b"HTTP/1.1 103 Early Hints\r\n\r\n"
    said, _ = received(answer, interim * (INTERIM_LIMIT - 1) + b"HTTP/1.1 200 OK\r\n\r\n")
    assert said.code == 200
    with pytest.raises(TooLong, match="before the answer"):
        received(answer, interim * INTERIM_LIMIT)


# Opossum: one answer too many. When it comes is a matter of time, so these are no transcripts


UPGRADE = """C: OPTIONS * HTTP/1.1
C: Host: localhost
C: Upgrade: TLS/1.0
C: Connection: Upgrade
C:
S: HTTP/1.1 101 Switching Protocols
S: Upgrade: TLS/1.0
S: Connection: Upgrade
S:
"""
OPTIONS = "C: OPTIONS * HTTP/1.1\nC: Host: localhost\nC:\n"
OK = "S: HTTP/1.1 200 OK\nS: Content-Length: 0\nS:\n"


@pytest.mark.parametrize(
    ("implicit", "turns"),
    [
        ("no", UPGRADE + "<TLS>\n" + OK + OK),
        ("yes", "<TLS>\n" + OK),
        ("yes", "<TLS>\n" + OPTIONS + OK + OK),
    ],
    ids=["behind the answer", "before the question", "behind the answer, implicit"],
)
def test_one_answer_too_many_is_unsolicited(implicit, turns):
    script = parse(f"protocol: http\nimplicit: {implicit}\nexpect: unsolicited\n\n{turns}")
    ending = Stage(script).play()
    assert isinstance(ending.error, Unsolicited), ending.name


# What is said


def asked(ask):
    return next(client(Wire(), ask))


@pytest.mark.parametrize(
    ("host", "spelt"),
    [
        ("mx.example.net", b"mx.example.net"),
        ("xn--bcher-kva.example", b"xn--bcher-kva.example"),
        ("192.0.2.1", b"192.0.2.1"),
        ("2001:db8::1", b"[2001:db8::1]"),
        ("fe80::1%eth0", b"[fe80::1]"),
    ],
)
@pytest.mark.parametrize("manner", [Manner.PLAIN, Manner.LOWER_CASE, Manner.CANARY])
def test_the_request_says_to_whom_it_is_and_no_more(host, spelt, manner):
    sent = asked(Asking(host=host, manner=manner))
    assert isinstance(sent, Send)
    lines = sent.data.split(b"\r\n")
    assert lines[1].lower() == b"host: " + spelt
    assert len(lines) == 6


@pytest.mark.parametrize("host", ["a\r\nCookie: b", "a b", "", "user@a", "a/b", "[::1]:80", "ä"])
def test_a_host_that_says_more_is_a_programming_mistake(host):
    with pytest.raises(AssertionError, match="not to be said in clear"):
        asked(Asking(host=host))


def test_spellings_are_not_mixed():
    line = b"OPTIONS * HTTP/1.1\r\nHost: a\r\nupgrade: TLS/1.0\r\nConnection: Upgrade\r\n\r\n"
    assert not IN_CLEAR.fullmatch(line)
    assert IN_CLEAR.fullmatch(line.replace(b"upgrade", b"Upgrade"))


# Our server


def answers(*said):
    script = load("http/served-upgrade.txt")
    ending = improvise(script.conversation(), said, tls=False)
    return ending, b"".join(u.data for u in ending.talk.transcript if u.speaker is script.side)


def test_the_server_leaves_after_fifty_requests():
    ending, sent = answers(*[b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"] * 60)
    assert ending.name == "not asked"
    assert sent.count(b"HTTP/1.1 200 OK") == 50


def test_requests_in_one_segment_are_answered_one_by_one():
    _, sent = answers(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.0\r\n\r\n")
    assert [line for line in sent.split(b"\r\n") if line.startswith(b"HTTP")] == [
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 426 Upgrade Required",
    ]
