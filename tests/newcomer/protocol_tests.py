"""FERRY: its replies, read one by one; the dialogs are in the transcripts."""

from __future__ import annotations

import pytest

from tests.protocols.replay import improvise, load
from unstrip.protocols import REGISTRY

GREETING, LIST, SEALED_LIST = b"10 a\r\n", b"20 b\r\nSEAL\r\n.\r\n", b"20 b\r\nCARS\r\n.\r\n"


def ended(*speech):
    return improvise(load("ferry/upgraded.txt").conversation(), speech).name


@pytest.mark.parametrize(
    ("greeting", "ending"),
    [
        (b"10 harbour\r\n", "ended"),
        (b"11 welcome back\r\n", "spoofed"),
        (b"20 harbour\r\n", "unavailable"),
        (b"40 full\r\n", "busy"),
        (b"50 shut\r\n", "unavailable"),
        (b"ahoy\r\n", "broken"),
        (b"10\r\n", "broken"),
    ],
)
def test_only_one_greeting_will_do(greeting, ending):
    assert ended(greeting) == ending


@pytest.mark.parametrize("head", [b"10 a\r\n", b"30 a\r\n", b"51 a\r\n", b"90 a\r\n"])
def test_what_is_no_answer_to_decks_is_unsolicited(head):
    assert ended(GREETING, head) == "unsolicited"
    assert ended(GREETING, LIST, b"30 go\r\n", head) == "unsolicited"


def test_a_list_inside_may_be_refused():
    assert ended(GREETING, LIST, b"30 go\r\n", b"50 what?\r\n") == "upgraded"
    assert ended(GREETING, LIST, b"30 go\r\n", SEALED_LIST) == "upgraded"


@pytest.mark.parametrize("said", [b"BOARD alice\r\n", b"SEAL now\r\n", b"SEAL\r\nBOARD alice\r\n"])
def test_what_may_be_said_in_clear_is_a_closed_list(said):
    assert not REGISTRY["ferry"].IN_CLEAR.fullmatch(said)
