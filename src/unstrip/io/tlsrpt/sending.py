"""Sending reports: to every destination that a domain names, until it was taken or given up.

* Where a domain wants its reports is asked anew before each try. Where it wants none any more none
  is sent: now, and for good once that is sure. A look-up that fails is a try that failed.
* Each destination is tried by itself. RFC 8460 would be content with one that took the report; but
  who names two counts on both.
* A job is taken in the store before it is tried, and what came of it is kept after: who dies in
  between leaves it to be tried again, with the same names of report and mail.
* Whatever goes wrong with one domain, or takes long, is no trouble for the others.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import groupby
from time import monotonic
from urllib.parse import urlsplit

from unstrip.escaping import brief
from unstrip.io.https import Fetcher, Upload
from unstrip.io.inquiry import Inquiry
from unstrip.io.reporting import ReportSettings
from unstrip.io.rolling import rolling
from unstrip.io.store import Store, StoreError
from unstrip.io.tlsrpt.signing import Signer
from unstrip.io.tlsrpt.submission import submit
from unstrip.policy.questions import HttpsFailure
from unstrip.tlsrpt.message import build
from unstrip.tlsrpt.record import Looked, Rua, look
from unstrip.tlsrpt.report import Report, Reporter, encode, make, pack
from unstrip.tlsrpt.schedule import (
    Fate,
    Job,
    Tried,
    after,
    first,
    missing,
    overdue,
    put_off,
    withdrawn,
)
from unstrip.tlsrpt.wanted import UNREAD, usable

LEASE = timedelta(minutes=15)  # longer than all tries for one domain take
AT_ONCE, FEW = 50, 4  # domains at the same time, destinations of each
MAILS = 20  # that are handed to the mail server at the same time
BUDGET = 60.0  # seconds for one domain: whoever asks for reports may be as slow as can be
_PAGE = 100  # jobs that are looked for at a time
_PAUSES = (1.0, 5.0, 15.0)  # seconds, where the store does not keep what came of a try
_MEDIA = "application/tlsrpt+gzip"


@dataclass(frozen=True, slots=True)
class Office:
    """Whoever sends reports has all of this.

    Attributes: store; who: in whose name; settings: how; inquiry, web: ask DNS, and post; signer:
        None leaves it to the mail server; clock: what time it is; spent: seconds for each domain;
        places: before the mail server.
    """

    store: Store
    who: Reporter
    settings: ReportSettings
    inquiry: Inquiry
    web: Fetcher
    signer: Signer | None
    clock: Callable[[], datetime]
    spent: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAILS))

    async def send(self, only: date | None = None) -> AsyncIterator[Job]:
        """Try all that is due, of one day or of any; yield each job as it is after that.

        Raises: StoreError: after what has begun has come to its end.
        """
        while self.store.due(self.clock(), 1, only):  # once more for what a domain has gained
            work = (self._domain(jobs) for jobs in self._taken(only))
            async for jobs in rolling(work, AT_ONCE):
                for job in jobs:
                    yield job

    def _taken(self, only: date | None) -> Iterator[list[Job]]:
        """Yield what is due, one domain and day after the other, and nobody else has taken."""
        while due := self.store.due(self.clock(), _PAGE, only):
            for jobs in _by_domain(due):
                until = self.clock() + LEASE
                yield [job for job in jobs if self.store.take(job, until)]

    async def _domain(self, jobs: list[Job]) -> list[Job]:
        """Try the report of one domain and day, at each destination where it is due."""
        if not jobs:
            return []
        looked = await self._look(jobs)
        tries = (self._one(job, looked) for job in jobs)
        return [job async for job in rolling(tries, FEW) if job is not None]

    async def _one(self, job: Job, looked: Looked) -> Job | None:
        """Try one destination, and keep what came of it; None if there is no time for it now."""
        if self.spent[job.domain] >= BUDGET:
            await self._settle(put_off(job, self.clock()))
            return None
        began = monotonic()
        came_to = overdue(job, self.clock())
        if came_to is job:
            came_to = await self._tried(job, looked)
        self.spent[job.domain] += monotonic() - began
        await self._settle(came_to)
        return came_to

    async def _settle(self, job: Job) -> None:
        """Keep what came of a try: were that lost, it would be sent again. Raises: StoreError."""
        for pause in _PAUSES:
            try:
                self.store.settle(job)
            except StoreError:
                await asyncio.sleep(pause)
            else:
                return
        self.store.settle(job)

    async def _look(self, jobs: list[Job]) -> Looked:
        """Look for the record, and see to destinations that it has gained."""
        day, domain = _subject(jobs[0])
        try:
            looked = await self.inquiry.run(look(domain), [])
        except Exception as error:  # noqa: BLE001  # a mistake of ours is one domain's, and no other's
            return Looked(failed=_mistake(error))
        if looked.record is None:
            return looked
        known = {job.uri for job in self.store.jobs(day, domain)}
        wants = usable(looked.record, known)
        spread = self.settings.spreading
        gained = [first(day, domain, rua.uri, spread) for rua in wants if rua.uri not in known]
        self.store.plan(gained)
        return replace(looked, record=replace(looked.record, rua=wants))

    async def _tried(self, job: Job, looked: Looked) -> Job:
        try:
            return await self._try(job, looked)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001  # likewise
            return after(job, Tried(Fate.LATER, _mistake(error)), self.clock())

    async def _try(self, job: Job, looked: Looked) -> Job:
        if job.domain in self.settings.suppressed:
            return withdrawn(job, "it is suppressed", self.clock())
        if looked.failed:
            words = f"the record of {job.domain}: {looked.failed}"
            return after(job, Tried(Fate.LATER, words), self.clock())
        wants = looked.record.rua if looked.record else ()
        if wants and job.uri == UNREAD.uri:
            return withdrawn(job, "its record says where to now", self.clock())
        rua = next((each for each in wants if each.uri == job.uri), None)
        if rua is None:
            words = looked.wrong or "nobody asks for it any more"
            return missing(job, words, self.clock(), sure=looked.secure)
        report = report_on(self.store, job, self.who)
        if report is None:
            return withdrawn(job, "nothing is counted of that day any more", self.clock())
        return after(job, await self._deliver(job, report, rua), self.clock())

    async def _deliver(self, job: Job, report: Report, rua: Rua) -> Tried:
        packed = pack(encode(report))
        if not rua.address:
            return await self._post(rua.uri, packed)
        mail = build(report, packed, self.who, domain=job.domain, to=rua.address, now=self.clock())
        signed = self.signer.sign(mail) if self.signer else mail
        sender, helo = self.settings.sender, self.who.domain
        async with self.places:
            return await submit(self.settings.place, sender, rua.address, signed, helo=helo)

    async def _post(self, uri: str, packed: bytes) -> Tried:
        url = urlsplit(uri)
        path = f"{url.path}{url.query and '?'}{url.query}"
        upload = Upload(url.hostname or "", path, packed, _MEDIA, url.port or 443)
        verify, private = self.settings.verify_https, self.settings.private_https
        answer = await self.web.post(upload, verify=verify, private=private)
        if isinstance(answer, HttpsFailure):
            return Tried(Fate.LATER, answer.words)
        # RFC 8460, 5.4: 2xx is delivered, and nothing else is
        taken = answer.status // 100 == 2
        return Tried(Fate.ACCEPTED if taken else Fate.LATER, f"HTTP status {answer.status}")


def report_on(store: Store, job: Job, who: Reporter) -> Report | None:
    """Return the report, None if nothing is known of its day any more."""
    days = tuple(store.day(job.day, job.domain))
    return make(days, who) if days else None


def _mistake(error: Exception) -> str:
    return f"a mistake in unstrip: {type(error).__name__}: {brief(str(error))}"


def _by_domain(jobs: Iterable[Job]) -> list[list[Job]]:
    ordered = sorted(jobs, key=_subject)
    return [list(group) for _, group in groupby(ordered, _subject)]


def _subject(job: Job) -> tuple[date, str]:
    return job.day, job.domain
