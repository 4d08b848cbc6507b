"""The request refused for now."""

from __future__ import annotations

from unstrip.lab.speech import Command, Topic
from unstrip.lab.trick import Actions, ToClient, ToServer, Trick

_REFUSAL = {
    "smtp": b"454 4.7.0 TLS not available due to temporary reason\r\n",  # RFC 3207, 4
    "imap": b"{tag} NO [UNAVAILABLE] TLS is not available now\r\n",  # RFC 5530, 3
    "pop3": b"-ERR [SYS/TEMP] TLS is not available now\r\n",  # RFC 3206, 4
}


class RefuseTemporary(Trick):
    """J-02. The request for TLS is refused "for now", and the server never hears of it.

    It works on clients that take a temporary fault for leave to go on in clear this once.
    """

    ID = "J-02"
    NAME = "refuse-temporary"
    WHAT = "the request for TLS is refused for now, and not passed on"

    def client_says(self, command: Command) -> Actions:
        """Refuse the request in the server's place."""
        if command.topic is Topic.UPGRADE:
            yield ToClient(self.words(_REFUSAL, command.tag))
        else:
            yield ToServer(command.data)
