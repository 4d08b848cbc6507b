"""The report for a person: the answer, the proof, what to do."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from itertools import permutations

import pytest

from tests.verdict.scenes import (
    ASKED,
    EHLO,
    ENCRYPT,
    IMAP,
    MAY,
    NOW,
    OFFER,
    POP3,
    SMTP,
    SMTPS,
    VERIFY,
    heard,
    hidden,
    implicit,
    judged,
    refused,
    shaken,
    stripped,
    unheard,
    untrusted,
    upgraded,
    visited,
)
from unstrip.evidence import Evidence
from unstrip.faces.cli.report import (
    Row,
    Told,
    certificate_words,
    exit_of,
    lines,
    row,
    transcript_lines,
    worst,
)
from unstrip.faces.cli.speech import Exit
from unstrip.faces.cli.table import HEADINGS
from unstrip.io.check import Checked
from unstrip.policy import Decision

EVIDENCE = {
    "upgraded": upgraded(),
    "unproved": upgraded(untrusted()),
    "implicit": implicit(),
    "stripped": stripped(),
    "hidden": hidden(),
    "refused": refused(),
    "busy": heard("S: 421 later"),
    "closed": unheard(ConnectionRefusedError()),
    "silent": heard("<silence>"),
    "injected": heard(*OFFER, ASKED, "S: 220 go", "S: 250 x"),
    "spoofed": heard("S: * PREAUTH hi", endpoint=IMAP),
    "no greeting": heard("<EOF>", endpoint=SMTPS),
    "hello only": heard("<ClientHello>", "<reset>", endpoint=SMTPS),
}


def checked(evidence: Evidence, decision: Decision = VERIFY) -> Checked:
    return Checked(visited(evidence), evidence, (), judged(evidence, decision))


def cells(evidence: Evidence) -> dict[str, str]:
    return dict(zip(HEADINGS, row(checked(evidence)).cells, strict=True))


def details(evidence: Evidence, decision: Decision = VERIFY, **others: bool) -> str:
    return "\n".join(row(checked(evidence, decision), **others).details)


# -- one line a host -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "verdict"),
    [("upgraded", "ok"), ("stripped", "short"), ("injected", "tampered"), ("busy", "unknown")],
)
def test_the_line_begins_with_what_it_comes_to(name, verdict):
    assert cells(EVIDENCE[name])["verdict"] == verdict


@pytest.mark.parametrize(
    ("name", "upgrade"),
    [
        ("upgraded", "STARTTLS"),
        ("implicit", "implicit"),
        ("stripped", "not offered"),
        ("refused", "refused"),
        ("busy", "busy"),
        ("closed", "broke off"),
        ("injected", "broke off"),
        ("hello only", "none"),
    ],
)
def test_the_line_says_how_the_upgrade_went(name, upgrade):
    assert cells(EVIDENCE[name])["upgrade"] == upgrade


def test_the_verb_is_that_of_the_protocol():
    granted = ("S: +OK go", "<TLS>", "C: CAPA", "S: +OK", "S: UIDL", "S: .")
    offered = ("S: +OK hi", "C: CAPA", "S: +OK", "S: STLS", "S: .", "C: STLS")
    assert cells(heard(*offered, *granted, endpoint=POP3))["upgrade"] == "STLS"


def test_the_line_says_version_group_and_cipher():
    assert cells(upgraded())["tls"] == "1.3 X25519 AES_256_GCM_SHA384"
    plain = shaken(version="TLSv1.2", group=None, cipher="AES256-SHA", forward_secrecy=False)
    assert cells(upgraded(plain))["tls"] == "1.2 AES256-SHA"
    assert cells(stripped())["tls"] == "-"


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("upgraded", ("safe", "safe", "safe")),
        ("unproved", ("safe", "reads", "safe")),
        ("stripped", ("reads", "reads", "reads")),
        ("closed", ("-", "-", "-")),
    ],
)
def test_the_line_gives_three_answers(name, answers):
    found = cells(EVIDENCE[name])
    assert (found["wiretap"], found["attacker"], found["later"]) == answers


def test_an_ipv6_host_stands_in_brackets():
    evidence = replace(stripped(), endpoint=replace(SMTP, host="2001:db8::1"))
    assert cells(evidence)["host"] == "[2001:db8::1]:25"


def test_the_certificate_is_ok_for_so_many_days_or_has_faults():
    assert re.fullmatch(r"ok, \d+ days left", certificate_words(upgraded(), NOW))
    assert certificate_words(upgraded(untrusted()), NOW) == "no trusted issuer"
    assert certificate_words(stripped(), NOW) == "-"
    garbage = shaken((b"garbage",), webpki=shaken().webpki)
    assert certificate_words(upgraded(garbage), NOW) == "cannot be read"


# -- the whole -------------------------------------------------------------------------


def test_columns_stand_below_their_headings():
    rows = [row(checked(evidence)) for evidence in EVIDENCE.values()]
    table = list(lines([Told(rows)], "heading"))[2 : 3 + len(rows)]
    for place, heading in enumerate(HEADINGS):
        column = table[0].index(heading)
        for text, one in zip(table[1:], rows, strict=True):
            assert text[column:].startswith(one.cells[place])


@pytest.mark.parametrize(
    ("names", "summary", "code"),
    [
        (("upgraded",), "1 of 1 in order", 0),
        (("upgraded", "implicit"), "2 of 2 in order", 0),
        (("upgraded", "stripped"), "1 of 2 in order", 1),
        (("busy",), "0 of 1 in order", 4),
        (("upgraded", "injected"), "1 of 2 in order", 3),
    ],
)
def test_the_last_line_sums_up(names, summary, code):
    *_, last = lines([Told([row(checked(EVIDENCE[name])) for name in names])], "heading")
    assert last.startswith(summary)
    assert last.endswith(f"exit {code}")


def test_several_domains_are_told_one_after_the_other_each_with_its_servers():
    first, second, third = (row(checked(upgraded())) for _ in range(3))
    told = [Told([first], ("a: 1 server",)), Told([second], ("b: 1 server",)), Told([third])]
    text = list(lines(told, "heading"))
    starts = [place for place, line in enumerate(text) if line.startswith("  verdict")]
    assert [text.index("  a: 1 server"), text.index("  b: 1 server")] < starts[:2]
    assert starts[0] < text.index("  b: 1 server") < starts[1] < starts[2]
    assert text[-1].startswith("3 of 3 in order")


def test_servers_that_were_named_one_by_one_have_one_table():
    told = [Told([row(checked(EVIDENCE[name]))]) for name in ("upgraded", "implicit")]
    assert sum(line.startswith("  verdict") for line in lines(told, "heading")) == 1


NO_MAIL = Row(("none", "null.example", "smtp", *["-"] * 7), (), Exit.MEETS)


@pytest.mark.parametrize(
    ("rows", "summary"),
    [
        ([NO_MAIL], "1 takes no mail"),
        ([NO_MAIL, NO_MAIL], "2 take no mail"),
        ([NO_MAIL, row(checked(stripped()))], "0 of 1 in order, 1 short, 1 takes no mail"),
    ],
)
def test_who_takes_no_mail_is_neither_in_order_nor_out_of_it(rows, summary):
    *_, last = lines([Told(rows)], "heading")
    assert last.partition("   ")[0] == summary


class Screen(io.StringIO):
    """A standard output that is a terminal, or is not."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.mark.parametrize(("columns", "length"), [("80", 80), ("200", 100), ("60", 60)])
def test_the_exit_code_stands_where_the_lines_end(columns, length, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr("sys.stdout", Screen(terminal=True))
    *_, last = lines([Told([row(checked(upgraded()))])], "heading")
    assert len(last) == length - 1


@pytest.mark.parametrize("terminal", [True, False])
def test_a_narrow_terminal_gets_two_lines_a_server_and_a_file_one(terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("sys.stdout", Screen(terminal=terminal))
    rows = [row(checked(evidence)) for evidence in EVIDENCE.values()]
    text = list(lines([Told(rows)], "heading"))
    assert (max(map(len, text)) <= 80) is terminal
    assert ("    smtp; STARTTLS; TLS 1.3" in "\n".join(text)) is terminal


def test_the_worst_is_tampering_then_falling_short_then_not_knowing():
    order = (Exit.TAMPERED, Exit.FALLS_SHORT, Exit.UNKNOWN, Exit.MEETS)
    for place in range(4):
        for several in permutations(order[place:]):
            assert worst(several) is order[place]
    assert worst([]) is Exit.MEETS


@pytest.mark.parametrize(
    ("name", "code"),
    [("upgraded", 0), ("stripped", 1), ("refused", 1), ("injected", 3), ("hidden", 3), ("busy", 4)],
)
def test_the_exit_code_of_one_is_its_standing(name, code):
    assert exit_of(checked(EVIDENCE[name])) == code


# -- what was found --------------------------------------------------------------------


def test_where_all_is_well_there_is_nothing_more_to_say():
    assert details(upgraded()) == ""


@pytest.mark.parametrize(
    "name", [name for name in EVIDENCE if name not in ("upgraded", "implicit")]
)
def test_else_code_and_confidence_requirement_and_advice_are_given(name):
    verdict = judged(EVIDENCE[name], VERIFY)
    text = " ".join(details(EVIDENCE[name]).split())  # lines are folded
    assert f"{verdict.code.value} {verdict.confidence:.2f}" in text
    assert "required: verify" in text
    assert "to do: " in text
    for finding in verdict.findings:
        assert f"{finding.code.value} {finding.confidence:.2f}" in text


def test_the_bytes_that_show_it_stand_with_their_place():
    text = details(refused("454 4.7.0 never"))
    assert re.search(r"server at 0\.\d+ s, byte 0: '454 4\.7\.0 never'", text)
    assert "RFC 3207" in text


@pytest.mark.parametrize("evidence", EVIDENCE.values(), ids=EVIDENCE)
def test_no_line_is_wider_than_a_terminal_or_unprintable(evidence):
    for text in details(evidence, transcript=True).splitlines():
        assert len(text) <= 100
        assert text.isprintable()


def test_a_long_proof_is_cut():
    words = f"454 {'x' * 4000}"
    assert max(len(line) for line in details(refused(words)).splitlines()) < 200


def test_a_note_is_told_though_the_requirement_is_met():
    weak = shaken(version="TLSv1.2", cipher="AES256-SHA", forward_secrecy=False)
    assert "NO_FORWARD_SECRECY" in details(upgraded(weak))


def test_what_is_allowed_is_told_all_the_same():
    assert "OFFER_ABSENT_UNEXPLAINED" in details(stripped(), MAY)


def test_where_no_more_was_asked_for_there_is_nothing_to_do():
    assert "to do" not in details(stripped(), MAY)
    assert "to do" not in details(upgraded(untrusted()), ENCRYPT)
    assert "to do" in details(upgraded(untrusted()))


def test_bytes_that_do_not_speak_for_themselves_are_told_what_they_are():
    evidence = stripped()
    removed = Checked(
        visited(evidence), evidence, (), judged(evidence, VERIFY, elsewhere=[upgraded()])
    )
    text = "\n".join(row(removed).details)
    assert re.search(r"- the offer belongs behind this: server at 0\.\d+ s, byte \d+: '", text)


# -- the transcript --------------------------------------------------------------------


def test_the_transcript_has_speakers_times_and_layers():
    shown = list(transcript_lines(upgraded()))
    assert re.fullmatch(r" +0\.\d{3}  S: 220 mx ESMTP", shown[0])
    assert re.fullmatch(r" +0\.\d{3}  C: EHLO localhost", shown[1])
    assert [text.strip() for text in shown if text.strip().startswith("--")] == [
        "-- handshake",
        "-- secure",
    ]
    assert sum("bytes of records" in text for text in shown) == 3


def test_the_transcript_ends_with_what_broke_it_off():
    broken = heard("S: 220 mx", EHLO, "<reset>")
    assert list(transcript_lines(broken))[-1] == "    -- connection reset"


def test_what_was_said_is_escaped_and_a_lost_line_ending_shows():
    shown = "\n".join(transcript_lines(heard("S: 220 \\x1b[31m\\", "<EOF>")))
    assert "\\x1b[31m" in shown
    assert "\x1b" not in shown


def test_an_empty_transcript_has_no_lines():
    assert list(transcript_lines(replace(stripped(), transcript=()))) == []
