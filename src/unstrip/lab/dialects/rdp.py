"""RDP, as a box hears it."""

from __future__ import annotations

from types import MappingProxyType

from unstrip.lab.dialect import Command, Dialect, Reply, Topic, Words, cut
from unstrip.protocols.rdp import negotiation, packet, parsed, receive, requested
from unstrip.wire import Dialog as Receiving
from unstrip.wire import Wire

_REQUEST, _CONFIRM, _DISCONNECT = 0xE0, 0xD0, 0x80  # X.224, 13: codes of TPDUs
_RESPONSE, _FAILURE = 2, 3  # MS-RDPBCGR, 2.2.1.2.1 and 2.2.1.2.2
_TLS = 1 | 2  # MS-RDPBCGR, 2.2.1.1.1: PROTOCOL_SSL and PROTOCOL_HYBRID
_RDSTLS = 4  # no client of ours asks for it
_CONGESTION = b"\x01"  # X.224, 13.5.3: a Disconnect Request's reason is its last byte


def _confirm(kind: int, value: int) -> bytes:
    return packet(_CONFIRM, negotiation(kind, value))


_DISCONNECTED = packet(_DISCONNECT)
_BUSY = _DISCONNECTED[:-1] + _CONGESTION
# T.125, 7: Connect-Response, rt-successful, in X.224's Data
_CONNECTED = bytes.fromhex("0300000d 02f080 7f66 030a0100")


class Rdp(Dialect):
    """MS-RDPBCGR: one packet asks, and one answers."""

    PROTOCOL = "ms-wbt-server"
    FLIPS = True
    WORDS = Words(
        refusals=MappingProxyType(
            {  # MS-RDPBCGR, 2.2.1.2.2: failure codes
                "2": _confirm(_FAILURE, 2),
                "1": _confirm(_FAILURE, 1),
                "3": _confirm(_FAILURE, 3),
                "4": _confirm(_FAILURE, 4),
                "5": _confirm(_FAILURE, 5),
                "6": _confirm(_FAILURE, 6),
                "PROTOCOL_RDP": _confirm(_RESPONSE, 0),
                "confirm": packet(_CONFIRM),  # of a server that is too old to negotiate
                "disconnect": _DISCONNECTED,
            }
        ),
        temporary=_BUSY,
        bogus=_confirm(_RESPONSE, _RDSTLS),
        answer=_CONNECTED,
        fragment=_CONNECTED[:7],
        unexpected=_DISCONNECTED,
    )

    def command_end(self, heard: bytes) -> int:
        """Return where the first packet ends."""
        return cut(receive, heard)[1]

    def reply_end(self, heard: bytes, asked: Command | None) -> int:  # noqa: ARG002  # all are alike
        """Return where the first packet ends."""
        return cut(receive, heard)[1]

    def read_command(self, data: bytes) -> Command:
        """Return `data` as a packet, which asks for TLS by a bit."""
        protocols, _ = cut(_protocols, data)
        topic = Topic.UPGRADE if protocols and protocols & _TLS else Topic.OTHER
        return Command(b"", data, b"", topic)

    def read_reply(self, data: bytes, asked: Command | None, *, first: bool) -> Reply:  # noqa: ARG002  # there is no greeting
        """Return `data` as the answer to the request; every protocol but RDP's own is in TLS."""
        if asked is None or asked.topic is not Topic.UPGRADE:
            return Reply(data, Topic.OTHER)
        return Reply(data, Topic.UPGRADE, go_ahead=bool(cut(_selected, data)[0]))

    def flipped(self, reply: Reply) -> bytes:
        """Return the go-ahead with PROTOCOL_RDP selected; the selection is its last four bytes."""
        return reply.data[:-4] + bytes(4)


def _protocols(wire: Wire) -> Receiving[int]:
    code, variable = yield from receive(wire)
    return requested(variable) if code == _REQUEST else 0


def _selected(wire: Wire) -> Receiving[int]:
    code, variable = yield from receive(wire)
    if code != _CONFIRM or not variable:
        return 0
    kind, _, value = parsed(variable)
    return value if kind == _RESPONSE else 0
