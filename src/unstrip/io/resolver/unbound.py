"""Validation in this process, by libunbound: DNSSEC for a machine that has no resolver of its own.

The library (Debian: libunbound8) is called through ctypes; it asks the servers of the whole
Internet itself, or those it is told to, in a thread of its own. Its word needs no self-test where
it was given a trust anchor. Without one all would be "insecure", so then there is no validator.
"""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from itertools import count
from pathlib import Path

import dns.exception
import dns.rdatatype

from unstrip.io.resolver import Backend, reading
from unstrip.io.resolver.exchange import BadName, name_of
from unstrip.io.resolver.parsing import Garbled, parsed
from unstrip.io.resolver.servers import Server
from unstrip.policy.questions import Dns, DnsAnswer, Security, Status

# where Debian (dns-root-data, unbound), Fedora, the BSDs and Homebrew have the root's trust anchor
ANCHORS = (
    Path("/usr/share/dns/root.key"),
    Path("/var/lib/unbound/root.key"),
    Path("/etc/unbound/root.key"),
    Path("/var/unbound/root.key"),
    Path("/opt/homebrew/etc/unbound/root.key"),
)
_NAMES = ("libunbound.so.8", "libunbound.8.dylib")
_IN = 1  # the class of the Internet
_CLOSED = reading.failure(Status.SERVFAIL, "libunbound: closed")


class Unavailable(OSError):
    """There is no libunbound to be used, or no trust anchor; the message says what to install."""


class _Result(ctypes.Structure):
    """`struct ub_result` of unbound.h."""

    _fields_ = (
        ("qname", ctypes.c_char_p),
        ("qtype", ctypes.c_int),
        ("qclass", ctypes.c_int),
        ("data", ctypes.c_void_p),
        ("len", ctypes.c_void_p),
        ("canonname", ctypes.c_char_p),
        ("rcode", ctypes.c_int),
        ("answer_packet", ctypes.c_void_p),
        ("answer_len", ctypes.c_int),
        ("havedata", ctypes.c_int),
        ("nxdomain", ctypes.c_int),
        ("secure", ctypes.c_int),
        ("bogus", ctypes.c_int),
        ("why_bogus", ctypes.c_char_p),
        ("was_ratelimited", ctypes.c_int),
        ("ttl", ctypes.c_int),
    )


_Heard = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(_Result))


@cache
def _library() -> ctypes.CDLL:
    for name in _NAMES:
        with suppress(OSError):
            return _declared(ctypes.CDLL(name))
    raise Unavailable("there is no libunbound; on debian: apt-get install libunbound8")


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    """Say what its functions take, as unbound.h does."""
    handle, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    library.ub_ctx_create.restype = handle
    library.ub_strerror.restype = text
    library.ub_strerror.argtypes = [number]
    library.ub_resolve_free.restype = library.ub_ctx_delete.restype = None
    library.ub_resolve_async.argtypes = [
        *(handle, text, number, number, handle, _Heard, ctypes.POINTER(number)),
    ]
    for function, *arguments in (
        (library.ub_ctx_set_option, text, text),
        (library.ub_ctx_add_ta_file, text),
        (library.ub_ctx_set_fwd, text),
        (library.ub_ctx_set_stub, text, text, number),
        (library.ub_ctx_async, number),
        (library.ub_cancel, number),
        (library.ub_fd,),
        (library.ub_process,),
        (library.ub_ctx_delete,),
    ):
        function.argtypes = [handle, *arguments]
    library.ub_resolve_free.argtypes = [ctypes.POINTER(_Result)]
    return library


def anchor(candidates: Iterable[Path] = ANCHORS) -> Path:
    """Return the file with the root's trust anchor.

    Raises: Unavailable: there is none.
    """
    for path in candidates:
        if path.is_file():
            return path
    raise Unavailable("there is no trust anchor; on debian: apt-get install dns-root-data")


def _with_anchors(path: Path) -> Path:
    """Return the file if there are any in it: with none, all would pass for unsigned."""
    try:
        lines = path.read_text("utf-8", errors="replace").splitlines()
    except OSError as error:
        raise Unavailable(f"no trust anchor can be read from {path}") from error
    kinds = {word for line in lines for word in line.partition(";")[0].split()}
    if not kinds & {"DS", "DNSKEY"}:
        raise Unavailable(f"there is no trust anchor in {path}")
    return path


class Validator:
    """A context of libunbound, within one event loop. Close it when it is no longer needed.

    Args:
        anchors: a file of trust anchors; the system's for the root by default.
        forward: the servers to ask, which must hand on signatures; none asks the Internet's own.
        stubs: zones that a server of their own has, by their names.
        options: further options as in unbound.conf(5), without the colon.
    Attributes: servers: those that are asked; distrust: nothing, for it looks itself.
    Raises: Unavailable: it cannot be used here.
    """

    def __init__(
        self,
        anchors: Path | None = None,
        *,
        forward: Sequence[Server] = (),
        stubs: Mapping[str, Server] | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        self.servers, self.distrust = tuple(forward), ""
        self._library = _library()
        self._context = self._library.ub_ctx_create()
        self._waiting: dict[int, asyncio.Future[DnsAnswer]] = {}
        self._questions: dict[int, Dns] = {}
        self._numbers = count(1)
        self._heard = _Heard(self._hear)  # the library keeps no reference to it
        self._loop: asyncio.AbstractEventLoop | None = None
        try:
            for name, value in (options or {}).items():
                self._do("ub_ctx_set_option", f"{name}:".encode(), value.encode())
            self._do("ub_ctx_add_ta_file", bytes(_with_anchors(anchors or anchor())))
            for server in forward:
                self._do("ub_ctx_set_fwd", _written(server))
            for zone, server in (stubs or {}).items():
                self._do("ub_ctx_set_stub", zone.encode(), _written(server), 0)
            self._do("ub_ctx_async", 1)  # in a thread, not in a process that is forked
        except Unavailable:
            self.close()
            raise

    async def ask(self, question: Dns) -> DnsAnswer:
        """Return what it finds out; whoever stops waiting calls it off."""
        try:
            name = name_of(question.name).to_text().encode()
        except BadName as error:
            return reading.failure(Status.MALFORMED, str(error))
        if self._context is None:
            return _CLOSED
        loop = self._listen()
        number, handle = next(self._numbers), ctypes.c_int()
        future: asyncio.Future[DnsAnswer] = loop.create_future()
        self._waiting[number] = future
        self._questions[number] = question
        kind = dns.rdatatype.from_text(question.kind.value)
        wrong = self._library.ub_resolve_async(
            self._context, name, kind, _IN, number, self._heard, ctypes.byref(handle)
        )
        try:
            if wrong:
                return self._wrong(wrong)
            return await future
        except asyncio.CancelledError:
            if self._context is not None:
                self._library.ub_cancel(self._context, handle)
            raise
        finally:
            del self._waiting[number], self._questions[number]

    def follow(self, before: Backend) -> None:
        """Do nothing: nobody has to prove anything to it."""

    def close(self) -> None:
        """Let go of the library's context; whoever still waits gets a failure."""
        for future in self._waiting.values():
            if not future.done():
                future.set_result(_CLOSED)
        if self._loop is not None:
            self._loop.remove_reader(self._library.ub_fd(self._context))
        if self._context is not None:
            self._library.ub_ctx_delete(self._context)
        self._loop = self._context = None

    def _listen(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.get_running_loop()
        if self._loop is None:
            descriptor = self._library.ub_fd(self._context)
            loop.add_reader(descriptor, self._library.ub_process, self._context)
            self._loop = loop
        assert self._loop is loop, "a validator belongs to one event loop"
        return loop

    def _hear(self, number: int, wrong: int, result: ctypes._Pointer[_Result]) -> None:
        """Take an answer, from within `ub_process`."""
        future = self._waiting.get(number)
        if future is not None and not future.done():
            question = self._questions[number]
            future.set_result(self._wrong(wrong) if wrong else _answer(result[0], question))
        if result:
            self._library.ub_resolve_free(result)

    def _wrong(self, number: int) -> DnsAnswer:
        words = self._library.ub_strerror(number).decode()
        return reading.failure(Status.SERVFAIL, f"libunbound: {words}")

    def _do(self, name: str, *arguments: bytes | int) -> None:
        wrong = getattr(self._library, name)(self._context, *arguments)
        if wrong:
            words = self._library.ub_strerror(wrong).decode()
            raise Unavailable(f"libunbound: {name} {arguments}: {words}")


def _answer(result: _Result, question: Dns) -> DnsAnswer:
    if result.bogus:
        words = (result.why_bogus or b"").decode("latin-1")
        return replace(reading.failure(Status.SERVFAIL, words), security=Security.BOGUS)
    packet = ctypes.string_at(result.answer_packet, result.answer_len) if result.answer_len else b""
    try:
        message = parsed(packet)
    except Garbled as error:
        return reading.failure(Status.MALFORMED, f"libunbound: {error}")
    found = reading.answer(message, question)
    if found.failed:
        return found
    return replace(found, security=Security.SECURE if result.secure else Security.INSECURE)


def _written(server: Server) -> bytes:
    return f"{server.address}@{server.port}".encode()
