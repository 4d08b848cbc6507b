"""The offer removed."""

from __future__ import annotations

import re

from unstrip.lab.speech import Reply
from unstrip.lab.trick import Actions, ToClient, Trick

_LAST_LINE = re.compile(rb"^([0-9]{3})-([^\n]*\n)\Z", re.MULTILINE)


class RemoveOffer(Trick):
    """S-01. The offer is deleted and the framing repaired, so that the list looks like an honest one.

    It works on whoever takes "not offered" for "not possible" and goes on in clear: offers are
    not authenticated, so their absence proves nothing.
    """

    ID = "S-01"
    NAME = "remove-offer"
    WHAT = "the offer is deleted from the list of capabilities, and the list repaired"

    def server_says(self, reply: Reply) -> Actions:
        """Pass the reply on without the offer."""
        yield ToClient(self._without_offer(reply.data) if self.dialect.may_offer(reply) else reply.data)

    def _without_offer(self, listed: bytes) -> bytes:
        if self.dialect.protocol == "imap":  # words of one line: the blank before it goes too
            return re.sub(rb" ?" + self.dialect.offer.pattern, b"", listed, flags=self.dialect.offer.flags)
        return listed
