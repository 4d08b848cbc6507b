"""A session: one connection from dialling to evidence, whichever colour the driver has.

What is the same for blocking and asyncio callers is here: making the conversation, annotating
the handshake, turning what went wrong into a `Failure`, and keeping it all as `Evidence`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from unstrip.bundled import BundledTunnel
from unstrip.certificates import Anchors, webpki
from unstrip.conversation import Conversation
from unstrip.evidence import Endpoint, Evidence, Failure
from unstrip.handshake import Handshake
from unstrip.io.addresses import LookUp, Unresolved, look_up
from unstrip.io.clock import Clock
from unstrip.io.trust import anchors, client_context
from unstrip.protocols import LEGACY_TLS, REGISTRY
from unstrip.tlsa import Match, TlsaSet, match
from unstrip.trouble import Injected, ProtocolError, Trouble
from unstrip.tunnel import HandshakeFailed, Tunnel
from unstrip.upgrade import Asking, Upgrade
from unstrip.wire import Dialog, Wire

TIMEOUT = 30.0  # seconds for everything
_SETTLE_LEAST, _SETTLE_MOST = 0.01, 0.5  # seconds


class Unmet(Exception):
    """What was found does not meet our requirement: nothing more goes out."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How a session is to be held.

    Attributes:
        ask: how the client side asks.
        timeout: seconds for look-up, connection, dialog and handshake together.
        connect_to: an address to dial instead of looking the host up.
        look_up: finds the addresses of a host.
        roots: the trusted roots.
        settle: seconds to listen for anything unsolicited once TLS stands; None is about one
            round trip, 0 does not wait.
        leave: take leave when the dialog is over; False keeps the connection for the caller.
        tlsa: the server's TLSA records; the SNI is then their base domain (RFC 7672, 8.1).
        tls_at_most: the newest version of TLS to speak, "TLSv1.2"; None is the newest there is.
        accept: sees the annotated handshake before anything is said inside; raises Unmet.
    """

    ask: Asking = field(default_factory=Asking)
    timeout: float = TIMEOUT
    connect_to: str | None = None
    look_up: LookUp = look_up
    roots: Anchors | None = None
    settle: float | None = None
    leave: bool = True
    tlsa: TlsaSet | None = None
    tls_at_most: str | None = None
    accept: Callable[[Handshake], None] | None = None


class Session:
    """One attempt to reach `endpoint` on these `terms`. Its clock starts when it is made."""

    def __init__(self, endpoint: Endpoint, terms: Terms) -> None:
        self.endpoint, self.terms = endpoint, terms
        self.clock = Clock(terms.timeout)
        self.address = ""
        self.connected: float | None = None
        self._roots = terms.roots or anchors()
        self._protocol = REGISTRY[endpoint.protocol]
        self._ended: Upgrade | None = None
        # F-01: a tag that cannot be guessed; R10: the name that was given, and no other
        self._ask = replace(terms.ask, tag=secrets.token_hex(4), host=endpoint.reference)
        self.talk = Conversation(
            self._dialog,
            self._make_tunnel,
            implicit=endpoint.implicit,
            inspect=self._inspect,
            clock=self.clock.elapsed,
        )

    def reached(self, address: str, took: float) -> None:
        """Note which address answered, and after how many seconds."""
        self.address, self.connected = address, self.clock.elapsed()
        self._round_trip = took

    @property
    def settle(self) -> float:
        """Seconds to listen after the handshake: about one round trip (R17)."""
        if self.terms.settle is not None:
            return self.terms.settle
        return min(_SETTLE_LEAST + 1.5 * self._round_trip, _SETTLE_MOST)

    def evidence(self, error: Exception | None = None) -> Evidence:
        """Return what was seen, up to now or up to `error`.

        A peer who does not wait for our leave-taking has answered all the same.
        """
        talk = self.talk
        if self._ended is not None:
            error = None
        return Evidence(
            endpoint=self.endpoint,
            address=self.address,
            began=self.clock.began,
            manner=self.terms.ask.manner,
            insisted=self.terms.ask.insist,
            transcript=talk.transcript,
            connected=self.connected,
            upgrade=self._ended or talk.wire.so_far,
            handshake=talk.handshake,
            failure=None if error is None else failure(error),
            where="" if error is None else talk.where(),
            residue=error.residue if isinstance(error, Injected) else b"",
        )

    def end(self, error: Exception | None = None) -> Evidence:
        """Return what was seen, and let go of TLS: 40 KB that no collector need find."""
        evidence = self.evidence(error)
        del self.talk
        return evidence

    def _dialog(self, wire: Wire) -> Dialog[Upgrade]:
        upgrade = self._ended = yield from self._protocol.client(wire, self._ask)
        if self.terms.leave:
            yield from self._protocol.farewell(wire)
        return upgrade

    def _make_tunnel(self) -> Tunnel:
        legacy = self._protocol.LEGACY and not self.endpoint.implicit
        at_most = LEGACY_TLS if legacy else self.terms.tls_at_most
        alpn = None if legacy else self._protocol.ALPN
        context = client_context(self._roots, at_most)
        tlsa = self.terms.tlsa
        server_name = tlsa.names[0] if tlsa else self.endpoint.reference
        self._tunnel = BundledTunnel(context, server_name, alpn)
        return self._tunnel

    def _inspect(self, found: Handshake) -> Handshake:
        self._refuse_another_protocol(found)
        now = datetime.now(UTC)
        known = self._tunnel.path_faults
        said = webpki(found.chain, self.endpoint.reference, self._roots, now, known)
        annotated = replace(found, webpki=said, dane=self._held_against_dane(found, now))
        if self.terms.accept is not None:
            self.talk.handshake = annotated  # what is refused is evidence too
            self.terms.accept(annotated)
        return annotated

    def _held_against_dane(self, found: Handshake, now: datetime) -> Match | None:
        tlsa = self.terms.tlsa
        if tlsa is None:
            return None
        return match(tlsa.records, found.chain, tlsa.names, now, self._roots)

    def _refuse_another_protocol(self, found: Handshake) -> None:
        """Where a dialog says nothing, any TLS server with that certificate would do (ALPACA)."""
        due = self.endpoint.implicit and self._protocol.ALPN_DUE
        if due and found.alpn != self._protocol.ALPN:
            words = f"TLS failed: the server did not agree to speak {self._protocol.ALPN}"
            raise HandshakeFailed("NO_APPLICATION_PROTOCOL", words)


def failure(error: Exception) -> Failure:
    """Return what went wrong as a value; any error that a session may raise has its kind."""
    match error:
        case HandshakeFailed():
            return Failure(Trouble.TLS, str(error), error.reason)
        case Injected():
            return Failure(error.trouble, str(error), error.reason)
        case ProtocolError():
            return Failure(error.trouble, str(error))
        case Unmet():
            return Failure(Trouble.UNMET, str(error))
        case TimeoutError():
            return Failure(Trouble.DEADLINE, str(error) or "the time allowed is over")
        case Unresolved():
            return Failure(Trouble.UNRESOLVED, str(error))
        case ConnectionRefusedError():
            return Failure(Trouble.UNREACHABLE, "connection refused")
        case ConnectionResetError() | ConnectionAbortedError() | BrokenPipeError():
            return Failure(Trouble.RESET, "connection reset")
        case OSError():
            return Failure(Trouble.UNREACHABLE, (error.strerror or str(error)).lower())
    raise error
