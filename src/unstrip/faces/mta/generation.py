"""What the daemon believes and asks with, from one reading of the configuration to the next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from unstrip.certificates import Anchors
from unstrip.faces.mta.watch import Watch
from unstrip.io import assembly
from unstrip.io.configuration import Configuration
from unstrip.io.inquiry import Inquiry
from unstrip.io.resolver import Resolver
from unstrip.io.store import Store, StoreError, default_path, open_store
from unstrip.io.trust import NoRoots, anchors

_STORE = "set store in the configuration to a place that can be written"


@dataclass(frozen=True, slots=True)
class Generation:
    """One of them; what has not changed is shared with the one before."""

    settings: Configuration
    resolver: Resolver
    store: Store
    inquiry: Inquiry

    def ails(self) -> str:
        """Say why nothing could be found out, "" if all is well."""
        try:
            self.store.derived("healthz.invalid", datetime.now(UTC))
        except StoreError as error:
            return str(error)
        return ""


async def generation(
    settings: Configuration, watch: Watch, before: Generation | None = None
) -> Generation:
    """Return what is configured; what was made for it is let go if that fails.

    Raises: assembly.Unusable.
    """
    resolver, store = _resolver(settings, before), _store(settings, before)
    try:
        inquiry = await _inquiry(settings, watch, resolver, store)
    except BaseException as error:
        if before is None or store is not before.store:
            store.close()
        if isinstance(error, StoreError):
            raise assembly.Unusable(str(error), _STORE) from error
        raise
    return Generation(settings, resolver, store, inquiry)


async def _inquiry(
    settings: Configuration, watch: Watch, resolver: Resolver, store: Store
) -> Inquiry:
    trusted = _roots()
    believed = assembly.beliefs(assembly.table(settings.policy), store)
    alarms: tuple[str, ...] = ()
    if settings.list:
        listed, alarms = await assembly.listed(settings.list, store, resolver, trusted)
        believed = replace(believed, listed=listed)
    for words in alarms:
        watch.alarm(words)
    memory = watch.remembering(store)
    return assembly.inquiry(
        settings, resolver, trusted, believed, memory, alarms=alarms, hear=watch.hear
    )


def _resolver(settings: Configuration, before: Generation | None) -> Resolver:
    if before is not None and settings.resolver == before.settings.resolver:
        return before.resolver  # with all that it remembers
    return assembly.resolver(settings)


def _store(settings: Configuration, before: Generation | None) -> Store:
    if before is not None and settings.store == before.settings.store:
        return before.store
    try:
        return open_store(default_path() if settings.store is None else settings.store)
    except StoreError as error:
        raise assembly.Unusable(str(error), _STORE) from error


def _roots() -> Anchors:
    try:
        return anchors()
    except NoRoots as error:
        raise assembly.Unusable(str(error), "set SSL_CERT_FILE") from error
