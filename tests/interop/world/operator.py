"""Somebody who lives in this world: has a resolver, roots to trust, and a store of his own."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from tests.faces.cli.command import Ran, run
from tests.interop.world.world import World
from unstrip.derivation import Beliefs, Derivation
from unstrip.evidence import from_json
from unstrip.io.configuration import parse
from unstrip.io.https import Fetcher
from unstrip.io.inquiry import Inquired, Inquiry
from unstrip.io.resolver.configured import resolver
from unstrip.io.store import open_store
from unstrip.io.trust import anchors
from unstrip.mta.postfix import Answer

IMPATIENCE = 2.0  # seconds for a policy host, where a test has to wait for it to be given up


@dataclass(frozen=True)
class Told:
    """What of `unstrip explain --json` is looked at."""

    exit: int
    derivation: Derivation
    alarms: tuple[str, ...]
    postfix: Answer | None
    postfix_3_10: Answer | None


@dataclass(frozen=True)
class Operator:
    """One, whose files are in `home`; `settings` are the world's own if there are none."""

    world: World
    home: Path
    settings: str = ""

    @property
    def configuration(self) -> str:
        return self.settings or self.world.configuration

    @property
    def store(self) -> Path:
        return self.home / "store.sqlite3"

    def command(self, *words: str) -> Ran:
        """Run unstrip."""
        config = self.home / "config.toml"
        config.write_text(self.configuration)
        return run(*words, "--config", config, "--store", self.store, "--ca-file", self.world.ca)

    def explain(self, domain: str, *more: str) -> Told:
        ran = self.command("explain", domain, "--json", *more)
        assert not ran.err
        told = from_json(Told, ran.out)
        assert told.exit == ran.code
        return told

    async def inquire(self, domain: str, *, again: bool = False) -> Inquired:
        """Ask as a program would, with the patience of a test.

        Args: again: look for a new policy, as is done before mail is given up (RFC 8461, 5.1).
        """
        asking = resolver(parse(self.configuration, self.home))
        fetcher = Fetcher(asking.ask, anchors(self.world.ca), timeout=IMPATIENCE)
        store = open_store(self.store)
        try:
            return await Inquiry(asking.ask, fetcher.get, Beliefs(), store).mail(
                domain, again=again
            )
        finally:
            store.close()

    def look_again(self, domain: str) -> Inquired:
        return asyncio.run(self.inquire(domain, again=True))
