"""`unstrip policy`: what is known of mail domains' policies, and how to renew or release it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
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
    named,
    reading,
)
from unstrip.faces.cli.options import AT_ONCE
from unstrip.faces.cli.policy_list import list_
from unstrip.faces.cli.progress import counting, progress
from unstrip.faces.cli.speech import Complaint, Exit, complain, say, warn

if TYPE_CHECKING:
    from unstrip.faces.cli.asking import Asking
    from unstrip.faces.cli.policies import Refreshed
    from unstrip.io.store import Store, StoreDamagedError
    from unstrip.policy.mta_sts import Known, StsPolicy

_DAY = 86400  # seconds
_RECORD = b"v="  # no field of a policy begins so


@click.group()
def policy() -> None:
    """Show, renew, release and try policies of mail domains.

    They are those of MTA-STS. One that was fetched holds until its time is over, whatever becomes
    of the domain's DNS and its policy host. `unstrip explain` says what all policies of a domain
    come to.
    """


policy.add_command(list_)


# -- show and forget --------------------------------------------------------------------------


@policy.command()
@click.argument("domain", required=False)
@CONFIG
@STORE
@click.option("--json", is_flag=True, help="One JSON object a domain.")
def show(domain: str | None, config: Path | None, store: str | None, *, json: bool) -> None:
    """Show what is known of DOMAIN, or of all domains."""
    from unstrip.evidence import to_json
    from unstrip.faces.cli.policies import lines, record

    unread: list[StoreDamagedError] = []
    found, lost = _known(config, store, named(domain) if domain else None, unread)
    if lost is not None:
        warn(
            f"the store was damaged on {lost:%Y-%m-%d}, and may have known more: mail waits for"
            " domains whose policy cannot be looked up, but for `unstrip policy forget --lost`"
        )
    if not found and not unread and not json:
        say("nothing is known")
    for known in found:
        if json:
            say(to_json(record(known)))
            continue
        for line in lines(known, datetime.now(UTC)):
            say(line)
    _complain(unread)


def _known(
    config: Path | None, where: str | None, domain: str | None, unread: list[StoreDamagedError]
) -> tuple[tuple[Known, ...], datetime | None]:
    """Return what is known, and when something was lost of it."""
    with reading(config, where) as store:
        if domain is None:
            return store.domains(unread), store.loss()
        known, lost = store.known(domain), store.loss()
    if known is None:
        raise _nothing(domain)
    return (known,), lost


def _complain(unread: list[StoreDamagedError]) -> None:
    """Tell of what could not be read, while all else could; end with 4 if there is anything."""
    for error in unread:
        complain(str(error), "`unstrip policy forget DOMAIN` releases it unread")
    if unread:
        sys.exit(Exit.UNKNOWN)


@policy.command()
@click.argument("domain", required=False)
@click.option("--lost", is_flag=True, help="Forget that a store was damaged.")
@CONFIG
@STORE
def forget(domain: str | None, config: Path | None, store: str | None, *, lost: bool) -> None:
    """Forget the policy of DOMAIN, and visits to a host of that name.

    For a domain whose policy was taken over, or that has given TLS up. The next look finds out
    anew, and believes what it finds. Visits to its MX hosts are forgotten by `unstrip history
    forget HOST`.

    With --lost, it is forgotten that policies may have been lost when the store was damaged: mail
    goes out again to domains whose policy cannot be looked up.
    """
    from unstrip.faces.cli.policies import forgotten
    from unstrip.io.store import StoreDamagedError

    if (domain is None) != lost:
        raise click.UsageError("either DOMAIN or --lost")
    if domain is None:
        _regain(config, store)
        return
    name, known = named(domain), None
    with reading(config, store) as kept:
        with suppress(StoreDamagedError):  # it goes all the same
            known = kept.known(name)
        visited = [each.endpoint.host for each in kept.remembered()]
        policies, visits = kept.release(name)
    if not policies and not visits:
        raise _nothing(name)
    for line in forgotten(name, known, policies, visits, visited):
        say(line)


def _regain(config: Path | None, store: str | None) -> None:
    with reading(config, store) as kept:
        if not kept.regain():
            raise Complaint("nothing was lost", "unstrip policy show", Exit.FALLS_SHORT)
    say("what was lost is forgotten")


def _nothing(domain: str) -> Complaint:
    return Complaint(f"nothing is known of {domain}", "unstrip policy show", Exit.FALLS_SHORT)


# -- refresh ----------------------------------------------------------------------------------


@policy.command()
@click.argument("domains", nargs=-1, metavar="[DOMAIN...]")
@CONFIG
@STORE
@CA_FILE
def refresh(
    domains: tuple[str, ...], config: Path | None, store: str | None, ca_file: Path | None
) -> None:
    """Look for new policies: of each DOMAIN, or where one gets old.

    Without DOMAIN it is of all whose policy is getting old: after a day, or half of its time. Run
    it once a day. What cannot be renewed goes on to hold until its time is over.
    """
    from unstrip.faces.cli.policies import news
    from unstrip.io.asyncio import run

    names = tuple(dict.fromkeys(map(named, domains)))
    options = AskingOptions(config, store, ca_file=ca_file)
    unread: list[StoreDamagedError] = []
    found = run(lambda: _refresh(names, options, unread))
    if not found and not unread:
        say("no policy is getting old")
    for each in found:
        for line in news(each, datetime.now(UTC)):
            say(line)
    _complain(unread)
    sys.exit(Exit.FALLS_SHORT if any(each.failed for each in found) else Exit.MEETS)


async def _refresh(
    names: tuple[str, ...], options: AskingOptions, unread: list[StoreDamagedError]
) -> list[Refreshed]:
    async with asking(options, believing=False) as asked:
        assert asked.store is not None, "this command has no --no-store"
        if names:
            readable = [name for name in names if _reads(asked.store, name, unread)]
        else:
            now, known = datetime.now(UTC), asked.store.domains(unread)
            readable = [each.domain for each in known if each.aging(now)]
        return await _look(readable, asked)


def _reads(store: Store, name: str, unread: list[StoreDamagedError]) -> bool:
    """Tell whether what is known of a domain, if anything is, can be read."""
    from unstrip.io.store import StoreDamagedError

    try:
        store.known(name)
    except StoreDamagedError as error:
        unread.append(error)
        return False
    return True


async def _look(names: list[str], asked: Asking) -> list[Refreshed]:
    """Look for all, some at a time."""
    import asyncio

    from unstrip.faces.cli.policies import Refreshed

    places = asyncio.Semaphore(AT_ONCE)
    with progress(len(names), "looking") as advance:

        async def one(name: str) -> Refreshed:
            async with places:
                before = asked.store.known(name) if asked.store else None
                looked = await asked.inquiry.look(name, again=True)
            advance()
            return Refreshed(before, looked)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(name)) for name in names]
        except ExceptionGroup as several:  # the first that went wrong stopped the others
            raise several.exceptions[0] from None
    return [task.result() for task in tasks]


# -- test -------------------------------------------------------------------------------------


@policy.command()
@click.argument("source", metavar="FILE|DOMAIN")
@click.option("--mx", multiple=True, metavar="HOST", help="Must be one of the policy's hosts.")
@CONFIG
@CA_FILE
def test(source: str, mx: tuple[str, ...], config: Path | None, ca_file: Path | None) -> None:
    """Try a policy, or a record, in FILE, or what DOMAIN publishes.

    The first line of a file tells whether it is a policy, or the text of a TXT record. Nothing is
    kept.
    """
    from unstrip.io.asyncio import run

    hosts = tuple(map(named, mx))
    path = Path(source)
    if path.is_file():
        found = _read(path)
    else:
        options = AskingOptions(config, no_store=True, ca_file=ca_file)
        domain = _meant(source)
        found = run(lambda: _published(domain, options))
    if found is None and hosts:
        raise Complaint("--mx: a record names no hosts", "give the policy's file")
    if found is not None:
        _say_short_lived(found)
        _say_allowed(found, hosts)


def _meant(source: str) -> str:
    """Return the domain that is meant by what is no file."""
    try:
        return named(source)
    except Complaint as error:
        words = f"there is no file '{brief(source)}', and it is no domain"
        raise Complaint(words, "give the file of a policy, or a domain") from error


def _read(path: Path) -> StsPolicy | None:
    """Return the policy in a file, None if it has a record.

    Raises: Complaint: something is wrong with the one or the other.
    """
    from unstrip.faces.cli.policies import policy_words
    from unstrip.policy.mta_sts import LONGEST, BadPolicy, BadRecord, parse, record_id

    try:
        with path.open("rb") as file:
            body = file.read(LONGEST + 1)
        if body.lstrip(b' "').startswith(_RECORD):
            say(f"record: id {record_id(_records(body.splitlines()))}")
            return None
        found = parse(body)
    except OSError as error:
        raise Complaint(
            f"{path} cannot be read: {(error.strerror or str(error)).lower()}"
        ) from error
    except (BadPolicy, BadRecord) as error:
        raise Complaint(f"{path}: {error}", code=Exit.FALLS_SHORT) from error
    say(f"policy: {policy_words(found)}")
    return found


def _records(lines: Iterable[bytes]) -> list[bytes]:
    """Return records as DNS has them: strings in quotes, as dig prints them, belong together."""
    from unstrip.policy.mta_sts import BadRecord

    try:
        return [
            "".join(shlex.split(line.decode("latin-1"))).encode("latin-1")
            if line.startswith(b'"')
            else line
            for line in lines
        ]
    except ValueError as error:
        raise BadRecord(f"{error}".lower()) from error


async def _published(domain: str, options: AskingOptions) -> StsPolicy:
    """Return what a domain publishes.

    Raises: Complaint: nothing, or something is wrong with it.
    """
    from unstrip.faces.cli.policies import policy_words, troubles
    from unstrip.policy.questions import Kind, Status, dns

    with counting(f"asking about {domain}") as advance:
        async with asking(options, advance, believing=False) as asked:
            known = (await asked.inquiry.look(domain)).known
            there = await asked.inquiry.run(dns(domain, Kind.TXT), [])
    for trouble in troubles(known):
        code = Exit.FALLS_SHORT if trouble.certain else Exit.UNKNOWN
        result = f"{trouble.result.value}: " if trouble.result else ""
        hint = "" if trouble.certain else "it was asked as a domain, for there is no such file"
        raise Complaint(f"{domain}: {result}{trouble.words}", hint, code)
    if known.policy is None:
        none = there.status is Status.NXDOMAIN and not there.failed
        words = "there is no such file, and no such domain" if none else "it publishes no policy"
        raise Complaint(f"{domain}: {words}", code=Exit.FALLS_SHORT)
    say(f"{domain}: id {known.id}, {policy_words(known.policy)}")
    return known.policy


def _say_short_lived(found: StsPolicy) -> None:
    """Say so of a policy that is forgotten before anybody needs it."""
    if found.mode.value != "none" and found.max_age < _DAY:
        words = "a policy is meant to hold for weeks (RFC 8461, 3.2)"
        warn(f"max_age {found.max_age} is less than a day, and protects hardly anybody: {words}")


def _say_allowed(found: StsPolicy, hosts: tuple[str, ...]) -> None:
    """Say of each host whether it is one of the policy's; end with 1 if one is none."""
    for host in hosts:
        say(f"{host}: {'allowed' if found.allows(host) else 'not allowed'}")
    if not all(map(found.allows, hosts)):
        sys.exit(Exit.FALLS_SHORT)
