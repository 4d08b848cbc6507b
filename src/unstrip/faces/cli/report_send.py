"""`unstrip report send`: reports on the days that are over, to those who ask for them."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unstrip.escaping import brief
from unstrip.faces.cli.asking import (
    CA_FILE,
    CONFIG,
    STORE,
    AskingOptions,
    asking,
    configured,
    reading,
)
from unstrip.faces.cli.speech import Complaint, Exit, say, warn

if TYPE_CHECKING:
    from unstrip.io.reporting import ReportSettings
    from unstrip.io.store import Store
    from unstrip.io.tlsrpt.sending import Office
    from unstrip.io.tlsrpt.signing import Signer
    from unstrip.tlsrpt.report import Reporter
    from unstrip.tlsrpt.schedule import Job, State

_HOWTO = "see docs/howto/reports-sending.md"

Clock = Callable[[], datetime]


@click.command()
@click.option("--dry-run", is_flag=True, help="Show what would go where and when; send nothing.")
@click.option("--json", is_flag=True, help="One JSON object for each report and destination.")
@click.option("--day", metavar="YYYY-MM-DD", help="Of this day alone.")
@click.option("--now", metavar="TIME", help="Take this for the time, as 2026-11-22T03:00Z.")
@click.option("--early", is_flag=True, help="Let --now be later than the clock.")
@CONFIG
@STORE
@CA_FILE
def send(
    *,
    dry_run: bool,
    json: bool,
    day: str | None,
    now: str | None,
    early: bool,
    config: Path | None,
    store: str | None,
    ca_file: Path | None,
) -> None:
    """Send the TLS reports that are due.

    Run it every few minutes. There is one report a day, in UTC, for each domain that mail went to
    and that asks for reports. It goes out in the four hours after that day, is tried again for a
    day, and never sent again once it was taken. With --dry-run the day of --day need not be over,
    and the key of signatures is looked up. What --early closes and sends stays so, for good.
    Exit code 1: a report was refused or given up.
    """
    from unstrip.io.asyncio import run

    only, clock = _day(day), _clock(now)
    options = AskingOptions(config, store, ca_file=ca_file)
    if dry_run:
        _preview(options, clock(), only, json=json)
        return
    if now is not None and not early and clock() > datetime.now(UTC):
        words = "--now is later than the clock: the day would be closed for good"
        raise Complaint(words, "use --dry-run; or add --early, if that is meant")
    lost = run(lambda: _send(options, clock, only, json=json))
    sys.exit(Exit.FALLS_SHORT if lost else Exit.MEETS)


async def _send(options: AskingOptions, clock: Clock, only: date | None, *, json: bool) -> int:
    """Send; return how many days, reports and destinations were lost."""
    from unstrip.io.tlsrpt.planning import close
    from unstrip.io.tlsrpt.sending import Office
    from unstrip.tlsrpt.schedule import State

    async with asking(options, believing=False) as asked:
        settings, store = asked.configuration.report, asked.store
        assert store is not None, "this command has no --no-store"
        who = _reporter(settings)
        signer = _signer(settings, who)
        missed = close(store, settings, clock(), only)
        for day in missed:
            warn(f"{day}: nobody was there to send its reports, and now it is too late")
        office = Office(store, who, settings, asked.inquiry, asked.web, signer, clock)
        states = await _tell(office, only, json=json)
        _forget(store, settings, clock())
    if not states and not json:
        say("nothing is due")
    return len(missed) + states[State.REFUSED] + states[State.GIVEN_UP]


async def _tell(office: Office, only: date | None, *, json: bool) -> Counter[State]:
    """Send, and say what comes of it; return how much came to what."""
    from unstrip.faces.cli.outgoing import line, record

    states: Counter[State] = Counter()
    async for job in office.send(only):
        states[job.state] += 1
        say(record(office.store, job, office.who) if json else line(job))
    return states


def _forget(store: Store, settings: ReportSettings, now: datetime) -> None:
    """Forget what is old, whatever --now says is far ahead."""
    today = min(now, datetime.now(UTC)).date()
    oldest = today - timedelta(days=settings.keep_days)
    store.forget_sent(oldest)
    store.forget_before(oldest)
    store.forget_received(settings.oldest(today))


# -- without sending --------------------------------------------------------------------------


def _preview(options: AskingOptions, now: datetime, only: date | None, *, json: bool) -> None:
    settings = configured(options.config).report
    who = _reporter(settings)
    _check_key(options, _signer(settings, who))
    with reading(options.config, options.store) as store:
        days = [only] if only else _days(store, now)
        for day in days:
            told = False
            for words in _outlook(store, settings, who, day, now, json=json):
                say(words)
                told = True
            if not told and not json:
                say(f"{day}: nothing is counted")
        if not days and not json:
            say(_none(store, now))


def _check_key(options: AskingOptions, signer: Signer | None) -> None:
    """Warn of a key that receivers would not find in DNS."""
    from unstrip.io.asyncio import run
    from unstrip.publication.zone import TTL, txt
    from unstrip.tlsrpt.key import look

    if signer is None:
        return
    record = signer.record

    async def looked() -> str:
        async with asking(replace(options, no_store=True), believing=False) as asked:
            return await asked.inquiry.run(look(record), [])

    if words := run(looked):
        warn(f"dkim-key: {words}; publish {txt(record.name, record.text.encode(), TTL)}")


def _days(store: Store, now: datetime) -> list[date]:
    from unstrip.io.tlsrpt.planning import over
    from unstrip.tlsrpt.schedule import expired

    return [day for day in store.days() if over(day, now) and not expired(day, now)]


def _none(store: Store, now: datetime) -> str:
    """Say why there is no day to report on."""
    from unstrip.io.tlsrpt.planning import over

    days = store.days()
    if not days:
        return "nothing is counted yet"
    if over(days[-1], now):
        return "no day is to be reported: it is too late for all that are counted"
    return f"no day is over yet; of the last one so far: --day {days[-1]}"


def _outlook(
    store: Store, settings: ReportSettings, who: Reporter, day: date, now: datetime, *, json: bool
) -> Iterator[str | bytes]:
    """Yield where the reports of a day go: as it is kept, and of other domains as it would be."""
    from unstrip.faces.cli.outgoing import line, record
    from unstrip.io.tlsrpt.planning import jobs, outlook

    def told(job: Job) -> str | bytes:
        return record(store, job, who) if json else line(job, now)

    kept = store.jobs(day)
    yield from map(told, kept)
    known, unwanted = {job.domain for job in kept}, Counter[str]()
    for each, where in outlook(store, settings, day):
        if each.domain in known:
            continue
        if not where.rua:
            unwanted[where.words] += 1
        yield from map(told, jobs(settings, each, where))
    if not json:
        for words, count in unwanted.items():
            yield f"{day}: {_domains(count)} none: {words}"


def _domains(count: int) -> str:
    return "1 domain gets" if count == 1 else f"{count} domains get"


# -- what was asked for -----------------------------------------------------------------------


def _reporter(settings: ReportSettings) -> Reporter:
    if settings.reporter is None:
        words = "the configuration does not say who reports"
        raise Complaint(words, f"set organization and contact in [report]; {_HOWTO}")
    return settings.reporter


def _signer(settings: ReportSettings, who: Reporter) -> Signer | None:
    from unstrip.io.tlsrpt.signing import NoSigner, Signer

    if settings.dkim_key is None or settings.dkim_selector is None:
        return None
    try:
        return Signer(settings.dkim_key, who.domain, settings.dkim_selector)
    except NoSigner as error:
        raise Complaint(f"dkim-key: {error}", error.hint or _HOWTO) from error


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise Complaint(f"--day: '{brief(text or '')}' is no day", "as 2026-11-21") from error


def _clock(text: str | None) -> Clock:
    if text is None:
        return lambda: datetime.now(UTC)
    try:
        found = datetime.fromisoformat(text)
        fixed = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise Complaint(f"--now: '{brief(text)}' is no time", "as 2026-11-22T03:00Z") from error
    return lambda: fixed
