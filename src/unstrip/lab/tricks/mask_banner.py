"""The greeting overwritten."""

from __future__ import annotations

import re

from unstrip.lab.dialect import Dialect, Reply, Topic
from unstrip.lab.trick import Actions, ToClient, Trick

_MASKED = re.compile(rb"[^20 \r\n]")


class MaskBanner(Trick):
    """S-03. All of the greeting but its status becomes asterisks; 2, 0 and blanks stay.

    PIX firewalls did it from version 5.1 on. It works on clients that look for the word ESMTP in
    the banner, and say HELO, which lists no capabilities, when they do not find it.
    """

    ID = "S-03"
    NAME = "mask-banner"
    WHAT = "the greeting is overwritten with as many asterisks, all but its status"
    CLIENT = "reads no abilities from a greeting, and upgrades"
    SERVER = "upgrades"

    @classmethod
    def suits(cls, dialect: type[Dialect]) -> bool:
        """There has to be a greeting of text."""
        return dialect.STATUS is not None

    def server_says(self, reply: Reply) -> Actions:
        """Mask the greeting; what comes later passes."""
        if reply.topic is Topic.GREETING:
            yield ToClient(b"".join(map(self._masked, reply.data.splitlines(keepends=True))))
        else:
            yield ToClient(reply.data)

    def _masked(self, line: bytes) -> bytes:
        status = self.dialect.STATUS
        found = None if status is None else status.match(line)
        if found is None:
            return line  # a refusal passes as it is
        return found[0] + _MASKED.sub(b"*", line[found.end() :])
