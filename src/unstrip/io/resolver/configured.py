"""The resolver that the configuration asks for, and whether it could vouch for anything at all."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

from unstrip.hostname import host_name
from unstrip.io.configuration import Configuration
from unstrip.io.resolver import Backend, Resolver
from unstrip.io.resolver.servers import Server, server, system
from unstrip.io.resolver.stub import Stub
from unstrip.io.resolver.trust import SelfTest
from unstrip.io.resolver.unbound import Unavailable, Validator
from unstrip.policy.questions import Dns, Kind


def resolver(configuration: Configuration, before: Resolver | None = None) -> Resolver:
    """Return the resolver, for use within one event loop.

    Args: before: the one that it replaces, which knows whom it has seen to validate.
    Raises: Unavailable: libunbound is asked for, and cannot be used here. What a server would say
        instead is not what the operator wants to rely on.
    """
    settings = configuration.resolver
    validates = settings.backend == "libunbound"
    backend: Backend = _validator(configuration) if validates else _stub(configuration)
    if before is not None:
        backend.follow(before.backend)
    return Resolver(backend, timeout=settings.timeout)


def servers(configuration: Configuration) -> tuple[Server, ...]:
    """Return the servers that are asked: those that are named, or those of the system, as of now.

    libunbound without any finds out itself whom to ask.
    """
    settings = configuration.resolver
    named = tuple(dict.fromkeys(map(server, settings.servers)))
    if settings.backend == "libunbound":
        return named
    trusted = {ipaddress.ip_address(text) for text in settings.trusted}
    known = named or system()
    return tuple(replace(s, trusted=ipaddress.ip_address(s.address) in trusted) for s in known)


def distrust(configuration: Configuration) -> str:
    """Say why no answer could be vouched for by DNSSEC, "" where one could; nobody is asked."""
    try:
        made = resolver(configuration)
    except Unavailable as error:
        return str(error)
    made.close()
    return made.backend.distrust


def _stub(configuration: Configuration) -> Stub:
    settings = configuration.resolver
    test = SelfTest(_question(settings.validates), _question(settings.fails))
    return Stub(servers(configuration), test, mix_case=settings.mix_case)


def _question(name: str) -> Dns | None:
    return Dns(host_name(name), Kind.A) if name else None


def _validator(configuration: Configuration) -> Validator:
    settings, named = configuration.resolver, servers(configuration)
    options = {"use-caps-for-id": "yes" if settings.mix_case else "no"}
    if named:  # libunbound passes over those on this machine, unless told otherwise
        options["do-not-query-localhost"] = "no"
    return Validator(settings.trust_anchor, forward=named, options=options)
