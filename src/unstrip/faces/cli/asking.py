"""What the commands that ask for policies have in common: their options, and what they come to.

`asking` is all that such a command needs, while its event loop runs: the inquiry, and what it was
made of. Whatever cannot be used of what was configured is an error, never left out in silence: it
might have raised the bar.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from unstrip.escaping import printable
from unstrip.faces.cli.options import FILE, spelt_out
from unstrip.faces.cli.speech import Complaint, Exit, warn

if TYPE_CHECKING:
    from unstrip.certificates import Anchors
    from unstrip.io.configuration import Configuration
    from unstrip.io.https import Fetcher
    from unstrip.io.inquiry import Inquiry
    from unstrip.io.store import Store
    from unstrip.policy.local import Table

C = TypeVar("C", bound=Callable[..., Any])
Q = TypeVar("Q")
A = TypeVar("A")
Advance = Callable[[], None]

_WITH = "give --store FILE, or set store in the configuration"
_RESCUE = "; if this was a store in a file, `unstrip serve` saves what can be read of it"
WITHOUT = "give --store FILE, or --no-store to do without"
_TOML = click.Path(dir_okay=False, path_type=Path)  # who reads it says why it cannot be read
CONFIG = click.option("--config", type=_TOML, metavar="TOML", help="Resolver, store and list.")
STORE = click.option(
    "--store", metavar="FILE|URL", help="Where earlier visits and policies are kept."
)
NO_STORE = click.option("--no-store", is_flag=True, help="Neither consult nor keep anything.")
CA_FILE = click.option(
    "--ca-file", type=FILE, metavar="PEM", help="Trusted roots instead of the system's."
)
POLICY = click.option(
    "--policy", type=_TOML, metavar="TOML", help="Table of what must be protected."
)


@dataclass(frozen=True)
class AskingOptions:
    """The options of every command that asks for policies, as given."""

    config: Path | None = None
    store: str | None = None
    no_store: bool = False
    ca_file: Path | None = None
    policy: Path | None = None


@dataclass(frozen=True, slots=True)
class Asking:
    """What a command asks with; `store` is None with --no-store, `web` is for what is no policy."""

    inquiry: Inquiry
    configuration: Configuration
    store: Store | None
    web: Fetcher


def asks(command: C) -> C:
    """Give a command the options that say whom it asks, and what it believes."""
    for decorate in (POLICY, CA_FILE, NO_STORE, STORE, CONFIG):
        command = decorate(command)
    return command


@asynccontextmanager
async def asking(
    options: AskingOptions,
    advance: Advance = lambda: None,
    *,
    believing: bool = True,
    timeout: float | None = None,
) -> AsyncIterator[Asking]:
    """Make what a command asks with, within its event loop.

    Args: advance: called whenever somebody has answered; believing: what is believed beforehand
        counts too; else only what domains publish does, and no list is looked for; timeout:
        seconds for each inquiry, if not the usual ones.
    Raises: Complaint: something cannot be used, here or by the inquiry later.
    """
    from unstrip.io.assembly import beliefs, inquiry, listed, resolver
    from unstrip.io.https import Fetcher
    from unstrip.io.inquiry import TIMEOUT

    settings = configured(options.config)
    trusted = roots(options.ca_file)
    with _usable():
        asked = resolver(settings)
    with opened(options, settings) as store, _usable():
        believed = beliefs(_rules(options, settings, believing=believing), store)
        alarms: tuple[str, ...] = ()
        if believing and settings.list:
            found, alarms = await listed(settings.list, store, asked, trusted)
            believed = replace(believed, listed=found)
        for alarm in alarms:
            warn(alarm)
        made = inquiry(
            asked,
            trusted,
            believed,
            store,
            alarms=alarms,
            hear=lambda *_: advance(),
            timeout=timeout or TIMEOUT,
        )
        yield Asking(made, settings, store, Fetcher(asked.ask, trusted))


def configured(path: Path | None) -> Configuration:
    """Return the configuration.

    Raises: Complaint: it cannot be used.
    """
    from unstrip.io.configuration import BadConfiguration, read

    try:
        return read(path)
    except BadConfiguration as error:
        raise Complaint(str(error), "see docs/reference/configuration.md") from error


@contextmanager
def reading(config: Path | None, where: str | None) -> Iterator[Store]:
    """Open the store of a command that looks into it, and finds nothing out.

    Args: where: as it was named; a file that is named and not there was meant to be another one.
    Raises: Complaint: it cannot be used.
    """
    if where is not None and _missing(where):
        raise Complaint(f"there is no store {printable(where)}", _WITH, Exit.UNKNOWN)
    with opened(AskingOptions(config, where), configured(config), _WITH) as store:
        assert store is not None, "these commands have no --no-store"
        yield store


def _missing(where: str) -> bool:
    """Tell whether it is a file that is not there; what is no file is told when it is opened."""
    from unstrip.io.files import missing
    from unstrip.io.store import StoreError, file_of

    try:
        path = file_of(where)
    except StoreError:
        return False
    return path is not None and missing(path)


@contextmanager
def opened(
    options: AskingOptions, settings: Configuration, hint: str = WITHOUT
) -> Iterator[Store | None]:
    """Open the store; one that cannot be used is an error, since it might have raised the bar."""
    from unstrip.io.store import StoreDamagedError, StoreError, default_path, open_store

    store: Store | None = None
    try:
        if not options.no_store:
            given = settings.store if options.store is None else options.store
            store = open_store(default_path() if given is None else given)
        yield store
    except StoreError as error:
        hint += _RESCUE if isinstance(error, StoreDamagedError) else ""
        raise Complaint(str(error), error.hint or hint, Exit.UNKNOWN) from error
    finally:
        if store is not None:
            store.close()


def table(path: Path | None) -> Table:
    """Return the operator's table, an empty one without a path.

    Raises: Complaint: it cannot be used.
    """
    from unstrip.io.assembly import table as read

    with _usable():
        return read(path)


def roots(path: Path | None) -> Anchors:
    """Return the trusted roots.

    Raises: Complaint: there are none to be read.
    """
    from unstrip.io.trust import NoRoots, anchors

    try:
        return anchors(path)
    except NoRoots as error:
        raise Complaint(str(error), "give --ca-file PEM") from error


def domains(targets: tuple[str, ...]) -> list[str]:
    """Return the domains that are given, those in files among them, each once.

    Raises: Complaint: one is none, a file cannot be read, or there is none.
    """
    found = dict.fromkeys(named(text, place) for text, place in spelt_out(targets))
    return _some(list(found), targets)


def _some(found: list[str], targets: tuple[str, ...]) -> list[str]:
    if not found:
        raise Complaint("there is no domain to ask about", f"is {targets[0]} empty?")
    return found


def next_hops(targets: tuple[str, ...]) -> list[str]:
    """Return domains and servers in brackets, as mail servers write them, each once.

    Raises: Complaint.
    """
    from unstrip.mta.nexthop import BadNextHop, next_hop

    found = dict[str, None]()
    for text, place in spelt_out(targets):
        try:
            hop = next_hop(text.encode())
        except BadNextHop as error:
            raise Complaint(f"{place}{error}", "give a domain, or a server in brackets") from error
        if hop is None:
            raise Complaint(f"{place}'{printable(text)}' is no next hop", "give a domain")
        found[hop.key] = None
    return _some(list(found), targets)


def named(domain: str, place: str = "") -> str:
    """Return a domain as A-labels.

    Args: place: where it stands, for what is said of it.
    Raises: Complaint: it is none.
    """
    from unstrip.hostname import BadHostName, host_name, is_address

    try:
        name = host_name(domain)
    except BadHostName as error:
        raise Complaint(f"{place}{error}", "give a domain, such as example.org") from error
    if is_address(name):
        raise Complaint(f"{place}{name} is an address, which has no policies", "give a domain")
    return name


def _rules(options: AskingOptions, settings: Configuration, *, believing: bool) -> Table:
    """Return the operator's table; one that is named with an option is read anyhow."""
    from unstrip.policy.local import Table

    return table(options.policy or settings.policy) if believing or options.policy else Table()


@contextmanager
def _usable() -> Iterator[None]:
    """Tell the user of what is configured and cannot be used."""
    from unstrip.io.assembly import NoList, Unusable

    try:
        yield
    except Unusable as error:
        code = Exit.UNKNOWN if isinstance(error, NoList) else Exit.USAGE
        raise Complaint(str(error), error.hint, code) from error
