"""HTTP/1.1, as a box hears it."""

from __future__ import annotations

import re
from types import MappingProxyType

from unstrip.lab.dialect import Command, Dialect, Reply, Topic, Words, cut
from unstrip.protocols.http import Head, body, head
from unstrip.wire import Dialog as Receiving
from unstrip.wire import Wire

_UPGRADE = re.compile(rb"^Upgrade:[^\n]*\bTLS\b[^\r\n]*", re.IGNORECASE | re.MULTILINE)
_USUAL = b"Upgrade: TLS/1.0"  # RFC 2817, 3.1
_EMPTY = b"Content-Length: 0\r\n\r\n"
_INSISTING = b"Upgrade: TLS/1.0, HTTP/1.1\r\nConnection: Upgrade\r\n"  # RFC 2817, 4.2


def _answer(status: bytes, fields: bytes = b"") -> bytes:
    return b"HTTP/1.1 %b\r\n%b" % (status, fields) + _EMPTY


class Http(Dialect):
    """RFC 9112 and RFC 2817: the request for TLS is a field of any request."""

    PROTOCOL = "http"
    IDS = MappingProxyType({"refuse": "S-14", "inject": "B-19"})
    WORDS = Words(
        refusals=MappingProxyType(
            {
                "200": _answer(b"200 OK", b"Allow: GET\r\n"),  # RFC 2817, 3.2: passed over
                "301": _answer(
                    b"301 Moved Permanently", b"Location: http://elsewhere.invalid/\r\n"
                ),
                "400": _answer(b"400 Bad Request"),
                "403": _answer(b"403 Forbidden"),
                "405": _answer(b"405 Method Not Allowed", b"Allow: GET\r\n"),
                "426": _answer(b"426 Upgrade Required", _INSISTING),
                "429": _answer(b"429 Too Many Requests", b"Connection: close\r\n"),
                "501": _answer(b"501 Not Implemented"),
                "503": _answer(b"503 Service Unavailable", b"Connection: close\r\n"),
            }
        ),
        temporary=_answer(b"503 Service Unavailable", b"Retry-After: 60\r\n"),
        bogus=b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
        answer=_answer(b"200 OK", b"Allow: GET\r\n"),
        fragment=b"HTTP/1.1 200 X-INJECTED",
        unexpected=_answer(b"400 Bad Request"),
    )

    def command_end(self, heard: bytes) -> int:
        """Return where the first request ends, its body included."""
        return cut(_message, heard)[1]

    def reply_end(self, heard: bytes, asked: Command | None) -> int:  # noqa: ARG002  # all are alike
        """Return where the first answer ends, its body included."""
        return cut(_message, heard)[1]

    def read_command(self, data: bytes) -> Command:
        """Return `data` as a request, with the field that asks for TLS as its verb."""
        found = _UPGRADE.search(data.partition(b"\r\n\r\n")[0])
        if found is None or (self.naive and not found[0].startswith(_USUAL)):
            return Command(b"", b"", data, Topic.OTHER)
        begin, end = found.span()
        return Command(data[:begin], data[begin:end], data[end:], Topic.UPGRADE)

    def read_reply(self, data: bytes, asked: Command | None, *, first: bool) -> Reply:  # noqa: ARG002  # there is no greeting
        """Return `data` as an answer; RFC 9110, 15.2: others may come before the 101."""
        topic = Topic.OTHER if asked is None else asked.topic
        said, _ = cut(head, data)
        switches = said is not None and said.code == 101
        return Reply(data, topic, go_ahead=switches and topic is Topic.UPGRADE)


def _message(wire: Wire) -> Receiving[Head]:
    """RFC 9112, 6.3: what is interim has no body, and neither has a 101."""
    said = yield from head(wire)
    if not said.code or said.code >= 200:
        yield from body(wire, said)
    return said
