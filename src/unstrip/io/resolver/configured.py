"""The resolver that the configuration asks for, and whether it could vouch for anything at all."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

from unstrip.hostname import host_name
from unstrip.io.configuration import Configuration, ResolverSettings
from unstrip.io.resolver import Resolver
from unstrip.io.resolver.servers import Server, server, system
from unstrip.io.resolver.stub import Stub
from unstrip.io.resolver.trust import REMEDY, SelfTest
from unstrip.io.resolver.unbound import Unavailable, Validator
from unstrip.policy.questions import Dns, Kind


def resolver(configuration: Configuration) -> Resolver:
    """Return the resolver, for use within one event loop.

    Raises: Unavailable: libunbound is asked for, and cannot be used here. What a server would say
        instead is not what the operator wants to rely on.
    """
    settings = configuration.resolver
    backend = _validator(settings) if settings.backend == "libunbound" else _stub(settings)
    return Resolver(backend, timeout=settings.timeout)


def distrust(configuration: Configuration) -> str:
    """Say why no answer could be vouched for by DNSSEC, "" where one could; nobody is asked."""
    settings = configuration.resolver
    if settings.backend == "libunbound":
        return _unavailable(settings)
    reasons = [known.distrust for known in _servers(settings)]
    return "" if "" in reasons else f"{', '.join(reasons)}; {REMEDY}"


def _unavailable(settings: ResolverSettings) -> str:
    try:
        _validator(settings).close()
    except Unavailable as error:
        return str(error)
    return ""


def _stub(settings: ResolverSettings) -> Stub:
    test = SelfTest(_question(settings.validates), _question(settings.fails))
    return Stub(_servers(settings), test, mix_case=settings.mix_case)


def _servers(settings: ResolverSettings) -> tuple[Server, ...]:
    trusted = {ipaddress.ip_address(text) for text in settings.trusted}
    known = tuple(map(server, settings.servers)) or system()
    return tuple(replace(s, trusted=ipaddress.ip_address(s.address) in trusted) for s in known)


def _question(name: str) -> Dns | None:
    return Dns(host_name(name), Kind.A) if name else None


def _validator(settings: ResolverSettings) -> Validator:
    named = tuple(map(server, settings.servers))
    options = {"use-caps-for-id": "yes" if settings.mix_case else "no"}
    if named:  # libunbound passes over those on this machine, unless told otherwise
        options["do-not-query-localhost"] = "no"
    return Validator(settings.trust_anchor, forward=named, options=options)
