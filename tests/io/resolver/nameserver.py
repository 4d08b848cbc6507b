"""Name servers on loopback that answer as their script says, each in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rrset

from unstrip.io.resolver.servers import Server
from unstrip.io.resolver.trust import SelfTest
from unstrip.policy.questions import Dns, DnsAnswer, Kind

LOCALHOST = "127.0.0.1"
QUESTION = Dns("mx.example.org", Kind.A)
SOA = "example.org. 600 IN SOA ns.example.org. hostmaster.example.org. 1 2 3 4 300"
NO_TEST = SelfTest(None, None)


@dataclass
class Call:
    """One question, for a script to answer."""

    query: dns.message.Message
    tcp: bool
    send: Callable[[bytes], object]
    elsewhere: Callable[[bytes], object]

    @property
    def checked(self) -> bool:
        return not self.query.flags & dns.flags.CD

    def reply(self, *records: str, **other: object) -> dns.message.Message:
        """Our answer to it, not yet sent."""
        return reply(self.query, *records, **other)

    def say(self, answer: dns.message.Message | bytes) -> None:
        self.send(answer if isinstance(answer, bytes) else answer.to_wire(max_size=65535))


Script = Callable[[Call], object]


def reply(
    query: dns.message.Message,
    *records: str,
    rcode: str = "NOERROR",
    authority: tuple[str, ...] = (),
    authentic: bool = False,
    ede: int | None = None,
) -> dns.message.Message:
    answer = dns.message.make_response(query, recursion_available=True)
    answer.answer = [dns.rrset.from_text(*_words(text)) for text in records]
    answer.authority = [dns.rrset.from_text(*_words(text)) for text in authority]
    answer.set_rcode(dns.rcode.from_text(rcode))
    if authentic:
        answer.flags |= dns.flags.AD
    if ede is not None:
        answer.use_edns(0, options=[dns.edns.EDEOption(ede, "because\x1b[31m")])
    return answer


def _words(text: str) -> tuple[str, int, str, str, str]:
    name, ttl, rdclass, kind, data = text.split(" ", 4)
    return name, int(ttl), rdclass, kind, data


def address(call: Call) -> None:
    """The script of an honest server that does not validate."""
    call.say(call.reply(f"{call.query.question[0].name} 60 IN A 192.0.2.1"))


@dataclass
class NameServer:
    server: Server
    calls: list[Call] = field(default_factory=list)

    @property
    def ways(self) -> list[str]:
        return ["tcp" if call.tcp else "udp" for call in self.calls]


@contextmanager
def name_server(script: Script, *, tcp: bool = True, trusted: bool = False) -> Iterator[NameServer]:
    """Serve until the block is left; TCP connections are refused without `tcp`."""
    udp, listener = _sockets()
    found = NameServer(Server(LOCALHOST, udp.getsockname()[1], trusted))
    if not tcp:
        listener.close()
    threads = [threading.Thread(target=_datagrams, args=(udp, script, found.calls))]
    if tcp:
        threads.append(threading.Thread(target=_streams, args=(listener, script, found.calls)))
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        for sock in (udp, listener):
            with suppress(OSError):  # closing alone would not wake the thread
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in threads:
            thread.join()


def _sockets() -> tuple[socket.socket, socket.socket]:
    """The same port for both."""
    while True:
        listener = socket.create_server((LOCALHOST, 0))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind(listener.getsockname())
        except OSError:
            listener.close()
            udp.close()
            continue
        udp.settimeout(0.05)
        return udp, listener


def _datagrams(udp: socket.socket, script: Script, calls: list[Call]) -> None:
    while udp.fileno() != -1:
        try:
            heard, asker = udp.recvfrom(65535)
        except TimeoutError:
            continue
        except OSError:
            return
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other, suppress(OSError):
            call = Call(
                dns.message.from_wire(heard),
                False,
                lambda said, to=asker: udp.sendto(said, to),
                lambda said, to=asker, by=other: by.sendto(said, to),
            )
            calls.append(call)
            script(call)


def _streams(listener: socket.socket, script: Script, calls: list[Call]) -> None:
    while True:
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        with sock, suppress(OSError, EOFError):
            sock.settimeout(5)
            query = dns.message.from_wire(_exactly(sock, int.from_bytes(_exactly(sock, 2), "big")))

            def send(said: bytes, to: socket.socket = sock) -> None:
                to.sendall(len(said).to_bytes(2, "big") + said)

            call = Call(query, True, send, sock.sendall)
            calls.append(call)
            script(call)


def _exactly(sock: socket.socket, count: int) -> bytes:
    heard = b""
    while len(heard) < count:
        if not (more := sock.recv(count - len(heard))):
            raise EOFError
        heard += more
    return heard


def by_udp(first: Script, then: Script = address) -> Script:
    """One script by UDP, another by TCP."""
    return lambda call: (then if call.tcp else first)(call)


@dataclass
class Changing:
    """A server that does by and by what another script says."""

    script: Script

    def __call__(self, call: Call) -> None:
        self.script(call)


def silent(call: Call) -> None:
    """Say nothing at all."""


def after(seconds: float, script: Script) -> Script:
    def late(call: Call) -> None:
        time.sleep(seconds)
        script(call)

    return late


def validating(good: str, bad: str, script: Script = address) -> Script:
    """A validating resolver: `good` is authentic, `bad` is forged, the others as `script` says."""

    def answer(call: Call) -> None:
        name = call.query.question[0].name.to_text(omit_final_dot=True).lower()
        if name == good:
            call.say(call.reply(f"{good}. 60 IN A 192.0.2.1", authentic=True))
        elif name == bad and call.checked:
            call.say(call.reply(rcode="SERVFAIL"))
        elif name == bad:
            address(call)
        else:
            script(call)

    return answer


def asked(resolver: object, question: Dns = QUESTION) -> DnsAnswer:
    """What a stub, a resolver or a validator says."""
    answer: DnsAnswer = asyncio.run(resolver.ask(question))  # type: ignore[attr-defined]
    return answer
