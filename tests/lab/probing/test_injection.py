"""The ideas of command injection, and what they make of a request."""

from __future__ import annotations

import pytest

from unstrip.lab.probing import SUBJECTS
from unstrip.lab.probing.injection import GAPS, SPELLINGS, injections

every_protocol = pytest.mark.parametrize("protocol", SUBJECTS)


@every_protocol
def test_plaintext_is_tried_in_the_same_segment_in_another_and_after_the_go_ahead(protocol):
    subject = SUBJECTS[protocol]
    tried = list(injections(subject))
    glued = [one for one in tried if one.glued == subject.command and one.number == subject.number]
    assert len(glued) == 1
    assert [one.gap for one in tried if one.later == subject.command] == [*GAPS, None]


@every_protocol
def test_half_a_command_and_its_rest_are_the_command(protocol):
    subject = SUBJECTS[protocol]
    halves = [one for one in injections(subject) if one.number == "B-04"]
    assert len(halves) == bool(subject.cut)
    for one in halves:
        assert one.glued
        assert one.rest
        assert one.glued + one.rest == subject.command
        assert not one.glued.endswith(b"\n")


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("in lower case", b"u2 starttls\r\n"),
        ("with a blank behind it", b"u2 STARTTLS \r\n"),
        ("with a blank before it", b" u2 STARTTLS\r\n"),
        ("with an argument", b"u2 STARTTLS x\r\n"),
        ("ended by LF", b"u2 STARTTLS\n"),
        ("ended by CR CR LF", b"u2 STARTTLS\r\r\n"),
    ],
)
def test_a_spelling_changes_what_it_says_and_nothing_else(how, expected):
    assert SPELLINGS[how](b"u2 STARTTLS\r\n") == expected


def test_a_line_keeps_its_own_ending():
    assert SPELLINGS["with an argument"](b"STARTTLS\n") == b"STARTTLS x\n"
