"""Targets as people write them: URLs, and host:port with a protocol's name."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from urllib.parse import urlsplit

from unstrip.escaping import brief, printable
from unstrip.evidence import Endpoint
from unstrip.hostname import BadHostName, host_name
from unstrip.protocols import REGISTRY, SCHEMES, Protocol

_LAST_PORT = 65535


class BadTarget(ValueError):
    """It cannot be understood.

    Attributes: hint: how it could be written instead.
    """

    def __init__(self, words: str, hint: str) -> None:
        super().__init__(words)
        self.hint = hint


def parse(text: str, protocol: str | None = None, server_name: str = "") -> Endpoint:
    """Return the endpoint that `text` names.

    Args:
        text: "imap://mail.example.org", "smtps://[::1]:10465", or "mail.example.org:143".
        protocol: a URL scheme's or a protocol's name, for a `text` that is no URL.
        server_name: the name the certificate is to carry, if not the host.
    Raises: BadTarget: none can be made of it.
    """
    scheme_name, _, rest = text.partition("://") if "://" in text else (protocol or "", "", text)
    scheme = SCHEMES.get(scheme_name.lower())
    if scheme is None:
        raise _unknown(text, scheme_name)
    host, port = _host_and_port(text, rest)
    try:
        host, server_name = host_name(host), host_name(server_name) if server_name else ""
    except BadHostName as error:
        raise BadTarget(str(error), _HINT) from error
    return Endpoint(host, port or scheme.port, scheme.protocol, scheme.implicit, server_name)


_LISTED = "all are in docs/reference/protocols.md"
_LONGEST = 40  # characters that may be a scheme, misspelt
_HINT = "write scheme://host or scheme://host:port, for example imap://mail.example.org"


def _host_and_port(text: str, rest: str) -> tuple[str, int | None]:
    if rest.count(":") > 1 and "[" not in rest:
        raise BadTarget(
            f"'{printable(text)}': which colon begins the port?", "write [2001:db8::1]:25"
        )
    try:
        split = urlsplit(f"//{rest}")
        host, port = split.hostname, split.port
    except ValueError as error:
        raise BadTarget(f"'{printable(text)}': {error}".lower(), _HINT) from error
    extra = split.path.strip("/") or split.query or split.fragment or split.username
    if not host or extra or port == 0:
        raise BadTarget(f"'{printable(text)}' is not a host and a port", _HINT)
    return host, port


def _unknown(text: str, scheme: str) -> BadTarget:
    if not scheme:
        hint = f"write smtp://{brief(text)}, or add --protocol; {_LISTED}"
        return BadTarget(f"'{brief(text)}' does not say which protocol", hint)
    near = get_close_matches(scheme.lower()[:_LONGEST], SCHEMES, 1)
    meant = f"did you mean {near[0]}? " if near else ""
    return BadTarget(f"unknown protocol '{brief(scheme)}'", f"{meant}{_LISTED}")


def implicit_twin(endpoint: Endpoint, port: int | None = None) -> Endpoint | None:
    """Return the same host's port with implicit TLS, None where the protocol has none.

    Where a protocol has one port for both (PostgreSQL 17, TDS 8, IPP), it is the endpoint's own.
    """
    protocol = REGISTRY[endpoint.protocol]
    ports = tuple(protocol.IMPLICIT_PORTS.values())
    if endpoint.implicit or not (port or ports):
        return None
    if port is None:
        shared = endpoint.port in ports or ports[0] in protocol.PORTS.values()
        port = endpoint.port if shared else ports[0]
    return replace(endpoint, port=port, implicit=True)


def in_band_twin(endpoint: Endpoint, port: int | None = None) -> Endpoint | None:
    """Return the same host's port that upgrades in-band, None where that is the endpoint itself.

    It is the port of the scheme with the like name, so that mail is submitted to 587 if it was
    to 465 (RFC 8314, 3.3); or the endpoint's own, as for `implicit_twin`.
    """
    if not endpoint.implicit:
        return None
    if port is None:
        port = _like_named(endpoint.port, REGISTRY[endpoint.protocol])
    return replace(endpoint, port=port, implicit=False)


def _like_named(port: int, protocol: Protocol) -> int:
    ports, implicit = protocol.PORTS, protocol.IMPLICIT_PORTS
    usual, *_ = ports.values()
    if port in ports.values() or usual in implicit.values():
        return port
    named = [scheme.removesuffix("s") for scheme, its in implicit.items() if its == port]
    return next((ports[name] for name in reversed(named) if name in ports), usual)
