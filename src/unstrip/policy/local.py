"""The operator's own table: which destinations must be protected, and how well.

It plays the role of Exim's hosts_require_tls, for every protocol:

    [[rule]]
    host = "*.example.org"        # a name, or "*." and a domain for everything below it, or "*"
    require = "verify"            # may, encrypt or verify
    port = 25                     # only for this port (optional)
    protocol = "smtp"             # only for this protocol (optional)
    pin = ["sha256:6f2c..."]      # only these public keys (optional, with "verify")
    override = true               # nobody else has a say, not even who asks for more (optional)
    unknown = "wait"              # mail waits while nobody knows about MTA-STS (optional)

Of the rules that fit, the first one counts. One that stands below another that fits all that it
fits never does.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Iterator
from typing import Literal

import msgspec
from msgspec.structs import replace

from unstrip.escaping import brief
from unstrip.hostname import BadHostName, host_name
from unstrip.mistakes import mistake
from unstrip.policy.values import Level, Policy
from unstrip.protocols import REGISTRY

SOURCE = "local"
_LAST_PORT = 65535
_PIN = re.compile(r"sha256:([0-9a-fA-F]{64})")


_OF_POSTFIX = re.compile("require: '(?:secure|dane|dane-only)' is none of ")


class BadTable(ValueError):
    """The table cannot be used; the message names the rule and the key.

    Attributes: hint: what may have been meant, "" if that is not known.
    """

    def __init__(self, words: str) -> None:
        super().__init__(words)
        found = _OF_POSTFIX.search(words)
        self.hint = "verify is what Postfix calls secure; DANE needs no rule" if found else ""


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule of the table, as written."""

    host: str
    require: Literal["may", "encrypt", "verify"]
    port: int | None = None
    protocol: str | None = None
    pin: tuple[str, ...] = ()
    override: bool = False
    unknown: Literal["send", "wait"] = "send"

    def __post_init__(self) -> None:
        """Refuse a rule that can never fit: it would protect nothing, and nobody would notice."""
        _pattern(self.host)
        if self.port is not None and not 0 < self.port <= _LAST_PORT:
            raise ValueError(f"port: {self.port} is not 1 to {_LAST_PORT}")
        if self.protocol is not None and self.protocol not in REGISTRY:
            known = ", ".join(REGISTRY)
            raise ValueError(f"protocol: '{brief(self.protocol)}' is none of {known}")
        for pin in self.pin:
            if not _PIN.fullmatch(pin):
                raise ValueError(f"pin: '{brief(pin)}' is not 'sha256:' and 64 hex digits")
        if self.pin and self.require != "verify":
            raise ValueError("pin: only goes with require = 'verify'")
        if self.override and self.unknown == "wait":  # then nobody is asked
            raise ValueError("unknown: 'wait' does not go with override = true")

    def fits(self, host: str, port: int | None, protocol: str | None) -> bool:
        """Tell whether the rule is about this destination, or all those that another is about."""
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
        raise BadTable(mistake(error, Table, text)) from error
    return Table(tuple(replace(rule, host=_pattern(rule.host)) for rule in table.rule))


def opinions(
    table: Table,
    names: Iterable[str],
    port: int,
    protocol: str,
    *,
    unsigned: Collection[str] = (),
) -> list[Policy]:
    """Return the table's opinions about a server that goes by these names, one a rule that counts.

    For each name it is the first rule that fits. The table is asked for each of them, since DNS may
    be forged: a lenient rule about a host must not do for the domain that was led there (P-11). Of
    the rules that count, the first may have the last word.

    Args: unsigned: those of the names that anybody could have brought up; no rule is the last word
        because of them.
    """
    about: dict[int, list[str]] = {}
    for name in names:
        if (number := _first(table, name, port, protocol)) is not None:
            about.setdefault(number, []).append(name)
    sure = (number for number, of in about.items() if not set(of) <= set(unsigned))
    first = min(sure, default=None)
    if first is not None and table.rule[first].override:
        others = (number for number in about if number != first)
        return [_opinion(table, first, overrides=True), *(_opinion(table, n) for n in others)]
    several = len(about) > 1
    return [_opinion(table, n, ", ".join(of) if several else "") for n, of in about.items()]


def waiting(table: Table, name: str, port: int, protocol: str, unknown: str) -> Policy | None:
    """Return the opinion by which mail waits while there may be a policy, if there is one.

    Where DNSSEC names host and key it is overruled, as that policy would be.

    Args: name: the domain's, for so is the policy; unknown: what could not be found out.
    """
    number = _first(table, name, port, protocol)
    if number is None or table.rule[number].unknown == "send":
        return None
    text = f"{table.rule[number].host} unknown wait"
    words = f"{_named(number)} of the table has mail wait: {unknown}"
    return Policy(SOURCE, Level.MAY, text, webpki=True, refuses=words, rule=_named(number))


def last_words(table: Table) -> str:
    """Say which rules override all others, "" if none does: whoever starts with it has to know."""
    idle = dict(_idle(table))
    found = [(n, rule) for n, rule in enumerate(table.rule) if rule.override and n not in idle]
    rules = "; ".join(f"{_named(number)}: {_asks(rule)}" for number, rule in found)
    return f"all other policies are overridden by {rules}" if rules else ""


def idle(table: Table) -> str:
    """Say which rules never count, "" if each may: whoever wrote them has to know."""
    found = (
        f"{_named(n)} never counts, for {_named(m)} fits all that it fits" for n, m in _idle(table)
    )
    return "; ".join(found)


def _idle(table: Table) -> Iterator[tuple[int, int]]:
    """Yield each rule that never counts, and one above it that fits all that it fits."""
    for number, rule in enumerate(table.rule):
        above = (
            n
            for n, each in enumerate(table.rule[:number])
            if each.fits(rule.host, rule.port, rule.protocol)
        )
        if (first := next(above, None)) is not None:
            yield number, first


def _first(table: Table, name: str, port: int, protocol: str) -> int | None:
    fitting = (n for n, rule in enumerate(table.rule) if rule.fits(name, port, protocol))
    return next(fitting, None)


def _opinion(table: Table, number: int, about: str = "", *, overrides: bool = False) -> Policy:
    rule = table.rule[number]
    pins = tuple(pin.removeprefix("sha256:").lower() for pin in rule.pin)
    text = _asks(rule) + (f", for {about}" if about else "")
    if rule.override and not overrides:
        text += "; it overrides nobody here"
    return Policy(SOURCE, Level(rule.require), text, pins, overrides=overrides, rule=_named(number))


def _asks(rule: Rule) -> str:
    return f"{rule.host} require {rule.require}"


def _named(number: int) -> str:
    return f"rule {number + 1}"


def _host_fits(pattern: str, host: str) -> bool:
    host = host.lower().rstrip(".")
    if pattern == "*":
        return True
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern


def _pattern(host: str) -> str:
    """Return the host of a rule as A-labels. Raises: ValueError."""
    if host == "*":
        return host
    star = "*." if host.startswith("*.") else ""
    try:
        return star + host_name(host.removeprefix("*."))
    except BadHostName as error:
        raise ValueError(f"host: {error}; a star may only be the first label") from error
