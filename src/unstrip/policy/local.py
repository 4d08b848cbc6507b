"""The operator's own table: which destinations must be protected, and how well.

It plays the role of Exim's hosts_require_tls, for every protocol:

    [[rule]]
    host = "*.example.org"        # a name, or "*." and a domain for everything below it, or "*"
    require = "verify"            # may, encrypt or verify
    port = 25                     # only for this port (optional)
    protocol = "smtp"             # only for this protocol (optional)
    pin = ["sha256:6f2c..."]      # only these public keys (optional, with "verify")

Of the rules that fit, the first one counts.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from typing import Literal

import msgspec

from unstrip.escaping import brief, printable
from unstrip.hostname import BadHostName, host_name
from unstrip.mistakes import mistake
from unstrip.policy.values import Level, Policy
from unstrip.protocols import REGISTRY

SOURCE = "local"
_LAST_PORT = 65535
_PIN = re.compile(r"sha256:([0-9a-fA-F]{64})")


class BadTable(ValueError):
    """The table cannot be used; the message names the rule and the key."""


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule of the table, as written."""

    host: str
    require: Literal["may", "encrypt", "verify"]
    port: int | None = None
    protocol: str | None = None
    pin: tuple[str, ...] = ()

    def fits(self, host: str, port: int, protocol: str) -> bool:
        """Tell whether the rule is about this destination."""
        return (
            _host_fits(self.host, host)
            and self.port in (None, port)
            and self.protocol in (None, protocol)
        )


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole table, as written."""

    rule: tuple[Rule, ...] = ()


def parse(text: str) -> Table:
    """Return the table in `text` (TOML).

    Raises: BadTable: not TOML, an unknown key, a wrong value: all of it, since half a table
        would protect half of what it was written for.
    """
    try:
        table = msgspec.convert(tomllib.loads(text), Table)
    except (ValueError, RecursionError) as error:  # tomllib's own and msgspec's are ValueErrors
        raise BadTable(brief(mistake(error, Table), 300)) from error
    return Table(tuple(_checked(rule, number) for number, rule in enumerate(table.rule, 1)))


def opinions(table: Table, names: Iterable[str], port: int, protocol: str) -> list[Policy]:
    """Return the table's opinions about a server that goes by these names, one a rule that counts.

    For each name it is the first rule that fits. The table is asked for each of them, since DNS may
    be forged: a lenient rule about a host must not do for the domain that was led there (P-11).
    """
    about: dict[int, list[str]] = {}
    for name in names:
        fitting = (n for n, rule in enumerate(table.rule) if rule.fits(name, port, protocol))
        if (number := next(fitting, None)) is not None:
            about.setdefault(number, []).append(name)
    several = len(about) > 1
    return [_opinion(table, n, ", ".join(of) if several else "") for n, of in about.items()]


def _opinion(table: Table, number: int, about: str) -> Policy:
    rule = table.rule[number]
    pins = tuple(pin.removeprefix("sha256:").lower() for pin in rule.pin)
    text = f"rule {number + 1}: {rule.host} require {rule.require}"
    return Policy(SOURCE, Level(rule.require), f"{text}, for {about}" if about else text, pins)


def _host_fits(pattern: str, host: str) -> bool:
    host = host.lower().rstrip(".")
    if pattern == "*":
        return True
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern


def _checked(rule: Rule, number: int) -> Rule:
    """Return the rule with its host as A-labels.

    A rule that can never fit would protect nothing, and nobody would notice: it is a mistake.
    """
    if rule.port is not None and not 0 < rule.port <= _LAST_PORT:
        raise BadTable(f"rule {number}: port: {rule.port} is not 1 to {_LAST_PORT}")
    if rule.protocol is not None and rule.protocol not in REGISTRY:
        known = ", ".join(REGISTRY)
        raise BadTable(f"rule {number}: protocol: '{printable(rule.protocol)}' is none of {known}")
    for pin in rule.pin:
        if not _PIN.fullmatch(pin):
            words = f"'{printable(pin)}' is not 'sha256:' and 64 hex digits"
            raise BadTable(f"rule {number}: pin: {words}")
    if rule.pin and rule.require != "verify":
        raise BadTable(f"rule {number}: pin: only goes with require = 'verify'")
    return msgspec.structs.replace(rule, host=_pattern(rule.host, number))


def _pattern(host: str, number: int) -> str:
    if host == "*":
        return host
    star = "*." if host.startswith("*.") else ""
    try:
        return star + host_name(host.removeprefix("*."))
    except BadHostName as error:
        words = f"{error}; a star may only be the first label"
        raise BadTable(f"rule {number}: host: {words}") from error
