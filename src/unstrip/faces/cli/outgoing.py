"""How outgoing reports are told: where each goes, and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec

from unstrip.escaping import brief
from unstrip.evidence import to_json
from unstrip.faces.cli.speech import moment
from unstrip.io.store import Store
from unstrip.io.tlsrpt.sending import report_on
from unstrip.tlsrpt.report import Reporter, encode
from unstrip.tlsrpt.schedule import Job, State

_LENGTH = 200  # characters of what others said


@dataclass(frozen=True, slots=True)
class OutgoingReport:
    """What `unstrip report send --json` prints of one report and destination.

    Attributes: job: where it goes, and how far it has come; report: all of it, as RFC 8460 has it;
        None where nothing is known of its day any more.
    """

    job: Job
    report: msgspec.Raw | None


def record(store: Store, job: Job, who: Reporter) -> bytes:
    """Return what is printed with --json."""
    report = report_on(store, job, who)
    return to_json(OutgoingReport(job, None if report is None else msgspec.Raw(encode(report))))


def line(job: Job, now: datetime | None = None) -> str:
    """Return the same in a line; `now` is for one that was not tried now."""
    to = brief(job.uri, _LENGTH) or "whomever its record names by then"
    return f"{job.day}, {job.domain}, to {to}: {_standing(job, now)}"


def _standing(job: Job, now: datetime | None) -> str:
    said, words = job.state.value, brief(job.words, _LENGTH)
    if job.state is State.WAITING:
        would = now is not None and job.due <= now
        said = "would go now" if would else f"waits until {moment(job.due)}"
        words = words and f"tried {'once' if job.tries == 1 else f'{job.tries} times'}: {words}"
    return f"{said}, {words}" if words else said
