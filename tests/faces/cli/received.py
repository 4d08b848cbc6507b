"""A store with reports in it, the usual one or another, for commands that look into it."""

from __future__ import annotations

from collections import defaultdict
from contextlib import closing
from datetime import UTC, date, datetime

from tests.tlsrpt.days import DANE, EXPIRED, MX
from tests.tlsrpt.told import OTHER, tell
from unstrip.io.store import default_path, open_store
from unstrip.tlsrpt.received import Proof, Told
from unstrip.tlsrpt.values import Failure

TODAY = datetime.now(UTC).date()
EVIL = '<script>alert("1")</script>\x1b[31m\u202e'  # as a sender may write
NASTY = Failure(EVIL, "", f"{MX}$(reboot)", "", "", EVIL)


def receive(*told: Told) -> None:
    """Put reports into the usual store; what has one name is one report."""
    reports: defaultdict[tuple[str, str, str, date], list[Told]] = defaultdict(list)
    for one in told:
        reports[one.submitter, one.report_id, one.domain, one.day].append(one)
    with closing(open_store(default_path())) as store:
        for several in reports.values():
            store.keep_received(tuple(several), datetime.now(UTC))


def some() -> tuple[Told, ...]:
    """Two senders for three days, one of whom has met an expired certificate."""
    return (
        *(tell(ago, 10, day=TODAY) for ago in (1, 2, 3)),
        tell(1, 5, policy=DANE, day=TODAY),
        tell(1, 1, 3, sender=OTHER, failure=EXPIRED, proof=Proof.HTTPS, day=TODAY),
    )
