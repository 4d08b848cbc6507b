"""The request and its answer: masked, filtered, refused, forged, silent, injected, torn down."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.verdict.scenes import (
    ASKED,
    EHLO,
    ENCRYPT,
    GRANTED,
    HOST,
    IMAP,
    IMAPS,
    MAY,
    NO_OFFER,
    OFFER,
    POP3,
    SMTP,
    SMTPS,
    VERIFY,
    codes,
    days_ago,
    found,
    heard,
    hidden,
    judged,
    refused,
    stripped,
    unheard,
    upgraded,
)
from unstrip.evidence import Endpoint, Failure
from unstrip.protocols import tds
from unstrip.transcript import Layer, Side, Utterance
from unstrip.trouble import Trouble
from unstrip.upgrade import Manner
from unstrip.verdict import Code, Standing

IMAP_OFFER = (
    "S: * OK ready",
    "C: u1 CAPABILITY",
    "S: * CAPABILITY IMAP4rev1 STARTTLS",
    "S: u1 OK done",
)
IMAP_GRANTED = ("C: u2 STARTTLS", "S: u2 OK go", "<TLS>", "C: u3 CAPABILITY")
POP3_OFFER = ("S: +OK ready", "C: CAPA", "S: +OK", "S: STLS", "S: .", "C: STLS")

# -- injected --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "lines", "residue"),
    [
        (SMTP, (*OFFER, ASKED, "S: 220 go", "S: 250 mx"), b"250 mx\r\n"),
        (SMTP, (*OFFER, ASKED, "S: 220 go", "S: 2\\"), b"2"),
        (SMTP, (*OFFER, ASKED, "S: 220 go", "S: \\x16\\x03"), b"\x16\x03\r\n"),
        (
            IMAP,
            (*IMAP_OFFER, "C: u2 STARTTLS", "S: u2 OK go", "S: * CAPABILITY X"),
            b"* CAPABILITY X\r\n",
        ),
        (POP3, (*POP3_OFFER, "S: +OK go", "S: +OK hi"), b"+OK hi\r\n"),
    ],
    ids=["line", "one byte", "record", "imap", "pop3"],
)
def test_plaintext_behind_the_go_ahead_is_injected(endpoint, lines, residue):
    evidence = heard(*lines, endpoint=endpoint)
    verdict = judged(evidence, VERIFY)
    assert evidence.residue == residue
    assert verdict.code is Code.PLAINTEXT_INJECTED
    assert verdict.confidence == 0.98
    assert verdict.standing is Standing.TAMPERED
    assert not verdict.meets
    assert [proof.data for proof in found(verdict, Code.PLAINTEXT_INJECTED).proof] == [residue]


@pytest.mark.parametrize(
    ("endpoint", "lines"),
    [
        (POP3, (*POP3_OFFER, "S: +OK go", "S: +OK")),
        (SMTP, (*OFFER, ASKED, "S: 220 go", "S: 2\\")),
    ],
    ids=["a line", "one byte"],
)
def test_the_proof_of_injected_bytes_stands_behind_the_go_ahead_though_said_before(endpoint, lines):
    evidence = heard(*lines, endpoint=endpoint)
    (proof,) = found(judged(evidence), Code.PLAINTEXT_INJECTED).proof
    assert proof.utterance == len(evidence.transcript) - 1


def test_a_go_ahead_with_nothing_behind_it_is_clean():
    assert Code.PLAINTEXT_INJECTED not in codes(judged(upgraded(), VERIFY))


# -- spoofed, desynchronised -----------------------------------------------------------

SPOOFED = {
    "preauth": (IMAP, ("S: * PREAUTH welcome back",)),
    "mailbox data": (IMAP, ("S: * OK hi", "C: u1 CAPABILITY", "S: * 3 EXISTS")),
    "early go-ahead": (IMAP, (*IMAP_OFFER[:3], "S: u1 OK done", "S: u2 OK go")),
    "another tag": (IMAP, ("S: * OK hi", "C: u1 CAPABILITY", "S: u9 OK done")),
    "answered twice": (SMTP, (*OFFER, "S: 220 go")),
}


@pytest.mark.parametrize(("endpoint", "lines"), SPOOFED.values(), ids=SPOOFED)
def test_a_state_that_cannot_be_before_tls_is_spoofed(endpoint, lines):
    verdict = judged(heard(*lines, endpoint=endpoint), MAY)
    assert verdict.code is Code.STATE_SPOOFED
    assert verdict.confidence == 0.9
    assert not verdict.meets


def test_preauth_inside_tls_is_a_client_certificates_doing_and_no_finding():
    lines = ("S: * PREAUTH hi", "C: u1 CAPABILITY", "S: * CAPABILITY IMAP4rev1", "S: u1 OK done")
    assert codes(judged(heard(*lines, endpoint=IMAPS), VERIFY)) == set()


DESYNCED = {
    "smtp": (SMTP, (*OFFER, *GRANTED[:4], "S: 220 mx ESMTP")),
    "imap": (IMAP, (*IMAP_OFFER, *IMAP_GRANTED, "S: * OK ready")),
    "pop3": (
        POP3,
        (*POP3_OFFER, "S: +OK go", "<TLS>", "C: CAPA", "S: +OK ready", "S: +OK", "S: ."),
    ),
    "mailbox data": (IMAP, (*IMAP_OFFER, *IMAP_GRANTED, "S: * 3 EXISTS")),
}


@pytest.mark.parametrize(("endpoint", "lines"), DESYNCED.values(), ids=DESYNCED)
def test_a_greeting_inside_tls_is_a_spliced_conversation(endpoint, lines):
    verdict = judged(heard(*lines, endpoint=endpoint), VERIFY)
    assert verdict.code is Code.DESYNC_GREETING_IN_TLS
    assert verdict.confidence == 0.9
    assert verdict.standing is Standing.TAMPERED


@pytest.mark.parametrize("end", ["<EOF>", "<silence>", "<reset>"])
def test_implicit_tls_without_a_greeting_is_found(end):
    verdict = judged(heard(end, endpoint=SMTPS), VERIFY)
    assert verdict.code is Code.NO_GREETING_IN_TLS
    assert verdict.confidence == 0.6
    assert verdict.standing is Standing.FALLS_SHORT


def test_implicit_tls_that_breaks_after_its_greeting_is_only_broken():
    verdict = judged(heard("S: 220 mx ESMTP", EHLO, "<EOF>", endpoint=SMTPS), VERIFY)
    assert verdict.code is Code.CONNECTION_CLOSED
    assert verdict.standing is Standing.UNKNOWN


# -- masked, filtered ------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    ["500 5.5.1 Command unrecognized: XXXXXXXX", '502 5.5.2 "XXXXXXXX"', "550 XXXXXXXX unknown"],
)
def test_an_echo_in_xs_shows_that_the_request_was_masked(answer):
    verdict = judged(refused(answer))
    assert verdict.code is Code.COMMAND_MASKED
    assert verdict.confidence == 0.99
    assert found(verdict, Code.COMMAND_MASKED).proof[0].data == b"XXXXXXXX"


@pytest.mark.parametrize("echo", ["XXXXXXX", "XXXXXXXXX", "STARTTLS", "xxxxxxxx", ""])
def test_an_echo_of_another_length_shows_no_mask(echo):
    assert Code.COMMAND_MASKED not in codes(judged(refused(f"500 unknown: {echo}.")))


def test_pop3s_verb_is_masked_at_its_own_length():
    verdict = judged(heard(*POP3_OFFER, "S: -ERR unknown command XXXX", endpoint=POP3))
    assert verdict.code is Code.COMMAND_MASKED


def test_four_xs_in_a_sentence_are_no_echo():
    verdict = judged(heard(*POP3_OFFER, "S: -ERR error XXXX, call us", endpoint=POP3))
    assert verdict.code is Code.REJECTED_AFTER_OFFER


def canary(answer: str):
    """A probe with a verb that nobody knows."""
    return heard(*OFFER, "C: QSTARTTLSQ", f"S: {answer}", manner=Manner.CANARY)


def test_a_canary_that_comes_back_in_xs_shows_a_mask():
    verdict = judged(refused(), beside=[canary("500 unrecognized: XXXXXXXXXX")])
    assert verdict.code is Code.COMMAND_MASKED
    assert verdict.confidence == 0.99


@pytest.mark.parametrize("echo", ["XXXXXXXX", "QSTARTTLSQ", ""])
def test_a_canary_that_comes_back_otherwise_shows_nothing(echo):
    verdict = judged(upgraded(), VERIFY, beside=[canary(f"500 unrecognized: {echo}.")])
    assert codes(verdict) == set()


def probe(manner: Manner):
    """A probe, spelt so, that was granted."""
    return upgraded(manner=manner)


@pytest.mark.parametrize("manner", [Manner.LOWER_CASE, Manner.SPLIT])
@pytest.mark.parametrize(
    "plain",
    [
        refused(),
        heard(*OFFER, ASKED, "<silence>"),
        heard(*OFFER, ASKED, "<reset>"),
        heard(*NO_OFFER, ASKED, "S: 500 unknown", insist=True),
    ],
    ids=["refused", "silent", "reset", "not offered"],
)
def test_spelt_otherwise_it_works_so_a_filter_minds_the_spelling(manner, plain):
    verdict = judged(plain, VERIFY, beside=[refused(), probe(manner)])
    assert verdict.code is Code.REQUEST_FILTERED
    assert verdict.confidence == 0.98
    assert not verdict.meets


def test_the_plain_spelling_working_a_second_time_shows_no_filter():
    assert Code.REQUEST_FILTERED not in codes(judged(refused(), beside=[probe(Manner.PLAIN)]))


def test_both_spellings_working_show_no_filter():
    assert codes(judged(upgraded(), VERIFY, beside=[probe(Manner.LOWER_CASE)])) == set()


def test_neither_spelling_working_shows_no_filter():
    verdict = judged(refused(), beside=[refused(manner=Manner.SPLIT)])
    assert Code.REQUEST_FILTERED not in codes(verdict)


def test_what_was_never_asked_was_not_filtered():
    verdict = judged(stripped(), beside=[hidden(manner=Manner.SPLIT)])
    assert verdict.code is Code.OFFER_HIDDEN
    assert Code.REQUEST_FILTERED not in codes(verdict)


def test_a_name_in_ehlo_that_looks_like_the_request_is_none():
    lines = ("S: 220 mx", "S: 250-mx", "S: 250 SIZE")
    evidence = heard(lines[0], "C: EHLO localhost", *lines[1:])
    said = Utterance(Side.CLIENT, Layer.CLEAR, b"EHLO starttls\r\n", 0.1)
    transcript = (evidence.transcript[0], said, *evidence.transcript[2:])
    verdict = judged(replace(evidence, transcript=transcript), beside=[probe(Manner.SPLIT)])
    assert Code.REQUEST_FILTERED not in codes(verdict)


# -- refused ---------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["454 TLS not available", "501 no", "550 5.7.1 no", "503 later"])
def test_offered_and_refused_is_even_odds_by_itself(answer):
    verdict = judged(refused(answer), ENCRYPT)
    assert verdict.code is Code.REJECTED_AFTER_OFFER
    assert verdict.confidence == 0.5
    assert verdict.standing is Standing.FALLS_SHORT
    assert found(verdict, verdict.code).proof[0].data == answer.encode()


@pytest.mark.parametrize(
    ("endpoint", "lines"),
    [
        (IMAP, (*IMAP_OFFER, "C: u2 STARTTLS", "S: u2 BAD no")),
        (POP3, (*POP3_OFFER, "S: -ERR no")),
    ],
    ids=["imap", "pop3"],
)
def test_so_it_is_in_the_other_protocols(endpoint, lines):
    assert judged(heard(*lines, endpoint=endpoint)).code is Code.REJECTED_AFTER_OFFER


def test_the_clause_is_that_of_the_protocol():
    pop3 = judged(heard(*POP3_OFFER, "S: -ERR no", endpoint=POP3))
    assert found(judged(refused()), Code.REJECTED_AFTER_OFFER).source == "RFC 3207, 4"
    assert found(pop3, Code.REJECTED_AFTER_OFFER).source == "RFC 2595, 4"


def test_refused_where_it_once_was_granted_is_surer():
    assert judged(refused(), history=[days_ago(9, upgraded())]).confidence == 0.9


def test_refused_where_it_is_granted_elsewhere_is_surer():
    assert judged(refused(), elsewhere=[upgraded()]).confidence == 0.9


def test_refused_here_always_and_granted_elsewhere_is_surest():
    history = [days_ago(9, upgraded())]
    assert judged(refused(), history=history, elsewhere=[upgraded()]).confidence > 0.95


def test_refusals_on_earlier_visits_add_nothing():
    assert judged(refused(), history=[refused()] * 9, elsewhere=[refused()]).confidence == 0.5


@pytest.mark.parametrize(
    "evidence",
    [upgraded(), stripped(), heard(*NO_OFFER, ASKED, "S: 454 no", insist=True)],
    ids=["granted", "never asked", "never offered"],
)
def test_it_takes_an_offer_to_refuse_after_it(evidence):
    assert Code.REJECTED_AFTER_OFFER not in codes(judged(evidence))


def test_a_server_that_closes_down_refuses_nothing():
    verdict = judged(refused("421 4.7.0 bye"), VERIFY)
    assert verdict.code is Code.RATE_LIMITED
    assert verdict.standing is Standing.UNKNOWN


@pytest.mark.parametrize("excuse", ["454 too many connections", "450 rate limit", "454 quota"])
def test_any_other_excuse_is_a_refusal_since_the_offer_stood(excuse):
    assert judged(refused(excuse), VERIFY).code is Code.REJECTED_AFTER_OFFER


# -- bogus -----------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["200", "221", "235", "334", "354"])
def test_an_answer_that_the_verb_cannot_have_is_bogus(code):
    verdict = judged(refused(f"{code} fine"), MAY)
    assert verdict.code is Code.BOGUS_ANSWER
    assert verdict.confidence == 0.9


def test_250_looks_as_if_the_request_had_become_noop():
    verdict = judged(refused("250 2.0.0 Ok"))
    assert verdict.code is Code.BOGUS_ANSWER
    assert verdict.confidence == 0.8
    assert "NOOP" in found(verdict, verdict.code).because[0]


@pytest.mark.parametrize(
    ("endpoint", "lines"),
    [
        (SMTP, (*OFFER, ASKED, "S: hello")),
        (SMTP, (*OFFER, ASKED, "S: 220-go", "S: 250 on")),
        (IMAP, (*IMAP_OFFER, "C: u2 STARTTLS", "S: + go on")),
        (IMAP, (*IMAP_OFFER, "C: u2 STARTTLS", "S: u2 YES")),
        (POP3, (*POP3_OFFER, "S: 220 go")),
    ],
    ids=["no reply", "two codes", "continuation", "unknown status", "smtp's"],
)
def test_an_answer_that_the_protocol_does_not_have_is_bogus(endpoint, lines):
    verdict = judged(heard(*lines, endpoint=endpoint))
    assert verdict.code is Code.BOGUS_ANSWER
    assert verdict.confidence == 0.9


def test_nonsense_before_the_request_is_no_bogus_answer_to_it():
    verdict = judged(heard("S: 220 mx", EHLO, "S: hello"))
    assert verdict.code is Code.NOT_THE_PROTOCOL
    assert Code.BOGUS_ANSWER not in codes(verdict)


def test_an_honest_refusal_is_not_bogus():
    assert Code.BOGUS_ANSWER not in codes(judged(refused()))


# -- broken at the upgrade -------------------------------------------------------------

HELLO = (*OFFER, ASKED, "S: 220 go", "<ClientHello>")
ALERT = "R: \\x15\\x03\\x03\\0\\2\\2\\x28\\"
SERVER_HELLO = "R: \\x16\\x03\\x03\\0\\2\\2\\0\\"


def test_text_where_tls_should_answer_is_kept_and_shown():
    evidence = heard(*HELLO, "R: 454 4.7.0 \\", "R: no TLS after all", "<TLS fails>")
    verdict = judged(evidence, VERIFY)
    assert verdict.code is Code.PLAINTEXT_INSTEAD_OF_TLS
    assert verdict.confidence == 0.5
    (proof,) = found(verdict, verdict.code).proof
    assert proof.data == b"454 4.7.0 "
    assert evidence.transcript[proof.utterance].data == proof.data


@pytest.mark.parametrize("answer", [ALERT, SERVER_HELLO])
def test_an_answer_in_records_is_tls_that_failed(answer):
    verdict = judged(heard(*HELLO, answer, "<TLS fails>"), VERIFY)
    assert verdict.code is Code.TLS_FAILED
    assert verdict.confidence == 0.9


def test_an_alert_comes_with_the_note_that_anyone_can_send_one():
    verdict = judged(heard(*HELLO, ALERT, "<TLS alert>"), VERIFY)
    assert "alert" in found(verdict, Code.TLS_FAILED).because[0]


def test_another_failure_comes_without_that_note():
    verdict = judged(heard(*HELLO, SERVER_HELLO, "<TLS fails>"), VERIFY)
    assert found(verdict, Code.TLS_FAILED).because == ()


@pytest.mark.parametrize("end", ["<reset>", "<EOF>"])
def test_torn_down_in_answer_to_the_request(end):
    verdict = judged(heard(*OFFER, ASKED, end), VERIFY)
    assert verdict.code is Code.RESET_AT_UPGRADE
    assert verdict.confidence == 0.8
    assert verdict.standing is Standing.FALLS_SHORT


@pytest.mark.parametrize("end", ["<reset>", "<EOF>"])
@pytest.mark.parametrize("answer", [(), (SERVER_HELLO,)], ids=["none", "one record"])
def test_torn_down_in_the_handshake(answer, end):
    assert judged(heard(*HELLO, *answer, end), VERIFY).code is Code.RESET_AT_UPGRADE


def test_silence_in_answer_to_the_client_hello():
    assert judged(heard(*HELLO, "<silence>"), VERIFY).code is Code.SILENT_AFTER_REQUEST


def test_silence_in_answer_to_the_request():
    verdict = judged(heard(*OFFER, ASKED, "<silence>"), VERIFY)
    assert verdict.code is Code.SILENT_AFTER_REQUEST
    assert verdict.confidence == 0.7


@pytest.mark.parametrize("end", ["<silence>", "<reset>"])
def test_what_used_to_work_is_said_so(end):
    verdict = judged(heard(*OFFER, ASKED, end), history=[days_ago(9, upgraded())])
    assert "2026-11-12" in found(verdict, verdict.code).because[0]


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("<reset>", Code.CONNECTION_RESET),
        ("<EOF>", Code.CONNECTION_CLOSED),
        ("<silence>", Code.DEADLINE_PASSED),
    ],
)
def test_what_breaks_before_the_request_did_not_break_at_it(end, code):
    verdict = judged(heard("S: 220 mx ESMTP", EHLO, end), VERIFY)
    assert verdict.code is code
    assert verdict.standing is Standing.UNKNOWN


@pytest.mark.parametrize("end", ["<reset>", "<EOF>", "<silence>"])
def test_what_breaks_inside_tls_did_not_break_at_the_upgrade(end):
    verdict = judged(heard(*OFFER, *GRANTED[:4], end), VERIFY)
    assert verdict.standing is Standing.UNKNOWN
    assert not codes(verdict) & {Code.RESET_AT_UPGRADE, Code.SILENT_AFTER_REQUEST}


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (("R: 220 mx ESMTP", "<TLS fails>"), Code.PLAINTEXT_INSTEAD_OF_TLS),
        ((ALERT, "<TLS alert>"), Code.TLS_FAILED),
        ((SERVER_HELLO, "<reset>"), Code.RESET_AT_UPGRADE),
        (("<reset>",), Code.CONNECTION_RESET),
        (("<silence>",), Code.DEADLINE_PASSED),
    ],
)
def test_the_implicit_port_fails_in_ways_of_its_own(lines, code):
    assert judged(heard("<ClientHello>", *lines, endpoint=SMTPS), VERIFY).code is code


def test_a_packet_that_begins_as_a_tls_record_does_is_none_all_the_same():
    mysql = "R: \\x16\\0\\0\\2\\xff\\x13\\x04#08S01Bad handshake\\"
    verdict = judged(heard(*HELLO, mysql, "<TLS fails>"), VERIFY)
    assert verdict.code is Code.PLAINTEXT_INSTEAD_OF_TLS


def test_text_from_an_implicit_port_may_mean_that_it_starts_in_clear():
    wrong_door = heard("<ClientHello>", "R: 220 mx", "<TLS fails>", endpoint=SMTPS)
    assert "smtp://" in found(judged(wrong_door), Code.PLAINTEXT_INSTEAD_OF_TLS).because[0]
    upgrade = heard(*HELLO, "R: 454 no", "<TLS fails>")
    assert found(judged(upgrade), Code.PLAINTEXT_INSTEAD_OF_TLS).because == ()


# -- inserted, nearer ------------------------------------------------------------------

ENHANCED = (*OFFER[:-1], "S: 250-ENHANCEDSTATUSCODES", "S: 250 8BITMIME", ASKED)


@pytest.mark.parametrize(
    ("evidence", "confidence"),
    [
        (refused("200 STRIPTLS"), 0.95),
        (heard("S: 220 mx", EHLO, 'S: 502 Error: command "EHLO" not implemented'), 0.95),
        (heard("S: * OK IMAP2 Server Ready", "C: u1 CAPABILITY", "S: u1 NO", endpoint=IMAP), 0.95),
        (refused("454 TLS not available due to temporary reason"), 0.3),
        (heard(*ENHANCED, "S: 454 not now"), 0.7),
        (heard(*ENHANCED, "S: 502 nor ever"), 0.7),
    ],
    ids=["striptls", "ehlo", "imap2", "the rfc's own", "4yz without code", "5yz without code"],
)
def test_a_line_in_anothers_style_is_noted(evidence, confidence):
    finding = found(judged(evidence), Code.LINE_INSERTED)
    assert finding.confidence == confidence
    assert finding.code.note


@pytest.mark.parametrize(
    "evidence",
    [
        upgraded(),
        refused("454 4.7.0 not now"),
        refused("454 not now"),  # a server without enhanced codes
        heard(*ENHANCED, "S: 454 4.7.0 not now"),
        heard(*ENHANCED, "S: 554 5.7.11 not ever"),
    ],
    ids=["granted", "enhanced", "never enhanced", "as promised", "two digits"],
)
def test_a_line_in_the_servers_own_style_is_not(evidence):
    assert Code.LINE_INSERTED not in codes(judged(evidence))


SLOW = [0.2, 0.2]  # the greeting is not an answer; EHLO's takes this long


def slow_probe():
    return refused(delays=[0.2, 0.2, 0.2])


@pytest.mark.parametrize("delay", [0.0, 0.08])
def test_a_refusal_much_quicker_than_the_other_answers_came_from_nearer(delay):
    verdict = judged(refused(delays=[*SLOW, delay]), beside=[slow_probe() for _ in range(4)])
    finding = found(verdict, Code.ANSWERED_NEARER)
    assert finding.confidence == 0.6
    assert finding.code.note


@pytest.mark.parametrize(
    ("evidence", "probes"),
    [
        (refused(delays=[*SLOW, 0.2]), 4),
        (refused(delays=[*SLOW, 0.12]), 4),
        (refused(delays=[*SLOW, 0.0]), 3),  # four samples are too few
        (upgraded(delays=[*SLOW, 0.0]), 4),
        (refused(delays=[0.0, 0.0, 0.0]), 0),
    ],
    ids=["as slow", "half as slow", "few samples", "granted", "all quick"],
)
def test_an_answer_as_slow_as_the_others_did_not(evidence, probes):
    verdict = judged(evidence, beside=[slow_probe() for _ in range(probes)])
    assert Code.ANSWERED_NEARER not in codes(verdict)


@pytest.mark.parametrize(("usual", "noted"), [(0.006, True), (0.004, False)])
def test_less_than_five_milliseconds_say_nothing(usual, noted):
    probes = [refused(delays=[usual] * 3) for _ in range(4)]
    verdict = judged(refused(delays=[usual, usual, 0.0]), beside=probes)
    assert (Code.ANSWERED_NEARER in codes(verdict)) is noted


def test_an_alert_in_an_envelope_is_a_failure_of_tls_and_no_plaintext():
    """TDS wraps the handshake, and with it the alert of an honest server."""
    alert = b"\x12\x01\x00\x0f\x00\x00\x01\x00" + b"\x15\x03\x03\x00\x02\x02\x28"
    words = (
        Utterance(Side.CLIENT, Layer.CLEAR, tds.PRELOGIN, 0.1),
        Utterance(Side.SERVER, Layer.CLEAR, b"\x04", 0.2),
        Utterance(Side.CLIENT, Layer.HANDSHAKE, b"\x12", 0.3),
        Utterance(Side.SERVER, Layer.HANDSHAKE, alert, 0.4),
    )
    failed = Failure(Trouble.TLS, "TLS failed: an alert", "SSLV3_ALERT_HANDSHAKE_FAILURE")
    endpoint = Endpoint(HOST, 1433, "ms-sql-s")
    evidence = unheard(TimeoutError(), endpoint)
    seen = replace(evidence, transcript=words, failure=failed, connected=0.1)
    assert codes(judged(seen)) == {Code.TLS_FAILED}


def test_a_notice_behind_the_go_ahead_is_a_servers_habit_and_no_proof_of_an_attack():
    lines = ("S: :s CAP * LS :tls", "C: STARTTLS", "S: :s 670 * :go", "S: :s NOTICE * :hello")
    evidence = heard("C: CAP LS 302", *lines, endpoint=Endpoint(HOST, 6667, "irc"))
    assert evidence.failure.reason == "ASIDE"
    verdict = judged(evidence)
    assert verdict.code is Code.PLAINTEXT_INSTEAD_OF_TLS
    assert verdict.confidence == 0.5
    assert verdict.standing is Standing.FALLS_SHORT


def test_a_welcome_behind_the_go_ahead_is_an_attack():
    lines = ("S: :s CAP * LS :tls", "C: STARTTLS", "S: :s 670 * :go", "S: :s 001 u :welcome")
    evidence = heard("C: CAP LS 302", *lines, endpoint=Endpoint(HOST, 6667, "irc"))
    assert judged(evidence).code is Code.PLAINTEXT_INJECTED


def test_where_nobody_greets_no_greeting_is_missed():
    evidence = heard("<EOF>", endpoint=Endpoint(HOST, 6697, "irc", implicit=True))
    assert judged(evidence).code is Code.CONNECTION_CLOSED
