"""What a domain has published, asked of the world as any sender would who has never been there."""

from __future__ import annotations

import re
from datetime import datetime

from unstrip.hostname import BadHostName, host_name
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

MOST_ADDRESSES = 8  # of one host: each costs a visit


def look(domain: str, now: datetime, port: int = 25) -> Source[Seen]:
    """Find out what is published; nobody is visited."""
    route = yield from dane.mail(domain, port)
    mx = yield from dns(domain, Kind.MX)
    preferences = {record.host: record.preference for record in mx.of(Mx)}
    servers: list[Server] = []
    for host in route.hosts:
        preference = preferences.get(host.name)
        servers.append((yield from _server(host, preference)))
    # what a sender found who had been there before does not count: the id may not have changed
    served = yield from mta_sts.discover(domain, now)
    reports = yield from dns(f"_smtp._tls.{domain}", Kind.TXT)
    return Seen(domain, port, now, route, tuple(servers), served, reports)


def _server(host: dane.Host, preference: int | None) -> Source[Server]:
    if not is_name(host.name):
        return Server(host, preference, DnsAnswer(Status.MALFORMED))
    named = yield from dns(host.name, Kind.CNAME)
    four = yield from dns(host.name, Kind.A)
    six = yield from dns(host.name, Kind.AAAA)
    found = [record.address for a in (four, six) if not a.failed for record in a.of(Address)]
    return Server(host, preference, named, tuple(dict.fromkeys(found))[:MOST_ADDRESSES])


def is_name(name: str) -> bool:
    """Tell whether an MX names a host, and not an address (RFC 5321, 5.1)."""
    try:
        return host_name(name) == name and not re.fullmatch("[0-9.]+|.*:.*", name)
    except BadHostName:
        return False
