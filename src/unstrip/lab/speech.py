"""What is said in clear, cut into commands and replies, so that a trick can edit one of them.

The middlebox works on whole messages, never on what one `recv` happens to bring: half of the
attacks exist only at the level of segments, and a box that matched per segment could not stage
them. A naive dialect does just that, and minds the case of letters too, as real boxes do, so
that a split or lower-case request passes it unharmed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from re import Pattern

from unstrip.protocols import REGISTRY

MESSAGE_LIMIT = 64 * 1024  # bytes that may wait for the end of a message
_TLS = b"\x16\x03"  # RFC 8446, 5.1: a handshake record
_LINE = re.compile(rb"[^\n]*\n")


class Topic(Enum):
    """What a message is about, as far as tricks care."""

    GREETING = "greeting"
    LISTING = "listing"  # the capabilities
    UPGRADE = "upgrade"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Command:
    """One command of the client's: three parts that make up its bytes.

    Attributes: topic: what it asks for.
    """

    before: bytes  # IMAP's tag, and blanks
    verb: bytes
    after: bytes
    topic: Topic

    @property
    def data(self) -> bytes:
        """The bytes as said."""
        return self.before + self.verb + self.after

    @property
    def tag(self) -> bytes:
        """IMAP's tag; empty elsewhere."""
        return self.before.strip()


@dataclass(frozen=True, slots=True)
class Reply:
    """One message of the server's.

    Attributes:
        data: the bytes as said.
        topic: what had been asked last; the server's first message is the greeting.
        tag: of what had been asked; IMAP only.
        go_ahead: it permits the ClientHello.
    """

    data: bytes
    topic: Topic
    tag: bytes = b""
    go_ahead: bool = False


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the words of one protocol are told apart.

    Attributes:
        protocol: its name in the registry.
        naive: per segment and in capitals only, as real boxes match.
        asks: the verb for each topic.
        command: a command's three parts.
        offer: the word that offers TLS, in the message that lists it.
        success: how the go-ahead begins, behind the tag.
        reply: one whole message; `listing`: one that lists capabilities.
    """

    protocol: str
    naive: bool
    asks: dict[bytes, Topic]
    command: Pattern[bytes]
    offer: Pattern[bytes]
    success: bytes
    reply: Pattern[bytes]
    listing: Pattern[bytes]

    def read_command(self, data: bytes) -> Command:
        """Return `data` as a command."""
        found = self.command.match(data)
        if found is None:
            return Command(b"", b"", data, Topic.OTHER)
        before, verb = found.groups()
        known = verb if self.naive else verb.upper()
        return Command(before, verb, data[found.end() :], self.asks.get(known, Topic.OTHER))

    def read_reply(self, data: bytes, asked: Command | None, *, first: bool) -> Reply:
        """Return `data` as the answer to what was `asked` last, if anything."""
        if first:
            return Reply(data, Topic.GREETING)
        if asked is None:
            return Reply(data, Topic.OTHER)
        success = (asked.tag + self.success).upper()
        granted = asked.topic is Topic.UPGRADE and data.upper().startswith(success)
        return Reply(data, asked.topic, asked.tag, granted)

    def may_offer(self, reply: Reply) -> bool:
        """Tell whether an offer in `reply` would be one, and not just a word in a sentence."""
        if self.protocol == "imap":  # RFC 9051, 7.1: greetings and answers may list them too
            return b"CAPABILITY " in reply.data.upper()
        return reply.topic is Topic.LISTING


def dialect(protocol: str, *, naive: bool = False) -> Dialect:
    """Return how `protocol` speaks, as read by an able box or a naive one."""
    module = REGISTRY[protocol]
    verbs = _VERBS[protocol]
    return Dialect(
        protocol,
        naive,
        {verbs.lister: Topic.LISTING, module.VERB.encode(): Topic.UPGRADE},
        re.compile(verbs.command),
        re.compile(verbs.offer % module.OFFER.encode(), 0 if naive else re.IGNORECASE),
        verbs.success,
        re.compile(verbs.reply),
        re.compile(verbs.listing),
    )


@dataclass(frozen=True, slots=True)
class _Verbs:
    lister: bytes
    command: bytes
    offer: bytes
    success: bytes
    reply: bytes
    listing: bytes


_UNTAGGED = rb"([ \t]*)([^ \t\r\n]+)"
_TAGGED = rb"([ \t]*[^ \t\r\n]+[ \t]+)([^ \t\r\n]+)"
_SMTP_REPLY = rb"(?:[0-9]{3}-[^\n]*\n)*(?![0-9]{3}-)[^\n]*\n"  # RFC 5321, 4.2.1
_POP3_LIST = rb"\+OK[^\n]*\n(?:(?!\.\r?\n)[^\n]*\n)*\.\r?\n|(?!\+OK)[^\n]*\n"  # RFC 1939, 3
_VERBS = {
    "smtp": _Verbs(
        lister=b"EHLO",
        command=_UNTAGGED,
        offer=rb"(?<=\n250[- ])%s(?=[ \t]*\r?\n)",  # the first line is the server's name
        success=b"220",
        reply=_SMTP_REPLY,
        listing=_SMTP_REPLY,
    ),
    "imap": _Verbs(
        lister=b"CAPABILITY",
        command=_TAGGED,
        offer=rb"(?<= )%s(?=[ \]\r\n])",
        success=b" OK",
        reply=_LINE.pattern,
        listing=_LINE.pattern,
    ),
    "pop3": _Verbs(
        lister=b"CAPA",
        command=_UNTAGGED,
        offer=rb"(?<=\n)%s(?=[ \t]*\r?\n)",
        success=b"+OK",
        reply=_LINE.pattern,
        listing=_POP3_LIST,
    ),
}


class Ear:
    """Cuts what one side says into messages.

    Args: naive: a segment is a message, whatever is in it.
    """

    def __init__(self, *, naive: bool) -> None:
        self._naive = naive
        self._heard = bytearray()

    def hear(self, data: bytes) -> None:
        """Take what arrived."""
        self._heard += data

    @property
    def tls(self) -> bool:
        """TLS begins where a message would."""
        return self._heard.startswith(_TLS)

    def next(self, message: Pattern[bytes] = _LINE) -> bytes | None:
        """Return the next message; None when it is not whole, or may be TLS."""
        if self.tls or _TLS.startswith(self._heard):
            return None
        if self._naive or len(self._heard) >= MESSAGE_LIMIT:
            return self.rest()
        found = message.match(self._heard)
        return self._take(found.end()) if found else None

    def rest(self) -> bytes:
        """Return everything that is left."""
        return self._take(len(self._heard))

    def _take(self, count: int) -> bytes:
        taken = bytes(self._heard[:count])
        del self._heard[:count]
        return taken
