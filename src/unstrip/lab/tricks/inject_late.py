"""Plaintext behind the go-ahead: a moment later."""

from __future__ import annotations

from unstrip.lab.dialect import Dialect, Reply
from unstrip.lab.trick import Actions, Pause, ToClient, Trick

GAP = 0.05  # seconds: the client is waiting for its ServerHello by then


class InjectLate(Trick):
    """B-11. A plausible answer follows the go-ahead in a segment of its own, before TLS answers.

    It works on clients that look for what they asked for rather than at what must not be there.
    The client's own first record is held back meanwhile, so the server cannot answer sooner.
    """

    ID = "B-11"
    NAME = "inject-late"
    WHAT = "a plausible answer follows the go-ahead, a moment later"
    CLIENT = "lets its TLS engine have the bytes, which fails on them"
    SERVER = "nothing: it never hears of it"

    @classmethod
    def suits(cls, dialect: type[Dialect]) -> bool:
        """There has to be a go-ahead to stand behind."""
        return dialect.GOES_AHEAD

    def server_says(self, reply: Reply) -> Actions:
        """Let the go-ahead pass, wait, and speak before the server can."""
        yield ToClient(reply.data)
        if reply.go_ahead:
            yield Pause(GAP)
            yield ToClient(self.dialect.answer(reply))
