"""How a protocol is spoken, as far as tricks care.

Where messages end, what they are about, and what a box says in a peer's stead.

One file of `unstrip.lab.dialects` for each protocol. A trick knows no protocol and a dialect
knows no trick, so that each new one of either works with all there are of the other.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from re import Pattern
from types import MappingProxyType
from typing import ClassVar, TypeVar

from unstrip.protocols import REGISTRY
from unstrip.trouble import ProtocolError
from unstrip.upgrade import Listing
from unstrip.wire import Dialog, Envelope, Wire

T = TypeVar("T")

_TLS = b"\x16\x03"  # RFC 8446, 5.1: a handshake record
_VERSIONS = (b"", b"\x01", b"\x02", b"\x03", b"\x04")  # which, where that has come


class Topic(Enum):
    """What a message is about, as far as tricks care."""

    GREETING = "greeting"
    LISTING = "listing"  # the capabilities
    UPGRADE = "upgrade"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Command:
    """One command of the client's: three parts that make up its bytes.

    Attributes:
        before, verb, after: the verb, and what stands around it.
        topic: what it asks for.
        tag: what the answer will be known by: IMAP's tag, LDAP's messageID.
    """

    before: bytes
    verb: bytes
    after: bytes
    topic: Topic
    tag: bytes = b""

    @property
    def data(self) -> bytes:
        """The bytes as said."""
        return self.before + self.verb + self.after


@dataclass(frozen=True, slots=True)
class Reply:
    """One message of the server's.

    Attributes:
        data: the bytes as said.
        topic: what it answers; where the server speaks first, its first message is the greeting.
        tag: of what it answers, where there are tags.
        go_ahead: it permits the ClientHello.
    """

    data: bytes
    topic: Topic
    tag: bytes = b""
    go_ahead: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a box says in a server's stead; `{tag}` stands for the tag of what was asked.

    Attributes:
        refusals: every "no" that the protocol has for the request, by its code; the usual first.
        temporary: the "no" that says "not now".
        bogus: what sounds like a yes, and is none.
        answer: passes for the answer to a client's first command inside TLS.
        fragment: the beginning of one, with no end.
        unexpected: plaintext in answer to a ClientHello.
        unlisted: a "no" to the question for capabilities, where there is such a question.
        spoofed: says, in the first message's place, that the client is logged in already.
        request: asks for TLS in a client's stead, where a box has a use for that.
        go_ahead: grants it in a server's stead, likewise.
    """

    refusals: Mapping[str, bytes]
    temporary: bytes
    bogus: bytes
    answer: bytes
    fragment: bytes
    unexpected: bytes
    unlisted: bytes | None = None
    spoofed: bytes | None = None
    request: bytes | None = None
    go_ahead: bytes | None = None


def cut(receive: Callable[[Wire], Dialog[T]], heard: bytes) -> tuple[T | None, int]:
    """Return what `receive` makes of the beginning of what was heard, and where that ends.

    It lets a box cut messages just where the protocol's own file does. Where more has to come it
    is nothing, and ends at 0. What is no such message has no end, so it is nothing and all of it.
    """
    wire = Wire(secure=True)  # in clear, there would be a budget for all that is said
    wire.hear(heard)
    try:
        next(receive(wire))
    except StopIteration as end:
        return end.value, len(heard) - wire.waiting
    except ProtocolError:
        return None, len(heard)
    return None, 0


class Dialect(ABC):
    """How one protocol is spoken on one connection.

    Args: naive: words as they are usually spelt only, as real boxes match.
    Attributes:
        PROTOCOL: its name in the registry.
        WORDS: what a box says in a server's stead.
        IDS: the catalogue's number of a trick, by the trick's name, where it has one of its own
            for this protocol.
        MASKS: what a server lists are words, which a box can overwrite.
        FLIPS: one byte makes a no of its go-ahead.
        GOES_AHEAD: there is a go-ahead.
        STATUS: what stays of a greeting that is overwritten; None where none is of text.
    """

    PROTOCOL: ClassVar[str]
    WORDS: ClassVar[Words]
    IDS: ClassVar[Mapping[str, str]] = MappingProxyType({})
    MASKS: ClassVar[bool] = False
    FLIPS: ClassVar[bool] = False
    GOES_AHEAD: ClassVar[bool] = True
    STATUS: ClassVar[Pattern[bytes] | None] = None

    def __init__(self, *, naive: bool = False) -> None:
        self.naive = naive

    @classmethod
    def lists(cls) -> bool:
        """Tell whether a server says in clear what it can do."""
        return REGISTRY[cls.PROTOCOL].LISTING is not Listing.NONE

    @classmethod
    def greets(cls) -> bool:
        """Tell whether the server speaks first."""
        return REGISTRY[cls.PROTOCOL].GREETS

    # Cutting

    def begins_tls(self, heard: bytes) -> bool | None:
        """Tell whether TLS begins here; None where more has to come to tell."""
        if len(heard) < len(_TLS):
            return None if _TLS.startswith(heard) else False
        # SSL 3.0 is not believed: so begins a MySQL packet of 790 bytes, by its length
        return heard.startswith(_TLS) and heard[2:3] in _VERSIONS

    @abstractmethod
    def command_end(self, heard: bytes) -> int:
        """Return where the first message of the client's ends, 0 where it is not whole."""

    @abstractmethod
    def reply_end(self, heard: bytes, asked: Command | None) -> int:
        """Return where the first message of the server's ends, 0 where it is not whole."""

    # Reading

    @abstractmethod
    def read_command(self, data: bytes) -> Command:
        """Return `data` as a command."""

    @abstractmethod
    def read_reply(self, data: bytes, asked: Command | None, *, first: bool) -> Reply:
        """Return `data` as the answer to what was `asked` last, if anything."""

    # Editing

    def without_offer(self, reply: Reply) -> bytes:
        """Return the message with the offer deleted, if it has one, and the framing repaired."""
        return reply.data

    def with_offer(self, reply: Reply) -> bytes:
        """Return the message with an offer added, if it lists what there is and has none."""
        return reply.data

    def masked_offer(self, reply: Reply) -> bytes:
        """Return the message with the offer overwritten, if it has one."""
        return reply.data

    def flipped(self, reply: Reply) -> bytes:
        """Return a go-ahead with its yes turned into a no of the same length, where FLIPS."""
        return reply.data

    # Speaking

    def say(self, words: bytes, tag: bytes = b"") -> bytes:
        """Return `words` as said in answer to what carried `tag`."""
        return words.replace(b"{tag}", tag)

    def answer(self, reply: Reply) -> bytes:
        """Return what is to pass for the answer to the first command after this go-ahead."""
        return self.say(self.WORDS.answer, reply.tag)

    # What TLS is wrapped in

    def envelope(self) -> Envelope | None:
        """Return what the TLS handshake is wrapped in, one for each connection."""
        return None

    @staticmethod
    def unwrapped(stream: bytes) -> bytes:
        """Return all that one side said, its TLS records taken out of what they are wrapped in."""
        return stream


_LINE = rb"[^\n]*\n"


class LineDialect(Dialect):
    """A dialect of lines.

    Attributes:
        ASKS: the verb that asks for capabilities, empty where the greeting lists them.
        COMMAND: finds the verb (the group `verb`), of several words even, and the tag (`tag`) at
            a command's beginning.
        OFFER: finds the offer in a message that lists it.
        SUCCESS: how the go-ahead begins, behind the tag.
        REPLY: one whole message; LISTING: one that lists capabilities.
    """

    ASKS: ClassVar[bytes] = b""
    COMMAND: ClassVar[Pattern[bytes]] = re.compile(rb"[ \t]*(?P<verb>[^ \t\r\n]+)(?P<tag>)")
    OFFER: ClassVar[Pattern[bytes]]
    SUCCESS: ClassVar[bytes]
    REPLY: ClassVar[Pattern[bytes]] = re.compile(_LINE)
    LISTING: ClassVar[Pattern[bytes]] = re.compile(_LINE)
    MASKS = True

    def command_end(self, heard: bytes) -> int:
        """Return where the first line ends."""
        return heard.find(b"\n") + 1

    def reply_end(self, heard: bytes, asked: Command | None) -> int:
        """Return where the first reply ends: what lists capabilities has many lines."""
        listing = asked is not None and asked.topic is Topic.LISTING
        found = (self.LISTING if listing else self.REPLY).match(heard)
        return found.end() if found else 0

    def read_command(self, data: bytes) -> Command:
        """Return `data` as a command; a naive box knows verbs in capitals alone."""
        found = self.COMMAND.match(data)
        if found is None:
            return Command(b"", b"", data, Topic.OTHER)
        begin, end = found.span("verb")
        verb = found["verb"] if self.naive else found["verb"].upper()
        topic = self._topics().get(b" ".join(verb.split()), Topic.OTHER)
        return Command(data[:begin], data[begin:end], data[end:], topic, found["tag"])

    def read_reply(self, data: bytes, asked: Command | None, *, first: bool) -> Reply:
        """Return `data` as the answer to what was `asked` last."""
        if first and self.greets():
            return Reply(data, Topic.GREETING)
        if asked is None:
            return Reply(data, Topic.OTHER)
        granted = asked.topic is Topic.UPGRADE and self.grants(data, asked)
        return Reply(data, asked.topic, asked.tag, granted)

    def grants(self, data: bytes, asked: Command) -> bool:
        """Tell whether this answer to the request is the go-ahead."""
        return data.upper().startswith((asked.tag + self.SUCCESS).upper())

    def may_offer(self, reply: Reply) -> bool:
        """Tell whether an offer in `reply` would be one, and not just a word in a sentence."""
        return reply.topic is (Topic.LISTING if self.ASKS else Topic.GREETING)

    def without_offer(self, reply: Reply) -> bytes:
        """Return the message without the lines that offer TLS."""
        listed = reply.data
        if not self.may_offer(reply):
            return listed
        while found := self.OFFER.search(listed):
            if not self.notices(found[0]):
                break
            listed = self.cut_out(listed, *found.span())
        return self.repaired(listed)

    def cut_out(self, listed: bytes, begin: int, end: int) -> bytes:
        """Return `listed` without the line that the offer stands in."""
        return listed[: listed.rfind(b"\n", 0, begin) + 1] + listed[listed.index(b"\n", end) + 1 :]

    def repaired(self, listed: bytes) -> bytes:
        """Return a list that lost a line as one that never had it."""
        return listed

    def masked_offer(self, reply: Reply) -> bytes:
        """Return the message with X's and an A for the offer."""
        if not self.may_offer(reply):
            return reply.data
        return self.OFFER.sub(self._mask, reply.data)

    def _mask(self, offer: re.Match[bytes]) -> bytes:
        return b"X" * (len(offer[0]) - 1) + b"A" if self.notices(offer[0]) else offer[0]

    def notices(self, offer: bytes) -> bool:
        """Tell whether the box sees it: a naive one knows the offer as it is usually spelt."""
        return not self.naive or offer == offer.upper()

    def _topics(self) -> dict[bytes, Topic]:
        request = REGISTRY[self.PROTOCOL].VERB.encode()
        return {self.ASKS: Topic.LISTING, request: Topic.UPGRADE}
