"""LMTP: what it does not share with SMTP; the dialogs are in the transcripts."""

from __future__ import annotations

import pytest

from unstrip.protocols import lmtp, smtp


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        (b"LHLO mx.example.org\r\n", True),
        (b"LHLO [192.0.2.1]\r\n", True),
        (b"NOOP\r\n", True),
        (b"QUIT\r\n", True),
        (b"starttls\r\n", True),
        (b"EHLO mx.example.org\r\n", False),
        (b"HELO mx.example.org\r\n", False),
        (b"LHLO\r\n", False),
        (b"LHLO a b\r\n", False),
        (b"LHLO a\r\nMAIL FROM:<x>\r\n", False),
        (b"lhlo a\r\n", False),
        (b"STARTTLS\n", False),
    ],
)
def test_what_may_be_said_in_clear_is_a_closed_list(line, allowed):
    assert bool(lmtp.IN_CLEAR.fullmatch(line)) is allowed


def test_smtp_may_not_say_what_lmtp_may():
    assert not smtp.IN_CLEAR.fullmatch(b"LHLO a\r\n")


def test_it_is_never_at_the_port_of_smtp():
    """RFC 2033, 5."""
    assert not {*lmtp.PORTS.values()} & {*smtp.PORTS.values()}


def test_all_that_is_not_its_own_is_smtps():
    shared = ("DEFINED_BY", "LISTING", "OFFER", "VERB", "MANNERS", "LEGACY", "REQUEST")
    assert all(getattr(lmtp, name) is getattr(smtp, name) for name in shared)
