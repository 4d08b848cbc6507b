"""Making an inquiry of what is configured: resolver, web client, store, table and list.

Each face that asks for policies does it by this. What is configured and cannot be used is an error,
never left out in silence: it might have raised the bar.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from unstrip.certificates import Anchors
from unstrip.derivation import Beliefs
from unstrip.io.configuration import Configuration, ListSettings
from unstrip.io.files import Unread, read, read_text
from unstrip.io.https import Fetcher
from unstrip.io.inquiry import TIMEOUT, Alarmed, Inquiry, Memory, Note
from unstrip.io.offloop import OffLoop
from unstrip.io.resolver import Resolver
from unstrip.io.resolver.configured import resolver as made
from unstrip.io.resolver.unbound import Unavailable
from unstrip.io.store import KeptList, Store
from unstrip.policy import local
from unstrip.policy.questions import Answer, Https, HttpsFailure, Question, ResultType
from unstrip.policy.starttls_everywhere import LONGEST, PolicyList

if TYPE_CHECKING:
    from unstrip.io.policy_list import Lists
    from unstrip.io.store.keeper import Keeper

Q = TypeVar("Q", bound=Question)
A = TypeVar("A", bound=Answer)
Hear = Callable[[Question, Answer], None]
Tell = Callable[[str], None]

_LONGEST_TABLE = 1024 * 1024  # bytes
_TABLE = "see docs/reference/policy-file.md"


class Unusable(ValueError):
    """Something that is configured cannot be used.

    Attributes: hint: what could be done.
    """

    def __init__(self, words: str, hint: str) -> None:
        super().__init__(words)
        self.hint = hint


class NoList(Unusable):
    """There is no list of policies, neither a new one nor one that is kept."""


def resolver(settings: Configuration, before: Resolver | None = None) -> Resolver:
    """Return the resolver, for use within one event loop.

    Args: before: the one that it replaces.
    Raises: Unusable.
    """
    try:
        return made(settings, before)
    except Unavailable as error:
        raise Unusable(str(error), 'or set backend = "stub" in the configuration') from error


def table(path: Path | None) -> local.Table:
    """Return the operator's table, an empty one without a path.

    Raises: Unusable.
    """
    if path is None:
        return local.Table()
    try:
        return local.parse(read_text(path, _LONGEST_TABLE))
    except Unread as error:
        raise Unusable(str(error), _TABLE) from error
    except local.BadTable as error:
        raise Unusable(f"{path}: {error}", error.hint or _TABLE) from error


def beliefs(rules: local.Table, store: Store | Keeper | None) -> Beliefs:
    """Return what the operator and earlier visits say."""
    if store is None:
        return Beliefs(rules)
    return Beliefs(rules, visits=store.visits, visits_of=store.visits_of, lost=store.lost)


def inquiry(
    asked: Resolver,
    trusted: Anchors,
    believed: Beliefs,
    memory: Memory | None,
    *,
    alarms: tuple[str, ...] = (),
    hear: Hear,
    note: Alarmed = lambda _of, _words: None,
    turned: Note = lambda _: None,
    aside: OffLoop | None = None,
    timeout: float = TIMEOUT,
) -> Inquiry:
    """Return what asks; `hear` is told of every question that was answered, `note` of alarms."""
    return Inquiry(
        _heard(asked.ask, hear),
        _heard(Fetcher(asked.ask, trusted).get, hear),
        believed,
        memory,
        asked.backend.distrust,
        alarms=alarms,
        note=note,
        turned=turned,
        aside=aside,
        timeout=timeout,
    )


async def listed(
    settings: ListSettings,
    store: Store | Keeper | None,
    asked: Resolver,
    trusted: Anchors,
    aside: OffLoop | None = None,
) -> tuple[PolicyList | None, tuple[str, ...]]:
    """Return the list that is configured, and what is wrong with it.

    One whose time is over says nothing any more, as its maker wrote it; the other sources go on.

    Raises: NoList.
    """
    from unstrip.io.policy_list import load  # OpenPGP comes with it, 6 MB

    fetch = Fetcher(asked.ask, trusted, most=LONGEST).get
    lists: Lists = store if store is not None else _Nowhere()
    found = await load(
        settings.source,
        settings.key,
        lists,
        datetime.now(UTC),
        fetch,
        signature=settings.signed,
        aside=aside,
    )
    if found.listed is None and not found.over:
        words = "take [list] out of the configuration to do without"
        raise NoList(f"list: {found.trouble}", words)
    if not found.trouble:
        return found.listed, ()
    now = "it says nothing any more" if found.over else "the one that is kept goes on being used"
    return found.listed, (f"list: {found.trouble}; {now}",)


def tried(settings: ListSettings) -> tuple[str, bool]:
    """Say what would be wrong with a list, "" if nothing is, and whether its time is over.

    Nothing is kept, and nobody is asked: of a list that is to come by HTTPS, it is the keys.
    """
    from unstrip.io.openpgp import LONGEST_KEYS, BadKey, fingerprints
    from unstrip.io.policy_list import load

    try:
        fingerprints(read(settings.key, LONGEST_KEYS))
    except Unread as error:
        return str(error), False
    except BadKey as error:
        return f"{settings.key}: {error}", False
    if any(isinstance(each, Https) for each in (settings.source, settings.signed)):
        return "", False
    trying = load(
        settings.source,
        settings.key,
        _Nowhere(),
        datetime.now(UTC),
        _unasked,
        signature=settings.signed,
    )
    found = asyncio.run(trying)
    return found.trouble, found.over


async def _unasked(question: Https) -> HttpsFailure:
    return HttpsFailure(ResultType.STS_POLICY_FETCH_ERROR, f"{question.host} is not asked")


class _Nowhere:
    """Keeps no list."""

    def keep_list(self, _name: str, _signers: Collection[str], _new: KeptList) -> bool:
        """Say that there is no newer one."""
        return True

    def kept_list(self, _name: str, _signers: Collection[str]) -> None:
        """Say that there is none."""


def _heard(ask: Callable[[Q], Awaitable[A]], hear: Hear) -> Callable[[Q], Awaitable[A]]:
    async def heard(question: Q) -> A:
        answer = await ask(question)
        hear(question, answer)
        return answer

    return heard
