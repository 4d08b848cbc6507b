"""Rules about the TLS that stands: who is at the other end, how strong it is, what it hides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from unstrip.certificates import Certificate, Fault, Unreadable, read, spki
from unstrip.escaping import brief
from unstrip.evidence import Evidence
from unstrip.handshake import Handshake
from unstrip.policy import Decision, Level
from unstrip.policy.history import proved
from unstrip.tlsa import Match, TlsaSet
from unstrip.trouble import Trouble
from unstrip.upgrade import Outcome
from unstrip.verdict.case import Case, Ground, combined, offered_words
from unstrip.verdict.values import Code, Exposure, Finding, Reach

_SOON = timedelta(days=14)
_FRESH = timedelta(hours=48)
_EVERYWHERE = frozenset({"ftp", "irc"})  # they list all they know, and nothing forbids it
_OF_TLS = frozenset({"TLS", "SSL", "TLS-C", "TLS-P"})  # FTP's AUTH is for these too (RFC 4217, 4)
_VERSIONS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_INTERCEPTED = 0.65  # from here on it is called so; another port's better certificate is less
_SOMEBODY_ELSES = frozenset({Fault.SELF_SIGNED, Fault.UNTRUSTED, Fault.WRONG_NAME})


def authenticated(decision: Decision, handshake: Handshake | None) -> bool:
    """Tell whether the peer proved to be the one that was meant.

    A name that only an unsigned answer gave us may be another's: to prove that is to prove nothing
    (R10, P-11).
    """
    return decision.vouched and proven(decision, handshake)


def proven(decision: Decision, handshake: Handshake | None) -> bool:
    """Tell whether the certificate is one that `decision` accepts for this host."""
    if handshake is None or not handshake.chain:
        return False
    if decision.pins:
        return spki(handshake.chain[0]) in decision.pins
    if decision.tlsa is not None:
        found = handshake.dane
        met = found is not None and found.valid and found.record in decision.tlsa.records
        return bool(met)
    return handshake.webpki is not None and handshake.webpki.valid


def good_enough(decision: Decision, handshake: Handshake) -> bool:
    """Tell whether a finished handshake is as good as `decision` asks; looser levels take any.

    What is known of this very host (its TLSA records, earlier visits) asks for no more than that it
    is this host, even where an unsigned answer named it: to refuse it would only stop the mail to
    it (RFC 7672, 2.2.1). What is wanted of whoever is meant, it cannot give.
    """
    if decision.refuses:
        return False
    if decision.level < Level.AUTHENTICATED:
        return True
    asking = [policy for policy in decision.because if policy.level is decision.level]
    of_this_host = bool(asking) and all(policy.attests for policy in asking)
    return (proven if of_this_host else authenticated)(decision, handshake)


def exposure(decision: Decision, evidence: Evidence) -> Exposure:
    """Tell who can read this link."""
    if not evidence.secured and not _stood(evidence):
        reach = Reach.READS if _words_crossed(evidence) else Reach.UNKNOWN
        return Exposure(reach, reach, reach)
    if _exposed(evidence):
        return Exposure(Reach.READS, Reach.READS, Reach.READS)
    handshake = evidence.handshake
    proven = authenticated(decision, handshake)
    secret = handshake is not None and handshake.forward_secrecy
    return Exposure(
        wiretap=Reach.SAFE,
        attacker=Reach.SAFE if proven else Reach.READS,
        later=Reach.SAFE if secret else Reach.READS,
    )


def _exposed(evidence: Evidence) -> str:
    """Return what crosses in clear beside the TLS that stands, in the server's words."""
    return evidence.upgrade.exposed if evidence.upgrade else ""


def _stood(evidence: Evidence) -> bool:
    """TLS stood, and what ended the attempt afterwards let nothing cross in clear."""
    failure = evidence.failure
    if evidence.handshake is None or failure is None:
        return False
    return failure.trouble not in (Trouble.UNSOLICITED, Trouble.SPOOFED)


def _words_crossed(evidence: Evidence) -> bool:
    """The dialog came far enough to tell that it stays in clear, or is not the server's own."""
    upgrade, failure = evidence.upgrade, evidence.failure
    if failure is not None and failure.trouble in (Trouble.SPOOFED, Trouble.UNSOLICITED):
        return True
    return upgrade is not None and upgrade.outcome not in (Outcome.BUSY, Outcome.UNAVAILABLE)


def partly_in_clear(case: Case) -> Iterator[Finding]:
    """TLS stands, and yet some of what matters does not pass through it (F-FTP-1)."""
    if case.evidence.secured and (left := _exposed(case.evidence)):
        words = f"TLS stands, but not everything passes through it: {brief(left)}"
        yield Finding(Code.PARTLY_IN_CLEAR, 0.95, words, source=case.protocol.DEFINED_BY)


def certificate(case: Case) -> Iterator[Finding]:
    """The certificate does not prove who is there: misconfigured, or somebody else's."""
    handshake = case.evidence.handshake
    if handshake is None or proven(case.decision, handshake):
        return
    grounds = list(_interception(case, handshake)) if _could_be_anyones(handshake) else []
    confidence = combined(grounds)
    if grounds and confidence >= _INTERCEPTED:
        words = "somebody else answers in the server's place"
        yield Finding(Code.TLS_INTERCEPTED, confidence, words, tuple(g.words for g in grounds))
    if case.decision.pins:
        yield Finding(Code.PIN_MISMATCH, 0.99, "the public key is none of those that are pinned")
    elif case.decision.tlsa is not None:
        yield from _dane_mismatch(case.decision.tlsa, handshake.dane)
    elif handshake.webpki is not None:
        yield Finding(Code.CERTIFICATE_INVALID, 0.99, _fault_words(handshake), source="RFC 9525, 6")


def _dane_mismatch(tlsa: TlsaSet, found: Match | None) -> Iterator[Finding]:
    """A certificate that nobody held against the records proves nothing, and misses nothing."""
    if found is not None:
        of = "".join(f" of {brief(base)}" for base in tlsa.names[:1])
        words = f"the certificate does not meet the TLSA records{of}"
        because = tuple(filter(None, [found.words]))
        yield Finding(Code.DANE_MISMATCH, 0.99, words, because, source="RFC 7672, 2.2")


def downgraded(case: Case) -> Iterator[Finding]:
    """An older version than the same server spoke before (C-11)."""
    handshake = case.evidence.handshake
    before = [
        visit.handshake.version for visit in case.history if visit.handshake and proved(visit)
    ]
    if handshake is None or not before:
        return
    best = max(before, key=_version)
    if _version(handshake.version) < _version(best):
        words = f"{handshake.version} was negotiated, on an earlier visit {best}"
        yield Finding(Code.TLS_DOWNGRADED, 0.7, words)


def key_changed(case: Case) -> Iterator[Finding]:
    """Another key than last time, and valid: mostly a renewal (KEY_CHANGED is a note)."""
    handshake = case.evidence.handshake
    last = _last_proved(case)
    if handshake is None or last is None or not proved(case.evidence):
        return
    if last.handshake is not None and _key(handshake) != _key(last.handshake):
        when = f"{last.began:%Y-%m-%d}"
        words = f"the server has another key than on {when}; its certificate is valid"
        yield Finding(Code.KEY_CHANGED, 0.99, words)


def forward_secrecy(case: Case) -> Iterator[Finding]:
    """A recording of this link can be read by whoever gets the server's key one day."""
    handshake = case.evidence.handshake
    if handshake is not None and not handshake.forward_secrecy:
        words = f"no forward secrecy: {handshake.cipher} uses the server's key itself"
        yield Finding(Code.NO_FORWARD_SECRECY, 0.99, words, source="RFC 9325, 4.1")


def expires_soon(case: Case) -> Iterator[Finding]:
    """The certificate is valid, but not for long."""
    handshake = case.evidence.handshake
    if handshake is None or not handshake.chain or not proved(case.evidence):
        return
    try:
        left = read(handshake.chain[0]).not_after - case.evidence.began
    except Unreadable:
        return
    if left < _SOON:
        words = f"the certificate expires in {left.days} days"
        yield Finding(Code.CERTIFICATE_EXPIRES_SOON, 0.99, words)


def lists_differ(case: Case) -> Iterator[Finding]:
    """What was listed in clear and what is listed inside: the difference was made on the way."""
    before = offered_words(case.evidence)
    inside = tuple(line.upper() for line in case.upgrade.inside)
    if case.evidence.secured and case.offer in inside and case.protocol.NAME not in _EVERYWHERE:
        words = f"{case.offer} is offered again inside TLS, where it must not be"
        yield Finding(Code.OFFERED_INSIDE_TLS, 0.5, words, source=case.protocol.DEFINED_BY)
    extra = _mechanisms(before) - _mechanisms(inside) - _OF_TLS
    if case.evidence.secured and inside and extra:
        words = f"listed in clear, but not inside TLS: {brief(', '.join(sorted(extra)))}"
        yield Finding(Code.CAPABILITIES_DIFFER, 0.4, words)
    if _takes_passwords(before):
        words = "logging in is offered in clear, before TLS"
        yield Finding(Code.LOGIN_OFFERED_IN_CLEAR, 0.9, words, source="RFC 8314, 4.1")


def _could_be_anyones(handshake: Handshake) -> bool:
    """Anyone can make such a certificate; an expired one of the server's own nobody else has."""
    said = handshake.webpki
    return said is None or said.valid or bool(_SOMEBODY_ELSES & set(said.faults))


def _interception(case: Case, mine: Handshake) -> Iterator[Ground]:
    """What makes a wrong certificate somebody else's rather than a mistake."""
    if any(_valid_other(door, mine) for door in case.doors):
        words = "the same host's other port has a valid one, with another key"
        yield Ground("implicit port", 0.6, words)
    if any(_valid_other(seen, mine) for seen in case.elsewhere):
        words = "from elsewhere the server shows a valid one, with another key"
        yield Ground("vantage", 0.9, words)
    last = _last_proved(case)
    if last is not None and _valid_other(last, mine):
        when = f"{last.began:%Y-%m-%d}"
        yield Ground("history", 0.7, f"on {when} it had a valid one, with another key")
    yield from _looks_made_up(mine, case.evidence)


def _last_proved(case: Case) -> Evidence | None:
    """The last visit whose certificate was valid: older ones say less of today's."""
    return next((visit for visit in reversed(case.history) if proved(visit)), None)


def _looks_made_up(mine: Handshake, evidence: Evidence) -> Iterator[Ground]:
    """Certificates that interception tools make on the fly (G17)."""
    try:
        leaf = read(mine.chain[0])
    except (Unreadable, IndexError):
        return
    if leaf.subject.endswith(".localdomain") or (leaf.weak and leaf.self_signed):
        yield Ground(
            "certificate", 0.8, f"it looks like an interception tool's: {brief(leaf.subject)}"
        )
    elif _made_just_now(leaf, evidence):
        yield Ground("certificate", 0.55, "it was made within the last two days, for a short life")


def _made_just_now(leaf: Certificate, evidence: Evidence) -> bool:
    age, life = evidence.began - leaf.not_before, leaf.not_after - leaf.not_before
    return timedelta(0) <= age < _FRESH and life <= _FRESH


def _valid_other(other: Evidence, mine: Handshake) -> bool:
    """Evidence of a valid certificate with another key than ours."""
    theirs = other.handshake
    return theirs is not None and proved(other) and _key(theirs) != _key(mine)


def _key(handshake: Handshake) -> str | None:
    return spki(handshake.chain[0]) if handshake.chain else None


def _fault_words(handshake: Handshake) -> str:
    said = handshake.webpki
    if said is None:
        return ""
    faults = ", ".join(fault.value for fault in said.faults)
    names = ""
    if Fault.WRONG_NAME in said.faults and handshake.chain:
        names = f"; it is for {', '.join(_names(handshake.chain[0])) or 'no name at all'}"
    return f"the certificate does not prove the server to be {said.name}: {faults}{names}"


def _names(der: bytes) -> tuple[str, ...]:
    try:
        leaf = read(der)
    except Unreadable:
        return ()
    return tuple(brief(name) for name in (leaf.dns_names + leaf.addresses)[:4])


def _version(name: str) -> int:
    return _VERSIONS.index(name) if name in _VERSIONS else -1


def _mechanisms(lines: Iterable[str]) -> set[str]:
    """Login mechanisms in capability lists of SMTP (AUTH X Y), IMAP (AUTH=X), POP3 (SASL X)."""
    found: set[str] = set()
    for line in lines:
        words = line.split()
        if words and words[0] in ("AUTH", "SASL"):
            found.update(words[1:])
        found.update(word.removeprefix("AUTH=") for word in words if word.startswith("AUTH="))
    return found


def _takes_passwords(lines: tuple[str, ...]) -> bool:
    """RFC 8314, 4.1: cleartext login must not be offered; LOGINDISABLED says it is not."""
    return bool({"PLAIN", "LOGIN"} & _mechanisms(lines)) and "LOGINDISABLED" not in lines


RULES = (
    partly_in_clear,
    certificate,
    downgraded,
    key_changed,
    forward_secrecy,
    expires_soon,
    lists_differ,
)
