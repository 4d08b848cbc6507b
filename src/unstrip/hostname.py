"""Host names as they go into DNS, certificates and policies: A-labels in lower case (RFC 5890)."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

from unstrip.escaping import brief

_SCOPED = re.compile(r"[0-9A-Fa-f:.]+%[0-9A-Za-z._-]{1,32}")  # RFC 4007, 11
_LABEL, _NAME = 63, 253  # octets (RFC 1035, 2.3.4)


class BadHostName(ValueError):
    """It is neither a host name nor an address."""


def host_name(host: str) -> str:
    """Return a host name as A-labels in lower case, without a trailing dot, or an address.

    Raises: BadHostName: it is neither.
    """
    if "%" in host and not _SCOPED.fullmatch(host):
        raise BadHostName(f"'{brief(host)}' is no address with a scope")
    address = _address(host)
    if address is not None:
        return str(address)
    name = _a_labels(host.removesuffix(".").lower())
    if len(name) > _NAME or not all(map(_is_label, name.split("."))):
        raise BadHostName(f"'{brief(host)}' is no host name")
    return name


def is_address(text: str) -> bool:
    """Tell whether it is an address, of IPv4 or IPv6, and so no name to be asked for."""
    return _address(text) is not None


def is_host_name(text: str) -> bool:
    """Tell whether what DNS calls a host is one: in its one spelling, and no address.

    A name that ends in a number is none, since it reads as an address (RFC 1123, 2.1).
    """
    numeric = text.rpartition(".")[2].isdigit()
    return is_spelled(text) and not (is_address(text) or numeric)


@lru_cache(64)  # the same few are asked about again and again
def is_spelled(text: str) -> bool:
    """Tell whether it is a host name or an address, in the one spelling that it has."""
    try:
        return host_name(text) == text
    except BadHostName:
        return False


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    if ":" not in text and not text[-1:].isdigit():  # most names: to try takes ten times as long
        return None
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _a_labels(name: str) -> str:
    if name.isascii():
        return name
    import idna

    try:
        return idna.encode(name, uts46=True).decode()
    except idna.IDNAError as error:
        raise BadHostName(f"'{brief(name)}' is no host name: {brief(str(error))}") from error


def _is_label(label: str) -> bool:
    """Letters, digits, hyphens; underscores are met in the wild, and harm nobody."""
    return 0 < len(label) <= _LABEL and label.replace("-", "a").replace("_", "a").isalnum()
