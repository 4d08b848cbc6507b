"""What a mail server is told of a domain is never looser than what was decided of each server.

Every mix of sources at two servers is tried; what follows from an answer is as the manuals of
Postfix and Exim have it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from enum import IntEnum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.mta.domains import DOMAIN, FORGED, GONE, NONE, PIN, UNUSABLE, USABLE, A, B, derived
from tests.policy.answering import N, S, failure
from unstrip.derivation import Beliefs, Derivation, Destination
from unstrip.mta.exim import Options, options
from unstrip.mta.needs import Need, need
from unstrip.mta.postfix import Answer, Lookup, answer
from unstrip.policy import local
from unstrip.policy.dane import Standing
from unstrip.policy.questions import Security

STRANGE = "::ffff:192.0.2.9"  # Postfix gets there, and no answer can name it


class Use(IntEnum):
    """How a server is used, the loosest first."""

    CLEAR = 0
    TLS = 1
    PROVED = 2
    NOT = 3


LEAST = {
    Need.FREE: Use.CLEAR,
    Need.GONE: Use.CLEAR,
    Need.UNUSABLE: Use.TLS,
    Need.ENCRYPTED: Use.TLS,
    Need.NAMED: Use.PROVED,
    Need.PINNED: Use.PROVED,
    Need.DANE: Use.PROVED,
    Need.FAILED: Use.NOT,
    Need.REFUSED: Use.NOT,
}

rules = st.builds(
    local.Rule,
    host=st.sampled_from([A, B, DOMAIN, "*"]),
    require=st.sampled_from(["may", "encrypt", "verify"]),
    override=st.booleans(),
)
patient = st.builds(
    local.Rule,
    host=st.sampled_from([DOMAIN, "*"]),
    require=st.sampled_from(["may", "encrypt"]),
    unknown=st.just("wait"),
)
pinned = st.builds(
    local.Rule,
    host=st.sampled_from([A, DOMAIN]),
    require=st.just("verify"),
    override=st.booleans(),
    pin=st.just((f"sha256:{PIN}",)),
)
tables = st.lists(st.one_of(rules, patient, pinned), max_size=3).map(
    lambda t: local.Table(tuple(t))
)
policies = st.sampled_from(
    [
        {},
        *[{"record": failure()}] * 3,
        {"mode": "enforce", "mx": [A]},
        {"mode": "enforce", "mx": ["*.example.org"]},
        {"mode": "testing", "mx": [A]},
    ]
)
records = st.sampled_from([NONE, USABLE, UNUSABLE, FORGED, GONE])


@st.composite
def domains(draw) -> Derivation:
    beliefs = Beliefs(draw(tables))
    if draw(st.booleans()):
        beliefs = replace(beliefs, lost=lambda _: "the store was damaged")
    second = draw(st.sampled_from([B, B, B, STRANGE]))
    hosts = {A: draw(records), second: draw(records)}
    return derived(hosts, draw(st.sampled_from([S, N])), beliefs=beliefs, **draw(policies))


def standing(server: Destination) -> Standing:
    assert server.dane is not None
    return server.dane.standing


def by_dane(server: Destination, *, only: bool) -> Use:
    """What Postfix comes to by itself, and Exim with a signed MX."""
    known = {Standing.AUTHENTICATED: Use.PROVED, Standing.FAILED: Use.NOT}
    known[Standing.ENCRYPTED] = Use.NOT if only else Use.TLS
    return known.get(standing(server), Use.NOT if only else Use.CLEAR)


def by_postfix(told: Answer, server: Destination, *, signed: bool) -> Use:
    if told.lookup is Lookup.TEMP:
        return Use.NOT
    level, *words = told.text.split() or ["may"]
    if level in ("dane", "dane-only"):
        return by_dane(server, only=level == "dane-only") if signed or level == "dane" else Use.NOT
    if level == "secure":
        names = [name for word in words for name in word.partition("match=")[2].split(":")]
        fits = server.endpoint.host in names or any(
            name.startswith(".") and server.endpoint.host.endswith(name) for name in names
        )
        return Use.PROVED if fits else Use.NOT
    return {"may": Use.CLEAR, "encrypt": Use.TLS, "fingerprint": Use.PROVED}[level]


def has(hosts: Collection[str], name: str) -> bool:
    for host in hosts:
        if host in ("*", name):
            return True
        if host == f"!{name}":
            return False
    return False


def by_exim(told: Options, server: Destination, *, signed: bool) -> Use:
    if told.defer:
        return Use.NOT
    name = server.endpoint.host
    required = has(told.hosts_require_tls, name)
    if has(told.hosts_avoid_tls if signed else told.hosts_avoid_tls_unsigned, name):
        return Use.NOT if required else Use.CLEAR
    found = by_dane(server, only=False)
    if signed and has(told.hosts_try_dane, name) and found in (Use.PROVED, Use.NOT):
        return found
    if not required:
        return Use.CLEAR
    proving = has(told.tls_verify_hosts, name) and has(told.tls_verify_cert_hostnames, name)
    return Use.PROVED if proving else Use.TLS


often = settings(max_examples=max(500, settings().max_examples))


@pytest.mark.parametrize("reporting", [False, True])
@often
@given(domain=domains())
def test_postfix_uses_no_server_more_loosely_than_was_decided(domain, reporting):
    told = answer(domain, reporting=reporting)
    signed = domain.route.security is Security.SECURE
    for server in domain.destinations:
        due, used = LEAST[need(server)], by_postfix(told, server, signed=signed)
        if told.text.startswith("fingerprint"):  # a key of the operator's is all that it asks for
            assert any("held to these keys" in word for word in told.words) or due <= Use.PROVED
            continue
        assert used >= due, (told, server.endpoint.host)


@often
@given(domain=domains())
def test_exim_uses_no_server_more_loosely_than_was_decided(domain):
    told, signed = options(domain), domain.route.security is Security.SECURE
    for server in domain.destinations:
        due, used = LEAST[need(server)], by_exim(told, server, signed=signed)
        if need(server) is Need.DANE and not signed:
            due = Use.TLS  # Exim looks at no records behind an unsigned MX, and we say so
        assert used >= due, (told, server.endpoint.host)
