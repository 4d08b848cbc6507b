"""XMPP for clients, as a box hears it."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import ClassVar

from unstrip.lab.dialect import Command, Dialect, Reply, Topic, Words, cut
from unstrip.protocols import xmpp_client
from unstrip.protocols.xmpp_client import CLOSING, ERRORS, FAILURE, SASL, STARTTLS, TLS
from unstrip.wire import Dialog as Receiving
from unstrip.wire import Wire
from unstrip.xmlstream import Element, XmlStream

_HEADER = re.compile(rb"\s*<(?:\?xml|(?:[\w.-]+:)?stream)[\s>]")
_OFFER = re.compile(rb"<((?:[\w.-]+:)?starttls)(?:\s[^>]*)?(?:/>|(?<!/)>.*?</\1\s*>)", re.DOTALL)
_EMPTY = re.compile(rb"<((?:[\w.-]+:)?features)((?:\s[^>]*)?)/>\Z")
_END = re.compile(rb"(?=</(?:[\w.-]+:)?features\s*>\Z)")
_ERRORS = (  # RFC 6120, 4.9.3
    "policy-violation",
    "unsupported-stanza-type",
    "host-unknown",
    "unsupported-version",
    "not-well-formed",
    "restricted-xml",
    "not-authorized",
    "connection-timeout",
    "resource-constraint",
    "system-shutdown",
    "see-other-host",
)


def _error(condition: str) -> bytes:
    """Return a stream error, which ends the stream."""
    fault = f"<{condition} xmlns='{ERRORS}'/>"
    return f"<stream:error>{fault}</stream:error>".encode() + CLOSING


def words(stream: xmpp_client.Dialect) -> Words:
    """Return the words of a box on streams of this kind."""
    header = stream.answer("localhost")
    mechanisms = (
        f"<mechanisms xmlns='{SASL}'><mechanism>{stream.mechanism}</mechanism></mechanisms>"
    )
    return Words(  # nothing is unlisted: what asks for the features also opens the stream
        refusals=MappingProxyType(
            {"failure": FAILURE, **{condition: _error(condition) for condition in _ERRORS}}
        ),
        temporary=_error("resource-constraint"),  # RFC 6120, 4.9.3.17
        bogus=b"<proceed/>",  # of no namespace, or rather of the stream's
        answer=header + f"<stream:features>{mechanisms}</stream:features>".encode(),
        fragment=b"<stream:stream xmlns='x-injected",
        unexpected=_error("policy-violation"),
        spoofed=header + f"<success xmlns='{SASL}'/>".encode(),
        request=STARTTLS,
        go_ahead=f"<proceed xmlns='{TLS}'/>".encode(),
    )


class XmppClient(Dialect):
    """RFC 6120. A server's header and features are one message, as the two that list them.

    Attributes: STREAM: the kind of stream.
    """

    PROTOCOL = "xmpp-client"
    STREAM: ClassVar[xmpp_client.Dialect] = xmpp_client.CLIENTS
    IDS = MappingProxyType({"inject": "B-17", "spoof-state": "F-05"})
    WORDS = words(xmpp_client.CLIENTS)

    def command_end(self, heard: bytes) -> int:
        """Return where the header ends, or the first element."""
        if _HEADER.match(heard):
            return cut(lambda wire: XmlStream(wire).header(), heard)[1]
        return self._element(heard)[1]

    def reply_end(self, heard: bytes, asked: Command | None) -> int:  # noqa: ARG002  # it says what it is
        """Return where the features behind a header end, or the first element."""
        if _HEADER.match(heard):
            return cut(_opening, heard)[1]
        return self._element(heard)[1]

    def read_command(self, data: bytes) -> Command:
        """Return `data` as a header, which asks for features, or as an element."""
        if _HEADER.match(data):
            return Command(b"", data, b"", Topic.LISTING)
        asks = self._name(data) == f"{TLS} starttls"
        return Command(b"", data, b"", Topic.UPGRADE if asks else Topic.OTHER)

    def read_reply(self, data: bytes, asked: Command | None, *, first: bool) -> Reply:  # noqa: ARG002  # it says what it is
        """Return `data` as a header with features, or as an element."""
        if _HEADER.match(data):
            return Reply(data, Topic.LISTING)
        granted = self._name(data) == f"{TLS} proceed"
        return Reply(data, Topic.UPGRADE if granted else Topic.OTHER, go_ahead=granted)

    def without_offer(self, reply: Reply) -> bytes:
        """Return the features without the one that is TLS, with all that is in it."""
        return _OFFER.sub(b"", reply.data) if reply.topic is Topic.LISTING else reply.data

    def with_offer(self, reply: Reply) -> bytes:
        """Return the features with TLS among them."""
        if reply.topic is not Topic.LISTING or _OFFER.search(reply.data):
            return reply.data
        return _END.sub(STARTTLS, _EMPTY.sub(rb"<\1\2></\1>", reply.data))

    def _name(self, data: bytes) -> str:
        element, _ = self._element(data)
        return element.name if element else ""

    def _element(self, heard: bytes) -> tuple[Element | None, int]:
        """Return the first element, and where it ends; it is in a stream of our own making."""
        root = self.STREAM.answer("localhost")
        element, end = cut(_inside, root + heard)
        return element, max(end - len(root), 0)


def _opening(wire: Wire) -> Receiving[None]:
    """RFC 6120, 4.7.5: who gives no version has no features."""
    stream = XmlStream(wire)
    if "version" in (yield from stream.header()).attributes:
        yield from stream.element()


def _inside(wire: Wire) -> Receiving[Element]:
    stream = XmlStream(wire)
    yield from stream.header()
    return (yield from stream.element())
