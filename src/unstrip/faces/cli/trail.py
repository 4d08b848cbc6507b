"""The trail of a domain of one's own: noting what is seen, and what was, for people and auditors.

The CSV has a line for each MX host of each row. What others have written cannot become a formula in
whatever opens it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from unstrip.escaping import brief, printable
from unstrip.faces.cli.report import wrapped
from unstrip.faces.cli.speech import moment
from unstrip.rollout.snapshot import MX, HostSeen, Noted, Snapshot, host_words, policy_words

if TYPE_CHECKING:
    from unstrip.io.store import Store
    from unstrip.publication import Seen

_HEAD = (
    *("domain", "first seen", "last seen", "policy id", "mode", "max_age", "policy mx", "reports"),
    *("host", "preference", "tlsa", "key sha256", "certificate begins", "certificate ends"),
    *("no tls", "not found out"),
)
_FORMULA = ("=", "+", "-", "@")
_NOBODY = HostSeen("", None, (), ())


@dataclass(frozen=True, slots=True)
class TrailRecord:
    """What `--trail --json` prints: the domain, and its trail, oldest first."""

    domain: str
    trail: tuple[Noted, ...]


def note(store: Store, seen: Seen) -> bool | None:
    """Note what was seen of a domain.

    Returns: whether it is another than the last time; None if it is not known which hosts the
        domain has, so that nothing is noted.
    """
    from unstrip.rollout.noting import snapshot

    found = snapshot(seen)
    return None if MX in found.unknown else store.note(seen.domain, seen.at, found)


def lines(trail: Iterable[Noted]) -> Iterator[str]:
    """Return it for a person."""
    for noted in trail:
        first, last = moment(noted.first), moment(noted.last)
        yield first if first == last else f"{first} to {last}"
        for text in _facts(noted.snapshot):
            yield from wrapped(text, 2)


def _facts(snapshot: Snapshot) -> Iterator[str]:
    yield policy_words(snapshot)
    for text in snapshot.reports:
        yield f"reports: {brief(text)}"
    yield from map(host_words, snapshot.hosts)
    if snapshot.unknown:
        yield f"not found out: {', '.join(map(brief, snapshot.unknown))}"


def as_csv(domain: str, trail: Iterable[Noted]) -> str:
    """Return it as CSV (RFC 4180)."""
    file = io.StringIO()
    writer = csv.writer(file, quoting=csv.QUOTE_ALL)
    writer.writerow(_HEAD)
    for noted in trail:
        for host in noted.snapshot.hosts or (_NOBODY,):
            writer.writerow(map(_cell, _row(domain, noted, host)))
    return file.getvalue()


def _row(domain: str, noted: Noted, host: HostSeen) -> Iterator[str]:
    seen = noted.snapshot
    yield from (domain, _time(noted.first), _time(noted.last), seen.policy_id)
    yield seen.mode.value if seen.mode else ""
    yield f"{seen.max_age}" if seen.mode else ""
    yield from (" ".join(seen.patterns), " | ".join(seen.reports))
    yield from (host.name, "" if host.preference is None else f"{host.preference}")
    yield " | ".join(host.tlsa)
    yield " ".join(leaf.key for leaf in host.leaves)
    yield " ".join(_time(leaf.begins) for leaf in host.leaves)
    yield " ".join(_time(leaf.ends) for leaf in host.leaves)
    yield "yes" if host.clear else ""
    yield " ".join(seen.unknown)


def _time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}" if at else ""


def _cell(text: str) -> str:
    shown = printable(text)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown
