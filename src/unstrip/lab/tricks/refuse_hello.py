"""The question for capabilities refused."""

from __future__ import annotations

from unstrip.lab.speech import Command, Topic
from unstrip.lab.trick import Actions, ToClient, ToServer, Trick

_REFUSAL = {
    "smtp": b'502 5.5.1 Error: command "EHLO" not implemented\r\n',
    "imap": b"{tag} BAD Unknown command\r\n",
    "pop3": b"-ERR Unknown command\r\n",
}


class RefuseHello(Trick):
    """S-04 and S-06. EHLO, CAPABILITY or CAPA is refused, and the server never hears of it.

    It works on clients for which no list of capabilities means no TLS: an SMTP client falls back
    to HELO, and curl before 7.79 gave up its own "TLS required" (CVE-2021-22946).
    """

    ID = "S-04"
    NAME = "refuse-hello"
    WHAT = "the question for capabilities is refused, and not passed on"

    def client_says(self, command: Command) -> Actions:
        """Answer the question in the server's place."""
        if command.topic is Topic.LISTING:
            yield ToClient(self.words(_REFUSAL, command.tag))
        else:
            yield ToServer(command.data)
