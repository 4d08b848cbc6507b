"""What an Exim sender is told of a domain: options of its smtp transport.

Exim has lists of hosts, so each server gets what it needs. No list says that a server must not be
used; but mail waits for one that is kept from TLS and has to have it, so that is what is done to
those, and to all that a policy does not name. (To insist on DANE would not do: where DNSSEC is
missing, Exim returns the mail to its sender.) A star at the end of a list stands for every other
host, an exclamation mark takes one out.

Of a plain name in a list, Exim looks up the addresses, by unsigned DNS, and compares those: who can
forge them could put a host of his own in the place of one that is named. A regular expression is
compared with the name of the host instead, so that is how a list is written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from unstrip.derivation import Derivation
from unstrip.escaping import brief
from unstrip.mta.needs import Need, closed, hosts, need
from unstrip.policy.dane import Route, Standing
from unstrip.policy.questions import Security

_BARRED = (Need.FAILED, Need.STRANGER)
_ALL = ("*",)
LISTS = (
    "hosts_require_tls",
    "hosts_avoid_tls",
    "hosts_require_dane",
    "hosts_try_dane",
    "tls_verify_hosts",
    "tls_verify_cert_hostnames",
)


@dataclass(frozen=True, slots=True)
class Options:
    """The options, each a list of hosts; where `defer` says why, nothing is to be sent now.

    Attributes: words: what Exim has to be set to, and what it cannot be told.
    """

    hosts_require_tls: tuple[str, ...] = ()
    hosts_avoid_tls: tuple[str, ...] = ()
    hosts_require_dane: tuple[str, ...] = ()
    hosts_try_dane: tuple[str, ...] = _ALL
    tls_verify_hosts: tuple[str, ...] = ()
    tls_verify_cert_hostnames: tuple[str, ...] = _ALL
    defer: str = ""
    words: tuple[str, ...] = ()


def options(derivation: Derivation) -> Options:
    """Return what Exim is told of a domain's mail."""
    if reason := _waiting(derivation):
        return Options(defer=brief(reason))
    secure = derivation.route.security is Security.SECURE
    by_dane = hosts(derivation, Need.DANE) if secure else ()
    named = hosts(derivation, Need.NAMED, Need.PINNED)
    half = () if secure else hosts(derivation, Need.DANE)
    encrypted = hosts(derivation, Need.ENCRYPTED, Need.UNUSABLE) + half
    used = (*by_dane, *named, *encrypted)
    return Options(
        hosts_require_tls=_ALL if closed(derivation) else (*used, *hosts(derivation, *_BARRED)),
        hosts_avoid_tls=_unused(derivation, used),
        hosts_require_dane=by_dane,
        hosts_try_dane=(*_otherwise(derivation), *_ALL),
        tls_verify_hosts=named,
        words=_words(derivation, half),
    )


def text(listed: tuple[str, ...]) -> str:
    """Write a list of hosts as it stands in Exim's configuration."""
    return " : ".join(_item(host, r"\N") for host in listed)  # \N: not to be expanded


def expanded(listed: tuple[str, ...]) -> str:
    """Write a list of hosts as it is once Exim has expanded it."""
    return " : ".join(map(_item, listed))


def _item(host: str, guard: str = "") -> str:
    if host == "*":
        return host
    name = host.removeprefix("!")
    pattern = re.escape(name).replace(":", "::")  # a colon alone would end the item
    return f"{'!' if host != name else ''}{guard}^{pattern}${guard}"


def _waiting(derivation: Derivation) -> str:
    if derivation.route.route is Route.FAILED:
        return derivation.waits
    barred = [each for each in derivation.destinations if each.decision.refuses]
    usable = hosts(derivation, *set(Need) - {*_BARRED, Need.GONE})
    return barred[0].decision.refuses if barred and not usable else ""


def _unused(derivation: Derivation, used: tuple[str, ...]) -> tuple[str, ...]:
    """Return those that are not to be used: where a policy says who is, that is everybody else."""
    if closed(derivation):
        return (*(f"!{name}" for name in used), *_ALL)
    return hosts(derivation, *_BARRED)


def _otherwise(derivation: Derivation) -> tuple[str, ...]:
    """Take out of DANE those that have to prove themselves otherwise, or need not do so."""
    return tuple(
        f"!{each.endpoint.host}"
        for each in derivation.destinations
        if (each.dane and each.dane.standing is Standing.ENCRYPTED) or need(each) is Need.PINNED
    )


def _words(derivation: Derivation, half: tuple[str, ...]) -> tuple[str, ...]:
    words = []
    if pinned := hosts(derivation, Need.PINNED):
        words.append(f"Exim knows no pins: {brief(', '.join(pinned))} has to prove its name")
    if half:
        words.append(
            f"without a signed MX, no TLSA record of {brief(', '.join(half))} is looked at"
        )
    if hosts(derivation, Need.DANE) and not half:
        words.append("the router needs dnssec_request_domains = *")
    if hosts(derivation, Need.NAMED):
        words.append("the transport needs tls_sni = $host")  # RFC 8461, 7.1
    return tuple(words)
