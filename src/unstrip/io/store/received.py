"""What others have reported, each report once, and what was refused, counted.

- A report is known by who sent it, its name, its domain and its day, and by what it says, since the
  same one may come by mail and be posted. A second one is not kept, except that one with a
  signature takes the place of one without: else anybody who can guess the name of a report could
  keep it out by sending it first. Nor does what one domain has signed keep out another's.
- Only so much is kept a day, of all and of each source, since whoever can post could fill the disk.
  What nobody has signed takes no room from what is signed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from hashlib import sha256

from unstrip.evidence import to_json
from unstrip.io.store.database import Database, microseconds
from unstrip.tlsrpt.received import Proof, Told
from unstrip.tlsrpt.values import Tally

_DAY = timedelta(days=1)
# bytes, within a day: without a signature, and with
_ROOM = (64 * 1024 * 1024, 256 * 1024 * 1024)
_EACH = (16 * 1024 * 1024, 16 * 1024 * 1024)  # of one source
_LONGEST = 2 * 1024 * 1024  # of one report


class Kept(Enum):
    """What became of a report."""

    NEW = "new"
    DUPLICATE = "duplicate"  # it is there already
    CROWDED = "crowded"  # there is no room for more of its kind today
    TOO_LONG = "too long"


@dataclass(frozen=True, slots=True)
class Whole:
    """A report as it is in the database: what is the same in all of it stands there once."""

    day: date
    submitter: str
    organization: str
    report_id: str
    domain: str
    proof: Proof
    tallies: tuple[Tally, ...]

    def told(self) -> Iterator[Told]:
        """Yield it policy by policy."""
        same = self.day, self.submitter, self.organization, self.report_id, self.domain, self.proof
        for tally in self.tallies:
            yield Told(*same, tally)


@dataclass(frozen=True, slots=True)
class Refused:
    """How many were refused on a day, in UTC, for one reason."""

    day: date
    kind: str
    count: int


class Received:
    """What was received, in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep_received(self, told: tuple[Told, ...], now: datetime, source: str = "") -> Kept:
        """Keep a report: what it says, one value a policy; there is one at least.

        Args: source: who answers for it: with a signature its domain, else where it came from.
        """
        first, body = told[0], to_json(_whole(told))
        proved, size = int(first.proof is Proof.DKIM), len(body)
        if size > _LONGEST:
            return Kept.TOO_LONG
        name, day, said = _name(first), f"{first.day}", _said(told)
        with self._database.transaction():
            query = (
                "select name, proved, source from received where name = ? or day = ? and said = ?"
            )
            known = self._database.rows(query, name, day, said)
            same = (other for other in known if other[0] == name or other[2] == source)
            if any(signed for _, signed, _ in same) if proved else known:
                return Kept.DUPLICATE
            all_, own = self._taken(now, proved, source)
            if all_ + size > _ROOM[proved] or own + size > _EACH[proved]:
                return Kept.CROWDED
            for other, signed, _ in known:
                if not signed:
                    self._database.run("delete from received where name = ?", other)
            self._database.run(
                "insert into received (name, said, source, day, domain, proved, taken, size, body)"
                " values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                *(name, said, source, day, first.domain, proved, microseconds(now), size, body),
            )
        return Kept.NEW

    def received(self, domain: str | None, since: date, until: date) -> tuple[Told, ...]:
        """Return what was reported, by day.

        Args: domain: of ours, None for all of them; since, until: the first day and the last.
        """
        query = "select body from received where day >= ? and day <= ?"
        values = [f"{since}", f"{until}"]
        if domain is not None:
            query, values = f"{query} and domain = ?", [*values, domain]
        rows = self._database.rows(query, *values)
        found = [told for (body,) in rows for told in self._told(body)]
        return tuple(sorted(found, key=lambda t: (t.day, t.domain, t.submitter, t.report_id)))

    def refuse(self, kind: str, day: date) -> None:
        """Count something that was refused."""
        self._database.run(
            "insert into refused (day, kind, seen) values (?, ?, 1)"
            " on conflict (day, kind) do update set seen = refused.seen + 1",
            *(f"{day}", kind),
        )

    def refused(self, since: date, until: date) -> tuple[Refused, ...]:
        """Return what was refused, by day and reason."""
        query = "select day, kind, seen from refused where day >= ? and day <= ? order by day, kind"
        rows = self._database.rows(query, f"{since}", f"{until}")
        try:
            return tuple(Refused(date.fromisoformat(day), kind, seen) for day, kind, seen in rows)
        except (TypeError, ValueError) as error:
            raise self._database.failed(error) from error

    def forget_received(self, before: date) -> int:
        """Forget what came before a day; return how many reports that were."""
        begin = microseconds(datetime.combine(before, time.min, UTC))
        query = "delete from received where proved in (0, 1) and taken < ?"  # as the index has it
        with self._database.transaction():
            self._database.run("delete from refused where day < ?", f"{before}")
            return self._database.run(query, begin)

    def _taken(self, now: datetime, proved: int, source: str) -> tuple[int, int]:
        """Return how many bytes were taken within a day: of all, and of this source."""
        query = (
            "select coalesce(sum(size), 0),"
            " coalesce(sum(case when source = ? then size else 0 end), 0)"
            " from received where proved = ? and taken > ?"
        )
        since = microseconds(now - _DAY)
        all_, own = self._database.rows(query, source, proved, since)[0]
        return int(all_), int(own)

    def _told(self, body: object) -> Iterator[Told]:
        yield from self._database.read(Whole, body, "a report that was received").told()


def _whole(told: tuple[Told, ...]) -> Whole:
    one, tallies = told[0], tuple(each.tally for each in told)
    same = one.day, one.submitter, one.organization, one.report_id, one.domain, one.proof
    return Whole(*same, tallies)


def _name(told: Told) -> str:
    """Return what tells one report from another; names that others gave may have any length."""
    # blanks may become more or fewer without a signature's noticing (RFC 6376, 3.4.4)
    return _digest(told.submitter, _plain(told.report_id), told.domain, f"{told.day}")


def _said(told: tuple[Told, ...]) -> str:
    """Return what tells one from another that says something else, whoever it is from."""
    one, tallies = told[0], tuple(each.tally for each in told)
    said = to_json(tallies).decode()
    return _digest(f"{one.day}", _plain(one.organization), _plain(one.report_id), said)


def _plain(text: str) -> str:
    return " ".join(text.split())


def _digest(*parts: str) -> str:
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
