"""The asyncio driver: a dialog from transport callbacks, with our own TLS.

No streams and no asyncio SSL transport: callbacks over our own engine are as fast as C under
uvloop, and asyncio's `start_tls` can be injected into and leaks (CPython 3.11 to 3.13). Each
chunk is handled to its end before the loop can deliver another, so nothing can slip in between
the go-ahead and the switch.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Generic, TypeVar, cast

from unstrip.conversation import Conversation
from unstrip.evidence import Endpoint, Evidence
from unstrip.io.clock import DeadlinePassed
from unstrip.io.session import Session, Terms
from unstrip.trouble import Ended
from unstrip.upgrade import Upgrade
from unstrip.wire import Send, Settle

T = TypeVar("T")
R = TypeVar("R")
BACKLOG = 256 * 1024  # bytes that may wait for a slow reader before the peer is held up


class Exchange(asyncio.Protocol, Generic[T]):
    """One conversation on one connection.

    Args:
        settle: seconds to listen where the dialog leaves that to the driver.
        leave: close the connection as soon as the dialog is over.

    Attributes:
        finished: the dialog's result, or what ended it.
        talk: the conversation; when it is over, more may be said through it.
    """

    def __init__(self, talk: Conversation[T], settle: float = 0.0, *, leave: bool = False) -> None:
        self._loop = asyncio.get_running_loop()
        self.talk, self.settle, self.leave = talk, settle, leave
        self.finished: asyncio.Future[T] = self._loop.create_future()
        self.finished.add_done_callback(_looked_at)
        self._transport: asyncio.Transport | None = None
        self._settling: asyncio.TimerHandle | None = None
        self._reader: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._lost: Exception | None = None

    # Callbacks of the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._go_on()

    def data_received(self, data: bytes) -> None:
        """Hear, and go on with the dialog."""
        self._hear(data)

    def eof_received(self) -> None:
        """Hear that the peer hung up."""
        self._hear(b"")

    def connection_lost(self, exc: Exception | None) -> None:
        """End what has not ended."""
        self._lost = exc
        self.resume_writing()
        if exc is not None:
            self._fail(exc)
        elif not self.talk.wire.ended:
            self._hear(b"")
        self._wake()

    def pause_writing(self) -> None:
        """Hold the writer up."""
        self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        """Let the writer go on."""
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    # For whoever goes on talking when the dialog is over

    async def send(self, data: bytes, *, clear: bool = False) -> None:
        """Send bytes inside TLS; or in clear, where there is no TLS and the caller wants that.

        Raises: ConnectionError: it is gone.
        """
        if self._transport is None or self._transport.is_closing():
            raise ConnectionResetError("the connection is closed")
        try:
            sealed = self.talk.seal(data, clear=clear)
        except Ended as error:  # the peer hung up while the dialog still listened
            raise ConnectionResetError(str(error)) from error
        self._transport.write(sealed)
        if self._drained is not None:
            await self._drained

    async def receive(self, limit: int) -> bytes:
        """Return up to `limit` bytes, as soon as there are some; b"" when the peer hung up.

        Raises: ProtocolError: TLS broke; ConnectionError: the connection did.
        """
        wire = self.talk.wire
        while not wire.waiting and not wire.ended:
            if self._lost is not None:
                raise self._lost
            self._reader = self._loop.create_future()
            await self._reader
        data = wire.take(limit)
        if self._transport is not None and wire.waiting < BACKLOG:
            self._transport.resume_reading()
        return data

    def close(self) -> None:
        """Close TLS, if it stands, and the connection."""
        self._stop_settling()
        if self._transport is not None and not self._transport.is_closing():
            if self.talk.tunnel is not None and self.talk.tunnel.ready:
                self._transport.write(self.talk.tunnel.close())
            self._transport.close()

    def abort(self) -> None:
        """Drop the connection at once."""
        self._stop_settling()
        if self._transport is not None:
            self._transport.abort()

    # Inside

    def _hear(self, data: bytes) -> None:
        if self._lost is not None and data:
            return
        try:
            self.talk.hear(data)
        except Exception as error:  # noqa: BLE001  # whoever awaits the result gets it
            self._fail(error)
            return
        if self.talk.done:
            self._wake()
        elif self._settling is None or self.talk.spoken_to:
            self._go_on()

    def _go_on(self) -> None:
        """Do what the dialog wants done, up to where it has to wait."""
        self._stop_settling()
        if self.finished.done():
            return
        said: list[bytes] = []
        try:
            for effect in self.talk:
                if type(effect) is Send:
                    said.append(effect.data)
                elif type(effect) is not Settle:
                    return
                elif not self.talk.spoken_to and (seconds := self._seconds(effect)) > 0:
                    self._settling = self._loop.call_later(seconds, self._go_on)
                    return
            if self.leave and self.talk.tunnel is not None:
                said.append(self.talk.tunnel.close())
        except Exception as error:  # noqa: BLE001  # whoever awaits the result gets it
            self._fail(error)
            return
        finally:
            self._write(b"".join(said))
        self.finished.set_result(self.talk.result)
        if self.leave and self._transport is not None:
            self._transport.close()

    def _seconds(self, effect: Settle) -> float:
        return self.settle if effect.seconds is None else effect.seconds

    def _write(self, data: bytes) -> None:
        if data and self._transport is not None:
            self._transport.write(data)

    def _stop_settling(self) -> None:
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None

    def _fail(self, error: Exception) -> None:
        self._stop_settling()
        self._lost = error
        if not self.finished.done():
            self.finished.set_exception(error)
        self._wake()

    def _wake(self) -> None:
        if self.talk.wire.waiting > BACKLOG and self._transport is not None:
            self._transport.pause_reading()
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)


class _Call(Exchange[Upgrade]):
    """A session's own exchange: it tells the session when the connection stands."""

    def __init__(self, session: Session, address: str, started: float) -> None:
        super().__init__(session.talk, leave=session.terms.leave)
        self._session, self._address, self._started = session, address, started

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note who answered and how long it took, and begin."""
        session = self._session
        session.reached(self._address, session.clock.elapsed() - self._started)
        self.settle = session.settle
        super().connection_made(transport)


async def attend(endpoint: Endpoint, terms: Terms = Terms()) -> Evidence:
    """Hold one session and return what was seen; whatever goes wrong is in it."""
    session = Session(endpoint, terms)
    exchange: Exchange[Upgrade] | None = None
    error: Exception | None = None
    try:
        async with asyncio.timeout(terms.timeout):
            exchange = await dial(session)
            await exchange.finished
    except Exception as failed:  # noqa: BLE001  # `failure` lets through what is none of its kinds
        error = _explained(failed, session)
    finally:
        if exchange is not None:  # what a peer does not read is not waited for
            (exchange.abort if error else exchange.close)()
    return session.end(error)


async def dial(session: Session) -> Exchange[Upgrade]:
    """Connect to the first address that answers, and begin the dialog.

    Raises: Unresolved; OSError: the last address's error.
    """
    loop, clock = asyncio.get_running_loop(), session.clock
    host = session.terms.connect_to or session.endpoint.host
    error: OSError = OSError("no address to connect to")
    found = session.terms.look_up(host, session.endpoint.port)
    addresses = found.result() if found.done() else await asyncio.wrap_future(found)
    for place, address in enumerate(addresses):
        call = partial(_Call, session, address, clock.elapsed())
        dialling = loop.create_connection(call, address, session.endpoint.port)
        share = clock.left() / (len(addresses) - place)  # one that is mute leaves some to others
        try:
            _, exchange = await asyncio.wait_for(dialling, share)
        except OSError as failed:
            error = failed
            continue
        return exchange
    raise error


def run(main: Callable[[], Coroutine[Any, Any, R]]) -> R:
    """Run a coroutine function, under uvloop where it is present.

    What is loaded by now stays, and what a session makes goes with it, so the garbage collector
    looks less often, and not at all of it: 5 % of a session.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main())


def _looked_at(ending: asyncio.Future[Any]) -> None:
    """An ending that nobody waits for any more is no reason for a warning."""
    if not ending.cancelled():
        ending.exception()


def _explained(error: Exception, session: Session) -> Exception:
    """A bare TimeoutError says nothing; say what was over."""
    if type(error) is TimeoutError:
        return DeadlinePassed(f"{session.terms.timeout:g} seconds are over")
    return error
