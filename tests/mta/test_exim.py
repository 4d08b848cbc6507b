"""What Exim is told: for each server what it needs, and no way past a policy."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.mta.domains import (
    DOMAIN,
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
    from_answers,
    listed,
    lost,
    override,
    patient,
    published,
    rules,
)
from tests.policy.answering import N, S, U, failure, found
from unstrip.mta.exim import LISTS, Options, options, settings, text
from unstrip.policy.questions import Dns, Kind, Mx, Status

ALL = ("*",)


def told(*of: object, **more: object) -> Options:
    return options(derived(*of, **more))


def test_without_a_policy_exim_does_as_it_would_anyway():
    assert told({A: NONE}, U) == Options()


def test_a_server_with_tlsa_has_to_meet_it_and_another_need_not():
    found = told({A: USABLE, B: NONE})
    assert found.by_dane
    assert found.hosts_avoid_tls == ()
    assert found.hosts_avoid_tls_unsigned == found.hosts_require_tls == (A,)
    assert "trust-ad" in found.words[0]


def test_where_the_records_are_gone_a_certificate_has_to_do():
    found = told({A: USABLE, B: NONE})
    assert found.tls_verify_hosts == (A,)
    assert told({A: USABLE}).tls_verify_hosts == ALL


def test_where_exim_sees_no_dnssec_only_those_without_tlsa_are_let_pass():
    assert told({A: USABLE, B: USABLE}).hosts_avoid_tls_unsigned == ALL
    found = told({A: USABLE, B: NONE}, mode="enforce")
    assert found.hosts_avoid_tls_unsigned == (f"!{B}", "*")
    found = told({A: USABLE, B: FORGED, C: NONE})
    assert found.hosts_avoid_tls == (B,)
    assert found.hosts_avoid_tls_unsigned == (A, B)


@pytest.mark.parametrize("made", [derived({A: NONE}, mode="enforce"), derived({A: USABLE}, N)])
def test_without_dane_it_is_the_same_whether_exim_sees_dnssec_or_not(made):
    found = options(made)
    assert not found.by_dane
    assert found.hosts_avoid_tls_unsigned == found.hosts_avoid_tls


def test_with_a_policy_every_server_proves_who_it_is_in_its_own_way():
    found = told({A: USABLE, B: NONE}, mode="enforce")
    assert found.hosts_require_tls == ALL
    assert found.hosts_avoid_tls == (f"!{A}", f"!{B}", "*")
    assert found.tls_verify_hosts == (A, B)
    assert found.tls_verify_cert_hostnames == ALL
    assert any("tls_sni" in words for words in found.words)


def test_behind_an_insecure_mx_only_those_whom_the_policy_names_are_let_pass():
    found = told({A: USABLE, B: NONE, C: NONE}, N, mode="enforce", mx=[A, B])
    assert found.hosts_avoid_tls == (f"!{A}", f"!{B}", "*")
    assert not found.by_dane
    assert found.tls_verify_hosts == (A, B)


def test_a_signed_list_lets_nobody_else_pass():
    found = told({A: NONE, B: NONE}, N, beliefs=listed(A))
    assert found.hosts_avoid_tls == (f"!{A}", "*")
    assert found.hosts_require_tls == ALL


def test_tlsa_behind_an_insecure_mx_counts_for_nothing_but_tls():
    found = told({A: USABLE, B: NONE}, N)
    assert found.tls_verify_hosts == ()
    assert found.hosts_require_tls == (A,)
    assert A in found.words[0]


def test_where_no_tlsa_is_looked_at_a_server_proves_its_name_if_a_rule_wants_proof():
    found = told({A: USABLE, B: NONE}, N, beliefs=rules(f"{A} verify"))
    assert found.hosts_require_tls == found.tls_verify_hosts == (A,)
    assert not found.by_dane


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
    assert found.hosts_avoid_tls == ()


def test_pins_become_names_and_that_is_said():
    found = told({A: USABLE, B: NONE}, beliefs=rules(f"{A} verify {PIN}"))
    assert found.tls_verify_hosts == (A,)
    assert found.hosts_try_dane == (f"!{A}", "*")
    assert "no pins" in found.words[0]


# What Exim sees, and was not seen here


@pytest.mark.parametrize("rule", [f"{DOMAIN} encrypt", "* encrypt"])
def test_where_a_rule_wants_tls_of_a_domain_a_server_not_seen_before_needs_it_too(rule):
    for security in (S, N, U):
        found = told({A: NONE, B: NONE}, security, beliefs=rules(rule))
        assert found.hosts_require_tls == ALL
        assert found.hosts_avoid_tls == found.tls_verify_hosts == ()


@pytest.mark.parametrize("rule", [f"{DOMAIN} verify", "* verify", f"{DOMAIN} verify {PIN}"])
def test_where_a_rule_wants_proof_of_a_domain_a_server_not_seen_before_proves_its_name(rule):
    for security in (S, N, U):
        found = told({A: NONE, B: NONE}, security, beliefs=rules(rule))
        assert found.hosts_require_tls == found.tls_verify_hosts == ALL


def test_a_rule_for_a_domain_with_dane_holds_all_others_to_their_names():
    found = told({A: USABLE, B: NONE}, beliefs=rules(f"{DOMAIN} verify"))
    assert found.hosts_require_tls == found.tls_verify_hosts == ALL
    assert found.by_dane


def test_a_rule_for_a_domain_behind_an_insecure_mx_holds_those_with_dane_to_their_names():
    found = told({A: USABLE, B: NONE}, N, beliefs=rules(f"{DOMAIN} verify"))
    assert found.hosts_require_tls == found.tls_verify_hosts == ALL


def test_what_all_servers_need_a_server_not_seen_before_needs_too():
    found = told({A: UNUSABLE, B: NONE}, beliefs=rules(f"{B} verify"))
    assert found.hosts_require_tls == ALL
    assert found.tls_verify_hosts == (B,)
    found = told({A: USABLE, B: USABLE})
    assert found.hosts_require_tls == found.tls_verify_hosts == ALL


def test_what_one_server_needs_no_other_does():
    found = told({A: NONE, B: NONE}, N, beliefs=rules(f"{A} verify"))
    assert found.hosts_require_tls == found.tls_verify_hosts == (A,)


def test_a_server_that_is_not_to_be_used_frees_no_other_from_the_rule():
    found = told({A: FORGED, B: NONE}, beliefs=rules(f"{DOMAIN} verify"))
    assert found.hosts_require_tls == found.tls_verify_hosts == ALL
    assert found.hosts_avoid_tls == (A,)


def test_a_server_without_address_asks_nothing_of_others():
    assert told({A: GONE}) == Options()
    assert told({A: GONE}, beliefs=rules("* verify")).tls_verify_hosts == ALL


def test_a_server_is_known_by_the_name_behind_its_alias_too():
    made = derived({A: USABLE}, mode="enforce")
    (server,) = made.destinations
    aliased = replace(server, dane=replace(server.dane, base=C))
    found = options(replace(made, destinations=(aliased,)))
    assert found.hosts_avoid_tls == (f"!{A}", f"!{C}", "*")
    assert found.tls_verify_hosts == (A, C)


# How a list is written


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


# The operator's last word, and first contact


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("* may", {}),
        ("* encrypt", {"hosts_require_tls": ALL}),
        ("* verify", {"hosts_require_tls": ALL, "tls_verify_hosts": ALL}),
    ],
)
@pytest.mark.parametrize(
    "make",
    [
        lambda beliefs: derived({A: USABLE, B: FORGED}, beliefs=beliefs),
        lambda beliefs: derived({A: NONE}, N, mode="enforce", mx=[B], beliefs=beliefs),
        lost,
    ],
    ids=["DANE, and none", "an unsigned MX that the policy does not name", "no MX to be had"],
)
def test_the_operators_last_word_is_told_of_all_servers_and_dane_is_not_tried(make, rule, expected):
    found = options(make(override(rule)))
    assert any("rule 1 of your own table overrides" in words for words in found.words)
    assert replace(found, words=()) == Options(hosts_try_dane=(), **expected)


def test_the_last_word_on_one_server_takes_it_out_of_what_holds_for_the_others():
    found = told({A: UNUSABLE, B: NONE}, mode="enforce", beliefs=override(f"{A} may"))
    assert found.hosts_require_tls == (f"!{A}", "*")
    assert found.hosts_avoid_tls == (f"!{B}", f"!{A}", "*")
    assert found.hosts_try_dane == (f"!{A}", "*")
    assert found.tls_verify_hosts == (B,)


def test_the_last_word_on_one_server_leaves_another_its_dane():
    found = told({A: FORGED, B: USABLE}, mode="enforce", beliefs=override(f"{A} encrypt"))
    assert found.hosts_require_tls == ALL
    assert found.hosts_try_dane == (f"!{A}", "*")
    assert B in found.tls_verify_hosts
    assert A not in found.tls_verify_hosts


def test_the_last_word_on_a_host_that_anybody_could_name_lowers_nothing():
    found = told({A: NONE}, N, mode="enforce", beliefs=override(f"{A} may"))
    assert replace(found, words=()) == replace(told({A: NONE}, N, mode="enforce"), words=())


def test_a_rule_about_a_domain_is_told_although_none_of_its_servers_is_known():
    answers = {Dns(DOMAIN, Kind.MX): found(Mx(0, "")), **published("", ())}
    assert options(from_answers(answers)) == Options()
    given = options(from_answers(answers, rules(f"{DOMAIN} encrypt")))
    assert given.hosts_require_tls == ALL


def test_mail_waits_for_a_first_contact_if_a_rule_says_so():
    silent = failure(Status.TIMEOUT)
    assert (
        "rule 1 of the table has mail wait"
        in told({A: NONE}, record=silent, beliefs=patient()).defer
    )
    some = told({A: USABLE, B: NONE}, record=silent, beliefs=patient())
    assert some.defer == ""
    assert some.hosts_avoid_tls == (f"!{A}", "*")


def test_in_a_file_exim_chooses_by_what_it_sees_of_dnssec():
    lines = list(settings(told({A: USABLE, B: NONE})))
    assert (
        r"hosts_avoid_tls = ${if eq{$lookup_dnssec_authenticated}{yes}{}{\N^mx1\.example\.org$\N}}"
        in lines
    )
    assert "hosts_try_dane = *" in lines


def test_without_dane_there_is_nothing_to_choose():
    lines = list(settings(told({A: NONE}, N, mode="enforce")))
    assert r"hosts_avoid_tls = !\N^mx1\.example\.org$\N : *" in lines
    assert not any("unsigned" in line for line in lines)


@pytest.mark.parametrize("name", ["a/b.evil.example", "::ffff:192.0.2.9"])
def test_mail_waits_where_an_mx_cannot_be_told_and_something_would_have_to_be(name):
    assert "no name of a server" in told({name: NONE}, N, beliefs=rules(f"{DOMAIN} verify")).defer
    assert told({name: NONE}, N) == Options()
