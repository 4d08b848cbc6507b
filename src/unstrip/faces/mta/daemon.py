"""The daemon: services at their sockets, within one event loop, from start to stop.

- SIGHUP, or an hour with a list that might have changed: the configuration is read again. What
  cannot be used of it leaves all as it was. No client notices but by the answers.
- SIGTERM, or SIGINT: nobody new is let in, what was asked is answered, and that was it.
- What `[serve]` says of places and limits holds until the end: sockets are made at the start only,
  when there may be rights that are given up later.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

import msgspec

from unstrip.faces.mta.creed import profess
from unstrip.faces.mta.descriptors import share, wanted
from unstrip.faces.mta.desk import Desk
from unstrip.faces.mta.generation import Generation, generation
from unstrip.faces.mta.http import Http, Page
from unstrip.faces.mta.listening import Ear
from unstrip.faces.mta.log import Log
from unstrip.faces.mta.metrics import Metrics, Tally
from unstrip.faces.mta.openapi import description
from unstrip.faces.mta.reception import Reception
from unstrip.faces.mta.server import Limits, Service
from unstrip.faces.mta.systemd import Systemd
from unstrip.faces.mta.watch import Watch
from unstrip.io.assembly import Unusable
from unstrip.io.configuration import BadConfiguration, Configuration
from unstrip.io.files import NoHome, state_folder
from unstrip.io.serving import LISTEN, LimitSettings, LogSettings, ServeSettings
from unstrip.io.store import Store, default_path, open_store
from unstrip.io.store.tended import Operation
from unstrip.io.tlsrpt.collector import Collector, NoSpool
from unstrip.io.tlsrpt.posted import NoCertificate
from unstrip.mta.readsocket import ReadSocket
from unstrip.mta.socketmap import Socketmap
from unstrip.mta.tcp_table import TcpTable
from unstrip.mta.tongue import Tongue

_HOUR = 3600.0  # seconds until a list is looked for again
_PREPARING = 1.0  # seconds at most for each service to make replies ready beforehand
_GRACE = 60.0  # seconds for look-ups that began with what is believed no more
_LAST = 15.0  # seconds for what the store has to do at the end
_MIB = 1024 * 1024
_TOLD, _POSTED = "tlsrpt", "reports"  # where nobody asks


class Daemon:
    """One process.

    Args: settings: as they were read at the start; read: reads them again; ears: what we listen at.
    """

    def __init__(
        self,
        settings: Configuration,
        read: Callable[[], Configuration],
        ears: Sequence[Ear],
        log: Log,
        systemd: Systemd,
    ) -> None:
        self._settings, self._read, self._ears = settings, read, ears
        self._log, self._systemd = log, systemd
        self._watch = Watch(log)
        self._tally = Tally(self._watch)
        self._over, self._again = asyncio.Event(), asyncio.Event()
        self._unread = ""  # why what is configured now is not what is believed

    async def run(self) -> None:
        """Serve until told to stop.

        Raises: Unusable: it cannot begin.
        """
        asyncio.get_running_loop().set_exception_handler(self._defect)
        self._believe(await generation(self._settings, self._watch))
        self._heed_signals()
        asked = [ear for ear in self._ears if ear.speaks not in (_TOLD, _POSTED)]
        spoken = dict.fromkeys(ear.speaks for ear in asked)
        most = self._most_clients(len({ear.speaks for ear in self._ears} - {_TOLD}))
        self._tally.services = {speaks: self._service(speaks, most) for speaks in spoken}
        listeners = [await self._listen(ear) for ear in asked]
        for ear in self._ears:
            if ear.speaks == _TOLD:
                self._tally.collector = self._collect(ear)
            elif ear.speaks == _POSTED:
                listeners.append(await self._receive(ear))
        self._tell_displaced()
        await self._prepare()
        chores = [asyncio.create_task(chore) for chore in (self._renew(), self._live())]
        self._systemd.ready()
        self._log.info("ready")
        await self._over.wait()
        self._systemd.stopping()
        for chore in chores:
            chore.cancel()
        await self._close(listeners)

    # Start and stop

    def _heed_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._over.set)
        loop.add_signal_handler(signal.SIGHUP, self._again.set)

    def _most_clients(self, services: int) -> int:
        """Return how many clients each service may have: as configured, or as can be had."""
        asked, most = self._settings.serve.limits.connections, share(services)
        if most < asked:
            words = f"{most} clients of each service, for want of descriptors"
            self._log.warning("fewer clients", words=words, wanted=wanted(services, asked))
        return min(asked, most)

    def _service(self, speaks: str, most: int) -> Service:
        limits = self._settings.serve.limits
        desk = Desk(
            self._tongue(speaks),
            self._believed.inquiry,
            patience=limits.patience,
            room=limits.memory * _MIB,
            note=lambda words: self._log.error("failed", words=words),
        )
        return Service(desk, replace(_limits(limits), connections=most))

    def _tongue(self, speaks: str) -> Tongue:
        settings = self._settings.serve
        if speaks == "socketmap":
            return Socketmap(_maps(settings))
        if speaks == "tcp-table":
            return TcpTable(settings.tcp_reports)
        if speaks == "exim":
            return ReadSocket()
        exposed = any(place.exposed for place in settings.listen if place.speaks == speaks)
        return Http(self._pages(), guarded=not exposed)

    def _pages(self) -> dict[str, Callable[[], Page]]:
        return {
            "/healthz": self._health,
            "/metrics": Metrics(self._tally).page,
            "/openapi.json": lambda: Page(description()),
        }

    def _health(self) -> Page:
        no_dane = f"no DANE: {self._watch.distrust}" if self._watch.distrust else ""
        return self._believed.health().also(self._unread, no_dane).page()

    async def _listen(self, ear: Ear) -> asyncio.AbstractServer:
        loop, service = asyncio.get_running_loop(), self._tally.services[ear.speaks]
        self._log.info("listening", speaks=ear.speaks, at=ear.where)
        if ear.sock.family == socket.AF_UNIX:
            return await loop.create_unix_server(service.connection, sock=ear.sock)
        return await loop.create_server(service.connection, sock=ear.sock)

    def _tell_displaced(self) -> None:
        """Say what would be spoken if nothing were said of places."""
        spoken = {ear.speaks for ear in self._ears}
        if displaced := [place.speaks for place in LISTEN if place.speaks not in spoken]:
            handed = self._settings.serve.listen == LISTEN
            who = "systemd hands over others" if handed else "the configuration has its own places"
            self._log.info("not listening", words=f"{', '.join(displaced)}: {who}")

    def _collect(self, ear: Ear) -> Collector:
        """Have what is told by datagrams counted. Raises: Unusable."""
        settings = self._settings.serve.spool
        try:
            collector = Collector(
                settings.folder or state_folder() / "spool",
                settings.limit * _MIB,
                self._stores(),
                lambda words: self._log.warning("tlsrpt", words=words),
            )
        except (NoHome, NoSpool) as error:
            raise Unusable(str(error), "set folder in [serve.spool]") from error
        collector.start(ear.sock, keep=ear.path is None)
        self._log.info("listening", speaks=ear.speaks, at=ear.where)
        if ear.trouble:
            self._log.warning("short queue", words=ear.trouble)
        return collector

    async def _receive(self, ear: Ear) -> asyncio.AbstractServer:
        """Take reports in. Raises: Unusable."""
        if self._tally.reception is None:
            self._tally.reception = Reception(
                self._stores(),
                self._settings.report,
                lambda it: self._log.info(f"report {it.fate.value}", words=it.words),
                lambda words: self._log.error("report not taken", words=words),
            )
        try:
            listener = await self._tally.reception.listen(ear)
        except NoCertificate as error:
            raise Unusable(str(error), "set certificate and key in [[serve.listen]]") from error
        self._log.info("listening", speaks=ear.speaks, at=ear.where)
        return listener

    def _stores(self) -> Callable[[], Store]:
        """Return what opens another store like the one that is configured now."""
        place = self._believed.settings.store or default_path()
        return lambda: open_store(place)

    async def _prepare(self) -> None:
        """Have what is in the store ready, that the first answers come as fast as any other."""
        for service in self._tally.services.values():
            await service.desk.prepare(_PREPARING)

    async def _close(self, listeners: Sequence[asyncio.AbstractServer]) -> None:
        for listener in listeners:
            listener.close()
        services = self._tally.services.values()
        patience = self._settings.serve.limits.stop
        await asyncio.gather(*(service.close(patience) for service in services))
        await asyncio.gather(*(service.desk.close() for service in services))
        if self._tally.collector is not None:
            await asyncio.to_thread(self._tally.collector.stop)
        if self._tally.reception is not None:
            await self._tally.reception.close(patience)
        await self._leave_store()
        self._log.info("stopped", answers=sum(sum(s.desk.answers.values()) for s in services))

    async def _leave_store(self) -> None:
        """Have all written that can be, which takes as long as nobody else hinders that."""
        try:
            async with asyncio.timeout(_LAST):
                await self._believed.close()
        except TimeoutError:
            words, unsaved = "what is under way is given up", self._believed.store.unsaved
            self._log.error("store fails", to="close", words=words, unsaved=unsaved)

    # Chores

    async def _renew(self) -> None:
        """Read the configuration again whenever that is due."""
        while True:
            seconds = _HOUR if self._believed.settings.list else None
            with suppress(TimeoutError):
                await asyncio.wait_for(self._again.wait(), seconds)
            self._again.clear()
            self._systemd.reloading()
            try:
                await self._reload()
            except (BadConfiguration, Unusable) as error:
                self._unchanged(str(error))
            except Exception as error:  # noqa: BLE001  # a mistake of ours ends no service either
                self._unchanged(f"{type(error).__name__}: {error}")
            self._systemd.ready()

    def _unchanged(self, words: str) -> None:
        self._tally.reloads["failed"] += 1
        self._unread = f"not reloaded: {words}"
        self._log.error("not reloaded", words=words)

    async def _reload(self) -> None:
        before, settings = self._believed, self._read()
        new = await generation(settings, self._watch, before)
        self._log.set(settings.serve.log.level, settings.serve.log.format)
        self._believe(new)
        for service in self._tally.services.values():
            service.desk.believe(self._believed.inquiry)
        await self._prepare()
        asyncio.get_running_loop().call_later(_GRACE, before.leave, self._believed)
        if self._tally.collector is not None:
            self._tally.collector.believe(self._stores())
        if self._tally.reception is not None:
            self._tally.reception.believe(self._stores(), settings.report)
            self._renew_certificates(self._tally.reception)
        self._tally.reloads["done"] += 1
        self._unread = ""
        self._log.info("reloaded")
        if _fixed(settings.serve) != _fixed(self._settings.serve):
            self._log.warning("restart needed", words="[serve] has other places, maps or limits")

    def _believe(self, new: Generation) -> None:
        self._believed = new
        self._tally.believed, self._tally.store = time.time(), new.store
        profess(self._log, new.settings, new.inquiry.beliefs.table)
        # have it known at once if nothing can be written, and not only when there is something
        new.aside.later(new.store.tended.use, Operation.WRITE, Store.try_writing)

    def _renew_certificates(self, reception: Reception) -> None:
        try:
            reception.renew()
        except NoCertificate as error:
            self._log.error("certificate not renewed", words=str(error))

    async def _live(self) -> None:
        """Tell systemd that the loop goes round, twice as often as it wants to hear it."""
        while self._systemd.watchdog:
            self._systemd.alive()
            await asyncio.sleep(self._systemd.watchdog / 2)

    def _defect(self, _loop: asyncio.AbstractEventLoop, told: dict[str, object]) -> None:
        """Tell of what nobody has caught; the others go on."""
        error = told.get("exception")
        words = f"{type(error).__name__}: {error}" if error else str(told.get("message"))
        self._log.error("defect", words=words)


def _limits(settings: LimitSettings) -> Limits:
    return Limits(
        idle=settings.idle,
        half=settings.half,
        unread=settings.unread,
        waiting=settings.waiting,
        connections=settings.connections,
    )


def _maps(settings: ServeSettings) -> dict[str, bool]:
    """Return whether each map may be told what goes into reports."""
    return dict.fromkeys(settings.maps, False) | dict.fromkeys(settings.reporting_maps, True)


def _fixed(settings: ServeSettings) -> ServeSettings:
    """Return what holds until the end: all but how it is told."""
    return msgspec.structs.replace(settings, log=LogSettings())
