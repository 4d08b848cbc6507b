"""Rules about the request and its answer: masked, refused, forged, silent, injected, reset."""

from __future__ import annotations

import re
from collections.abc import Iterator
from statistics import median

from unstrip.escaping import brief, excerpt
from unstrip.evidence import Evidence
from unstrip.protocols import REGISTRY
from unstrip.transcript import Layer, Side
from unstrip.trouble import ASIDE, Trouble
from unstrip.upgrade import CANARY, Manner, Outcome
from unstrip.verdict.case import (
    Case,
    Ground,
    combined,
    heard,
    last_proof,
    offered_words,
    proofs,
)
from unstrip.verdict.values import Code, Finding, Proof

_TOOLS = (  # sentences that known stripping tools say in a server's stead
    "200 STRIPTLS",
    'Error: command "EHLO" not implemented',
    "OK IMAP2 Server Ready",
)
_RFC_WORDING = "454 TLS not available due to temporary reason"  # RFC 3207, 4.1, and a tool's too
_ENHANCED = re.compile(r"[245]\d\d[ -][245]\.\d{1,3}\.\d{1,3} ")
_TELLING = 6  # so many X's are no placeholder in a sentence
_NOT_UNDERSTOOD = re.compile(
    r"unknown|invalid|recogni|understood|implemented|syntax", re.IGNORECASE
)
_TLS_RECORD = re.compile(  # RFC 8446, 5.1: a type, the version's 3; in TDS's envelope, or bare
    rb"(?:\x12[\0\1].{6})?[\x14-\x17](?:\x03|\Z)", re.DOTALL
)
_NEARER, _NEARER_SECONDS, _SAMPLES = 0.5, 0.005, 5


def injected(case: Case) -> Iterator[Finding]:
    """Plaintext waited behind the go-ahead: no honest server does this (B-06 to B-08)."""
    failure = case.evidence.failure
    if failure is None or failure.trouble is not Trouble.INJECTED:
        return
    residue = case.evidence.residue
    if failure.reason == ASIDE:
        words = f"words behind the go-ahead, which answer nothing: {excerpt(residue)}"
        because = ("servers that look a client's name up say so when they are done, even there",)
        yield Finding(Code.PLAINTEXT_INSTEAD_OF_TLS, 0.5, words, because)
        return
    words = f"plaintext was injected behind the go-ahead: {excerpt(residue)}"
    because = ("it would have passed for the answer to the first command inside TLS",)
    shown = last_proof(case.evidence, residue)
    yield Finding(Code.PLAINTEXT_INJECTED, 0.98, words, because, shown, case.protocol.DEFINED_BY)


def spoofed(case: Case) -> Iterator[Finding]:
    """A state or an answer that cannot be before TLS (F-01, F-03, T-01)."""
    failure = case.evidence.failure
    if failure is None or case.evidence.handshake is not None:
        return
    if failure.trouble in (Trouble.SPOOFED, Trouble.UNSOLICITED):
        words = f"the dialog was led astray before TLS: {failure.words}"
        yield Finding(Code.STATE_SPOOFED, 0.9, words, source=case.protocol.DEFINED_BY)


def desynchronised(case: Case) -> Iterator[Finding]:
    """A greeting inside TLS: another port's conversation was spliced in (X-02b)."""
    evidence = case.evidence
    failure = evidence.failure
    if failure is None or evidence.handshake is None:
        return
    if failure.trouble in (Trouble.UNSOLICITED, Trouble.SPOOFED):
        words = f"the server spoke out of turn inside TLS: {failure.words}"
        because = ("it was spliced into another port of the server, or that is wired wrong",)
        yield Finding(Code.DESYNC_GREETING_IN_TLS, 0.9, words, because)
    elif (
        evidence.endpoint.implicit
        and case.protocol.GREETS
        and failure.trouble in (Trouble.DEADLINE, Trouble.ENDED, Trouble.RESET)
        and not heard(evidence, Side.SERVER, Layer.SECURE)
    ):
        words = "TLS stands, but no greeting came inside it"
        because = ("somebody may have spliced this connection into a port with STARTTLS (X-02)",)
        yield Finding(Code.NO_GREETING_IN_TLS, 0.6, words, because)


def masked(case: Case) -> Iterator[Finding]:
    """The server echoes a verb of X's: ours was overwritten on its way (J-07)."""
    sent = {Manner.CANARY: len(CANARY)}
    for evidence in (case.evidence, *case.probes):
        said = evidence.upgrade.said if evidence.upgrade else ""
        length = sent.get(evidence.manner, len(case.verb))
        echo = re.search(rf"(?<![X]){'X' * length}(?![X])", said)
        if echo and (length > _TELLING or _NOT_UNDERSTOOD.search(said)):
            words = f"the request was overwritten on its way to the server, which echoes {echo[0]}"
            shown = proofs(case.evidence, echo[0].encode()) if evidence is case.evidence else ()
            yield Finding(Code.COMMAND_MASKED, 0.99, words, proof=shown)
            return


def filtered(case: Case) -> Iterator[Finding]:
    """Spelt otherwise, the same request works: only a filter minds spelling (P3, P4)."""
    if case.evidence.secured or not case.asked:
        return
    for probe in case.probes:
        if probe.secured and probe.manner in (Manner.LOWER_CASE, Manner.SPLIT):
            how = "in lower case" if probe.manner is Manner.LOWER_CASE else "in two segments"
            words = f"asked {how}, the server upgrades; asked plainly, it does not: a filter"
            yield Finding(Code.REQUEST_FILTERED, 0.98, words)
            return


def refused(case: Case) -> Iterator[Finding]:
    """Offered, asked for, and told no: rare in honest servers (J-01, J-02)."""
    upgrade = case.upgrade
    if upgrade.outcome is not Outcome.REFUSED or not upgrade.advertised:
        return
    if _bogus(upgrade.said):
        return
    earlier = [visit for visit in case.history if visit.secured]
    grounds = [Ground("transcript", 0.5, f"the answer was: {brief(upgrade.said)}")]
    if earlier:
        grounds.append(Ground("history", 0.9, f"it was granted on {earlier[-1].began:%Y-%m-%d}"))
    if any(seen.secured for seen in case.elsewhere):
        grounds.append(Ground("vantage", 0.9, "from elsewhere it is granted"))
    words = f"{case.offer} is offered, but refused when asked for"
    because = tuple(ground.words for ground in grounds)
    shown = proofs(case.evidence, upgrade.said.encode())
    source = case.protocol.DEFINED_BY
    yield Finding(Code.REJECTED_AFTER_OFFER, combined(grounds), words, because, shown, source)


def bogus(case: Case) -> Iterator[Finding]:
    """An answer that the verb cannot have: forged, or the verb became another (J-03, J-08)."""
    failure, said = case.evidence.failure, case.upgrade.said
    if case.upgrade.outcome is Outcome.REFUSED and _bogus(said):
        noop = said.startswith("250")
        words = f"no server answers {case.verb} like this: {brief(said)}"
        because = ("it looks as if the request had been turned into NOOP",) if noop else ()
        shown = proofs(case.evidence, said.encode())
        yield Finding(Code.BOGUS_ANSWER, 0.8 if noop else 0.9, words, because, shown)
    elif (
        failure and failure.trouble is Trouble.BROKEN and case.asked and not _in_tls(case.evidence)
    ):
        words = f"no server answers {case.verb} like this: {failure.words}"
        yield Finding(Code.BOGUS_ANSWER, 0.9, words)


def broke_at_the_upgrade(case: Case) -> Iterator[Finding]:
    """Silence, reset or text where the upgrade should have been (J-04, J-05, J-06, B-11)."""
    evidence, failure = case.evidence, case.evidence.failure
    if failure is None or not (case.asked or evidence.endpoint.implicit):
        return
    if evidence.handshake is not None:
        if failure.trouble is Trouble.TLS:
            yield Finding(Code.TLS_FAILED, 0.9, failure.words, _alert_note(failure.reason))
        return
    answer = heard(evidence, Side.SERVER, Layer.HANDSHAKE)
    alerted = "ALERT" in failure.reason  # TLS was heard, in whatever envelope
    if answer and not _TLS_RECORD.match(answer) and not alerted:
        words = f"in answer to the TLS handshake came plaintext: {excerpt(answer)}"
        shown, hint = _first_answer(evidence, answer), _starts_in_clear(case)
        yield Finding(Code.PLAINTEXT_INSTEAD_OF_TLS, 0.5, words, hint, shown)
    elif failure.trouble is Trouble.TLS:
        yield Finding(Code.TLS_FAILED, 0.9, failure.words, _alert_note(failure.reason))
    elif failure.trouble in (Trouble.RESET, Trouble.ENDED) and (case.asked or answer):
        words = f"the connection was torn down when TLS was to start: {failure.words}"
        yield Finding(Code.RESET_AT_UPGRADE, 0.8, words, _elsewhere_works(case))
    elif failure.trouble is Trouble.DEADLINE and case.asked:
        what = "the TLS handshake" if _in_tls(evidence) else case.verb
        words = f"{what} was never answered, though everything before it was"
        yield Finding(Code.SILENT_AFTER_REQUEST, 0.7, words, _elsewhere_works(case))


def inserted(case: Case) -> Iterator[Finding]:
    """An answer in another's style: the server's own answers look different (G9)."""
    upgrade = case.upgrade
    said = f"{upgrade.said} {upgrade.unlisted} {upgrade.greeting}"
    if any(sentence in said for sentence in _TOOLS):
        words = "an answer is word for word that of a stripping tool"
        yield Finding(Code.LINE_INSERTED, 0.95, words)
    elif _RFC_WORDING in upgrade.said:
        words = "the refusal is word for word that of a stripping tool, and of RFC 3207's example"
        yield Finding(Code.LINE_INSERTED, 0.3, words)
    elif _without_enhanced_code(case):
        words = "the server marks its answers with enhanced codes, but not this one"
        yield Finding(Code.LINE_INSERTED, 0.7, words, source="RFC 2034, 4")


def answered_nearer(case: Case) -> Iterator[Finding]:
    """The refusal came from nearer than the other answers (G10)."""
    if case.upgrade.outcome is not Outcome.REFUSED:
        return
    delays = _delays(case.evidence)
    others = [d for e in (case.evidence, *case.probes) for d in _delays(e)[:-1]]
    if len(others) < _SAMPLES or not delays:
        return
    usual = median(others)
    if delays[-1] < _NEARER * usual and usual - delays[-1] >= _NEARER_SECONDS:
        words = f"the refusal took {delays[-1] * 1000:.0f} ms, other answers {usual * 1000:.0f} ms"
        yield Finding(Code.ANSWERED_NEARER, 0.6, words)


def _bogus(said: str) -> bool:
    """Who numbers replies has one that means yes, and the others with 2 and 3 mean nothing here.

    SMTP's and LMTP's is 220 (RFC 3207, 4), NNTP's 382 (RFC 4642, 2.2.1), FTP's 234 (RFC 4217, 4).
    """
    return bool(re.match(r"[23]\d\d ", said))


def _in_tls(evidence: Evidence) -> bool:
    return bool(heard(evidence, Side.CLIENT, Layer.HANDSHAKE))


def _first_answer(evidence: Evidence, answer: bytes) -> tuple[Proof, ...]:
    for index, utterance in enumerate(evidence.transcript):
        if utterance.speaker is Side.SERVER and utterance.layer is Layer.HANDSHAKE:
            return (Proof(index, 0, answer[: len(utterance.data)]),)
    return ()


def _starts_in_clear(case: Case) -> tuple[str, ...]:
    if not case.evidence.endpoint.implicit:
        return ()
    scheme = next(iter(REGISTRY[case.evidence.endpoint.protocol].PORTS))
    return (f"if this port starts in clear, try {scheme}://",)


def _alert_note(reason: str) -> tuple[str, ...]:
    words = "an alert is not authenticated: anyone on the path can send one"
    return (words,) if "ALERT" in reason else ()


def _elsewhere_works(case: Case) -> tuple[str, ...]:
    worked = [visit for visit in case.history if visit.secured]
    return (f"it was granted on {worked[-1].began:%Y-%m-%d}",) if worked else ()


def _without_enhanced_code(case: Case) -> bool:
    """RFC 2034, 4: every answer but the greeting and EHLO's carries one."""
    said = case.upgrade.said
    if "ENHANCEDSTATUSCODES" not in offered_words(case.evidence) or not re.match(r"[45]", said):
        return False
    return case.upgrade.outcome is Outcome.REFUSED and not _ENHANCED.match(said)


def _delays(evidence: Evidence) -> list[float]:
    """Seconds from each thing the client said in clear to the first word of the answer."""
    found, asked = [], None
    for utterance in evidence.transcript:
        if utterance.layer is not Layer.CLEAR:
            break
        if utterance.speaker is Side.CLIENT:
            asked = utterance.at
        elif asked is not None:
            found.append(utterance.at - asked)
            asked = None
    return found


RULES = (
    injected,
    spoofed,
    desynchronised,
    masked,
    filtered,
    refused,
    bogus,
    broke_at_the_upgrade,
    inserted,
    answered_nearer,
)
