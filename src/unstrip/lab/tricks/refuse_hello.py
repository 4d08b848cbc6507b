"""The question for capabilities refused."""

from __future__ import annotations

from unstrip.lab.dialect import Command, Dialect, Topic
from unstrip.lab.trick import Actions, ToClient, ToServer, Trick


class RefuseHello(Trick):
    """S-04 and S-06. EHLO, CAPABILITY or CAPA is refused, and the server never hears of it.

    It works on clients for which no list of capabilities means no TLS: an SMTP client falls back
    to HELO, and curl before 7.79 gave up its own "TLS required" (CVE-2021-22946).
    """

    ID = "S-04"
    NAME = "refuse-hello"
    WHAT = "the question for capabilities is refused, and not passed on"
    CLIENT = "asks for TLS all the same, or stops; never falls back to an older protocol"
    SERVER = "nothing: it never hears of it"

    @classmethod
    def suits(cls, dialect: type[Dialect]) -> bool:
        """There has to be such a question."""
        return dialect.WORDS.unlisted is not None

    def client_says(self, command: Command) -> Actions:
        """Answer the question in the server's place."""
        if command.topic is Topic.LISTING:
            yield ToClient(self.dialect.say(self.dialect.WORDS.unlisted or b"", command.tag))
        else:
            yield ToServer(command.data)
