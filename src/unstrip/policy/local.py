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
from typing import Literal

import msgspec

from unstrip.escaping import brief, printable
from unstrip.hostname import BadHostName, host_name
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
        words = str(error).replace("$.", "").replace("`", "'")
        raise BadTable(brief(words, 300)) from error
    return Table(tuple(_checked(rule, number) for number, rule in enumerate(table.rule, 1)))


def opinion(table: Table, host: str, port: int, protocol: str) -> Policy | None:
    """Return the table's opinion about one destination, None where no rule fits."""
    for number, rule in enumerate(table.rule, 1):
        if rule.fits(host, port, protocol):
            pins = tuple(pin.removeprefix("sha256:").lower() for pin in rule.pin)
            text = f"rule {number}: {rule.host} require {rule.require}"
            return Policy(SOURCE, Level(rule.require), text, pins)
    return None


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
        raise BadTable(f"rule {number}: port: {rule.port} is none")
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
