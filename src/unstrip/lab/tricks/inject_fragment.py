"""Plaintext behind the go-ahead: the beginning of a line."""

from __future__ import annotations

from unstrip.lab.dialect import Dialect, Reply
from unstrip.lab.trick import Actions, ToClient, Trick


class InjectFragment(Trick):
    """B-07. The beginning of a line, with no end, is appended to the go-ahead.

    It works on clients that throw whole lines away but keep an unfinished one: it becomes the
    beginning of the first line that comes through TLS.
    """

    ID = "B-07"
    NAME = "inject-fragment"
    WHAT = "the beginning of a line is appended to the go-ahead, in the same segment"
    CLIENT = "hangs up: not a byte may wait behind the go-ahead"
    SERVER = "nothing: it never hears of it"

    @classmethod
    def suits(cls, dialect: type[Dialect]) -> bool:
        """There has to be a go-ahead to stand behind."""
        return dialect.GOES_AHEAD

    def server_says(self, reply: Reply) -> Actions:
        """Append to the go-ahead."""
        fragment = self.dialect.WORDS.fragment if reply.go_ahead else b""
        yield ToClient(reply.data + fragment)
