"""What others have reported to us, as it is kept and looked at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import Enum

from unstrip.tlsrpt.values import Tally


class Proof(Enum):
    """What shows that a report is of who it says."""

    DKIM = "dkim"  # signed by the submitter's domain
    HTTPS = "https"  # posted: nobody proves anything (RFC 8460, 5.4)
    NONE = "none"  # a mail without a signature, or a file


@dataclass(frozen=True, slots=True)
class Told:
    """What one report says of the deliveries under one policy.

    Attributes:
        day: in UTC.
        submitter: the domain of who reports, as A-labels; organization: its name, in its own words.
        report_id: in its own words, too.
        domain: of ours.
        proof: how sure that is.
        tally: what was counted.
    """

    day: date
    submitter: str
    organization: str
    report_id: str
    domain: str
    proof: Proof
    tally: Tally
