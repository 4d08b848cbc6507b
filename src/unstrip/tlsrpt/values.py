"""What is reported: deliveries, the policies that were applied to them, and why they failed.

One delivery is one `Attempt`. How many there were of each kind on one day is a `Day`, which is what
a report tells of. Texts are as they came from the mail server or the policy; who shows them escapes
them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import Enum


class PolicyType(Enum):
    """Whose policy it was (RFC 8460, 4.4)."""

    TLSA = "tlsa"
    STS = "sts"
    NONE = "no-policy-found"


@dataclass(frozen=True, slots=True)
class Applied:
    """A policy, as it was applied to a delivery (RFC 8460, 4.4, "policy").

    Attributes:
        kind: whose.
        domain: of the policy, as A-labels: with MTA-STS the recipients', with DANE the base domain
            of the records, which is the mail server's name; "" where none was found.
        strings: the policy line by line, or its records as "3 1 1 HEX".
        hosts: the patterns of MTA-STS for mail servers.
    """

    kind: PolicyType
    domain: str = ""
    strings: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one session failed, or would have (RFC 8460, 4.4, "failure-details").

    Attributes:
        result: its type, as registered; others come from others, so it is a text.
        sending_ip: of our mail server; host, helo, receiving_ip: of theirs; "" where not known.
        reason: in the mail server's own words; more: a URI with more of them.
    """

    result: str
    sending_ip: str = ""
    host: str = ""
    helo: str = ""
    receiving_ip: str = ""
    reason: str = ""
    more: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a delivery with regard to one policy.

    Attributes: failed: the session was not what the policy asks for; failures: why, one or more
        where it failed, and possible where a later server of the same domain was right.
    """

    policy: Applied
    failed: bool
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True)
class Attempt:
    """One delivery.

    Attributes: domain: of the recipients, as A-labels; record: what the domain says about reports,
        as it was found at the time; outcomes: one for each policy that applied.
    """

    domain: str
    record: str
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """How the deliveries under one policy went.

    Attributes: succeeded, failed: sessions; failures: how often each was met. A session may have
        failed for several reasons, and a reason may have been met in a session that succeeded.
    """

    policy: Applied
    succeeded: int
    failed: int
    failures: tuple[tuple[Failure, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Day:
    """All deliveries to one domain on one day.

    Attributes: day: in UTC; domain: of the recipients; record: the last that the domain said about
        reports on that day; tallies: by policy.
    """

    day: date
    domain: str
    record: str
    tallies: tuple[Tally, ...]
