"""The offer overwritten."""

from __future__ import annotations

from re import Match

from unstrip.lab.speech import Reply
from unstrip.lab.trick import Actions, ToClient, Trick


class MaskOffer(Trick):
    """S-02. The offer is overwritten with X's and an A, as Cisco's SMTP inspection does.

    The length is kept, so a box can do it without touching TCP's sequence numbers. It works as a
    removed offer does, but leaves a trace that no honest server makes.
    """

    ID = "S-02"
    NAME = "mask-offer"
    WHAT = "the offer is overwritten with as many X's, the last one an A"

    def server_says(self, reply: Reply) -> Actions:
        """Pass the message on with the offer masked."""
        if self.dialect.may_offer(reply):
            yield ToClient(self.dialect.offer.sub(_masked, reply.data))
        else:
            yield ToClient(reply.data)


def _masked(offer: Match[bytes]) -> bytes:
    return b"X" * (len(offer[0]) - 1) + b"A"
