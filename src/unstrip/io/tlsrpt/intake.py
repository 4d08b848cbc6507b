"""Taking reports in, from wherever they come: read, verified, kept once, or refused by name.

Whatever is wrong with a report is a refusal, with a kind that is counted, and the next one is
taken. Only what may be different an hour later is an exception: a store that cannot be written or
has no room, a key that cannot be looked up. Then who brought the report is to bring it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import partial

from unstrip.escaping import brief
from unstrip.hostname import BadHostName, host_name, is_address
from unstrip.io.store import Store
from unstrip.io.store.received import Kept
from unstrip.io.tlsrpt.verifying import Ask, Signed, Unknown, verify
from unstrip.policy.questions import Dns, DnsAnswer
from unstrip.tlsrpt.letter import BadLetter, Letter, named, take
from unstrip.tlsrpt.reading import BadReport, Taken, read
from unstrip.tlsrpt.received import Proof, Told
from unstrip.tlsrpt.report import Report
from unstrip.tlsrpt.values import PolicyType

__all__ = ["Crowded", "Fate", "Intake", "Outcome", "Unknown"]


_MBOX = "; it was in an mbox, which may have changed it: give the mail as it came"


_WAITS = timedelta(days=5)  # a mail for its key to be looked up, as long as in a queue


class Crowded(OSError):
    """There is no room for a report now."""


class Fate(Enum):
    """What became of a report."""

    TAKEN = "taken"
    DUPLICATE = "duplicate"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a report, and why.

    Attributes: kind: of a refusal, in a word, "" of none; words: for people.
    """

    fate: Fate
    words: str
    kind: str = ""


class _Refusal(ValueError):
    """A report is not taken."""

    def __init__(self, kind: str, words: str) -> None:
        super().__init__(words)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class _Origin:
    """What came with a report: whom it is about and who reports, as it says; how sure that is.

    Attributes: source: who answers for it, by whom its room is measured.
    """

    domain: str
    submitter: str
    proof: Proof
    words: str
    source: str


class Intake:
    """For one store, and one run: a domain whose names cannot be looked up is not tried again.

    Args: domains: reports on these are taken, and on what is below them; none are all; strict: a
        mail that no signature proves is refused.
    """

    def __init__(
        self, store: Store, domains: tuple[str, ...] = (), *, strict: bool = False
    ) -> None:
        self._store, self._domains, self._strict = store, domains, strict
        self._lost: dict[str, DnsAnswer] = {}

    async def mail(
        self, data: bytes, ask: Ask, now: datetime, since: datetime | None = None
    ) -> list[Outcome]:
        """Take what a mail brings.

        Args: since: when it came, if it is still there the next time.
        Raises: Unknown: its signature cannot be judged now; Crowded; StoreError.
        """
        look_up = partial(self._look_up, ask)
        try:
            letter = take(data)
            origin = self._proved(letter, await verify(letter.message, letter.submitter, look_up))
        except Unknown as error:
            if since is None or now - since < _WAITS:
                raise
            return [self._refused("key", f"{error}, for {(now - since).days} days", now)]
        except (BadLetter, _Refusal) as error:
            words = f"{error}{_MBOX}" if error.kind == "dkim" and _boxed(data) else f"{error}"
            return [self._refused(error.kind, words, now)]
        return [self._later(self._take(report, origin, now)) for report in letter.reports]

    def file(self, data: bytes, name: str, now: datetime) -> Outcome:
        """Take a report as it is, from a file of this name. Raises: Crowded; StoreError."""
        domain, submitter = named(name)
        origin = _Origin(domain, submitter, Proof.NONE, "a file", "files")
        return self._later(self._take(data, origin, now))

    def posted(self, body: bytes, now: datetime, source: str = "") -> Outcome:
        """Take a report that was posted, from this address. Raises: StoreError."""
        return self._take(body, _Origin("", "", Proof.HTTPS, "posted", f"posts {source}"), now)

    def turned_away(self, kind: str, words: str, now: datetime) -> Outcome:
        """Refuse what is not even looked at. Raises: StoreError."""
        return self._refused(kind, words, now)

    def _proved(self, letter: Letter, signed: Signed) -> _Origin:
        """Return what a mail says, and whether that is proved. Raises: _Refusal."""
        if signed.there and not signed.domain:
            raise _Refusal("dkim", f"dkim: {signed.words}")
        if self._strict and not signed.there:
            raise _Refusal("unsigned", "dkim: none, and a signature is required")
        words = f"dkim: {signed.words}"
        if signed.domain and letter.bound(signed.covers):
            # what others may have added does not say who reports
            covered = letter.named in signed.covers
            submitter = letter.submitter if covered else signed.domain
            return _Origin(letter.domain, submitter, Proof.DKIM, words, signed.domain)
        if signed.domain:
            words = f"{words}, but not of whom it is about, or of what its parts are"
            if self._strict:
                raise _Refusal("unsigned", words)
        return _Origin(letter.domain, letter.submitter, Proof.NONE, words, "mails")

    async def _look_up(self, ask: Ask, question: Dns) -> DnsAnswer:
        domain = question.name.partition("._domainkey.")[2]
        if domain not in self._lost:
            answer = await ask(question)
            if not answer.failed:
                return answer
            self._lost[domain] = answer
        return self._lost[domain]

    def _later(self, outcome: Outcome) -> Outcome:
        """Have what there is no room for brought again. Raises: Crowded."""
        if outcome.kind == "crowded":
            raise Crowded(outcome.words)
        return outcome

    def _take(self, data: bytes, origin: _Origin, now: datetime) -> Outcome:
        try:
            taken = read(data, now, origin.domain)
            told = self._told(taken.report, origin)
            kept = self._store.keep_received(told, now, origin.source)
        except (BadReport, _Refusal) as error:
            return self._refused(error.kind, str(error), now)
        words = _described(taken, told, origin)
        if kept is Kept.NEW:
            return Outcome(Fate.TAKEN, words)
        if kept is Kept.TOO_LONG:
            return self._refused("size", f"it is too long to be kept: {words}", now)
        if kept is Kept.CROWDED:
            crowded = "there is no room for more of its kind today"
            return self._refused("crowded", f"{crowded}: {words}", now)
        self._store.refuse("duplicate", now.date())
        return Outcome(Fate.DUPLICATE, f"it is there already: {words}", "duplicate")

    def _told(self, report: Report, origin: _Origin) -> tuple[Told, ...]:
        """Return what a report says, as it is kept. Raises: _Refusal."""
        domain = origin.domain or self._about(report)
        submitter = origin.submitter or _contact(report)
        if not report.policies or not domain:
            raise _Refusal("empty", "there is no policy in it that is known")
        if not submitter:
            raise _Refusal("nobody", "it does not say who reports")
        self._check(domain, report)
        return tuple(
            Told(
                report.day,
                submitter,
                report.organization_name,
                report.report_id,
                domain,
                origin.proof,
                policy.tally,
            )
            for policy in report.policies
        )

    def _about(self, report: Report) -> str:
        """Return whom a report is about by its policies: DANE's are of mail servers."""
        kinds = (PolicyType.STS, PolicyType.NONE)
        said = next((domain for kind in kinds for domain in _domains(report, kind)), "")
        return said or self._served(next(_domains(report, PolicyType.TLSA), ""))

    def _served(self, host: str) -> str:
        """Return which domain of ours has this mail server, as it was noted, or by its name."""
        above = [domain for domain in self._domains if _within(host, domain)]
        nearest = sorted(above, key=len, reverse=True)
        for domain in dict.fromkeys((*nearest, *self._domains)):
            trail = self._store.trail(domain)
            if trail and host in trail[-1].snapshot.names:
                return domain
        return next(iter(nearest), host)

    def _check(self, domain: str, report: Report) -> None:
        """Refuse what is about others. Raises: _Refusal."""
        if self._domains and not any(_within(domain, ours) for ours in self._domains):
            raise _Refusal("alien", f"it is about {domain}, which is none of ours")
        for other in _domains(report, PolicyType.STS):  # DANE's are of mail servers
            if other != domain:
                raise _Refusal("domain", f"it is about {domain}, with a policy of {other}")

    def _refused(self, kind: str, words: str, now: datetime) -> Outcome:
        self._store.refuse(kind, now.date())
        return Outcome(Fate.REFUSED, words, kind)


def _boxed(data: bytes) -> bool:
    return data.startswith(b"From ")


def _within(domain: str, ours: str) -> bool:
    return domain == ours or domain.endswith(f".{ours}")


def _domains(report: Report, kind: PolicyType) -> Iterator[str]:
    for result in report.policies:
        if result.policy.policy_type == kind.value:
            yield result.policy.policy_domain


def _contact(report: Report) -> str:
    """Return the domain of who can be asked, "" if there is none."""
    try:
        name = host_name(report.contact_info.rpartition("@")[2].strip())
    except BadHostName:
        return ""
    return "" if is_address(name) or "." not in name else name


def _described(taken: Taken, told: tuple[Told, ...], origin: _Origin) -> str:
    """Say what a report is."""
    first = told[0]
    succeeded, failed = (
        sum(getattr(each.tally, name) for each in told) for name in ("succeeded", "failed")
    )
    odd = f"; odd: {', '.join(taken.oddities)}" if taken.oddities else ""
    return (
        f"{first.day} {first.domain} from {first.submitter} ({origin.words}),"
        f" report '{brief(first.report_id)}': {succeeded} succeeded, {failed} failed{odd}"
    )
