"""What can go wrong: each kind has its name, and words that can be shown."""

from __future__ import annotations

from inspect import getattr_static

from unstrip import trouble
from unstrip.trouble import Injected, ProtocolError, Trouble


def test_every_kind_of_protocol_error_has_a_trouble_of_its_own():
    kinds = [ProtocolError, *ProtocolError.__subclasses__()]
    troubles = [
        getattr_static(kind, "trouble") for kind in kinds if kind.__module__ == trouble.__name__
    ]
    assert sorted(t.value for t in troubles) == [
        "broken",
        "ended",
        "injected",
        "spoofed",
        "too long",
        "unsolicited",
    ]
    assert Trouble.BROKEN in troubles


def test_the_words_of_an_injection_are_escaped_and_cut_and_the_residue_is_not():
    residue = b"\x1b[2J" + b"x" * 1000
    error = Injected(residue)
    assert error.residue == residue
    assert str(error).isprintable()
    assert len(str(error)) < 200
