"""What a Postfix that reports would tell of its deliveries, by the log of one that does not.

Postfix 3.10 tells of each session under the one policy that it has applied: of that, the socketmap
says what goes into reports, but for DANE, which it sees for itself. It tells nothing of a session
without TLS where none is required.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from tests.interop.reports.names import DOMAINS

SAID: Final = re.compile(r" postfix/smtp\[(\d+)\]: (.*)")
TLS: Final = re.compile(r"\w+ TLS connection established to ")
STATUS: Final = re.compile(r"\w+: to=<([^>]*)>.* status=(\w+) \((.*)\)$")
PATTERN: Final = re.compile(r"mx_host_pattern=(\S+)")
LINE: Final = re.compile(r"\{ policy_string = ([^}]*) \}")
TLSA, STS, NONE = 1, 2, 9
# how Postfix words it, and libtlsrpt's code; what it words otherwise is a validation failure
CODES: Final = {
    "was not offered": 201,
    "refused to start TLS": 201,
    "certificate not verified": 203,
}
OTHERWISE: Final = 205


@dataclass(frozen=True, slots=True)
class Delivery:
    """A try with one recipient, which comes to an end once."""

    recipient: str
    sent: bool
    reason: str
    tls: bool

    @property
    def domain(self) -> str:
        return self.recipient.partition("@")[2]

    @property
    def told(self) -> bool:
        """Postfix 3.10 would tell of it."""
        return self.tls or not self.sent


def deliveries(log: str) -> Iterator[Delivery]:
    """All that there were to the domains of this rig; a process makes one at a time."""
    secured: set[str] = set()
    for process, words in SAID.findall(log):
        if TLS.match(words):
            secured.add(process)
        elif status := STATUS.match(words):
            recipient, became, reason = status.groups()
            made = Delivery(recipient, became == "sent", reason, process in secured)
            secured.discard(process)
            if made.domain in DOMAINS:
                yield made


def datagram(
    delivery: Delivery, told: Callable[[str], str], tlsa: str, record: str, address: str
) -> bytes:
    """What is told of a delivery.

    Args: told: what the daemon tells a Postfix that reports; tlsa: the records of all servers;
        record: of all domains, about reports; address: of all servers.
    """
    policy = _policy(delivery.domain, told(delivery.domain), tlsa)
    failures = []
    if not delivery.sent:
        known = (code for words, code in CODES.items() if words in delivery.reason)
        host = f"mx.{delivery.domain}"
        failures = [
            {"c": next(known, OTHERWISE), "n": host, "r": address, "f": delivery.reason[:80]}
        ]
    policy |= {"failure-details": failures, "t": len(failures), "f": len(failures)}
    found = {"dpv": "1", "d": delivery.domain, "pr": record, "policies": [policy]}
    return json.dumps(found).encode()


def _policy(domain: str, told: str, tlsa: str) -> dict[str, object]:
    if told.startswith("dane"):
        return {"policy-type": TLSA, "policy-domain": f"mx.{domain}", "policy-string": [tlsa]}
    if "policy_type=sts" in told:
        lines, patterns = LINE.findall(told), PATTERN.findall(told)
        names = {"policy-string": lines, "mx-host": patterns}
        return {"policy-type": STS, "policy-domain": domain, **names}
    return {"policy-type": NONE}
