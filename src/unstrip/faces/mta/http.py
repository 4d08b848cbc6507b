"""HTTP, as far as questions need it: GET, one request a connection, JSON.

- It is a tongue like the others: the same desk has the replies ready, and the same limits hold.
- A browser on this machine can be made to ask by a page from anywhere, under that page's own name
  (DNS rebinding). Who asks by a name other than localhost gets nothing, unless the operator has
  opened the service to other machines.
- No body is read: there is nothing to be told to us.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import unquote_to_bytes

import h11

from unstrip.derivation import Derivation
from unstrip.evidence import to_json
from unstrip.hostname import is_address
from unstrip.mta.decision import DECISION, decision
from unstrip.mta.nexthop import BadNextHop, next_hop
from unstrip.mta.tongue import FAILED, REFUSED, Query, Told, reason

LONGEST = 8192  # bytes of a request
PAGE = "page"  # the kind of replies that are about ourselves
JSON = "application/json"
_END = re.compile(rb"\n\r?\n")
_PORT = re.compile(r":[0-9]*$")


@dataclass(frozen=True, slots=True)
class Page:
    """A reply that needs no finding out."""

    body: bytes
    content_type: str = JSON
    status: HTTPStatus = HTTPStatus.OK


@dataclass(frozen=True, slots=True)
class Http:
    """The tongue.

    Attributes: pages: what there is beside decisions, by path; guarded: only who asks by an
        address, or as localhost, gets an answer.
    """

    pages: Mapping[str, Callable[[], Page]]
    guarded: bool = True
    once: bool = field(default=True, init=False)

    def whole(self, said: bytearray) -> int:
        """Return the length of the head that comes first, 0 while it is not whole."""
        end = _END.search(said, 0, LONGEST)
        if end is None and len(said) >= LONGEST:
            return LONGEST  # so that it can be told what is wrong
        return end.end() if end else 0

    def requests(self, domain: str) -> tuple[bytes, ...]:  # noqa: ARG002  # of the protocol
        """Return none: each client has other fields in its request."""
        return ()

    def asked(self, request: bytes) -> Query | Told:
        """Return what a request asks, or at once what is to be said to it."""
        peer = h11.Connection(h11.SERVER, max_incomplete_event_size=LONGEST)
        try:
            peer.receive_data(request)
            event = peer.next_event()
        except h11.RemoteProtocolError as error:
            return _refused(HTTPStatus(error.error_status_hint), str(error))
        if not isinstance(event, h11.Request):
            return _refused(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"more than {LONGEST} bytes"
            )
        return self._answer(event)

    def failed(self, words: str) -> Told:
        """Return the reply that nothing could be found out now."""
        page = _page(HTTPStatus.SERVICE_UNAVAILABLE, reason(words))
        return Told(_response(page, "Retry-After: 5"), FAILED)

    def _answer(self, request: h11.Request) -> Query | Told:
        hosts = [value.decode("latin-1") for name, value in request.headers if name == b"host"]
        if self.guarded and not all(map(_is_here, hosts)):
            return _refused(HTTPStatus.MISDIRECTED_REQUEST, "ask by an address, or as localhost")
        if request.method != b"GET":
            return _refused(HTTPStatus.METHOD_NOT_ALLOWED, "there is nothing but GET", "Allow: GET")
        path = request.target.partition(b"?")[0].decode("latin-1")
        if path in self.pages:
            return Told(_response(self.pages[path]()), PAGE, lasting=False)
        if path.startswith(DECISION):
            return _about(unquote_to_bytes(path.removeprefix(DECISION)))
        known = ", ".join((f"{DECISION}DOMAIN", *self.pages))
        return _refused(HTTPStatus.NOT_FOUND, f"there is {known}")


def _about(key: bytes) -> Query | Told:
    try:
        hop = next_hop(key)
    except BadNextHop as error:
        return _refused(HTTPStatus.BAD_REQUEST, str(error))
    if hop is None:
        return _refused(HTTPStatus.BAD_REQUEST, "give a domain, or a server in brackets")
    return Query(hop, _told)


def _told(derivation: Derivation) -> Told:
    found = decision(derivation)
    return Told(_response(Page(to_json(found))), found.kind)


def _refused(status: HTTPStatus, words: str, *more: str) -> Told:
    return Told(_response(_page(status, reason(words)), *more), REFUSED)


def _page(status: HTTPStatus, words: str) -> Page:
    return Page(to_json({"error": words}), JSON, status)


def _response(page: Page, *more: str) -> bytes:
    """Write a reply (RFC 9112, 4); no field of it has anything of the request in it."""
    head = (
        f"HTTP/1.1 {page.status.value} {page.status.phrase}",
        f"Date: {formatdate(usegmt=True)}",
        f"Content-Type: {page.content_type}",
        f"Content-Length: {len(page.body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
        *more,
    )
    return "\r\n".join((*head, "", "")).encode() + page.body


def _is_here(host: str) -> bool:
    """Tell whether a Host field has no name in it that anybody could have registered."""
    name = _PORT.sub("", host).removeprefix("[").removesuffix("]")
    return name.lower() == "localhost" or is_address(name)
