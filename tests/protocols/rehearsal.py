"""Two dialogs in memory, over real TLS, with a network that delivers as many bytes as it likes."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from tests.conftest import Pki
from tests.protocols.replay import WHOLE
from unstrip.conversation import Conversation
from unstrip.protocols import REGISTRY, Protocol
from unstrip.transcript import Side
from unstrip.trouble import Injected, ProtocolError
from unstrip.tunnel import Tunnel
from unstrip.upgrade import Asking, Serving, Upgrade
from unstrip.wire import Dialog, Effect, Receive, Send, Settle, Wire


@dataclass
class Party:
    """One side: its conversation, what is on its way to it, and how it ended."""

    talk: Conversation[Upgrade]
    coming: bytearray = field(default_factory=bytearray)
    waits_for: Effect | None = None
    error: ProtocolError | None = None
    over: bool = False

    @property
    def name(self) -> str:
        return self.error.trouble.value if self.error else self.talk.result.outcome.value

    @property
    def residue(self) -> bytes:
        return self.error.residue if isinstance(self.error, Injected) else b""


@dataclass
class Rehearsal:
    """A client, a server, and a network between them.

    Attributes:
        bite: bytes delivered at a time.
        tamper: sees what the server sends, returns what the client gets.
        cut: how many bytes of the server's reach the client, who then hears that it hung up;
            the rehearsal is over with the client.
    """

    client: Party
    server: Party
    bite: int = WHOLE
    tamper: Callable[[bytes], bytes] = bytes
    cut: int | None = None
    delivered: int = 0

    def run(self) -> Rehearsal:
        """Raises: AssertionError: both wait for ever."""
        for _ in range(200_000):
            if self.client.over and (self.server.over or self.cut is not None):
                return self
            moved = [self._move(party) for party in (self.client, self.server)]
            if not any(moved) and not self._let_time_pass():
                break
        raise AssertionError(f"stuck: {self.client.talk.where()} / {self.server.talk.where()}")

    def _let_time_pass(self) -> bool:
        for party in (self.client, self.server):
            if isinstance(party.waits_for, Settle):
                self._advance(party)
                return True
        return False

    def _move(self, party: Party) -> bool:
        if party.over:
            return False
        if party.waits_for is None:
            self._advance(party)
            return True
        chunk = bytes(party.coming[: self.bite])
        if not chunk and not self._hung_up_on(party):
            return False
        del party.coming[: self.bite]
        self._hear(party, chunk)
        return True

    def _hung_up_on(self, party: Party) -> bool:
        other = self.server if party is self.client else self.client
        return other.over or (party is self.client and self.delivered == self.cut)

    def _hear(self, party: Party, chunk: bytes) -> None:
        try:
            party.talk.hear(chunk)
        except ProtocolError as error:
            party.error, party.over = error, True
            return
        if isinstance(party.waits_for, Receive) or party.talk.spoken_to:
            self._advance(party)

    def _advance(self, party: Party) -> None:
        try:
            for effect in party.talk:
                if not isinstance(effect, Send):
                    party.waits_for = effect
                    return
                self._deliver(party, effect.data)
        except ProtocolError as error:
            party.error = error
        party.over = True

    def _deliver(self, speaker: Party, data: bytes) -> None:
        if speaker is self.client:
            self.server.coming += data
            return
        data = self.tamper(data)
        if self.cut is not None:
            data = data[: self.cut - self.delivered]
        self.delivered += len(data)
        self.client.coming += data


def client_and_leave(protocol: Protocol, ask: Asking, wire: Wire) -> Dialog[Upgrade]:
    """Our client, taking leave at the end as a session does."""
    upgrade = yield from protocol.client(wire, ask)
    yield from protocol.farewell(wire)
    return upgrade


def rehearsal(
    pki: Pki,
    name: str,
    ask: Asking | None = None,
    serve: Serving | None = None,
    *,
    implicit: bool = False,
    server_context: ssl.SSLContext | None = None,
    **options: object,
) -> Rehearsal:
    """Our own client and our own server, not begun yet."""
    protocol = REGISTRY[name]
    asking = partial(client_and_leave, protocol, ask or Asking())
    serving = partial(protocol.server, serve=serve or Serving())
    client = Conversation(asking, pki.client_end, implicit=implicit)
    server_end = partial(pki.server_end, legacy=protocol.LEGACY and not implicit)
    if server_context is not None:
        server_end = partial(Tunnel, server_context, None, server_side=True)
    server = Conversation(serving, server_end, side=Side.SERVER, implicit=implicit)
    return Rehearsal(Party(client), Party(server), **options)
