"""What the daemon believes and asks with, from one reading of the configuration to the next."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from unstrip.certificates import Anchors
from unstrip.faces.mta.health import Health, health
from unstrip.faces.mta.watch import Watch
from unstrip.io import assembly
from unstrip.io.configuration import Configuration
from unstrip.io.inquiry import Inquiry
from unstrip.io.offloop import OffLoop
from unstrip.io.resolver import Resolver
from unstrip.io.resolver.configured import servers
from unstrip.io.store import StoreError, default_path
from unstrip.io.store.keeper import Keeper
from unstrip.io.trust import NoRoots, anchors

_STORE = "set store in the configuration to a place that can be written"


@dataclass(frozen=True, slots=True)
class Generation:
    """One of them; what has not changed is shared with the one before.

    Attributes: aside: the thread that has the store, and nobody else has.
    """

    settings: Configuration
    resolver: Resolver
    store: Keeper
    aside: OffLoop
    inquiry: Inquiry

    def health(self) -> Health:
        """Say how the store was when it was used last, and have a look at it."""
        self.aside.once(self.store.look)
        return health(self.store)

    async def close(self) -> None:
        """Let go of all."""
        self.resolver.close()
        await self.aside.do(self.store.close)

    def leave(self, after: Generation) -> None:
        """Let go of what the one after it does not share."""
        if after.resolver is not self.resolver:
            self.resolver.close()
        if after.store is not self.store:
            self.aside.later(self.store.close)


async def generation(
    settings: Configuration, watch: Watch, before: Generation | None = None
) -> Generation:
    """Return what is configured; what was made for it is let go if that fails.

    Raises: assembly.Unusable.
    """
    resolver = _resolver(settings, before)
    async with AsyncExitStack() as failed:
        if before is None or resolver is not before.resolver:
            failed.callback(resolver.close)
        store, aside = await _store(settings, watch, before)
        if before is None or store is not before.store:
            failed.push_async_callback(aside.do, store.close)
        try:
            inquiry = await _inquiry(settings, watch, resolver, store, aside)
        except StoreError as error:
            raise assembly.Unusable(str(error), error.hint or _STORE) from error
        if before is not None and store is not before.store:  # which may know less than we do
            await aside.do(store.inherit, await before.aside.do(before.store.everything))
        failed.pop_all()
    return Generation(settings, resolver, store, aside, inquiry)


async def _inquiry(
    settings: Configuration, watch: Watch, resolver: Resolver, store: Keeper, aside: OffLoop
) -> Inquiry:
    trusted = _roots()
    rules = assembly.table(settings.policy)
    believed = assembly.beliefs(rules, store)
    alarms: tuple[str, ...] = ()
    if settings.list:
        listed, alarms = await assembly.listed(settings.list, store, resolver, trusted, aside)
        believed = replace(believed, listed=listed)
    for words in alarms:
        watch.alarm("list", words)
    return assembly.inquiry(
        resolver,
        trusted,
        believed,
        store,
        alarms=alarms,
        hear=watch.hear,
        note=watch.alarm,
        turned=watch.turn,
        aside=aside,
    )


def _resolver(settings: Configuration, before: Generation | None) -> Resolver:
    if before is None:
        return assembly.resolver(settings)
    asked = before.resolver.backend.servers  # of whom the system may name others by now
    if settings.resolver == before.settings.resolver and asked == servers(settings):
        return before.resolver  # with all that it remembers
    return assembly.resolver(settings, before.resolver)


async def _store(
    settings: Configuration, watch: Watch, before: Generation | None
) -> tuple[Keeper, OffLoop]:
    if before is not None and settings.store == before.settings.store:
        return before.store, before.aside
    aside = OffLoop()
    try:
        where = default_path() if settings.store is None else settings.store
        return await aside.do(Keeper, where, watch), aside
    except StoreError as error:
        raise assembly.Unusable(str(error), error.hint or _STORE) from error


def _roots() -> Anchors:
    try:
        return anchors()
    except NoRoots as error:
        raise assembly.Unusable(str(error), "set SSL_CERT_FILE") from error
