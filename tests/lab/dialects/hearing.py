"""What the tests of dialects share: hearing a conversation as the middlebox does."""

from __future__ import annotations

from collections.abc import Iterable

from unstrip.lab.dialect import Command, Dialect, Reply
from unstrip.lab.ear import Ear


def cut_commands(dialect: Dialect, segments: Iterable[bytes]) -> list[bytes]:
    """Return the client's messages that come of these segments."""
    ear, messages = Ear(dialect.begins_tls, naive=dialect.naive), []
    for segment in segments:
        ear.hear(segment)
        while (found := ear.next(dialect.command_end)) is not None:
            messages.append(found)
    return messages


def cut_replies(
    dialect: Dialect, segments: Iterable[bytes], asked: Command | None = None
) -> list[bytes]:
    """Return the server's messages that come of these segments, in answer to `asked`."""
    ear, messages = Ear(dialect.begins_tls, naive=dialect.naive), []
    for segment in segments:
        ear.hear(segment)
        while (found := ear.next(lambda heard: dialect.reply_end(heard, asked))) is not None:
            messages.append(found)
    return messages


def bites(said: bytes, size: int) -> list[bytes]:
    """Return what was said in segments of this size."""
    return [said[at : at + size] for at in range(0, len(said), size)]


def answer(dialect: Dialect, asked: bytes, said: bytes) -> Reply:
    """Return what was said as the answer to what was asked."""
    return dialect.read_reply(said, dialect.read_command(asked), first=False)
