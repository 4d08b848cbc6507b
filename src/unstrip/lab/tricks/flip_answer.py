"""The server's yes turned into a no."""

from __future__ import annotations

from unstrip.lab.dialect import Dialect, Reply
from unstrip.lab.trick import Actions, ToClient, Trick


class FlipAnswer(Trick):
    """S-15. One byte of the go-ahead is changed, and with it a yes becomes a no.

    PostgreSQL's S becomes N, LDAP's resultCode 0 becomes 2, RDP's and TDS's choice becomes "none".
    The length is kept, and the server waits for a handshake that never comes. It works on clients
    that "prefer" TLS, which is what most of these do unless told otherwise.
    """

    ID = "S-15"
    NAME = "flip-answer"
    WHAT = "one byte of the server's yes is changed, and it becomes a no"
    CLIENT = "stops, unless it was told that clear will do"
    SERVER = "waits for a ClientHello, and for so long only"

    @classmethod
    def suits(cls, dialect: type[Dialect]) -> bool:
        """One byte has to be enough."""
        return dialect.FLIPS

    def server_says(self, reply: Reply) -> Actions:
        """Change the go-ahead; what else is said passes."""
        yield ToClient(self.dialect.flipped(reply) if reply.go_ahead else reply.data)
