"""The blocking driver: a dialog over a socket, in the caller's own thread."""

from __future__ import annotations

import socket
from concurrent.futures import TimeoutError as NoAnswer
from contextlib import suppress
from typing import TypeVar

from unstrip.conversation import Conversation
from unstrip.evidence import Endpoint, Evidence
from unstrip.io.clock import Clock, DeadlinePassed
from unstrip.io.session import Session, Terms
from unstrip.wire import Receive, Send, Settle

T = TypeVar("T")
RECEIVE = 65536  # bytes at a time
_PARTING = 1.0  # seconds for the last record to leave


def converse(talk: Conversation[T], sock: socket.socket, clock: Clock, settle: float = 0.0) -> T:
    """Drive a conversation to its end.

    Args:
        sock: connected; it stays open.
        clock: for the deadline of the whole.
        settle: seconds to listen where the dialog leaves that to the driver.
    Raises: ProtocolError; DeadlinePassed; OSError.
    """
    for effect in talk:
        match effect:
            case Send(data):
                sock.settimeout(clock.left())
                sock.sendall(data)
            case Receive():
                talk.hear(_receive(sock, clock))
            case Settle(seconds):
                _settle(talk, sock, clock, settle if seconds is None else seconds)
    return talk.result


def close_tls(talk: Conversation[T], sock: socket.socket) -> None:
    """Close TLS, if it stands, so that no cut of the connection can pass for its end."""
    if talk.tunnel is None or not talk.tunnel.ready:
        return
    sock.settimeout(_PARTING)
    with suppress(OSError):  # it may be gone already
        sock.sendall(talk.tunnel.close())


def attend(endpoint: Endpoint, terms: Terms = Terms()) -> Evidence:
    """Hold one session and return what was seen; whatever goes wrong is in it."""
    session = Session(endpoint, terms)
    sock: socket.socket | None = None
    error: Exception | None = None
    try:
        sock = dial(session)
        converse(session.talk, sock, session.clock, session.settle)
    except Exception as failed:  # noqa: BLE001  # `failure` lets through what is none of its kinds
        error = failed
    finally:
        if sock is not None:
            sock.close()
    return session.end(error)


def dial(session: Session) -> socket.socket:
    """Connect to the first address that answers.

    Raises: Unresolved; DeadlinePassed; OSError: the last address's error.
    """
    clock, port = session.clock, session.endpoint.port
    error: OSError = OSError("no address to connect to")
    addresses = _addresses(session)
    for place, address in enumerate(addresses):
        started = clock.elapsed()
        share = clock.left() / (len(addresses) - place)  # one that is mute leaves some to others
        try:
            sock = socket.create_connection((address, port), share)
        except OSError as failed:
            error = failed
            continue
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a Send is a segment
        session.reached(address, clock.elapsed() - started)
        return sock
    clock.left()
    raise error


def _addresses(session: Session) -> list[str]:
    host = session.terms.connect_to or session.endpoint.host
    try:
        found = session.terms.look_up(host, session.endpoint.port)
        return found.result(session.clock.left())
    except NoAnswer:
        raise DeadlinePassed(f"no answer about {host} in {session.clock.limit:g} seconds") from None


def _receive(sock: socket.socket, clock: Clock) -> bytes:
    sock.settimeout(clock.left())
    try:
        return sock.recv(RECEIVE)
    except TimeoutError:
        raise DeadlinePassed(f"{clock.limit:g} seconds are over") from None


def _settle(talk: Conversation[T], sock: socket.socket, clock: Clock, seconds: float) -> None:
    until = clock.elapsed() + seconds
    while not talk.spoken_to and (left := min(until - clock.elapsed(), clock.left())) > 0:
        sock.settimeout(left)
        try:
            talk.hear(sock.recv(RECEIVE))
        except TimeoutError:
            continue  # silence is what is hoped for, and the deadline is none
