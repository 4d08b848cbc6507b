"""The replayer itself: a file it cannot read fails, and so does a dialog that departs from it."""

from __future__ import annotations

import pytest

from tests.protocols.replay import (
    CLIENT_HELLO,
    SERVER_HELLO,
    GlassTunnel,
    Stage,
    Turn,
    Unreadable,
    check,
    enveloped,
    parse,
    scripts,
    unescape,
)
from unstrip.protocols import smtp
from unstrip.tunnel import HandshakeFailed
from unstrip.upgrade import Asking, Manner

HEAD = "protocol: smtp\nexpect: unavailable\n"


def play(text):
    script = parse(text)
    ending = Stage(script).play()
    check(script, ending, whole=True)
    return ending


def test_headers_and_turns_are_read():
    script = parse(HEAD + "helo: a\n\nS: 220 x\nS: y\nC: EHLO a\n<TLS>\nS: \\x00\\\n<EOF>\n")
    assert script.headers["helo"] == "a"
    assert script.turns == (
        Turn("peer", b"220 x\r\ny\r\n"),
        Turn("self", b"EHLO a\r\n"),
        Turn("tls"),
        Turn("peer", b"\0"),
        Turn("eof"),
    )


@pytest.mark.parametrize(
    "head",
    [
        HEAD + "exepct: upgraded",
        HEAD + "expect: refused",  # twice
        HEAD + "nonsense",
        HEAD + "implicit: maybe",
        "protocol: smtp\nexpect: fine",
        "protocol: smpt\nexpect: refused",
        "expect: refused",
    ],
)
def test_an_unknown_header_or_expectation_is_an_error(head):
    with pytest.raises(Unreadable):
        parse(head.rstrip("\n") + "\n\nS: 220 x\n")


@pytest.mark.parametrize("line", ["X: 220", "<tls>", "220 x", "S 220", r"S: \q", r"S: \x0"])
def test_an_unknown_turn_or_escape_is_an_error(line):
    with pytest.raises(Unreadable):
        parse(HEAD + "\n" + line + "\n")


def test_escapes_are_bytes():
    assert unescape(r"a\x00\xff\r\n\t\\x41") == b"a\0\xff\r\n\t\\x41"


def test_a_script_that_is_kept_to_passes():
    assert play(HEAD + "\nS: 554 no\n").name == "unavailable"


@pytest.mark.parametrize(
    "body",
    [
        "S: 220 x\nC: HELO localhost\n",  # says something else
        "S: 220 x\nS: 250 x\nC: EHLO localhost\n",  # does not come to say it
        "S: 554 x\nC: QUIT\n",  # says less
        "S: 554 no\n<EOF>\n",  # is over before
        "S: 220 x\nC: EHLO localhost\n",  # wants more
        "S: 421 no\n",  # ends in another way
        "<EOF>\n",
    ],
)
def test_a_dialog_that_departs_from_its_script_fails(body):
    with pytest.raises(AssertionError):
        play(HEAD + "\n" + body)


@pytest.mark.parametrize(
    "header", ["said: 554 yes", "greeting: x", "offered: A", "advertised: yes"]
)
def test_a_result_that_differs_from_its_header_fails(header):
    with pytest.raises(AssertionError):
        play(HEAD + header + "\n\nS: 554 no\n")


def test_a_residue_that_differs_from_its_header_fails():
    head = "protocol: pop3\nexpect: injected\nresidue: +OX\n\n"
    talk = "S: +OK\nC: CAPA\nS: +OK\nS: STLS\nS: .\nC: STLS\nS: +OK\nS: +O\\\n"
    with pytest.raises(AssertionError):
        play(head + talk)
    assert play(head.replace("+OX", "+O") + talk).residue == b"+O"


def test_what_the_client_is_told_is_in_the_headers(monkeypatch):
    told = []
    monkeypatch.setattr(smtp, "client", lambda wire, ask: told.append(ask))
    head = HEAD + "helo: a\nhost: b\ntag: c\ninsist: yes\nmanner: split\n\nS: 554 no\n"
    parse(head).conversation(helo="d")
    assert told == [Asking(helo="d", host="b", tag="c", insist=True, manner=Manner.SPLIT)]


UPGRADE = "protocol: pop3\nside: server\nexpect: upgraded\n\nS: +OK mx.example.net unstrip ready\n"


@pytest.mark.parametrize("bite", [1, 3, 1000])
def test_a_client_may_go_on_before_it_is_answered(bite):
    answers = "S: -ERR [AUTH] Not before TLS\nS: +OK Begin TLS now\n<TLS>\nC: QUIT\nS: +OK Bye\n"
    script = parse(UPGRADE + "C: USER a\nC: STLS\n" + answers)
    ending = Stage(script, bite).play()
    check(script, ending, whole=False)
    assert ending.name == "upgraded"


def test_a_server_may_not():
    """What comes in bites is one speech: a client that does not wait for its end is wrong."""
    talk = "S: +OK\nC: CAPA\nS: +OK\nS: .\n"
    script = parse("protocol: pop3\nexpect: not offered\n\nS: +OK\nS: x\nC: CAPA\n" + talk)
    with pytest.raises(AssertionError):
        Stage(script, 5).play()


class Box:
    """An envelope."""

    def wrap(self, records):
        return b"[" + records + b"]"


def test_a_peer_puts_its_hello_into_the_envelope_that_is_in_use():
    talk = parse(HEAD + "\nS: 554 no\n").conversation()
    assert enveloped(talk, SERVER_HELLO) == SERVER_HELLO
    talk._envelope = Box()
    assert enveloped(talk, SERVER_HELLO) == b"[" + SERVER_HELLO + b"]"


def test_every_transcript_says_what_it_is():
    unexplained = [
        p.name for p in scripts() if not parse(p.read_text("utf-8")).headers.get("comment")
    ]
    assert scripts()
    assert not unexplained


@pytest.mark.parametrize("bite", [1, 100])
def test_glass_tunnels_shake_hands_and_pass_words_on(bite):
    ends = client, server = GlassTunnel(), GlassTunnel(server_side=True)
    assert not client.shake()
    for source, target in (ends, ends[::-1]):
        data = source.outgoing()
        assert data in (CLIENT_HELLO, SERVER_HELLO)
        for start in range(0, len(data), bite):
            assert not target.ready
            target.hear(data[start : start + bite])
            target.shake()
    assert client.ready
    assert server.ready
    server.hear(client.seal(b"EHLO a\r\n"))
    server.hear(b"")
    assert (server.open(), server.closed) == (b"EHLO a\r\n", True)
    assert server.facts().version == "TLSv1.3"


@pytest.mark.parametrize("said", [b"250 hello\r\n", b"\x15\x03\x01", b"\x16\x03\x04", b""])
def test_a_glass_tunnel_rejects_what_is_no_handshake(said):
    client = GlassTunnel()
    client.hear(said)
    with pytest.raises(HandshakeFailed):
        client.shake()
