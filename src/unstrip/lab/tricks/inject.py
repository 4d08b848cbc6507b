"""Plaintext behind the go-ahead: a whole answer."""

from __future__ import annotations

from unstrip.lab.dialect import Dialect, Reply
from unstrip.lab.trick import Actions, ToClient, Trick


class Inject(Trick):
    """B-06. A plausible answer is appended to the go-ahead, in the same segment.

    It works on clients whose reader keeps what was read too early: they take it for the answer to
    their first command inside TLS (CVE-2020-14954, CVE-2021-22947, CVE-2021-38371 and others).
    """

    ID = "B-06"
    NAME = "inject"
    WHAT = "a plausible answer is appended to the go-ahead, in the same segment"
    CLIENT = "hangs up: not a byte may wait behind the go-ahead"
    SERVER = "nothing: it never hears of it"

    @classmethod
    def suits(cls, dialect: type[Dialect]) -> bool:
        """There has to be a go-ahead to stand behind."""
        return dialect.GOES_AHEAD

    def server_says(self, reply: Reply) -> Actions:
        """Append to the go-ahead."""
        yield ToClient(reply.data + self.dialect.answer(reply) if reply.go_ahead else reply.data)
