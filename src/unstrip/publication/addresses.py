"""Every address of an MX host counts, for senders may come to any: which of them were not tried?

An address that was tried and is mute is told with the hosts. These here are like a host that nobody
has looked at: it may show another key, or no TLS.
"""

from __future__ import annotations

from collections.abc import Iterator

from unstrip.escaping import brief
from unstrip.policy.mta_sts import Mode
from unstrip.publication.case import Case
from unstrip.publication.dane import wanted
from unstrip.publication.values import Objection, Server, Weight


def objections(case: Case) -> Iterator[Objection]:
    """Say where there are addresses, or may be, that were never tried."""
    for server in case.seen.servers:
        if not server.addresses:
            continue  # which the hosts' own rule says
        name, weight = brief(server.name), _weight(case, server)
        if server.hidden:
            words = f"{name} may have addresses that were not tried: {brief(server.hidden)}"
            hint = "see that both A and AAAA are answered, be it that there is none"
            yield Objection(weight, words, "RFC 5321, 5.1", hint)
        if server.beyond:
            words = f"{name} has {server.beyond} more addresses, which were not tried"
            hint = "--connect-to ADDRESS, if one may stand for all"
            yield Objection(weight, words, "RFC 5321, 5.1", hint)


def _weight(case: Case, server: Server) -> Weight:
    """What is not shown there loses mail where it has to be: by TLSA records, or by the policy."""
    counts = case.mode is Mode.ENFORCE or bool(wanted(case, server))
    return Weight.UNKNOWN if counts else Weight.NOTED
