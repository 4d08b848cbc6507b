"""HTTPS: fetching the policies that are published there, and handing reports over (P-02).

* The addresses are our resolver's, and are what is dialled. A look-up that failed or was forged
  brings none, and ends the fetch where no other is left: who answers has to prove the name with a
  certificate all the same, and a policy that cannot be fetched is one that protects nobody.
* TLS is a session's, and as there the name is proved before the request goes out.
* A redirect is an answer like any other. Of one that is not 200, nothing but the head is read; nor
  is of the answer to a report.
* A body is whole, or it is none. One that ends with the connection counts if TLS was closed by the
  server itself: whoever is on the path can end the connection, and a policy is lines.
* There is one deadline for everything, of which each address has a fair share.

Whatever happens is a value. What stands between us and HTTP is h11, which parses and nothing else.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from ipaddress import ip_address
from itertools import chain, zip_longest

import h11

from unstrip.bundled import BundledTunnel
from unstrip.certificates import Anchors, WebPki, webpki
from unstrip.conversation import Conversation
from unstrip.escaping import brief, excerpt
from unstrip.handshake import Handshake
from unstrip.hostname import BadHostName, host_name
from unstrip.io.addresses import Unresolved
from unstrip.io.asyncio import Exchange
from unstrip.io.clock import Clock, DeadlinePassed
from unstrip.io.session import Unmet, failure
from unstrip.io.trust import client_context
from unstrip.policy.questions import (
    Address,
    Dns,
    DnsAnswer,
    Https,
    HttpsAnswer,
    HttpsFailure,
    Kind,
    ResultType,
    Status,
)
from unstrip.protocols.http import ALPN, INTERIM_LIMIT
from unstrip.trouble import Ended, ProtocolError, TooLong, Unsolicited
from unstrip.tunnel import Tunnel
from unstrip.wire import Dialog, Wire

TIMEOUT = 60.0  # seconds for everything (RFC 8461, 3.3)
BODY_LIMIT = 64 * 1024  # bytes (RFC 8461, 3.3)
_ADDRESSES = 8  # tried at most: more would leave each no time worth having
_PIECE = 16 * 1024  # bytes given to h11 at a time, so that its own limits hold
_SETTLE = 0.1  # seconds to listen behind the answer, for a server that does not close
_AGENT = f"unstrip/{version('unstrip')}"
_PATH = re.compile(r"/[!-~]*")


class BadPath(ValueError):
    """It cannot stand in a request."""


@dataclass(frozen=True, slots=True)
class Upload:
    """What is handed over by POST, and where to: https://host:port/path.

    Attributes: body, media: what it is, and of which type.
    """

    host: str
    path: str
    body: bytes
    media: str
    port: int = 443


class Fetcher:
    """For use within one event loop; how many fetches there are at a time is the caller's.

    Args:
        ask: asks DNS.
        roots: the trusted roots.
        timeout: seconds for look-up, connection, TLS, request and body together.
        port: of every web server.
        most: bytes in a body; what TLS may carry for a dialog is above that (R27).
    """

    def __init__(
        self,
        ask: Callable[[Dns], Awaitable[DnsAnswer]],
        roots: Anchors,
        *,
        timeout: float = TIMEOUT,
        port: int = 443,
        most: int = BODY_LIMIT,
    ) -> None:
        self._ask, self._roots = ask, roots
        self._timeout, self._port, self._most = timeout, port, most

    async def get(self, question: Https) -> HttpsAnswer | HttpsFailure:
        """Return the first answer that one of the host's addresses has, or why there is none."""
        return await self._first(
            question, lambda asked: _Request(asked, self._roots, self._port, self._most)
        )

    async def post(
        self, upload: Upload, *, verify: bool = True, private: bool = False
    ) -> HttpsAnswer | HttpsFailure:
        """Hand something over; return the head of the first answer, or why there is none.

        Args: verify: False is to hand it to whoever is there, whatever the certificate; private:
            at addresses too that are not everybody's, as those of this machine and its network.
        """
        return await self._first(
            Https(upload.host, upload.path),
            lambda asked: _Posting(asked, self._roots, upload, verify=verify),
            private=private,
        )

    async def _first(
        self, question: Https, request: Callable[[Https], _Request], *, private: bool = True
    ) -> HttpsAnswer | HttpsFailure:
        """Ask one address after the other."""
        clock = Clock(self._timeout)
        failures: list[HttpsFailure] = []
        try:
            question = _checked(question)
            addresses = await self._addresses(question.host, clock.left() / 2)
            if not private:
                addresses = _everybodys(question.host, addresses)
            for place, address in enumerate(addresses):
                share = clock.left() / (len(addresses) - place)
                answer = await _visit(request(question), address, share)
                if isinstance(answer, HttpsAnswer):
                    return answer
                failures.append(answer)
        except (BadHostName, BadPath, Unresolved, DeadlinePassed) as error:
            failures.append(HttpsFailure(ResultType.STS_POLICY_FETCH_ERROR, str(error)))
        return _together(failures)

    async def _addresses(self, host: str, seconds: float) -> list[str]:
        """Return the addresses to dial, of both kinds in turn (RFC 8305, 4).

        Raises: Unresolved: there are none.
        """
        kinds = (Kind.AAAA, Kind.A)
        answers = await asyncio.gather(*(self._asked(Dns(host, kind), seconds) for kind in kinds))
        usable = [() if answer.failed else answer.of(Address) for answer in answers]
        turns = chain.from_iterable(zip_longest(*usable))
        found = [record.address for record in turns if record is not None]
        if not found:
            said = (f"{k.value}: {a.said()}" for k, a in zip(kinds, answers, strict=True))
            raise Unresolved(f"{host} has no address; {'; '.join(said)}")
        return found[:_ADDRESSES]

    async def _asked(self, question: Dns, seconds: float) -> DnsAnswer:
        try:
            async with asyncio.timeout(seconds):
                return await self._ask(question)
        except TimeoutError:
            return DnsAnswer(Status.TIMEOUT, words=f"no answer in {seconds:.2g} seconds")


def _everybodys(host: str, addresses: list[str]) -> list[str]:
    """Return the addresses that are no network's own (RFC 6890).

    Raises: Unresolved: there are none.
    """
    found = [address for address in addresses if ip_address(address).is_global]
    if not found:
        raise Unresolved(f"{host} has private addresses alone: {', '.join(addresses)}")
    return found


async def _visit(request: _Request, address: str, seconds: float) -> HttpsAnswer | HttpsFailure:
    """Ask one address."""
    exchange: Exchange[HttpsAnswer] | None = None
    try:
        async with asyncio.timeout(seconds):
            exchange = await _dial(request.talk(), address, request.port)
            return await exchange.finished
    except Exception as error:  # noqa: BLE001  # `failure` lets through what is none of its kinds
        if request.answer is not None and isinstance(error, OSError):
            return request.answer  # who does not wait for our leave-taking has answered
        return request.failed(error, address)
    finally:
        if exchange is not None and not exchange.talk.done:
            exchange.abort()


async def _dial(talk: Conversation[HttpsAnswer], address: str, port: int) -> Exchange[HttpsAnswer]:
    loop = asyncio.get_running_loop()
    _, exchange = await loop.create_connection(
        lambda: Exchange(talk, _SETTLE, leave=True), address, port
    )
    return exchange


class _Request:
    """One request over one connection.

    Attributes: port: to dial; answer: as soon as it is whole; webpki: what is said of the
        certificate, if one was seen.
    """

    def __init__(self, question: Https, roots: Anchors, port: int, most: int) -> None:
        self.answer: HttpsAnswer | None = None
        self.webpki: WebPki | None = None
        self._question, self._roots, self.port, self._most = question, roots, port, most
        self._http = h11.Connection(h11.CLIENT)

    def talk(self) -> Conversation[HttpsAnswer]:
        """Return the conversation, to be driven."""
        return Conversation(
            self._dialog, self._make_tunnel, implicit=True, inspect=self._prove_name
        )

    def failed(self, error: Exception, address: str) -> HttpsFailure:
        """Return what went wrong as a value; an error that no peer can cause is raised again."""
        unproved = isinstance(error, Unmet)
        result = ResultType.STS_WEBPKI_INVALID if unproved else ResultType.STS_POLICY_FETCH_ERROR
        return HttpsFailure(result, f"{address}: {failure(error).words}", self.webpki)

    def _make_tunnel(self) -> Tunnel:
        self._tunnel = BundledTunnel(client_context(self._roots), self._question.host, ALPN)
        return self._tunnel

    def _prove_name(self, found: Handshake) -> Handshake:
        """Raises: Unmet: the certificate is not valid for the name (RFC 8461, 3.3)."""
        host, now = self._question.host, datetime.now(UTC)
        said = webpki(found.chain, host, self._roots, now, self._tunnel.path_faults)
        self.webpki = said
        if not said.valid:
            faults = ", ".join(fault.value for fault in said.faults)
            raise Unmet(f"the certificate is not valid for {host}: {faults}")
        return replace(found, webpki=said)

    def _dialog(self, wire: Wire) -> Dialog[HttpsAnswer]:
        wire.ask(self._head())  # an answer that is there already is not ours
        response = yield from self._response(wire)
        media = _field(response, b"content-type")
        answer = HttpsAnswer(response.status_code, media, webpki=self.webpki)
        if answer.status != 200:
            return answer
        answer = self.answer = replace(answer, body=(yield from self._body(wire, response)))
        yield from wire.conclude()  # nor is one that has another behind it
        return answer

    def _head(self) -> bytes:
        fields = {"Accept": "text/plain", "Accept-Encoding": "identity"}
        # RFC 9110, 12.5.3: without that, any coding would do
        return self._said("GET", fields, b"")

    def _said(self, method: str, more: Mapping[str, str], body: bytes) -> bytes:
        host, port = self._question.host, self.port
        fields = {
            "Host": host if port == 443 else f"{host}:{port}",
            "User-Agent": _AGENT,
            **more,
            "Connection": "close",
        }
        request = h11.Request(method=method, target=self._question.path, headers=[*fields.items()])
        events = (request, h11.Data(body), h11.EndOfMessage())
        return b"".join(self._http.send(event) or b"" for event in events)

    def _response(self, wire: Wire) -> Dialog[h11.Response]:
        """Receive the head of the answer; others in between are passed over (RFC 9110, 15.2)."""
        for _ in range(INTERIM_LIMIT):
            event = yield from self._event(wire)
            if isinstance(event, h11.Response):
                return event
        raise TooLong(f"more than {INTERIM_LIMIT} answers before the answer")

    def _body(self, wire: Wire, response: h11.Response) -> Dialog[bytes]:
        coding = _field(response, b"content-encoding")
        if coding.lower() not in ("", "identity"):
            raise ProtocolError(f"a body encoded as '{brief(coding)}', which was not asked for")
        body = bytearray()
        while isinstance(event := (yield from self._event(wire)), h11.Data):
            body += event.data
            if len(body) > self._most:
                raise TooLong(f"a body of more than {self._most} bytes")
        if behind := self._http.trailing_data[0]:
            raise Unsolicited(f"said behind the answer: {excerpt(behind)}")
        return bytes(body)

    def _event(self, wire: Wire) -> Dialog[object]:
        """Receive until h11 has something to tell.

        Raises: ProtocolError: it is no HTTP/1.1; Ended: it is not whole.
        """
        while (event := self._next()) is h11.NEED_DATA:
            while not wire.waiting and not wire.ended:  # records of TLS's own are nothing said
                yield from wire.more(_PIECE)
            if not wire.waiting:
                self._check_end()
            self._http.receive_data(wire.take(_PIECE))
        return event

    def _next(self) -> object:
        try:
            return self._http.next_event()
        except h11.RemoteProtocolError as error:
            raise ProtocolError(f"not an answer of HTTP/1.1: {brief(str(error))}") from error

    def _check_end(self) -> None:
        """Let the end of the connection pass for the end of a body, if the server meant it so."""
        # RFC 9112, 9.8: without close_notify it may have been cut short
        if self._http.their_state is not h11.SEND_BODY or not self._tunnel.notified:
            last = self._http.trailing_data[0]
            after = f": {excerpt(last)}" if last else ""
            raise Ended(f"connection closed before the answer was whole{after}")


class _Posting(_Request):
    """One report handed over: whether it was taken is in the head of the answer (RFC 8460, 5.4)."""

    def __init__(self, question: Https, roots: Anchors, upload: Upload, *, verify: bool) -> None:
        super().__init__(question, roots, upload.port, 0)
        self._upload, self._verify = upload, verify

    def _prove_name(self, found: Handshake) -> Handshake:
        return super()._prove_name(found) if self._verify else found

    def _dialog(self, wire: Wire) -> Dialog[HttpsAnswer]:
        upload = self._upload
        fields = {"Content-Type": upload.media, "Content-Length": str(len(upload.body))}
        wire.ask(self._said("POST", fields, upload.body))
        response = yield from self._response(wire)
        return HttpsAnswer(response.status_code, _field(response, b"content-type"))


def _checked(question: Https) -> Https:
    """Return the question with its host's name as it goes into DNS and certificates.

    Raises: BadHostName: it has none, or an address instead; BadPath: the path is none.
    """
    host = host_name(question.host)
    if ":" in host or host.rpartition(".")[2].isdigit():  # RFC 1123, 2.1: no name ends in a number
        raise BadHostName(f"'{host}' is an address, not a host name")
    if not _PATH.fullmatch(question.path):
        raise BadPath(f"'{brief(question.path)}' is no path")
    return Https(host, question.path)


def _field(response: h11.Response, name: bytes) -> str:
    """Return a field's value; of several as if they stood in one (RFC 9110, 5.2)."""
    return b", ".join(value for field, value in response.headers if field == name).decode("latin-1")


def _together(failures: list[HttpsFailure]) -> HttpsFailure:
    """Return one failure with the words of all; a certificate that is not valid says most."""
    unproved = [f for f in failures if f.result is ResultType.STS_WEBPKI_INVALID]
    telling = (unproved or failures)[0]
    return replace(telling, words="; ".join(failure.words for failure in failures))
