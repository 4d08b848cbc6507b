"""What the commands that ask for policies have in common: their options, and what they come to.

`asking` is all that such a command needs, while its event loop runs: the inquiry, and what it was
made of. Whatever cannot be used of what was configured is an error, never left out in silence: it
might have raised the bar.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from unstrip.faces.cli.options import FILE
from unstrip.faces.cli.speech import Complaint, Exit, warn

if TYPE_CHECKING:
    from unstrip.certificates import Anchors
    from unstrip.io.configuration import Configuration, ListSettings
    from unstrip.io.inquiry import Inquiry
    from unstrip.io.policy_list import Lists
    from unstrip.io.resolver import Resolver
    from unstrip.io.store import Store
    from unstrip.policy.local import Table
    from unstrip.policy.starttls_everywhere import PolicyList

C = TypeVar("C", bound=Callable[..., Any])
Q = TypeVar("Q")
A = TypeVar("A")
Advance = Callable[[], None]

WITHOUT = "give --store FILE, or --no-store to do without"
CONFIG = click.option("--config", type=FILE, metavar="TOML", help="Resolver, store and list.")
STORE = click.option(
    "--store", metavar="FILE|URL", help="Where earlier visits and policies are kept."
)
NO_STORE = click.option("--no-store", is_flag=True, help="Neither consult nor keep anything.")
CA_FILE = click.option(
    "--ca-file", type=FILE, metavar="PEM", help="Trusted roots instead of the system's."
)
POLICY = click.option(
    "--policy", type=FILE, metavar="TOML", help="Table of what must be protected."
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
    """What a command asks with; `store` is None with --no-store."""

    inquiry: Inquiry
    configuration: Configuration
    store: Store | None


def asks(command: C) -> C:
    """Give a command the options that say whom it asks, and what it believes."""
    for decorate in (POLICY, CA_FILE, NO_STORE, STORE, CONFIG):
        command = decorate(command)
    return command


@asynccontextmanager
async def asking(options: AskingOptions, advance: Advance = lambda: None) -> AsyncIterator[Asking]:
    """Make what a command asks with, within its event loop.

    Args: advance: called whenever somebody has answered.
    Raises: Complaint: something cannot be used, here or by the inquiry later.
    """
    from unstrip.derivation import Beliefs
    from unstrip.io.https import Fetcher
    from unstrip.io.inquiry import Inquiry
    from unstrip.io.resolver.configured import distrust

    settings = configured(options.config)
    trusted, resolver = roots(options.ca_file), _resolver(settings)
    with opened(options, settings) as store:
        listed = await _listed(settings.list, store, resolver, trusted)
        beliefs = Beliefs(table=table(options.policy), listed=listed)
        if store is not None:
            beliefs = Beliefs(beliefs.table, listed, store.visits, store.visits_of)
        inquiry = Inquiry(
            _counted(resolver.ask, advance),
            _counted(Fetcher(resolver.ask, trusted).get, advance),
            beliefs,
            store,
            distrust(settings),
        )
        yield Asking(inquiry, settings, store)


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
def opened(options: AskingOptions, settings: Configuration) -> Iterator[Store | None]:
    """Open the store; one that cannot be used is an error, since it might have raised the bar."""
    from unstrip.io.store import StoreError, default_path, open_store

    store: Store | None = None
    try:
        if not options.no_store:
            store = open_store(options.store or settings.store or default_path())
        yield store
    except StoreError as error:
        raise Complaint(str(error), WITHOUT, Exit.UNKNOWN) from error
    finally:
        if store is not None:
            store.close()


def table(path: Path | None) -> Table:
    """Return the operator's table; only the default one may be missing.

    Raises: Complaint: it cannot be used.
    """
    import platformdirs

    from unstrip.policy import local

    chosen = path or platformdirs.user_config_path("unstrip") / "policy.toml"
    if path is None and not os.path.lexists(chosen):
        return local.Table()  # anything else that cannot be read is an error, not an empty table
    try:
        return local.parse(chosen.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, local.BadTable) as error:
        raise Complaint(f"{chosen}: {error}", "see docs/reference/policy-file.md") from error


def roots(path: Path | None) -> Anchors:
    """Return the trusted roots.

    Raises: Complaint: there are none to be read.
    """
    from unstrip.io.trust import NoRoots, anchors

    try:
        return anchors(path)
    except NoRoots as error:
        raise Complaint(str(error), "give --ca-file PEM") from error


def named(domain: str) -> str:
    """Return a domain as A-labels.

    Raises: Complaint: it is none.
    """
    from unstrip.hostname import BadHostName, host_name, is_address

    try:
        name = host_name(domain)
    except BadHostName as error:
        raise Complaint(str(error), "give a domain, such as example.org") from error
    if is_address(name):
        raise Complaint(f"{name} is an address, which has no policies", "give a domain")
    return name


def _resolver(settings: Configuration) -> Resolver:
    from unstrip.io.resolver.configured import resolver
    from unstrip.io.resolver.unbound import Unavailable

    try:
        return resolver(settings)
    except Unavailable as error:
        raise Complaint(str(error), 'or set backend = "stub" in the configuration') from error


async def _listed(
    settings: ListSettings | None, store: Store | None, resolver: Resolver, trusted: Anchors
) -> PolicyList | None:
    """Return the list that is configured.

    Raises: Complaint: none holds, neither a new one nor one that is kept.
    """
    from unstrip.io.https import Fetcher
    from unstrip.io.policy_list import load
    from unstrip.policy.starttls_everywhere import LONGEST

    if settings is None:
        return None
    fetch = Fetcher(resolver.ask, trusted, most=LONGEST).get
    lists: Lists = store if store is not None else _Nowhere()
    found = await load(
        settings.source,
        settings.key,
        lists,
        datetime.now(UTC),
        fetch,
        signature=settings.signed,
    )
    if found.listed is None:
        words = "take [list] out of the configuration to do without"
        raise Complaint(f"list: {found.trouble}", words, Exit.UNKNOWN)
    if found.trouble:
        warn(f"list: {found.trouble}; the one that is kept goes on being used")
    return found.listed


class _Nowhere:
    """Keeps no list."""

    def keep_list(self, _name: str, _timestamp: datetime, _body: bytes) -> bool:
        """Say that there is no newer one."""
        return True

    def kept_list(self, _name: str) -> None:
        """Say that there is none."""


def _counted(ask: Callable[[Q], Awaitable[A]], advance: Advance) -> Callable[[Q], Awaitable[A]]:
    async def counted(question: Q) -> A:
        answer = await ask(question)
        advance()
        return answer

    return counted
