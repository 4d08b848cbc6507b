"""The TLSRPT record: where reports about failures go (RFC 8460, 3)."""

from __future__ import annotations

from collections.abc import Iterator

from unstrip.escaping import brief
from unstrip.policy.mta_sts import Mode
from unstrip.policy.questions import Txt
from unstrip.publication.case import Case
from unstrip.publication.values import Objection, Weight, ZoneRecord
from unstrip.publication.zone import TTL, txt
from unstrip.tlsrpt import record as record_of
from unstrip.tlsrpt.record import BadUri

__all__ = ["BadUri", "destination", "objections", "record"]

_RESERVED = {",": "%2C", "!": "%21", ";": "%3B"}


def destination(uri: str) -> str:
    """Return a URI as it may stand in the record.

    Raises: BadUri: it is neither mailto: nor https:.
    """
    encoded = "".join(_RESERVED.get(char, char) for char in uri)  # RFC 8460, 3
    return record_of.destination(encoded).uri


def record(case: Case) -> ZoneRecord | None:
    """Return the record: as wished, or as it is published; None where there is nothing to say."""
    name, told = f"_smtp._tls.{case.seen.domain}", _published(case)
    wished = [f"v=TLSRPTv1; rua={','.join(case.wish.rua)}".encode()] if case.wish.rua else told
    if len(wished) != 1:
        return None
    return txt(name, wished[0], None if wished == told else TTL)


def objections(case: Case) -> Iterator[Objection]:
    """Say where nobody would be told of failures."""
    name = f"_smtp._tls.{case.seen.domain}"
    told = _published(case)
    if len(told) > 1:
        words = f"{len(told)} records at {name} begin with v=TLSRPTv1: senders heed none"
        yield Objection(Weight.NOTED, words, "RFC 8460, 3", "leave one")
    if case.wish.rua or told:
        return
    if case.seen.reports.failed:
        said = brief(case.seen.reports.said())
        words = f"whether reports are asked for could not be found out: {said}"
        yield Objection(Weight.NOTED, words, "RFC 8460, 3")
    elif case.mode is not Mode.NONE:
        words = "nobody is told when mail cannot be delivered, or would not be"
        yield Objection(Weight.NOTED, words, "RFC 8460, 3", "--rua mailto:NAME@DOMAIN")


def _published(case: Case) -> list[bytes]:
    records = [] if case.seen.reports.failed else case.seen.reports.of(Txt)
    return record_of.ours(record.joined for record in records)
