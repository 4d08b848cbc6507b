"""Loopback addresses that this world has for itself, so that its servers can have the real ports.

An MX record has no port, nor has the URL of a policy: who follows them comes to 25 and to 443. Two
worlds at once are no trouble to each other, since each takes its addresses at random.
"""

import random
from dataclasses import dataclass
from typing import Final

from tests.interop.servers import UnavailableError, can_listen

PORTS: Final = (25, 53, 443)
TRIES: Final = 20


@dataclass(frozen=True, slots=True)
class Addresses:
    """One for each part of the world that has a port of its own.

    Attributes:
        honest: mail, with a certificate that the WebPKI vouches for.
        private: mail, with a certificate of its own making.
        expired: mail, with a certificate that was good once.
        clear: mail, without STARTTLS.
        policies: the policy host.
        refusing: a name server that answers every question by SERVFAIL.
        silent: a name server that answers none.
        dead: nobody is there.
        resolver: the one that validates, where mail servers look for one.
    """

    honest: str
    private: str
    expired: str
    clear: str
    policies: str
    refusing: str
    silent: str
    dead: str
    resolver: str


def addresses() -> Addresses:
    """Nine addresses in a row, at whose ports nobody listens."""
    for _ in range(TRIES):
        block = f"127.{random.randint(1, 254)}.{random.randint(0, 255)}"
        if all(can_listen(f"{block}.1", port) for port in PORTS):
            return Addresses(*(f"{block}.{last}" for last in range(1, 10)))
    raise UnavailableError(f"the ports {PORTS} of loopback are taken, or not for this user")
