"""The offer removed."""

from __future__ import annotations

from unstrip.lab.dialect import Dialect, Reply
from unstrip.lab.trick import Actions, ToClient, Trick


class RemoveOffer(Trick):
    """S-01. The offer is deleted and the framing repaired: the list looks like an honest one.

    It works on whoever takes "not offered" for "not possible" and goes on in clear: a list that
    nobody has signed proves nothing by what is missing from it.
    """

    ID = "S-01"
    NAME = "remove-offer"
    WHAT = "the offer is deleted from what the server lists, and the list repaired"
    CLIENT = "asks for TLS all the same (RFC 7590, RFC 8143), or stops"
    SERVER = "grants it, whether the client saw the offer or not"

    @classmethod
    def suits(cls, dialect: type[Dialect]) -> bool:
        """There has to be a list."""
        return dialect.lists()

    def server_says(self, reply: Reply) -> Actions:
        """Pass the message on without the offer."""
        yield ToClient(self.dialect.without_offer(reply))
