"""The datagram of libtlsrpt, by which Postfix 3.10 and later tells of one delivery.

It is JSON with short names, and numbers for what reports say in words. Strings are what the mail
server passed on from whoever it met, bytes that are no UTF-8 among them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated

import msgspec

from unstrip.escaping import brief
from unstrip.hostname import BadHostName, host_name
from unstrip.policy.questions import ResultType
from unstrip.tlsrpt.values import Applied, Attempt, Failure, Outcome, PolicyType

LONGEST = 256 * 1024  # bytes; those of a Postfix have about 1,000
_VERSION = "1"
_MOST = 100  # policies, failures, lines of a policy: each
_MOST_IN_ALL = 1000  # policies and failures: each is a row that is written
_LONGEST_TEXT = 300  # characters of what others said
_LONGEST_NAME = 1000  # characters, however it is spelt; what is read is remembered
_POLICIES: Mapping[int, PolicyType] = {
    1: PolicyType.TLSA,
    2: PolicyType.STS,
    9: PolicyType.NONE,
}
_RESULTS: Mapping[int, ResultType] = {
    201: ResultType.STARTTLS_NOT_SUPPORTED,
    202: ResultType.CERTIFICATE_HOST_MISMATCH,
    203: ResultType.CERTIFICATE_NOT_TRUSTED,
    204: ResultType.CERTIFICATE_EXPIRED,
    205: ResultType.VALIDATION_FAILURE,
    301: ResultType.STS_POLICY_FETCH_ERROR,
    302: ResultType.STS_POLICY_INVALID,
    303: ResultType.STS_WEBPKI_INVALID,
    304: ResultType.TLSA_INVALID,
    305: ResultType.DNSSEC_INVALID,
    306: ResultType.DANE_REQUIRED,
}
_TLSA = re.compile(r"([0-9]+) ([0-9]+) ([0-9]+) ([0-9A-Fa-f]+)")

_Texts = Annotated[tuple[str, ...], msgspec.Meta(max_length=_MOST)]


class BadDatagram(ValueError):
    """It cannot be counted; the message says why.

    Attributes: kind: the same in a word: "length", "form", "version", "policy" or "name".
    """

    def __init__(self, kind: str, words: str) -> None:
        super().__init__(words)
        self.kind = kind


class _Failure(msgspec.Struct, frozen=True):
    c: int
    s: str = ""
    n: str = ""
    h: str = ""
    r: str = ""
    a: str = ""
    f: str = ""


class _Policy(msgspec.Struct, frozen=True, rename="kebab"):
    policy_type: int
    f: Annotated[int, msgspec.Meta(ge=0, le=1)]
    policy_domain: str = ""
    policy_string: _Texts = ()
    mx_host: _Texts = ()
    failure_details: Annotated[tuple[_Failure, ...], msgspec.Meta(max_length=_MOST)] = ()


class _Datagram(msgspec.Struct, frozen=True):
    d: str
    pr: str
    policies: Annotated[tuple[_Policy, ...], msgspec.Meta(min_length=1, max_length=_MOST)]
    dpv: str = _VERSION  # early ones had none


_DECODER = msgspec.json.Decoder(_Datagram)


def read(data: bytes) -> Attempt:
    """Return the delivery that a datagram tells of.

    Raises: BadDatagram: too long, no JSON, of another version, or something in it is not what it
        has to be. Codes that are not known yet are no reason.
    """
    if len(data) > LONGEST:
        raise BadDatagram("length", f"{len(data)} bytes are too many")
    try:
        told = _DECODER.decode(data.decode("utf-8", "replace"))
    except (msgspec.MsgspecError, RecursionError) as error:
        raise BadDatagram("form", brief(str(error))) from error
    if told.dpv != _VERSION:
        raise BadDatagram("version", f"version '{brief(told.dpv)}' is not known")
    if (many := sum(1 + len(policy.failure_details) for policy in told.policies)) > _MOST_IN_ALL:
        raise BadDatagram("length", f"{many} policies and failures are too many")
    return Attempt(_name(told.d), told.pr, tuple(map(_outcome, told.policies)))


def _outcome(told: _Policy) -> Outcome:
    kind = _POLICIES.get(told.policy_type)
    if kind is None:
        raise BadDatagram("policy", f"policy type {brief(str(told.policy_type))} is not known")
    domain = _name(told.policy_domain) if told.policy_domain else ""
    strings = told.policy_string
    if kind is PolicyType.TLSA:
        strings = tuple(map(_record, strings))
    return Outcome(
        Applied(kind, domain, strings, told.mx_host),
        failed=told.f == 1,
        failures=tuple(map(_failure, told.failure_details)),
    )


def _failure(told: _Failure) -> Failure:
    known = _RESULTS.get(told.c, ResultType.VALIDATION_FAILURE)  # RFC 8460, 4.3.3: the general one
    reason = told.f or ("" if told.c in _RESULTS else f"code {told.c}")
    helo = told.h.partition("\r\n")[0]  # Postfix passes on all of the answer to EHLO
    texts = (told.s, told.n, helo, told.r, reason, told.a)
    return Failure(known.value, *(text[:_LONGEST_TEXT] for text in texts))


def _record(text: str) -> str:
    """Return TLSA data in its one spelling; what is none stays as it is."""
    found = _TLSA.fullmatch(text.strip())
    return text if found is None else " ".join((*found.groups()[:3], found[4].lower()))


def _name(text: str) -> str:
    if len(text) > _LONGEST_NAME:
        raise BadDatagram("name", f"'{brief(text)}' is no host name")
    return _host_name(text)


@lru_cache(10_000)
def _host_name(text: str) -> str:
    try:
        return host_name(text)
    except BadHostName as error:
        raise BadDatagram("name", str(error)) from error
