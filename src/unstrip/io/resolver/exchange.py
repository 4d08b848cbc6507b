"""One question to one server: by UDP, and by TCP where that is cut short or looks forged.

Who cannot see the question must guess its id, its port and its name (RFC 5452). The first answer
that does not fit all three may be such a guess, and the right one may be next: so the question is
asked again by TCP, where a guess has to hit a sequence number as well.

There is no limit of time in here: the caller has one.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode

from unstrip.io.resolver.parsing import Garbled, Message, parsed
from unstrip.io.resolver.servers import Server
from unstrip.policy.questions import Dns

_PAYLOAD = 1232  # bytes: crosses every path unfragmented (RFC 9715, 3.2)
_LARGEST = 65535  # bytes of a message (RFC 1035, 4.2.2)
_PORTS = range(1024, 65536)  # RFC 5452, 9.2: from as many as there are
_TRIES = 8  # for a port that is free
_WITHOUT_EDNS = {dns.rcode.FORMERR, dns.rcode.NOTIMP}  # RFC 6891, 7


class BadName(ValueError):
    """There can be no such name in DNS (RFC 1035, 2.3.4)."""


async def exchange(
    server: Server, question: Dns, *, unchecked: bool = False, mix_case: bool = False
) -> Message:
    """Return what `server` says; its questions and id are those that were asked.

    Args:
        unchecked: have it say what it knows even where DNSSEC says that this is forged (the CD
            bit: RFC 4035, 3.2.2).
        mix_case: spell the name in random capitals, and accept it in no others ("0x20").
    Raises: BadName, Garbled; OSError: it cannot be reached.
    """
    query = ask(question, unchecked=unchecked, mix_case=mix_case)
    answer = await _exchange(server, query, mix_case=mix_case)
    if answer.head.rcode() in _WITHOUT_EDNS and answer.head.edns < 0:
        query.use_edns(False)  # noqa: FBT003  # its own way to leave it out
        answer = await _exchange(server, query, mix_case=mix_case)
    return answer


def ask(question: Dns, *, unchecked: bool = False, mix_case: bool = False) -> dns.message.Message:
    """Return the question as a message, with a random id.

    Raises: BadName: there is no such name.
    """
    name = name_of(_mixed(question.name) if mix_case else question.name)
    query = dns.message.make_query(
        name,
        question.kind.value,
        use_edns=0,
        payload=_PAYLOAD,
        id=secrets.randbelow(1 << 16),
    )
    # RFC 6840, 5.7: say whether it is authentic, and leave out the signatures, half of an answer:
    # nobody here looks at them
    query.flags |= dns.flags.AD
    if unchecked:
        query.flags |= dns.flags.CD
    return query


def name_of(text: str) -> dns.name.Name:
    """Return a name as DNS has it.

    Raises: BadName: there is no such name.
    """
    try:
        return dns.name.from_text(text)
    except (dns.exception.DNSException, UnicodeError) as error:
        raise BadName(f"there is no such name in DNS: {error}") from error


async def _exchange(server: Server, query: dns.message.Message, *, mix_case: bool) -> Message:
    forged: Garbled | None = None
    try:
        answer = read(await _by_udp(server, query.to_wire()), query, mix_case=mix_case)
        if not answer.head.flags & dns.flags.TC:
            return answer
    except Garbled as error:
        forged = error
    query.id = secrets.randbelow(1 << 16)
    try:
        answer = read(await _by_tcp(server, query.to_wire()), query, mix_case=mix_case)
    except OSError as error:
        if forged is None:
            raise
        raise forged from error  # what came by UDP says more than that there is no TCP
    if answer.head.flags & dns.flags.TC:
        raise Garbled("an answer that is cut short, by TCP")
    return answer


def read(heard: bytes, query: dns.message.Message, *, mix_case: bool = False) -> Message:
    """Return what was heard as the answer to `query`.

    Raises: Garbled: it is none.
    """
    answer = parsed(heard)
    if not query.is_response(answer.head):
        raise Garbled("an answer to another question, or with another id")
    # names are equal whatever their capitals, labels are not
    if mix_case and [q.name.labels for q in answer.head.question] != [
        q.name.labels for q in query.question
    ]:
        raise Garbled("an answer whose name is spelt otherwise than it was asked")
    return answer


def _mixed(name: str) -> str:
    bits = secrets.randbits(len(name) or 1)
    return "".join(c.upper() if bits >> i & 1 else c for i, c in enumerate(name))


async def _by_udp(server: Server, said: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    with _socket(server, socket.SOCK_DGRAM) as (sock, address):
        _bind_at_random(sock)
        sock.connect(address)  # the kernel drops what comes from elsewhere (RFC 5452, 9.1)
        await loop.sock_sendall(sock, said)
        return await loop.sock_recv(sock, _LARGEST)


async def _by_tcp(server: Server, said: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    with _socket(server, socket.SOCK_STREAM) as (sock, address):
        await loop.sock_connect(sock, address)
        await loop.sock_sendall(sock, len(said).to_bytes(2, "big") + said)
        length = int.from_bytes(await _exactly(sock, 2), "big")
        return await _exactly(sock, length)


async def _exactly(sock: socket.socket, count: int) -> bytes:
    loop, heard = asyncio.get_running_loop(), b""
    while len(heard) < count:
        more = await loop.sock_recv(sock, count - len(heard))
        if not more:
            raise Garbled("a TCP connection that ended inside the answer")
        heard += more
    return heard


@contextmanager
def _socket(
    server: Server, kind: socket.SocketKind
) -> Iterator[tuple[socket.socket, tuple[str | int | bytes, ...]]]:
    (family, _, _, _, address), *_ = socket.getaddrinfo(
        server.address, server.port, type=kind, flags=socket.AI_NUMERICHOST
    )
    with socket.socket(family, kind) as sock:
        sock.setblocking(False)  # noqa: FBT003  # the name of the method says it
        yield sock, address


def _bind_at_random(sock: socket.socket) -> None:
    """Take a port that nobody can guess; where all are taken, the system's own choice."""
    for _ in range(_TRIES):
        with suppress(OSError):
            sock.bind(("", secrets.choice(_PORTS)))
            return
