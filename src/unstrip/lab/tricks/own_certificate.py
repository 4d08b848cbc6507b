"""A certificate of the box's own."""

from __future__ import annotations

from unstrip.lab.authority import impersonator
from unstrip.lab.speech import Reply
from unstrip.lab.trick import Actions, Intercept, ToClient, Trick

_GO_AHEAD = {
    "smtp": b"220 2.0.0 Ready to start TLS\r\n",
    "imap": b"{tag} OK Begin TLS negotiation now\r\n",
    "pop3": b"+OK Begin TLS negotiation\r\n",
}


class OwnCertificate(Trick):
    """C-01. The box speaks TLS with both sides and reads what is inside.

    Its certificate has the right name and is signed by itself. It works on clients that do not
    verify, which is what opportunistic TLS means, and on users who click it away.
    """

    ID = "C-01"
    NAME = "own-certificate"
    WHAT = "TLS is ended at the box, with a self-signed certificate for the right name"

    def server_says(self, reply: Reply) -> Actions:
        """Say the go-ahead in the server's place, then stand between the two."""
        if reply.go_ahead:
            yield ToClient(self.words(_GO_AHEAD, reply.tag))
            yield Intercept(impersonator())
        else:
            yield ToClient(reply.data)
