"""A certificate of the box's own."""

from __future__ import annotations

from unstrip.lab.authority import impersonator
from unstrip.lab.trick import Actions, Intercept, Trick


class OwnCertificate(Trick):
    """C-01. The box speaks TLS with both sides and reads what is inside.

    Its certificate has the right name and is signed by itself. It works on clients that do not
    verify, which is what opportunistic TLS means, and on users who click it away.
    """

    ID = "C-01"
    NAME = "own-certificate"
    WHAT = "TLS is ended at the box, with a self-signed certificate for the right name"
    CLIENT = "verifies the certificate, and stops before a word inside"
    SERVER = "cannot know; a client's certificate or channel binding would tell"

    def client_hello(self, hello: bytes) -> Actions:
        """Stand between the two."""
        yield Intercept(impersonator(), hello)
