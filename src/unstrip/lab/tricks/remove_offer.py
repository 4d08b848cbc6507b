"""The offer removed."""

from __future__ import annotations

import re

from unstrip.lab.speech import Reply
from unstrip.lab.trick import Actions, ToClient, Trick

_LAST_LINE = re.compile(rb"(?<![^\n])250-(?=[^\n]*\n\Z)")  # one that says it is not the last


class RemoveOffer(Trick):
    """S-01. The offer is deleted and the framing repaired: the list looks like an honest one.

    It works on whoever takes "not offered" for "not possible" and goes on in clear: a list that
    nobody has signed proves nothing by what is missing from it.
    """

    ID = "S-01"
    NAME = "remove-offer"
    WHAT = "the offer is deleted from the list of capabilities, and the list repaired"

    def server_says(self, reply: Reply) -> Actions:
        """Pass the message on without the offer."""
        if self.dialect.may_offer(reply):
            yield ToClient(_LAST_LINE.sub(b"250 ", self._without_offer(reply.data)))
        else:
            yield ToClient(reply.data)

    def _without_offer(self, listed: bytes) -> bytes:
        found = self.dialect.offer.search(listed)
        if found is None:
            return listed
        if self.dialect.protocol == "imap":  # a list of words: the blank before it goes too
            begin, end = found.start() - 1, found.end()
        else:
            begin = listed.rindex(b"\n", 0, found.start()) + 1
            end = listed.index(b"\n", found.end()) + 1
        return self._without_offer(listed[:begin] + listed[end:])
