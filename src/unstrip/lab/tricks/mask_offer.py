"""The offer overwritten."""

from __future__ import annotations

from unstrip.lab.dialect import Dialect, Reply
from unstrip.lab.trick import Actions, ToClient, Trick


class MaskOffer(Trick):
    """S-02. The offer is overwritten with X's and an A, as Cisco's SMTP inspection does.

    The length is kept, so a box can do it without touching TCP's sequence numbers. It works as a
    removed offer does, but leaves a trace that no honest server makes.
    """

    ID = "S-02"
    NAME = "mask-offer"
    WHAT = "the offer is overwritten with as many X's, the last one an A"
    CLIENT = "asks for TLS all the same, or stops; it knows that a device is in the path"
    SERVER = "grants it"

    @classmethod
    def suits(cls, dialect: type[Dialect]) -> bool:
        """There has to be a word to overwrite."""
        return dialect.lists() and dialect.MASKS

    def server_says(self, reply: Reply) -> Actions:
        """Pass the message on with the offer masked."""
        yield ToClient(self.dialect.masked_offer(reply))
