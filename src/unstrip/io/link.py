"""Links: a connection to read and write through, handed over only when it is what was asked for.

    async with unstrip.connect("imap://mail.example.org") as link:
        await link.send(b"a LOGIN ...")

The requirement is checked twice before the caller gets hold of anything: the certificate before
the first word inside TLS, the whole before the link is handed over. What does not meet it raises
`Unprotected`, and the connection is gone without a further byte.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from unstrip.evidence import Endpoint, Evidence
from unstrip.handshake import Handshake
from unstrip.io import asyncio as aio
from unstrip.io import blocking
from unstrip.io.clock import Clock
from unstrip.io.session import TIMEOUT, Session, Terms, Unmet
from unstrip.io.store import Store
from unstrip.io.trust import anchors
from unstrip.policy import Decision, Level, Policy, decide, history
from unstrip.target import parse
from unstrip.trouble import Ended
from unstrip.upgrade import Asking, Upgrade
from unstrip.verdict import Verdict, good_enough, judge


class Unprotected(ConnectionError):
    """The link is not what was required; it is closed, and nothing went out that should not.

    Attributes: evidence: what was seen; verdict: how it compares.
    """

    def __init__(self, evidence: Evidence, verdict: Verdict) -> None:
        words = verdict.findings[0].words if verdict.findings else verdict.code.value
        super().__init__(f"{evidence.endpoint}: {words} ({verdict.code.value})")
        self.evidence, self.verdict = evidence, verdict


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a link must be.

    Attributes:
        level: `Level.MAY`, `Level.ENCRYPT` or `Level.AUTHENTICATED`.
        server_name: the name the certificate is to carry, if not the host.
        connect_to: an address to dial instead of looking the host up.
        ca_file: trusted roots (PEM), if not the system's.
        helo: the name to give where the protocol wants one.
        timeout: seconds until the link must stand.
        past: earlier visits, which may only raise the level; None to do without.
    """

    level: Level = Level.AUTHENTICATED
    server_name: str = ""
    connect_to: str | None = None
    ca_file: Path | None = None
    helo: str = "localhost"
    timeout: float = TIMEOUT
    past: Store | None = field(default=None, compare=False)


class _Attempt:
    """What both colours share: the decision, the session, and the judgement."""

    def __init__(self, url: str, need: Requirement) -> None:
        self._endpoint = parse(url, server_name=need.server_name)
        self._earlier = need.past.visits(self._endpoint) if need.past else ()
        asked_for = Policy("caller", need.level)
        now = datetime.now(UTC)
        self.decision: Decision = decide((asked_for, history.opinion(self._earlier)), now)
        self._past = need.past
        self.session = Session(self._endpoint, self._terms(need))

    def judge(self, error: Exception | None = None) -> tuple[Evidence, Verdict]:
        """Return evidence and verdict.

        Raises: Unprotected: the requirement is not met.
        """
        evidence = self.session.evidence(error)
        verdict = judge(self.decision, evidence, self._earlier)
        if self._past:
            self._past.keep(evidence)
        if not verdict.meets:
            raise Unprotected(evidence, verdict) from error
        return evidence, verdict

    def _terms(self, need: Requirement) -> Terms:
        insist = self.decision.level >= Level.ENCRYPT
        return Terms(
            ask=Asking(need.helo, insist=insist),
            timeout=need.timeout,
            connect_to=need.connect_to,
            roots=anchors(need.ca_file),
            leave=False,
            accept=self._accept,
        )

    def _accept(self, handshake: Handshake) -> None:
        """Before the first word inside: is the peer who it has to be?"""
        if not good_enough(self.decision, handshake):
            raise Unmet("the peer did not prove who it is")


class Link:
    """A link under asyncio.

    Attributes: evidence: how it came to be; verdict: what is to be thought of it.
    """

    def __init__(
        self, exchange: aio.Exchange[Upgrade], evidence: Evidence, verdict: Verdict
    ) -> None:
        self._exchange = exchange
        self.evidence, self.verdict = evidence, verdict

    @property
    def secure(self) -> bool:
        """Whether what is sent goes through TLS; False only where "may" was asked for."""
        return self.evidence.secured

    @property
    def endpoint(self) -> Endpoint:
        """What it leads to."""
        return self.evidence.endpoint

    async def send(self, data: bytes) -> None:
        """Send bytes. Raises: ConnectionError: the connection is gone."""
        await self._exchange.send(data, clear=not self.secure)

    async def receive(self, limit: int = blocking.RECEIVE) -> bytes:
        """Return up to `limit` bytes as soon as there are some, b"" once the peer hung up.

        Raises: ConnectionError: the connection broke; ProtocolError: TLS did.
        """
        return await self._exchange.receive(limit)


class BlockingLink:
    """A link for callers without an event loop; as `Link`."""

    def __init__(
        self, session: Session, sock: socket.socket, evidence: Evidence, verdict: Verdict
    ) -> None:
        self._talk, self._sock = session.talk, sock
        self.evidence, self.verdict = evidence, verdict

    @property
    def secure(self) -> bool:
        """Whether what is sent goes through TLS; False only where "may" was asked for."""
        return self.evidence.secured

    @property
    def endpoint(self) -> Endpoint:
        """What it leads to."""
        return self.evidence.endpoint

    def send(self, data: bytes, timeout: float | None = None) -> None:
        """Send bytes. Raises: TimeoutError, in seconds; ConnectionError: the connection is gone."""
        self._sock.settimeout(timeout)
        try:
            sealed = self._talk.seal(data, clear=not self.secure)
        except Ended as error:  # the peer hung up while the dialog still listened
            raise ConnectionResetError(str(error)) from error
        self._sock.sendall(sealed)

    def receive(self, limit: int = blocking.RECEIVE, timeout: float | None = None) -> bytes:
        """Return up to `limit` bytes as soon as there are some, b"" once the peer hung up.

        Raises: TimeoutError, in seconds; ConnectionError: the connection broke; ProtocolError:
            TLS did.
        """
        wire, clock = self._talk.wire, Clock(timeout if timeout is not None else float("inf"))
        while not wire.waiting and not wire.ended:
            self._sock.settimeout(None if timeout is None else clock.left())
            self._talk.hear(self._sock.recv(blocking.RECEIVE))
        return wire.take(limit)


@asynccontextmanager
async def connect(url: str, requirement: Requirement = Requirement()) -> AsyncIterator[Link]:
    """Open a link to `url`, "imap://mail.example.org" or "smtps://mx.example.org:465".

    Raises:
        Unprotected: it is not what is required; the reason is in its verdict.
        BadTarget: the URL cannot be understood.
    """
    attempt = _Attempt(url, requirement)
    exchange: aio.Exchange[Upgrade] | None = None
    try:
        error: Exception | None = None
        try:
            async with asyncio.timeout(requirement.timeout):
                exchange = await aio.dial(attempt.session)
                await exchange.finished
        except Exception as failed:  # noqa: BLE001  # judged below, with what was seen
            error = failed
        if error is not None and exchange is not None:
            exchange.abort()
        evidence, verdict = attempt.judge(error)
        assert exchange is not None, "a link that meets its requirement has a connection"
        yield Link(exchange, evidence, verdict)
    except BaseException:  # what the peer has not read by now is not waited for
        if exchange is not None:
            exchange.abort()
        raise
    else:
        exchange.close()


@contextmanager
def connect_blocking(url: str, requirement: Requirement = Requirement()) -> Iterator[BlockingLink]:
    """Open a link, as `connect`, in the caller's own thread."""
    attempt = _Attempt(url, requirement)
    session = attempt.session
    sock: socket.socket | None = None
    try:
        error: Exception | None = None
        try:
            sock = blocking.dial(session)
            blocking.converse(session.talk, sock, session.clock, session.settle)
        except Exception as failed:  # noqa: BLE001  # judged below, with what was seen
            error = failed
        evidence, verdict = attempt.judge(error)
        assert sock is not None, "a link that meets its requirement has a connection"
        yield BlockingLink(session, sock, evidence, verdict)
        blocking.close_tls(session.talk, sock)
    finally:
        if sock is not None:
            sock.close()
