"""What a subject says."""

from __future__ import annotations

from unstrip.lab.probing import SUBJECTS
from unstrip.lab.probing.attempt import HOST


def test_a_subject_addresses_the_server_by_its_name():
    subject = SUBJECTS["http"].at("print.example.org")
    assert b"Host: print.example.org\r\n" in subject.command
    assert HOST not in subject.command + subject.question


def test_what_needs_no_name_stays_as_it_is():
    assert SUBJECTS["smtp"].at("mx.example.org") == SUBJECTS["smtp"]
