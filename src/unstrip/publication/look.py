"""What a domain has published, asked of the world as any sender would who has never been there."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from itertools import chain, zip_longest

from unstrip.hostname import is_host_name
from unstrip.policy import dane, mta_sts
from unstrip.policy.questions import (
    Address,
    DnsAnswer,
    Kind,
    Mx,
    Source,
    Status,
    dns,
)
from unstrip.publication.values import Seen, Server
from unstrip.tlsa import DANE

MOST_ADDRESSES = 16  # of one host: each costs a visit


def look(domain: str, now: datetime, port: int = 25, coming: tuple[str, ...] = ()) -> Source[Seen]:
    """Find out what is published; nobody is visited.

    Args: coming: hosts that are to be in the MX; those that are not will be.
    """
    route = yield from dane.mail(domain, port)
    mx = yield from dns(domain, Kind.MX)
    preferences = {record.host: record.preference for record in mx.of(Mx)}
    servers: list[Server] = []
    for host in route.hosts:
        preference = preferences.get(host.name)
        servers.append((yield from _server(host, preference)))
    for name in dict.fromkeys(coming):
        if name not in {server.name for server in servers} and servers:
            host = yield from dane.server(name, port, DANE)
            servers.append(replace((yield from _server(host, None)), coming=True))
    # what a sender found who had been there before does not count: the id may not have changed
    served = yield from mta_sts.discover(domain, now)
    record = yield from dns(f"_mta-sts.{domain}", Kind.TXT)
    reports = yield from dns(f"_smtp._tls.{domain}", Kind.TXT)
    return Seen(domain, port, now, mx, route, tuple(servers), served, record, reports)


def _server(host: dane.Host, preference: int | None) -> Source[Server]:
    if not is_host_name(host.name):
        return Server(host, preference, DnsAnswer(Status.MALFORMED))
    named = yield from dns(host.name, Kind.CNAME)
    four = yield from dns(host.name, Kind.A)
    six = yield from dns(host.name, Kind.AAAA)
    found = _in_turn(four, six)
    alias = ""
    if named.secure:  # RFC 7672, 2.2.2: where nothing counts, nothing is asked
        alias = (yield from dns(f"_{host.port}._tcp.{host.name}", Kind.TLSA)).canonical
    return Server(
        host,
        preference,
        named,
        addresses=found[:MOST_ADDRESSES],
        beyond=len(found[MOST_ADDRESSES:]),
        hidden="; ".join(_failed(Kind.A, four) + _failed(Kind.AAAA, six)),
        alias=alias,
    )


def _in_turn(*answers: DnsAnswer) -> tuple[str, ...]:
    """Return addresses of IPv4 and IPv6 in turn, lest those of one kind are all that is visited."""
    told = [answer.of(Address) for answer in answers if not answer.failed]
    turns = chain.from_iterable(zip_longest(*told))
    return tuple(dict.fromkeys(each.address for each in turns if each))


def _failed(kind: Kind, answer: DnsAnswer) -> list[str]:
    return [f"{kind.value}: {answer.said()}"] if answer.failed else []
