"""MySQL and MariaDB, as a box hears them."""

from __future__ import annotations

from types import MappingProxyType

from unstrip.lab.dialect import Command, Dialect, Reply, Topic, Words
from unstrip.protocols.mysql import packet

_HEADER = 4  # bytes: the payload's length, and its place in the exchange
_REQUEST = _HEADER + 32  # bytes of SSLRequest; a login is longer
_SSL = 0x08  # CLIENT_SSL, in the second byte of the capabilities
_OK = b"\0\0\0\2\0\0\0"


def _error(code: int, state: bytes, text: bytes) -> bytes:
    return packet(2, b"\xff" + code.to_bytes(2, "little") + b"#" + state + text)


class Mysql(Dialect):
    """MySQL's documentation, Connection Phase.

    Once a login has been sent, nothing that is said concerns any trick, and it passes as it
    comes.
    """

    PROTOCOL = "mysql"
    IDS = MappingProxyType({"remove-offer": "S-15"})
    GOES_AHEAD = False
    WORDS = Words(
        refusals=MappingProxyType({"1043": _error(1043, b"08S01", b"Bad handshake")}),
        temporary=_error(1040, b"08004", b"Too many connections"),
        bogus=packet(2, _OK),
        answer=packet(3, _OK),
        fragment=packet(3, _OK)[:6],
        unexpected=_error(1156, b"08S01", b"Got packets out of order"),
    )

    def __init__(self, *, naive: bool = False) -> None:
        super().__init__(naive=naive)
        self._in_session = False

    def command_end(self, heard: bytes) -> int:
        """Return where the first packet ends."""
        return self._packet_end(heard)

    def reply_end(self, heard: bytes, asked: Command | None) -> int:  # noqa: ARG002
        """Return where the first packet ends."""
        return self._packet_end(heard)

    def _packet_end(self, heard: bytes) -> int:
        if self._in_session:
            return len(heard)
        end = _HEADER + int.from_bytes(heard[:3], "little")
        return end if len(heard) >= end else 0

    def read_command(self, data: bytes) -> Command:
        """Return a packet: a request for TLS is a login up to the user's name."""
        asks = len(data) == _REQUEST and bool(data[_HEADER + 1] & _SSL)
        self._in_session = self._in_session or not asks
        return Command(b"", data, b"", Topic.UPGRADE if asks else Topic.OTHER)

    def read_reply(self, data: bytes, asked: Command | None, *, first: bool) -> Reply:
        """Return a packet; none of them permits TLS, which follows the request at once."""
        topic = Topic.OTHER if asked is None else asked.topic
        return Reply(data, Topic.GREETING if first else topic)

    def without_offer(self, reply: Reply) -> bytes:
        """Return the greeting with the flag cleared: no length changes."""
        version_end = reply.data.find(b"\0", _HEADER + 1)
        flags = version_end + 1 + 13 + 1  # behind a thread and a challenge; the second byte
        if reply.topic is not Topic.GREETING or reply.data[_HEADER : _HEADER + 1] != b"\x0a":
            return reply.data
        edited = bytearray(reply.data)
        edited[flags : flags + 1] = bytes(byte & ~_SSL for byte in edited[flags : flags + 1])
        return bytes(edited)
