"""What the suites themselves rely on: who may have said what in clear."""

from __future__ import annotations

import pytest

from tests.protocols.specimen import only_permitted, say

REQUEST = b"STARTTLS\r\n"


@pytest.mark.parametrize("said", [b"", b"EHLO a\r\n", b"EHLO a\r\nSTARTTLS\r\nQUIT\r\n"])
def test_what_a_protocol_allows_may_be_said_one_after_the_other(said):
    assert only_permitted("smtp", said)


@pytest.mark.parametrize(
    "said",
    [b"EHLO a\r\nDATA\r\n", b"DATA\r\nEHLO a\r\n", b"EHLO a", b"STA", b"\r\n", b"EHLO a\r\n\0"],
)
def test_nothing_else_may_be_said_before_behind_or_between(said):
    assert not only_permitted("smtp", said)


@pytest.mark.parametrize("cut", range(len(REQUEST) + 1))
def test_a_request_may_have_been_cut_short_anywhere(cut):
    assert only_permitted("smtp", b"EHLO a\r\n" + REQUEST[:cut], REQUEST)


def test_a_cut_request_may_have_a_tag_of_its_own():
    assert only_permitted("imap", b"x1 CAPABILITY\r\nx2 STA", b"t STARTTLS\r\n")


@pytest.mark.parametrize("said", [b"STARTTLS x", b"MAI", b"STARTTLS\r\nx", b"starTLS"])
def test_what_cannot_become_the_request_was_not_cut_short(said):
    assert not only_permitted("smtp", said, REQUEST)


def test_a_step_is_said_as_it_is_or_made_of_what_was_heard():
    assert say(b"+OK", b"CAPA") == b"+OK"
    assert say(lambda heard: heard[:2] + b" OK", b"u1 NOOP") == b"u1 OK"
