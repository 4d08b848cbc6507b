"""TLSA records that are published, and that nothing explains which was shown: kept, until when?

They may be of a machine that was not reached, of a key of another kind, of the next key, or of an
old one. Who drops one whose key is still shown loses mail: so only the owner can, with a date.
"""

from __future__ import annotations

from collections.abc import Iterator

from unstrip.escaping import brief
from unstrip.publication.case import Case
from unstrip.publication.dane import unexplained, wanted
from unstrip.publication.roll import RULE, ahead, turnover
from unstrip.publication.values import Objection, Server, Step, Weight
from unstrip.publication.zone import tlsa


def objections(case: Case) -> Iterator[Objection]:
    """Say which records are kept though no server showed what they name."""
    for server in case.seen.servers:
        for each in unexplained(case, server):
            at = f"_{case.seen.port}._tcp.{brief(server.name)}"
            words = f"TLSA {brief(each.text, 40)} at {at} stays: no server showed its key now"
            hint = "if it is the next key's, give that by --next-key; drop it if no machine has it"
            yield Objection(Weight.NOTED, words, RULE, hint)


def steps(case: Case) -> Iterator[Step]:
    """Yield when they may go; while a key is rolled nothing else does."""
    for server in case.seen.servers:
        if unexplained(case, server) and server not in ahead(case):
            yield _drop(case, server)


def _drop(case: Case, server: Server) -> Step:
    gone = unexplained(case, server)
    lines = [
        str(tlsa(server.name, case.seen.port, each))
        for each in wanted(case, server)
        if each not in gone
    ]
    words = (
        f"drop the TLSA records of {server.name} that no server showed now, but only if they are "
        "of old keys, which no machine has or is to get; these are left"
    )
    return Step(words, case.at + turnover(server), tuple(lines), RULE)
