"""TDS, as a box hears it."""

from __future__ import annotations

import re
from types import MappingProxyType

from unstrip.lab.dialect import Command, Dialect, Reply, Topic, Words
from unstrip.protocols.tds import PRELOGIN, Encryption, Envelope, error, packets, prelogin

_HEADER = 8  # bytes (MS-TDS, 2.2.3.1)
_PRELOGIN, _ANSWER = 0x12, 0x04  # types of packets (MS-TDS, 2.2.3.1.1)
_LAST = 0x01  # status: the message ends here (2.2.3.1.2)
_OPTION = 5  # bytes: token, offset, length (2.2.6.5)
_ENCRYPTION, _END = 0x01, 0xFF  # tokens
_WRAPPED = re.compile(rb"\x12[\x00\x01]..\x00\x00.\x00\x16\x03", re.DOTALL)
_PACKET = re.compile(rb"\x12[\x00\x01](..)\x00\x00.\x00", re.DOTALL)
_VERSION = b"\x10\0\x10\0"
_LOGGED_IN = packets(  # LOGINACK, DONE (MS-TDS, 2.2.7.14 and 2.2.7.6)
    _ANSWER, b"\xad\x10\0\1\x74\0\0\4\3S\0Q\0L\0" + _VERSION + b"\xfd" + bytes(12)
)


def _answer(encryption: Encryption) -> bytes:
    return packets(_ANSWER, prelogin(encryption, _VERSION))


def _encryption_at(message: bytes) -> int:
    """Return where the byte about TLS stands in PRELOGIN, 0 where it says none (2.2.6.5)."""
    for at in range(_HEADER, len(message) - _OPTION, _OPTION):
        if message[at] == _END:
            break
        if message[at] == _ENCRYPTION:
            found = _HEADER + int.from_bytes(message[at + 1 : at + 3], "big")
            return found if found < len(message) else 0
    return 0


class Tds(Dialect):
    """MS-TDS, 2.2.6.5 and 3.3.5.

    Once a login has been sent, nothing that is said concerns any trick, and it passes as it
    comes.
    """

    PROTOCOL = "ms-sql-s"
    FLIPS = True
    WORDS = Words(
        refusals=MappingProxyType(
            {"NOT_SUP": _answer(Encryption.NOT_SUP), "OFF": _answer(Encryption.OFF)}
        ),
        temporary=error(17809, "Too many connections"),
        bogus=PRELOGIN,  # says ON, and is the client's own
        answer=_LOGGED_IN,
        fragment=_LOGGED_IN[: _HEADER + 1],
        unexpected=error(17828, "unexpected"),
    )

    def __init__(self, *, naive: bool = False) -> None:
        super().__init__(naive=naive)
        self._in_session = False

    def begins_tls(self, heard: bytes) -> bool | None:
        """Tell whether TLS begins here, bare (TDS 8.0) or in a packet of PRELOGIN's type."""
        return True if _WRAPPED.match(heard) else super().begins_tls(heard)

    def command_end(self, heard: bytes) -> int:
        """Return where the first message ends."""
        return self._message_end(heard)

    def reply_end(self, heard: bytes, asked: Command | None) -> int:  # noqa: ARG002
        """Return where the first message ends."""
        return self._message_end(heard)

    def _message_end(self, heard: bytes) -> int:
        """Return where the last packet of the first message ends."""
        if self._in_session:
            return len(heard)
        end, last = 0, 0
        while not last and len(heard) >= end + _HEADER:
            last = heard[end + 1] & _LAST
            end += max(int.from_bytes(heard[end + 2 : end + 4], "big"), _HEADER)
        return end if last and len(heard) >= end else 0

    def read_command(self, data: bytes) -> Command:
        """Return a message: PRELOGIN asks for TLS unless it says that there is none."""
        at = _encryption_at(data) if data[0] == _PRELOGIN else 0
        self._in_session = self._in_session or data[0] != _PRELOGIN
        asks = bool(at) and data[at] != Encryption.NOT_SUP
        return Command(b"", data, b"", Topic.UPGRADE if asks else Topic.OTHER)

    def read_reply(self, data: bytes, asked: Command | None, *, first: bool) -> Reply:  # noqa: ARG002
        """Return a message: PRELOGIN's answer is the go-ahead unless it says that there is none."""
        topic = Topic.OTHER if asked is None else asked.topic
        at = _encryption_at(data) if data[0] == _ANSWER and topic is Topic.UPGRADE else 0
        return Reply(data, topic, go_ahead=bool(at) and data[at] != Encryption.NOT_SUP)

    def flipped(self, reply: Reply) -> bytes:
        """Return PRELOGIN's answer with NOT_SUP in it."""
        at = _encryption_at(reply.data)
        return reply.data[:at] + bytes((Encryption.NOT_SUP,)) + reply.data[at + 1 :]

    def envelope(self) -> Envelope:
        """MS-TDS, 2.2.6.5: the handshake crosses in packets of PRELOGIN's type."""
        return Envelope()

    @staticmethod
    def unwrapped(stream: bytes) -> bytes:
        """Return what one side said, with the packets of the handshake taken off."""
        begins = _WRAPPED.search(stream)
        at = begins.start() if begins else len(stream)
        bare = bytearray(stream[:at])
        while found := _PACKET.match(stream, at):
            at += max(int.from_bytes(found[1], "big"), _HEADER)
            bare += stream[found.end() : at]
        return bytes(bare + stream[at:])
