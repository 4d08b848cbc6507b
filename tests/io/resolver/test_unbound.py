"""The backend on libunbound: what it needs. What it finds out: tests/interop/test_resolver.py."""

from __future__ import annotations

import ctypes

import pytest

from tests.io.resolver.test_parsing import GOOD, QUESTION, SHORT, SPOILT, head, response
from unstrip.io.resolver import unbound
from unstrip.io.resolver.exchange import ask
from unstrip.io.resolver.parsing import MOST
from unstrip.io.resolver.unbound import Unavailable, Validator, anchor
from unstrip.policy.questions import Security, Status

DS = "example. IN DS 1 13 2 " + "ab" * 32 + "\n"


def test_without_the_library_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(unbound, "_NAMES", ("libnothing.so",))
    unbound._library.cache_clear()
    try:
        with pytest.raises(Unavailable, match="apt-get install libunbound8"):
            Validator()
    finally:
        unbound._library.cache_clear()


def test_the_system_has_its_trust_anchor_in_one_of_several_places(tmp_path):
    there = tmp_path / "there"
    there.write_text(DS)
    assert anchor([tmp_path / "not", there]) == there
    with pytest.raises(Unavailable, match="apt-get install dns-root-data"):
        anchor([tmp_path / "not"])


@pytest.mark.parametrize("text", ["", "; DS\n", "example. IN A 192.0.2.1\n"])
def test_a_file_without_a_trust_anchor_is_an_error_since_all_would_pass_for_unsigned(
    tmp_path, text
):
    path = tmp_path / "root.key"
    path.write_text(text)
    with pytest.raises(Unavailable, match="no trust anchor in"):
        unbound._with_anchors(path)


@pytest.mark.parametrize("kind", ["DS", "DNSKEY"])
def test_a_trust_anchor_is_a_key_or_the_digest_of_one(tmp_path, kind):
    path = tmp_path / "root.key"
    path.write_text(f"; a comment\n{DS.replace('DS', kind)}")
    assert unbound._with_anchors(path) == path


def test_a_file_that_cannot_be_read_is_an_error(tmp_path):
    with pytest.raises(Unavailable, match="can be read from"):
        unbound._with_anchors(tmp_path)


def heard(packet):
    """What becomes of a result of the library's with this packet in it."""
    kept = ctypes.create_string_buffer(packet, len(packet) or 1)
    place = ctypes.cast(kept, ctypes.c_void_p)
    result = unbound._Result(answer_packet=place, answer_len=len(packet), secure=1)
    return unbound._answer(result, QUESTION)


def test_a_tlsa_record_that_makes_no_sense_does_not_spoil_the_others():
    found = heard(response(SHORT, GOOD))
    assert (found.status, found.security) == (Status.FOUND, Security.SECURE)
    assert {record.data for record in found.records} == {SHORT[3:], GOOD[3:]}


def test_a_packet_with_more_than_anybody_needs_is_a_failure():
    found = heard(head(ask(QUESTION), answer=MOST + 1))
    assert (found.status, found.security) == (Status.MALFORMED, Security.UNCHECKED)
    assert found.words == f"libunbound: a message of {MOST + 1} records, more than {MOST}"


@pytest.mark.parametrize("packet", [b"", *SPOILT.values()], ids=["nothing", *SPOILT])
def test_a_packet_that_cannot_be_read_is_a_failure_whatever_the_library_says_of_it(packet):
    found = heard(packet)
    assert (found.status, found.security) == (Status.MALFORMED, Security.UNCHECKED)
    assert found.words == f"libunbound: {len(packet)} bytes that are no DNS message"
