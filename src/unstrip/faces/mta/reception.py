"""Reports that are posted to the daemon: taken in by one thread, with a store of its own.

A report takes time to read and a disk to be kept, and mail servers who ask must not wait for that.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from functools import partial

from unstrip.escaping import brief
from unstrip.faces.mta.listening import Ear
from unstrip.io.reporting import ReportSettings
from unstrip.io.store import Store
from unstrip.io.tlsrpt.intake import Intake, Outcome
from unstrip.io.tlsrpt.posted import Posts, context, renew

NONE = {"taken": 0, "duplicate": 0, "failed": 0}  # of what there is from the start
Open = Callable[[], Store]


class Reception:
    """Where reports come in.

    Args: open_: opens the store; settings: whose reports are taken, and how long they are kept;
        tell: is told what became of each; note: is told what went wrong in here.

    Attributes: posts: the web server; outcomes: how many reports there were, by what became of
        them: taken, duplicate, failed, or the kind of the refusal.
    """

    def __init__(
        self,
        open_: Open,
        settings: ReportSettings,
        tell: Callable[[Outcome], None],
        note: Callable[[str], None],
    ) -> None:
        self._open, self._settings, self._tell, self._note = open_, settings, tell, note
        self._store: Store | None = None
        self._oldest = date.min  # what is from before that is forgotten
        self._thread = ThreadPoolExecutor(1, "reports")
        self._proofs: list[Callable[[], None]] = []
        self.posts = Posts(self._take, self._refuse)
        self.outcomes = Counter(NONE)

    async def listen(self, ear: Ear) -> asyncio.AbstractServer:
        """Take reports at a socket. Raises: NoCertificate."""
        loop, tls = asyncio.get_running_loop(), None
        if ear.proof is not None:
            tls = context(*ear.proof)
            self._proofs.append(partial(renew, tls, *ear.proof))
        make = loop.create_unix_server if ear.sock.family == socket.AF_UNIX else loop.create_server
        return await make(partial(self.posts.connection, tls), sock=ear.sock)

    def renew(self) -> None:
        """Use what is in the files of certificates now. Raises: NoCertificate."""
        for proof in self._proofs:
            proof()

    def believe(self, open_: Open, settings: ReportSettings) -> None:
        """Keep what comes from now on there, and as that is configured now."""
        self._thread.submit(self._change, open_, settings)

    async def close(self, patience: float) -> None:
        """Let who is there go, and let go of the store. Nobody may be listening any more."""
        await self.posts.close(patience)
        await asyncio.to_thread(self._end)

    async def _take(self, body: bytes, source: str) -> Outcome:
        return await self._run(lambda intake: intake.posted(body, datetime.now(UTC), source))

    async def _refuse(self, kind: str, words: str) -> Outcome:
        return await self._run(lambda intake: intake.turned_away(kind, words, datetime.now(UTC)))

    async def _run(self, what: Callable[[Intake], Outcome]) -> Outcome:
        """Do something in the thread. Raises: OSError: the store cannot be used, or we have one."""
        loop = asyncio.get_running_loop()
        try:
            outcome = await loop.run_in_executor(self._thread, self._in_thread, what)
        except Exception as error:
            self.outcomes["failed"] += 1
            self._note(brief(str(error) if isinstance(error, OSError) else repr(error)))
            if isinstance(error, OSError):
                raise
            raise OSError("a defect in unstrip") from error  # the report is to come again
        self.outcomes[outcome.kind or outcome.fate.value] += 1
        self._tell(outcome)
        return outcome

    # In the thread

    def _in_thread(self, what: Callable[[Intake], Outcome]) -> Outcome:
        if self._store is not None and not self._store.is_there():
            self._drop()
        if self._store is None:
            self._store = self._open()
        try:
            self._forget(self._store)
            return what(Intake(self._store, self._settings.ours))
        except OSError:
            self._drop()
            raise

    def _forget(self, store: Store) -> None:
        """Forget what is old, once a day."""
        oldest = self._settings.oldest(datetime.now(UTC).date())
        if oldest != self._oldest:
            store.forget_received(oldest)
            self._oldest = oldest

    def _change(self, open_: Open, settings: ReportSettings) -> None:
        self._drop()
        self._open, self._settings, self._oldest = open_, settings, date.min

    def _drop(self) -> None:
        if self._store is not None:
            self._store.close()
        self._store = None

    def _end(self) -> None:
        self._thread.submit(self._drop)
        self._thread.shutdown()
