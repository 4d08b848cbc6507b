"""What Exim is told: for each server what it needs, and no way past a policy."""

from __future__ import annotations

import re

import pytest

from tests.mta.domains import (
    FORGED,
    GONE,
    NONE,
    PIN,
    UNUSABLE,
    USABLE,
    A,
    B,
    C,
    derived,
    listed,
    lost,
    rules,
)
from tests.policy.answering import N, U
from unstrip.mta.exim import LISTS, Options, options, text

ALL = ("*",)


def told(*of: object, **more: object) -> Options:
    return options(derived(*of, **more))


def test_without_a_policy_exim_does_as_it_would_anyway():
    assert told({A: NONE}, U) == Options()


def test_a_server_with_tlsa_has_to_meet_it_and_another_need_not():
    found = told({A: USABLE, B: NONE})
    assert found.hosts_require_dane == found.hosts_require_tls == (A,)
    assert found.tls_verify_hosts == ()
    assert "dnssec_request_domains" in found.words[0]


def test_with_a_policy_every_server_proves_who_it_is_in_its_own_way():
    found = told({A: USABLE, B: NONE}, mode="enforce")
    assert found.hosts_require_tls == ALL
    assert found.hosts_avoid_tls == (f"!{A}", f"!{B}", "*")
    assert found.hosts_require_dane == (A,)
    assert found.tls_verify_hosts == (B,)
    assert found.tls_verify_cert_hostnames == ALL
    assert any("tls_sni" in words for words in found.words)


def test_behind_an_insecure_mx_only_those_whom_the_policy_names_are_let_pass():
    found = told({A: USABLE, B: NONE, C: NONE}, N, mode="enforce", mx=[A, B])
    assert found.hosts_avoid_tls == (f"!{A}", f"!{B}", "*")
    assert found.hosts_require_dane == ()
    assert found.tls_verify_hosts == (A, B)


def test_a_signed_list_lets_nobody_else_pass():
    found = told({A: NONE, B: NONE}, N, beliefs=listed(A))
    assert found.hosts_avoid_tls == (f"!{A}", "*")
    assert found.hosts_require_tls == ALL


def test_tlsa_behind_an_insecure_mx_counts_for_nothing_but_tls():
    found = told({A: USABLE}, N)
    assert found.hosts_require_dane == ()
    assert found.hosts_require_tls == (A,)
    assert A in found.words[0]


def test_a_server_whose_tlsa_cannot_be_used_is_not_tried_with_dane():
    found = told({A: UNUSABLE, B: NONE})
    assert found.hosts_try_dane == (f"!{A}", "*")
    assert found.hosts_require_tls == (A,)


def test_a_server_whose_tlsa_cannot_be_used_is_held_to_the_policy():
    found = told({A: UNUSABLE}, mode="enforce")
    assert found.hosts_try_dane == (f"!{A}", "*")
    assert found.tls_verify_hosts == (A,)


def test_a_server_whose_tlsa_cannot_be_looked_up_is_not_used():
    found = told({A: FORGED, B: NONE})
    assert found.hosts_avoid_tls == found.hosts_require_tls == (A,)
    assert found.hosts_require_dane == ()


def test_a_server_whose_tlsa_cannot_be_looked_up_is_not_used_whatever_the_policy_says():
    found = told({A: FORGED, B: NONE}, mode="enforce")
    assert found.hosts_avoid_tls == (f"!{B}", "*")
    assert found.tls_verify_hosts == (B,)


@pytest.mark.parametrize(
    ("derivation", "reason"),
    [
        (lost(), "signature expired"),
        (derived({A: FORGED}), "DANE could not be looked up"),
        (derived({A: FORGED, B: GONE}), "DANE could not be looked up"),
        (derived({A: NONE}, mode="enforce", mx=[B]), "none of the policy's hosts"),
    ],
)
def test_mail_waits_where_no_server_may_be_used(derivation, reason):
    assert reason in options(derivation).defer


def test_rules_hold_for_the_server_that_they_are_about():
    found = told({A: NONE, B: NONE, C: NONE}, beliefs=rules(f"{A} verify", f"{B} encrypt"))
    assert found.hosts_require_tls == (A, B)
    assert found.tls_verify_hosts == (A,)
    assert found.hosts_avoid_tls == found.hosts_require_dane == ()


def test_pins_become_names_and_that_is_said():
    found = told({A: USABLE}, beliefs=rules(f"{A} verify {PIN}"))
    assert found.tls_verify_hosts == (A,)
    assert found.hosts_try_dane == (f"!{A}", "*")
    assert "no pins" in found.words[0]


def test_a_list_is_compared_with_names_and_never_with_addresses_that_somebody_forged():
    assert text((f"!{A}", "*")) == r"!\N^mx1\.example\.org$\N : *"
    assert text(()) == ""


def test_a_name_in_a_list_fits_itself_and_nothing_else():
    (pattern,) = re.findall(r"\\N(.*)\\N", text(("a-b_c.example.org",)))
    assert re.search(pattern, "a-b_c.example.org")
    assert not re.search(pattern, "a-b_c.example.org.evil.example")
    assert not re.search(pattern, "a-b_cxexample.org")


def test_the_options_are_those_of_the_value():
    assert set(LISTS) == set(Options.__slots__) - {"defer", "words"}
