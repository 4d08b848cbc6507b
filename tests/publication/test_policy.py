"""The policy file and its record, read again by our own parser."""

from __future__ import annotations

import dns.rdata
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.publication.scene import DOMAIN, ENFORCE, MX1, MX2, NONE, NOW, TESTING
from unstrip.policy.mta_sts import Known, Mode, parse, record_id
from unstrip.publication import policy
from unstrip.publication.zone import TTL_POLICY

WILD = TESTING.replace(f"mx: {MX1}\r\nmx: {MX2}", "mx: *.example.org")


def id_of(record) -> str | None:
    """What a sender reads in the record."""
    return record_id([b"".join(dns.rdata.from_text("IN", "TXT", record.data).strings)])


@pytest.mark.parametrize("mode", Mode)
@given(age=st.integers(0, 31_557_600))
def test_the_policy_is_read_as_it_was_meant(mode, age):
    read = parse(policy.text(mode, age, (MX1, MX2)).encode())
    assert (read.mode, read.max_age) == (mode, age)
    assert read.mx == (() if mode is Mode.NONE else (MX1, MX2))


def test_every_line_of_it_ends_by_cr_lf(scene):
    text = policy.wished(scene.case())
    assert text.endswith("\r\n")
    assert text.count("\n") == text.count("\r\n") == 5


def test_it_is_where_senders_look_for_it():
    assert policy.url(DOMAIN) == "https://mta-sts.example.org/.well-known/mta-sts.txt"


def test_a_policy_that_says_the_same_stays_to_the_letter_and_keeps_its_id(scene):
    scene.policy = TESTING.replace("\r\n", "\n").replace("mode", "x-note: ours\nmode", 1)
    scene.id = "20200101"
    case = scene.case()
    assert policy.unchanged(case)
    assert policy.wished(case) == scene.policy.replace("\n", "\r\n")
    assert id_of(policy.record(case)) == "20200101"
    assert policy.record(case).ttl is None


@pytest.mark.parametrize("wish", [{"mode": Mode.NONE}, {"max_age": 1}, {"mode": Mode.ENFORCE}])
def test_a_policy_that_says_anything_else_has_a_new_id(scene, wish):
    scene.policy = TESTING
    changed = policy.record(scene.case(**wish))
    assert (id_of(changed), changed.ttl) == (policy.stamp(NOW), TTL_POLICY)


def test_a_policy_of_other_hosts_has_a_new_id(scene):
    scene.policy = TESTING.replace(f"mx: {MX2}\r\n", "")
    assert not policy.unchanged(scene.case())
    assert id_of(policy.record(scene.case())) == policy.stamp(NOW)


def test_a_policy_that_was_changed_under_its_id_gets_a_new_one(scene):
    scene.policy = TESTING
    scene.held = Known(DOMAIN, parse(ENFORCE.encode()), scene.id, NOW)
    assert policy.unchanged(scene.case())
    assert id_of(policy.record(scene.case())) == policy.stamp(NOW)


def test_mode_none_names_no_host_and_stays_as_it_is(scene):
    scene.policy = NONE
    assert policy.unchanged(scene.case())
    assert "mx:" not in policy.wished(scene.case())


@pytest.mark.parametrize("odd", ["\x9b31m", "\u2028", "caf\u00e9"])
def test_an_extension_that_is_no_plain_text_is_not_repeated(scene, odd):
    scene.policy = TESTING.replace("mode", f"x-note: {odd}\nmode", 1)
    assert policy.wished(scene.case()) == TESTING
    assert id_of(policy.record(scene.case())) == policy.stamp(NOW)


def test_an_id_is_letters_and_digits():
    assert policy.stamp(NOW).isalnum()
    assert len(policy.stamp(NOW)) <= 32


def test_a_wildcard_that_has_exactly_the_hosts_is_kept(scene):
    scene.policy = WILD
    assert policy.patterns(scene.case()) == ("*.example.org",)


@pytest.mark.parametrize("other", ["mx: *.example.net\r\n", "mx: gone.example.org\r\n"])
def test_a_pattern_that_has_none_of_the_hosts_is_dropped(scene, other):
    scene.policy = WILD.replace("max_age", f"{other}max_age")
    assert policy.patterns(scene.case()) == (MX1, MX2)


@pytest.mark.parametrize("host", ["example.org", "a.b.example.org", "mx.example.net"])
def test_a_wildcard_that_does_not_have_every_host_is_none(scene, host):
    scene.policy, scene.hosts = WILD, (MX1, host)
    scene.__post_init__()
    assert policy.patterns(scene.case()) == (MX1, host)
    assert not policy.covers("*.example.org", host)
