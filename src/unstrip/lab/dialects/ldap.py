"""LDAP, as a box hears it."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

from unstrip.lab.dialect import Command, Dialect, Reply, Topic, Words, cut
from unstrip.protocols.ldap import (
    BIND_RESPONSE,
    DONE,
    ENTRY,
    EXTENDED_RESPONSE,
    LISTING_LIMIT,
    NOTICE_OID,
    REFERENCE,
    STARTTLS_OID,
    Message,
    encoded,
    message,
    parts,
    result,
    spoken,
)
from unstrip.wire import Dialog as Receiving
from unstrip.wire import Wire

_INTEGER, _STRING, _CODE, _MESSAGE = 0x02, 0x04, 0x0A, 0x30  # X.690, 8
_CONSTRUCTED = 0x20  # X.690, 8.1.2.5
_NO_VALUES = [(0x31, b"")]  # an empty SET
_NAME = 0x8A  # RFC 4511, 4.12: responseName
_WHO_AM_I = b"1.3.6.1.4.1.4203.1.11.3"  # RFC 4532
_REFERRAL = encoded(0xA3, encoded(_STRING, b"ldap://elsewhere.invalid/"))  # RFC 4511, 4.1.10


def _ended(operation: int, code: int, *more: bytes) -> bytes:
    """Return a result (RFC 4511, 4.1.9) without words."""
    return encoded(operation, encoded(_CODE, bytes([code])), b"\4\0\4\0", *more)


_NOTICE = _ended(EXTENDED_RESPONSE, 52, encoded(_NAME, NOTICE_OID))  # RFC 4511, 4.4.1


class Ldap(Dialect):
    """RFC 4511. Words are operations, put under the message's id, which is the tag."""

    PROTOCOL = "ldap"
    IDS = MappingProxyType(
        {"remove-offer": "S-16", "refuse-hello": "S-16", "inject": "B-15", "spoof-state": "F-05"}
    )
    FLIPS = True
    WORDS = Words(
        refusals=MappingProxyType(
            {
                "2": _ended(EXTENDED_RESPONSE, 2),  # RFC 4511, 4.14.2, and 4.1.9 for all of them
                "1": _ended(EXTENDED_RESPONSE, 1),
                "8": _ended(EXTENDED_RESPONSE, 8),
                "10": _ended(EXTENDED_RESPONSE, 10, _REFERRAL),
                "13": _ended(EXTENDED_RESPONSE, 13),
                "51": _ended(EXTENDED_RESPONSE, 51),
                "52": _ended(EXTENDED_RESPONSE, 52),
                "53": _ended(EXTENDED_RESPONSE, 53),
                "80": _ended(EXTENDED_RESPONSE, 80),
                "notice": spoken(0, _NOTICE),
            }
        ),
        temporary=_ended(EXTENDED_RESPONSE, 52),
        bogus=_ended(EXTENDED_RESPONSE, 0, encoded(_NAME, _WHO_AM_I)),  # another request's
        answer=_ended(BIND_RESPONSE, 0),
        fragment=spoken(1, _ended(BIND_RESPONSE, 0))[:3],
        unexpected=_NOTICE,
        unlisted=_ended(DONE, 50),  # RFC 4512, 5.1: to whom the root is shown is a server's choice
        spoofed=_ended(BIND_RESPONSE, 0),
    )

    def command_end(self, heard: bytes) -> int:
        """Return where the first message ends."""
        return cut(_message, heard)[1]

    def reply_end(self, heard: bytes, asked: Command | None) -> int:
        """Return where the first message ends, and where it is found, all that was."""
        found = asked is not None and asked.topic is Topic.LISTING
        return cut(_found if found else _message, heard)[1]

    def read_command(self, data: bytes) -> Command:
        """Return `data` as a message."""
        tag, topic = cut(_request, data)[0] or (b"", Topic.OTHER)
        return Command(b"", data, b"", topic, tag)

    def read_reply(self, data: bytes, asked: Command | None, *, first: bool) -> Reply:  # noqa: ARG002  # there is no greeting
        """Return `data` as a message, or as all that was found."""
        if asked is None:
            return Reply(data, Topic.OTHER)
        granted = asked.topic is Topic.UPGRADE and cut(_success, data)[0] == asked.tag
        return Reply(data, asked.topic, asked.tag, granted)

    def without_offer(self, reply: Reply) -> bytes:
        """Return what was found without the name of StartTLS, every length around it corrected."""
        if reply.topic is not Topic.LISTING or STARTTLS_OID not in reply.data:
            return reply.data
        return cut(_unoffered, reply.data)[0] or reply.data

    def flipped(self, reply: Reply) -> bytes:
        """Return the go-ahead with protocolError for success."""
        said, _ = cut(_message, reply.data)
        if said is None:
            return reply.data
        before, result_code, after = reply.data.partition(said.content)  # no id looks like one
        return before + result_code[:2] + b"\x02" + result_code[3:] + after

    def say(self, words: bytes, tag: bytes = b"") -> bytes:
        """Return an operation under the id of what it answers; 0 answers nothing."""
        if words[0] == _MESSAGE:
            return words
        return spoken(int.from_bytes(tag, "big"), words)

    def answer(self, reply: Reply) -> bytes:
        """Return the answer to the message that comes next: ids are mostly counted up."""
        following = int.from_bytes(reply.tag, "big") + 1
        return self.say(self.WORDS.answer, following.to_bytes(4, "big"))


def _message(wire: Wire) -> Receiving[Message]:
    return (yield from message(wire, LISTING_LIMIT))


def _found(wire: Wire) -> Receiving[Message]:
    """Receive entries, and what ends them (RFC 4511, 4.5.2)."""
    while (said := (yield from _message(wire))).operation in (ENTRY, REFERENCE):
        pass
    return said


def _unoffered(wire: Wire) -> Receiving[bytes]:
    """Receive all that was found, and return it without the name of StartTLS."""
    left = b""
    while True:
        said = yield from _message(wire)
        identity = encoded(_INTEGER, said.number.to_bytes(said.number.bit_length() // 8 + 1, "big"))
        left += _element(_MESSAGE, identity, _element(said.operation, *_spared(said.content)))
        if said.operation not in (ENTRY, REFERENCE):
            return left


def _spared(content: bytes) -> Iterator[bytes]:
    """Go through elements, but for the name, and for an attribute that has no value without it."""
    for tag, value in parts(content):
        if (tag, value) == (_STRING, STARTTLS_OID):
            continue
        left = b"".join(_spared(value)) if tag & _CONSTRUCTED else value
        if left == value or [*parts(left)][-1:] != _NO_VALUES:
            yield _element(tag, left)


def _element(tag: int, *parts: bytes) -> bytes:
    """Return an element of any length (X.690, 8.1.3.5)."""
    content = b"".join(parts)
    if len(content) < 0x80:
        return encoded(tag, content)
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 + len(length))) + length + content


def _request(wire: Wire) -> Receiving[tuple[bytes, Topic]]:
    """RFC 4512, 5.1: what a server can do is read from the root, the entry of no name."""
    said = yield from _message(wire)
    asked = list(parts(said.content)) if said.operation & _CONSTRUCTED else []
    match said.operation, asked:
        case 0x63, [(0x04, b""), (0x0A, b"\0"), *_]:
            topic = Topic.LISTING
        case 0x77, [(0x80, name), *_] if name == STARTTLS_OID:
            topic = Topic.UPGRADE
        case _:
            topic = Topic.OTHER
    return said.number.to_bytes(4, "big"), topic


def _success(wire: Wire) -> Receiving[bytes]:
    """Receive the answer to an extended request, and return its tag where it is a yes."""
    said = yield from _message(wire)
    if said.operation != EXTENDED_RESPONSE or result(said).code:
        return b""
    return said.number.to_bytes(4, "big")
