"""The request refused."""

from __future__ import annotations

from unstrip.lab.speech import Command, Topic
from unstrip.lab.trick import Actions, ToClient, ToServer, Trick

_REFUSAL = {
    "smtp": b"501 5.5.4 Syntax error\r\n",
    "imap": b"{tag} BAD Unknown command\r\n",
    "pop3": b"-ERR Unknown command\r\n",
}


class Refuse(Trick):
    """J-01. TLS is offered, but the request for it is refused, and the server never hears of it.

    It works on clients that go on in clear, in the same session even (CVE-2016-0772: smtplib
    returned the refusal as if it were an answer like any other).
    """

    ID = "J-01"
    NAME = "refuse"
    WHAT = "the request for TLS is refused for good, and not passed on"

    def client_says(self, command: Command) -> Actions:
        """Refuse the request in the server's place."""
        if command.topic is Topic.UPGRADE:
            yield ToClient(self.words(_REFUSAL, command.tag))
        else:
            yield ToServer(command.data)
