"""A comparison for a person: two columns, and below them what it comes to."""

from __future__ import annotations

import re
import sys
from dataclasses import replace

import pytest

from tests.comparison.test_comparison import CLOSED, OLDER, direct
from tests.faces.cli.test_speech import Stream
from tests.verdict.scenes import (
    NO_OFFER,
    SMTPS,
    heard,
    refused,
    shaken,
    stripped,
    unheard,
    untrusted,
    upgraded,
)
from unstrip.comparison import Visits, compare
from unstrip.evidence import Evidence
from unstrip.faces.cli.columns import lines, summary
from unstrip.faces.cli.speech import Exit
from unstrip.io.compare import Compared
from unstrip.verdict import Standing

WIDTH = 100


def compared(in_band: Visits, implicit: Visits | None) -> Compared:
    seen = in_band.all + (implicit.all if implicit else ())
    return Compared(in_band.newest.endpoint, compare(in_band, implicit), seen)


def shown(in_band: Evidence, implicit: Evidence | None = None) -> str:
    found = compared(Visits(in_band), None if implicit is None else Visits(implicit))
    return "\n".join(lines(found))


BOTH = compared(Visits(upgraded(), upgraded(OLDER)), Visits(direct(), direct(OLDER)))

CASES = {
    "both": (upgraded(), direct()),
    "one": (upgraded(), None),
    "unproved": (upgraded(untrusted()), direct()),
    "stripped": (stripped(), direct()),
    "refused": (refused(), direct()),
    "closed": (upgraded(), CLOSED),
    "nobody": (unheard(ConnectionRefusedError()), CLOSED),
    "busy": (heard("S: 421 later"), direct()),
    "unreadable": (upgraded(shaken((b"none",))), direct()),
    "no secrecy": (upgraded(shaken(group=None, forward_secrecy=False)), direct()),
}


def cells(text: str, label: str) -> list[str]:
    (found,) = re.findall(rf"^  {re.escape(label)} +(.*)$", text, re.MULTILINE)
    return re.split(r" {2,}", found)


def test_the_first_line_names_the_target_and_what_it_speaks():
    assert shown(*CASES["both"]).splitlines()[0] == "mx.example.org:25: smtp"


def test_the_two_ways_stand_side_by_side():
    text = "\n".join(lines(BOTH))
    assert re.search(r"^ +STARTTLS, port 25 +implicit TLS, port 465$", text, re.MULTILINE)
    assert cells(text, "verdict") == ["ok", "ok"]
    assert cells(text, "round trips, TLS 1.3") == ["5", "3"]
    assert cells(text, "round trips, TLS 1.2") == ["5", "3"]
    assert cells(text, "we said in clear") == ["26 bytes", "0 bytes"]
    assert cells(text, "TLS") == ["1.3 X25519 AES_256_GCM_SHA384"] * 2
    assert cells(text, "TLS, 1.2 at most")[0].startswith("1.2 X25519")
    assert cells(text, "forward secrecy") == ["yes", "yes"]
    assert cells(text, "certificate") == ["ok", "ok"]
    assert cells(text, "for") == ["mx.example.org"] * 2


def test_one_way_has_the_width_for_itself():
    text = shown(*CASES["one"])
    assert "implicit TLS, port" not in text
    assert cells(text, "round trips, TLS 1.3") == ["5"]
    assert "either way" not in text


def test_what_neither_has_is_left_out():
    text = shown(*CASES["both"])
    assert "TLS, 1.2 at most" not in text
    assert "round trips, TLS 1.2" not in text
    assert "ALPN" not in text


def test_what_was_told_in_clear_is_listed_under_the_way_that_told_it():
    text = shown(*CASES["both"])
    before, _, below = text.partition("  in clear with STARTTLS:\n")
    assert before
    told = [line for line in below.splitlines() if line.startswith("    - ")]
    assert told == [
        "    - server: the greeting: 220 mx ESMTP",
        "    - server: what the server can do: SIZE 1000, STARTTLS, 8BITMIME",
        "    - client: the name we gave: localhost",
    ]


def test_what_either_way_tells_is_listed_once():
    mine, theirs = upgraded(shaken(alpn="x")), direct(shaken(alpn="x"))
    implicit = replace(mine, endpoint=SMTPS, handshake=theirs.handshake)
    text = shown(mine, implicit)
    assert text.count("220 mx ESMTP") == 1
    assert "  in clear either way:" in text


def test_what_only_an_older_version_tells_says_so():
    listed = upgraded(OLDER)
    older = replace(listed, upgrade=replace(listed.upgrade, greeting="220 other"))
    text = "\n".join(lines(compared(Visits(upgraded(), older), Visits(direct()))))
    assert "- server: the greeting: 220 other (with TLS 1.2)" in text


def test_where_the_ports_disagree_is_said_for_each():
    text = shown(*CASES["closed"])
    expected = "one is closed; port 25: protected; port 465: connection refused"
    assert f"  the ports disagree: {expected}" in text


def test_two_ways_on_one_port_are_told_apart_by_their_names():
    one = replace(SMTPS, port=25)
    text = shown(upgraded(), replace(direct(untrusted()), endpoint=one))
    assert "STARTTLS: valid; implicit TLS: no trusted issuer" in " ".join(text.split())


def test_what_it_comes_to_stands_last():
    *_, last, blank = lines(BOTH)
    assert "RFC 8314" in last
    assert blank == ""


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_no_line_is_too_long_or_ends_in_blanks(case):
    for line in shown(*case).splitlines():
        assert len(line) <= WIDTH
        assert line == line.rstrip()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_without_a_terminal_there_is_no_colour(case):
    assert all(line.isprintable() for line in shown(*case).splitlines())


def test_on_a_terminal_the_verdicts_and_the_disagreements_are_in_colour(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Stream(terminal=True))
    text = shown(*CASES["closed"])
    assert "\x1b[32mok" in text
    assert "\x1b[33munknown" in text
    assert "\x1b[33m  the ports disagree" in text


NASTY = r"\x1b]0;title\x07"


def test_escapes_of_a_peer_are_escaped():
    mine = heard(f"S: 220 {NASTY}", *NO_OFFER[1:3], f"S: 250 AUTH {NASTY}")
    text = shown(mine, direct(None, "S: 250-mx", f"S: 250 {NASTY}"))
    assert all(line.isprintable() for line in text.splitlines())
    assert text.count("title") >= 3  # the greeting, the capabilities, the ways to log in


@pytest.mark.parametrize(
    ("found", "code", "words"),
    [
        ([Standing.MEETS], Exit.MEETS, "1 of 1 in order"),
        (
            [Standing.MEETS, Standing.UNKNOWN, Standing.FALLS_SHORT],
            Exit.FALLS_SHORT,
            "1 of 3 in order, 1 short, 1 unknown",
        ),
    ],
)
def test_the_last_line_counts_and_gives_the_exit_code(found, code, words):
    text = summary(found, code)
    assert text.startswith(words)
    assert text.endswith(f"exit {code.value}")
    assert len(text) <= WIDTH
