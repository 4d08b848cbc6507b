"""Telnet, as a box hears it."""

from __future__ import annotations

from types import MappingProxyType

from unstrip.lab.dialect import Command, Dialect, Reply, Topic, Words, cut
from unstrip.protocols.telnet import (
    DO,
    DONT,
    FOLLOWS,
    IAC,
    OFFER,
    SB,
    SE,
    START_TLS,
    VERB,
    WILL,
    WONT,
    message,
    word,
)

_ASKED = IAC + WILL + START_TLS + FOLLOWS
_TERMINAL_TYPE = b"\x18"  # RFC 1091


class Telnet(Dialect):
    """RFC 854 and draft-altman-telnet-starttls."""

    PROTOCOL = "telnet"
    WORDS = Words(
        refusals=MappingProxyType(
            {"DONT": IAC + DONT + START_TLS, "WONT": IAC + WONT + START_TLS}  # RFC 855
        ),
        temporary=b"Try again later\r\n" + IAC + DONT + START_TLS,
        bogus=IAC + SB + START_TLS + b"\0" + IAC + SE,  # of the right option, but not FOLLOWS
        answer=IAC + DO + _TERMINAL_TYPE + b"login: ",
        fragment=IAC + SB + _TERMINAL_TYPE,
        unexpected=b"login: ",
    )

    def __init__(self, *, naive: bool = False) -> None:
        super().__init__(naive=naive)
        self._offered = False

    def command_end(self, heard: bytes) -> int:
        """Return where the first message ends.

        Who was told DO says WILL and FOLLOWS in a row: together they are the request. Who was not
        has to wait between them.
        """
        if self._offered and _ASKED.startswith(heard[: len(_ASKED)]):
            return len(_ASKED) if len(heard) >= len(_ASKED) else 0
        return _end(heard)

    def reply_end(self, heard: bytes, asked: Command | None) -> int:  # noqa: ARG002  # all are alike
        """Return where the first message ends."""
        return _end(heard)

    def read_command(self, data: bytes) -> Command:
        """Return `data` as a command, or as what was typed."""
        return Command(b"", data, b"", Topic.UPGRADE if _word(data) == VERB else Topic.OTHER)

    def read_reply(self, data: bytes, asked: Command | None, *, first: bool) -> Reply:  # noqa: ARG002  # what it is stands in it
        """Return `data` as a command, or as text."""
        if _word(data) == OFFER:
            self._offered = True
            return Reply(data, Topic.LISTING)
        granted = data == FOLLOWS
        return Reply(data, Topic.UPGRADE if granted else Topic.OTHER, go_ahead=granted)

    def without_offer(self, reply: Reply) -> bytes:
        """Return nothing in the offer's place: nobody counts the options (RFC 854)."""
        return b"" if _word(reply.data) == OFFER else reply.data


def _end(heard: bytes) -> int:
    """Return where a command ends, or the text before one, which may be cut anywhere."""
    if heard.startswith(IAC):
        return cut(message, heard)[1]
    text, _, _ = heard.partition(IAC)
    return len(text)


def _word(data: bytes) -> str:
    return word(data) if data.startswith(IAC) and len(data) > 2 else ""
