"""XMPP for clients: what it opens, lists and refuses; the dialogs are in the transcripts."""

from __future__ import annotations

import pytest

from tests.protocols.replay import improvise, load
from unstrip.protocols import xmpp_client
from unstrip.protocols.xmpp_client import (
    CLIENTS,
    ERRORS,
    IN_CLEAR,
    REQUEST,
    STARTTLS,
    STREAM,
    behind,
    condition,
    opening,
    outcome_of,
    stream_error,
    words,
)
from unstrip.transcript import Layer, Side, said
from unstrip.trouble import Ended, ProtocolError, Spoofed, TooLong, Unsolicited
from unstrip.upgrade import Asking, Outcome
from unstrip.wire import Receive, Send, Wire
from unstrip.xmlstream import ELEMENT_LIMIT, Element, XmlStream

HEADER = CLIENTS.header(Asking())
ROOT = f"<stream:stream xmlns='jabber:client' xmlns:stream='{STREAM}' version='1.0'>".encode()
BIND = b"<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
OFFERED = b"<stream:features>" + STARTTLS + b"</stream:features>"


def opened(heard, *, secure=False):
    """What comes of opening a stream where this is the answer."""
    wire = Wire(secure=secure)
    dialog = opening(wire, XmlStream(wire), HEADER)
    assert next(dialog) == Send(HEADER)
    assert next(dialog) == Receive()
    wire.hear(heard)
    try:
        next(dialog)
    except StopIteration as end:
        return end.value
    raise AssertionError("wants more")


def features(listed):
    return opened(ROOT + b"<stream:features>" + listed + b"</stream:features>").features


# Features


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (b"", ()),
        (STARTTLS, ("STARTTLS",)),
        (b"<sm xmlns='urn:xmpp:sm:3'/>" + STARTTLS, ("sm", "STARTTLS")),
        (STARTTLS.replace(b"/>", b"><required/></starttls>"), ("STARTTLS", "STARTTLS-REQUIRED")),
        (STARTTLS.replace(b"/>", b"><optional/></starttls>"), ("STARTTLS",)),
        (b"<starttls/>", ("another starttls",)),
        (b"<StartTLS xmlns=''/>", ("another StartTLS",)),
        (b"<x>" + STARTTLS + b"</x>", ("x",)),
        (b"<m><mechanism> PLAIN\n</mechanism><mechanism/></m>", ("SASL PLAIN", "SASL ")),
        (b"<m><mechanism>A</mechanism></m>" * 2, ("SASL A",)),
        (b"<m><mechanism>STARTTLS</mechanism></m>", ("SASL STARTTLS",)),
        (b"<mechanisms/>", ("mechanisms",)),
    ],
)
def test_each_feature_is_a_word(listed, expected):
    assert features(listed) == expected


@pytest.mark.parametrize("version", ["", "0.9", "0.0", "one", "1", "1.", ".1", "-1.0", "1.0.0"])
def test_a_stream_of_no_version_lists_nothing_and_nothing_is_waited_for(version):
    found = opened(ROOT.replace(b"'1.0'", f"'{version}'".encode()))
    assert found.features == ()
    assert found.unlisted
    assert found.error is None


@pytest.mark.parametrize("version", ["1.0", "1.1", "2.0", "10.15"])
def test_a_stream_of_a_later_version_lists_its_features(version):
    found = opened(ROOT.replace(b"'1.0'", f"'{version}'".encode()) + OFFERED)
    assert found.features == ("STARTTLS",)
    assert not found.unlisted


@pytest.mark.parametrize(
    "heard",
    [
        b"<stream version='1.0'>",
        b"<stream:stream version='1.0'>",
        f"<stream:features xmlns:stream='{STREAM}'/>".encode(),
        b"<html>",
        b"HTTP/1.1 400 Bad Request\r\n\r\n<",
        b"220 mx ESMTP >\r\n",
    ],
)
def test_what_is_no_stream_is_broken(heard):
    with pytest.raises(ProtocolError) as caught:
        opened(heard + b">")
    assert type(caught.value) is ProtocolError


def test_features_are_bounded():
    with pytest.raises(TooLong):
        features(b"<a/>" * ELEMENT_LIMIT)
    with pytest.raises(TooLong, match="elements in one"):
        features(b"<a/>" * 300)


def test_features_of_a_stream_that_is_ready_for_use_are_spoofed_unless_inside():
    heard = ROOT + b"<stream:features>" + BIND + b"</stream:features>"
    with pytest.raises(Spoofed, match="ready for use"):
        opened(heard)
    assert opened(heard, secure=True).features == ("bind",)


# Stream errors


def error(*children):
    return Element(f"{STREAM} error", {}, list(children))


def fault(name, text=""):
    return Element(f"{ERRORS} {name}", {}, [], text)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (error(fault("host-unknown")), "host-unknown"),
        (error(fault("text", "why"), fault("host-unknown")), "host-unknown"),
        (error(Element("urn:x escape", {}), fault("reset")), "reset"),
        (error(Element("urn:x escape", {})), "without condition"),
        (error(fault("text", "why")), "without condition"),
        (error(), "without condition"),
        (error(fault("see-other-host", "\n[::1]:5222 ")), "see-other-host ([::1]:5222)"),
    ],
)
def test_a_stream_error_names_its_condition(given, expected):
    assert condition(given) == expected


def test_a_stream_error_is_said_with_its_explanation():
    assert words(error(fault("host-unknown"))) == "stream error host-unknown"
    explained = error(fault("reset"), fault("text", " start\nagain "))
    assert words(explained) == "stream error reset: start\nagain"
    assert words(error(fault("reset"), fault("text", " "))) == "stream error reset"
    assert words(Element("urn:ietf:params:xml:ns:xmpp-tls failure", {})) == "failure"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (error(fault("resource-constraint")), Outcome.BUSY),
        (error(fault("system-shutdown")), Outcome.BUSY),
        (error(fault("connection-timeout")), Outcome.BUSY),
        (error(fault("policy-violation"), fault("text", "Too many failures")), Outcome.BUSY),
        (error(fault("policy-violation")), Outcome.REFUSED),
        (error(fault("host-unknown")), Outcome.REFUSED),
    ],
)
def test_come_back_later_is_told_from_no(given, expected):
    assert outcome_of(given, Outcome.REFUSED) is expected


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (Element("urn:ietf:params:xml:ns:xmpp-sasl success", {}), Spoofed),
        (Element("urn:xmpp:sasl:2 success", {}), Spoofed),
        (Element("jabber:client iq", {}), Spoofed),
        (Element("jabber:server message", {}), Spoofed),
        (Element("jabber:client presence", {}), Spoofed),
        (Element("jabber:server:dialback result", {}), Unsolicited),
        (Element(f"{STREAM} features", {}), Unsolicited),
        (Element("urn:ietf:params:xml:ns:xmpp-tls proceed", {}), Unsolicited),
        (Element("error", {}), Unsolicited),
    ],
)
def test_what_is_no_stream_error_has_a_name_for_what_it_is(given, kind):
    with pytest.raises(ProtocolError) as caught:
        stream_error(Wire(), given)
    assert type(caught.value) is kind


def test_a_server_may_send_us_elsewhere_but_not_say_that_we_are_logged_in():
    elsewhere = error(fault("see-other-host", "b.example"), fault("text", "full"))
    for secure in (False, True):
        assert stream_error(Wire(secure=secure), elsewhere) is elsewhere
    assert words(elsewhere) == "stream error see-other-host (b.example): full"
    with pytest.raises(Unsolicited):
        stream_error(Wire(secure=True), Element("urn:ietf:params:xml:ns:xmpp-sasl success", {}))


# What comes between the features and the request


def talk(behind):
    """The client, where this shares a segment with the features."""
    script = load("xmpp-client/upgraded.txt")
    return improvise(script.conversation(insist=True), [ROOT + OFFERED + behind])


def asked(ending):
    return STARTTLS in said(ending.talk.transcript, Side.CLIENT, Layer.CLEAR)


@pytest.mark.parametrize("blanks", [b" ", b"\n", b"\r\n\t"])
def test_whitespace_behind_the_features_is_no_answer(blanks):
    ending = talk(blanks)
    assert isinstance(ending.error, Ended)
    assert asked(ending)


@pytest.mark.parametrize(
    ("behind", "expected"),
    [
        (b"system-shutdown", "busy"),
        (b"policy-violation", "unavailable"),
        (b"see-other-host", "unavailable"),
    ],
)
def test_a_stream_error_behind_the_features_ends_it_before_the_request(behind, expected):
    fault = b"<%s xmlns='%s'/>" % (behind, ERRORS.encode())
    ending = talk(b"\n<stream:error>%s</stream:error></stream:stream>" % fault)
    assert ending.name == expected
    assert not asked(ending)
    assert ending.error or ending.talk.result.advertised


@pytest.mark.parametrize(
    ("behind", "expected"),
    [
        (b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", "unsolicited"),
        (b"<iq/>", "spoofed"),
        (b"</stream:stream>", "ended"),
        (b"<proc", "ended"),
        (b"+OK\r\n", "broken"),
    ],
)
def test_anything_else_behind_the_features_has_a_name(behind, expected):
    assert talk(behind).name == expected


# What comes behind the features inside TLS


def last(*pieces):
    """What `behind` makes of these, one each time that it listens; b"" is hanging up."""
    wire, unsaid = Wire(secure=True), list(pieces)
    wire.hear(ROOT + b"<stream:features/>")
    stream = XmlStream(wire)
    assert [*stream.header(), *stream.element()] == []
    dialog = behind(wire, stream)
    try:
        while True:
            next(dialog)
            if unsaid:
                wire.hear(unsaid.pop(0))
    except StopIteration as end:
        return end.value


GOODBYE = b"<stream:error><reset xmlns='%s'/></stream:error></stream:stream>" % ERRORS.encode()


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ((), ""),
        ((b"",), ""),
        ((b" \n",), ""),
        ((b" ", b"\n", b""), ""),
        ((GOODBYE,), "stream error reset"),
        ((b"\n", GOODBYE[:30], GOODBYE[30:]), "stream error reset"),
        ((b"\n</stream:stream>\n",), "the stream was closed"),
        ((b" ", b"<", b"/", b"stream:", b"stream >", b""), "the stream was closed"),
    ],
)
def test_behind_the_features_a_server_may_take_its_leave(pieces, expected):
    assert last(*pieces) == expected


@pytest.mark.parametrize(
    ("pieces", "kind"),
    [
        ((b"<iq/>",), Unsolicited),
        ((b" ", b"<iq/>"), Unsolicited),
        ((b"<", b"stream:features/>"), Unsolicited),
        ((b"<iq/></stream:stream>",), Unsolicited),
        ((b"<mess", b""), Ended),
        ((b"</str", b""), Ended),
        ((b"</iq>",), ProtocolError),
        ((b"+OK\r\n",), ProtocolError),
        ((HEADER,), ProtocolError),
    ],
)
def test_anything_else_behind_the_features_inside_has_a_name(pieces, kind):
    with pytest.raises(ProtocolError) as caught:
        last(*pieces)
    assert caught.type is kind


# What is said


def test_the_client_does_not_say_who_it_is():
    assert b" from=" not in CLIENTS.header(Asking(helo="laptop.example.org", host="example.org"))


@pytest.mark.parametrize(
    "host", ["example.org", "_x.example.org", "192.0.2.1", "2001:db8::1", "fe80::1%eth0", "xn--a"]
)
def test_every_host_can_be_addressed(host):
    assert IN_CLEAR.fullmatch(CLIENTS.header(Asking(host=host)))


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        (HEADER, True),
        (STARTTLS, True),
        (b"</stream:stream>", True),
        (b"", False),
        (b" ", False),
        (HEADER.replace(b"localhost", b"alice@localhost"), False),
        (HEADER.replace(b"localhost", b"a' from='b"), False),
        (HEADER.replace(b"localhost", b""), False),
        (HEADER.replace(b" to=", b" from='a' to="), False),
        (HEADER + b"<auth/>", False),
        (STARTTLS + b"<iq/>", False),
        (STARTTLS[:-2] + b"><a/></starttls>", False),
        (b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AA==</auth>", False),
    ],
)
def test_what_may_be_said_in_clear_is_a_closed_list(line, allowed):
    assert bool(IN_CLEAR.fullmatch(line)) is allowed


def test_the_request_is_found_in_all_that_was_said():
    assert REQUEST.search(HEADER + STARTTLS)
    assert not REQUEST.search(HEADER + b"</stream:stream>")


def test_a_server_says_back_whom_it_was_asked_for_and_no_more():
    answer = CLIENTS.answer("it's<\">&")
    wire = Wire()
    wire.hear(answer)
    stream = XmlStream(wire)
    with pytest.raises(StopIteration) as end:
        next(stream.header())
    assert end.value.value.attributes["from"] == "it's<\">&"


def test_a_server_takes_no_element_of_any_length():
    script = load("xmpp-client/served-upgrade.txt")
    ending = improvise(script.conversation(), [HEADER, b"<auth>" + b"a" * ELEMENT_LIMIT])
    assert isinstance(ending.error, TooLong)


def test_the_farewell_is_the_end_of_the_stream():
    wire = Wire()
    assert list(xmpp_client.farewell(wire)) == [Send(b"</stream:stream>")]
