"""Targets as people write them: URLs, and host:port with a protocol's name."""

from __future__ import annotations

from urllib.parse import urlsplit

from unstrip.escaping import printable
from unstrip.evidence import Endpoint
from unstrip.hostname import BadHostName, host_name
from unstrip.protocols import REGISTRY, SCHEMES

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
    known = ", ".join(SCHEMES)
    if not scheme:
        hint = f"write scheme://{printable(text)}, or add --protocol; known: {known}"
        return BadTarget(f"'{printable(text)}' does not say which protocol", hint)
    return BadTarget(f"unknown protocol '{printable(scheme)}'", f"known: {known}")


def implicit_twin(endpoint: Endpoint, port: int | None = None) -> Endpoint | None:
    """Return the same host's port with implicit TLS, None where the protocol has none."""
    ports = tuple(REGISTRY[endpoint.protocol].IMPLICIT_PORTS.values())
    if endpoint.implicit or not (port or ports):
        return None
    name = endpoint.server_name
    return Endpoint(endpoint.host, port or ports[0], endpoint.protocol, True, name)  # noqa: FBT003
