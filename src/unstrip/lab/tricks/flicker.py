"""The offer removed now and then."""

from __future__ import annotations

from unstrip.lab.dialect import Reply
from unstrip.lab.trick import Actions, ToClient
from unstrip.lab.tricks.remove_offer import RemoveOffer


class Flicker(RemoveOffer):
    """S-08. The offer is removed on every second connection.

    It works on clients that retry and believe the last answer, and hides from whoever looks only
    once. Two looks that disagree within minutes are hard to explain honestly.
    """

    ID = "S-08"
    NAME = "flicker"
    WHAT = "the offer is removed on every second connection"
    CLIENT = "trusts no single look, and asks for TLS all the same"
    SERVER = "grants it"

    def server_says(self, reply: Reply) -> Actions:
        """Remove the offer if it is this connection's turn."""
        if self.nth % 2 == 0:
            yield from super().server_says(reply)
        else:
            yield ToClient(reply.data)
