"""IMAP: the answer before the command."""

from __future__ import annotations

from unstrip.lab.dialect import Dialect, Reply, Topic
from unstrip.lab.trick import Actions, ToClient, Trick

_TAGS = (b"RUBY0001", b"RUBY0002", b"A001", b"A002", b"a001", b"a002", b"a1", b"a2", b"1", b"2")


class EarlyOk(Trick):
    """F-01. With the greeting, in one segment, come answers to commands that nobody has sent yet.

    It works where tags can be guessed: the client finds the OK already there when it looks for
    the answer to STARTTLS, and believes that TLS has begun (net-imap, CVE-2026-42246).
    """

    ID = "F-01"
    NAME = "early-ok"
    WHAT = "answers to commands that were not sent yet come with the greeting"
    CLIENT = "uses tags that cannot be guessed, and hangs up on answers to nothing"
    SERVER = "nothing: it never hears of it"

    @classmethod
    def suits(cls, dialect: type[Dialect]) -> bool:
        """Only IMAP's answers can be known before the question."""
        return dialect.PROTOCOL == "imap"

    def server_says(self, reply: Reply) -> Actions:
        """Add the answers to the greeting."""
        if reply.topic is Topic.GREETING:
            early = b"".join(b"%b OK Begin TLS negotiation now\r\n" % tag for tag in _TAGS)
            yield ToClient(reply.data + early)
        else:
            yield ToClient(reply.data)
