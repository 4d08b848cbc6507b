"""PostgreSQL, as a box hears it."""

from __future__ import annotations

from types import MappingProxyType

from unstrip.lab.dialect import Command, Dialect, Reply, Topic, Words
from unstrip.protocols.postgresql import SSL_REQUEST, STARTUP_LIMIT, error

_NEGOTIATES = (SSL_REQUEST[4:], b"\x04\xd2\x16\x30")  # codes: for TLS, and for GSSAPI's own
_ANSWERS = (b"S", b"G", b"N")
_AUTHENTICATED = b"R\0\0\0\x08\0\0\0\0"  # AuthenticationOk
_READY = b"Z\0\0\0\x05I"  # ReadyForQuery


class Postgresql(Dialect):
    """PostgreSQL's documentation, Message Flow.

    Once a session has been asked for, nothing that is said concerns any trick, and it passes as
    it comes.
    """

    PROTOCOL = "postgresql"
    IDS = MappingProxyType({"inject": "B-12", "spoof-state": "F-05"})
    FLIPS = True
    WORDS = Words(
        refusals=MappingProxyType(
            {"N": b"N", "E": error("0A000", "unsupported frontend protocol 1234.5679")}
        ),
        temporary=error("53300", "too many connections"),
        bogus=b"G",  # the yes to GSSENCRequest
        answer=_AUTHENTICATED + _READY,
        fragment=_AUTHENTICATED[:4],
        unexpected=error("08P01", "unexpected"),
        spoofed=_AUTHENTICATED + _READY,
    )

    def __init__(self, *, naive: bool = False) -> None:
        super().__init__(naive=naive)
        self._in_session = False

    def command_end(self, heard: bytes) -> int:
        """Return where a message without a type ends: they have their length in front."""
        if self._in_session:
            return len(heard)
        length = int.from_bytes(heard[:4], "big") if len(heard) >= 4 else 8
        if not 8 <= length <= STARTUP_LIMIT:  # nothing that there is
            return len(heard)
        return length if len(heard) >= length else 0

    def reply_end(self, heard: bytes, asked: Command | None) -> int:
        """Return where the answer ends: one byte, unless it is an error."""
        if self._in_session or asked is None:
            return len(heard)
        if not heard.startswith(b"E"):
            return 1 if heard.startswith(_ANSWERS) else len(heard)
        end = 1 + max(int.from_bytes(heard[1:5], "big"), 4)
        return end if len(heard) >= end else 0

    def read_command(self, data: bytes) -> Command:
        """Return a message; any other than a negotiation begins a session."""
        self._in_session = self._in_session or data[4:] not in _NEGOTIATES
        topic = Topic.UPGRADE if data == SSL_REQUEST else Topic.OTHER
        return Command(b"", data, b"", topic)

    def read_reply(self, data: bytes, asked: Command | None, *, first: bool) -> Reply:  # noqa: ARG002
        """Return the answer: S is the go-ahead."""
        topic = Topic.OTHER if asked is None else asked.topic
        return Reply(data, topic, go_ahead=topic is Topic.UPGRADE and data == b"S")

    def flipped(self, reply: Reply) -> bytes:  # noqa: ARG002  # it is one byte
        """Return N for S."""
        return b"N"
