"""An SMTP server that does as it is told, for the tests of checks."""

from __future__ import annotations

from collections.abc import Callable

from tests.conftest import Pki
from tests.io.hostile import Peer

Grant = Callable[[bytes], bytes]  # the answer to a request for TLS, as it was spelt
OFFER, NO_OFFER = b"250-mx\r\n250-STARTTLS\r\n250 SIZE\r\n", b"250-mx\r\n250 SIZE\r\n"


def grants(request: bytes) -> bytes:
    return b"220 go"


def refuses(request: bytes) -> bytes:
    return b"502 5.5.1 no"


def smtp(
    peer: Peer,
    pki: Pki,
    *,
    offer: bool = True,
    listed: bytes = OFFER,
    grant: Grant = grants,
    greeting: bytes = b"220 mx ESMTP",
) -> None:
    """SMTP with a greeting, a list and an answer to the request for TLS of its own."""
    peer.say(greeting + b"\r\n")
    while line := peer.line():
        if line.startswith(b"EHLO"):
            peer.say(listed if offer else NO_OFFER)
        elif line == b"QUIT\r\n":
            return
        else:
            answer = grant(line)
            peer.say(answer + b"\r\n")
            if answer.startswith(b"220"):
                peer.secure(pki.server)
                offer = False
