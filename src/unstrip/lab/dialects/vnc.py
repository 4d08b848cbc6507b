"""VNC, as a box hears it."""

from __future__ import annotations

from types import MappingProxyType

from unstrip.framing import exactly
from unstrip.lab.dialect import Command, Dialect, Reply, Topic, Words, cut
from unstrip.protocols.vnc import reason, security_types, version
from unstrip.wire import Dialog as Receiving
from unstrip.wire import Wire

_VENCRYPT, _VNC_AUTH = b"\x13", b"\x02"  # IANA's registry of RFB security types
_ACCEPTED = b"\x01"
# what a viewer says, as long as it is on its way to TLS: its tag, and its length
_STEPS = ((b"version", 12), (b"type", 1), (b"vencrypt", 2), (b"subtype", 4))


def _result(code: int, why: bytes = b"") -> bytes:
    """Return a SecurityResult (RFC 6143, 7.1.3)."""
    told = len(why).to_bytes(4, "big") + why if why else b""
    return code.to_bytes(4, "big") + told


class Vnc(Dialect):
    """RFC 6143 and rfbproto: no message says what it is, so what was said before has to tell."""

    PROTOCOL = "rfb"
    FLIPS = True
    WORDS = Words(
        refusals=MappingProxyType(
            {
                "1": _result(1, b"Security type not supported"),
                "2": _result(2, b"Too many security failures"),  # rfbproto, SecurityResult
                "0.0": b"\0\0" + _result(1, b"Nothing to agree on")[2:],
                "0.1": b"\0\x01",  # VeNCrypt's first version, whose messages are others
            }
        ),
        temporary=_result(1, b"Too many connections, try again later"),
        bogus=_result(0),
        answer=_result(0),  # where X509None was chosen, this is the server's first word inside
        fragment=_result(0)[:2],
        unexpected=_result(1, b"unexpected"),
    )

    def __init__(self, *, naive: bool = False) -> None:
        super().__init__(naive=naive)
        self._steps = list(_STEPS)
        self._answered = False

    def begins_tls(self, heard: bytes) -> bool | None:
        """Nothing is TLS before the last step, though a number may look like it."""
        return False if self._steps else super().begins_tls(heard)

    def command_end(self, heard: bytes) -> int:
        """Return where the step that is due ends; behind the last, messages are anybody's."""
        if not self._steps:
            return len(heard)
        _, length = self._steps[0]
        return length if len(heard) >= length else 0

    def read_command(self, data: bytes) -> Command:
        """Return `data` as the step that is due; another security type leads elsewhere."""
        if not self._steps:
            return Command(b"", data, b"", Topic.OTHER)
        tag, _ = self._steps.pop(0)
        if tag == b"type" and data != _VENCRYPT:
            self._steps.clear()
            return Command(b"", data, b"", Topic.OTHER)
        topic = {b"version": Topic.LISTING, b"type": Topic.UPGRADE}.get(tag, Topic.OTHER)
        return Command(b"", data, b"", topic, tag)

    def reply_end(self, heard: bytes, asked: Command | None) -> int:
        """Return where the answer to this step ends."""
        match asked:
            case None:
                return cut(version, heard)[1]
            case Command(tag=b"version", verb=said):
                return cut(lambda wire: _types(wire, said), heard)[1]
            case Command(tag=b"type"):
                return cut(lambda wire: exactly(wire, 2), heard)[1]
            case Command(tag=b"vencrypt"):
                return cut(_subtypes, heard)[1]
            case Command(tag=b"subtype") if not self._answered:
                return 1
            case _:
                return len(heard)

    def read_reply(self, data: bytes, asked: Command | None, *, first: bool) -> Reply:
        """Return `data` as the answer to the last step; the go-ahead is that to the subtype."""
        if first or asked is None:
            return Reply(data, Topic.GREETING if first else Topic.OTHER)
        last = asked.tag == b"subtype" and not self._answered
        self._answered = self._answered or last
        topic = Topic.UPGRADE if last else asked.topic
        return Reply(data, topic, asked.tag, last and data == _ACCEPTED)

    def without_offer(self, reply: Reply) -> bytes:
        """Return the list without VeNCrypt, and counted anew.

        Where nothing else is listed, VNC's own login stands in: an empty list means that there is
        no service at all (RFC 6143, 7.1.2), and is followed by the reason.
        """
        types = reply.data[1:]
        if reply.tag != b"version" or _VENCRYPT not in types:
            return reply.data
        left = types.replace(_VENCRYPT, b"") or _VNC_AUTH
        return bytes([len(left)]) + left

    def flipped(self, reply: Reply) -> bytes:
        """Return the answer to the subtype, where 0 is no."""
        return b"\0" if reply.go_ahead else reply.data


def _types(wire: Wire, said: bytes) -> Receiving[None]:
    """Receive the list for who said this version, or why there is none (RFC 6143, 7.1.2)."""
    ours = cut(version, said)[0] or (3, 3)
    if not (yield from security_types(wire, ours)):
        yield from reason(wire)


def _subtypes(wire: Wire) -> Receiving[None]:
    """Receive what answers VeNCrypt's version: a yes, which is 0, and the list behind it."""
    if (yield from exactly(wire, 1)) == b"\0":
        (count,) = yield from exactly(wire, 1)
        yield from exactly(wire, 4 * count)
