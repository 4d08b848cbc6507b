"""What our own checks saw, as it is reported.

A verdict says who did what; a report has room for what it looked like to the mail server. So each
code has the one type of RFC 8460, 4.3 that it looked like, or none: where nothing could be told of
the server's TLS, nothing is reported, and where TLS stands, the certificate tells.
"""

from __future__ import annotations

from collections.abc import Mapping

from unstrip.certificates import Fault
from unstrip.evidence import Evidence
from unstrip.policy.questions import ResultType
from unstrip.tlsrpt.sessions import Faults, Session
from unstrip.verdict import Code, Verdict

_NO_TLS, _GENERAL = ResultType.STARTTLS_NOT_SUPPORTED, ResultType.VALIDATION_FAILURE

RESULTS: Mapping[Code, ResultType | None] = {
    # it looked as if the server had no TLS
    Code.COMMAND_MASKED: _NO_TLS,
    Code.REQUEST_FILTERED: _NO_TLS,
    Code.OFFER_MASKED: _NO_TLS,
    Code.OFFER_REMOVED: _NO_TLS,
    Code.OFFER_HIDDEN: _NO_TLS,
    Code.BOGUS_ANSWER: _NO_TLS,
    Code.REJECTED_AFTER_OFFER: _NO_TLS,
    Code.CAPABILITIES_REFUSED: _NO_TLS,
    Code.NEVER_OFFERED: _NO_TLS,
    Code.OFFER_ABSENT_UNEXPLAINED: _NO_TLS,
    # it had, and something else went wrong
    Code.PLAINTEXT_INJECTED: _GENERAL,
    Code.STATE_SPOOFED: _GENERAL,
    Code.DESYNC_GREETING_IN_TLS: _GENERAL,
    Code.PLAINTEXT_INSTEAD_OF_TLS: _GENERAL,
    Code.RESET_AT_UPGRADE: _GENERAL,
    Code.SILENT_AFTER_REQUEST: _GENERAL,
    Code.TLS_FAILED: _GENERAL,
    Code.NO_GREETING_IN_TLS: _GENERAL,
    # TLS stands: what is wrong with it is told of each policy
    Code.TLS_INTERCEPTED: None,
    Code.TLS_DOWNGRADED: None,
    Code.PARTLY_IN_CLEAR: None,
    Code.DANE_MISMATCH: None,
    Code.CERTIFICATE_INVALID: None,
    Code.TLS_OK_UNAUTHENTICATED: None,
    Code.TLS_OK_AUTHENTICATED: None,
    # no policy of the domain's, or it tells for itself
    Code.PIN_MISMATCH: None,
    Code.HOST_REFUSED: None,
    # it could not be told
    **{code: None for code in Code if code.unknown},
    **{code: None for code in Code if code.note},
}

_BY_WEBPKI = {  # RFC 8460, 4.3.1; "not trusted" is for whatever else is wrong with a certificate
    Fault.WRONG_NAME: ResultType.CERTIFICATE_HOST_MISMATCH,
    Fault.EXPIRED: ResultType.CERTIFICATE_EXPIRED,
}
_OTHERWISE = ResultType.CERTIFICATE_NOT_TRUSTED


def session(evidence: Evidence, verdict: Verdict) -> Session | None:
    """Return what was seen of one server; None if it showed nothing of its TLS."""
    broken = None if evidence.secured else _broken(evidence, verdict)
    if broken is None and not evidence.secured:
        return None
    handshake = evidence.handshake if evidence.secured else None
    by_dane, by_webpki = (handshake.dane, handshake.webpki) if handshake else (None, None)
    return Session(
        evidence.endpoint.host,
        broken,
        None if by_dane is None else _faults(by_dane.faults, _GENERAL),
        None if by_webpki is None else _faults(by_webpki.faults, _OTHERWISE),
        receiving_ip=evidence.address,
        helo=_helo(evidence),
    )


def _broken(evidence: Evidence, verdict: Verdict) -> tuple[ResultType, str] | None:
    """Return why there was no TLS; our name for it is more than one of a library could be."""
    for finding in verdict.findings:
        result = RESULTS[finding.code]
        if result is not None:
            alert = evidence.failure.reason if evidence.failure else ""
            return result, f"{finding.code.value} {alert}".strip()
    return None


def _faults(faults: tuple[Fault, ...], otherwise: ResultType) -> Faults:
    """Return each type once, with what it was."""
    found: dict[ResultType, str] = {}
    for fault in faults:
        found.setdefault(_BY_WEBPKI.get(fault, otherwise), fault.value)
    return tuple(found.items())


def _helo(evidence: Evidence) -> str:
    """RFC 8460, 4.4: the name that the server gives itself, first thing in its greeting."""
    words = evidence.upgrade.greeting.split(maxsplit=2) if evidence.upgrade else []
    return words[1][:255] if len(words) > 1 else ""
