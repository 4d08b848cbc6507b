"""What each server needs: every kind there is, and who may be a server at all."""

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
    listed,
    lost,
    override,
    rules,
)
from tests.policy.answering import N, U
from unstrip.mta.needs import (
    Need,
    closed,
    hosts,
    need,
    overridden,
    overriding,
    policy,
    wished,
)
from unstrip.policy import Level, dane
from unstrip.policy.mta_sts import Mode


def needs(*of: object, **more: object) -> list[Need]:
    return [need(server) for server in derived(*of, **more).destinations]


@pytest.mark.parametrize(
    ("tlsa", "expected"),
    [
        (USABLE, Need.DANE),
        (UNUSABLE, Need.UNUSABLE),
        (NONE, Need.FREE),
        (FORGED, Need.FAILED),
        (GONE, Need.GONE),
    ],
)
def test_dane_alone_decides_where_nobody_else_has_an_opinion(tlsa, expected):
    assert needs({A: tlsa}) == [expected]


def test_a_policy_has_no_say_where_dane_names_the_host_and_its_key():
    assert needs({A: USABLE, B: NONE}, mode="enforce") == [Need.DANE, Need.NAMED]


def test_a_policy_names_the_host_where_the_mx_is_insecure():
    assert needs({A: USABLE}, N, mode="enforce") == [Need.NAMED]


def test_a_policy_that_does_not_name_a_host_keeps_it_out():
    assert needs({A: NONE, B: NONE}, mode="enforce", mx=[A]) == [Need.NAMED, Need.REFUSED]


def test_a_failed_look_up_keeps_a_host_out_although_a_policy_names_it():
    assert needs({A: FORGED}, mode="enforce") == [Need.FAILED]


def test_a_policy_that_is_only_tested_asks_for_nothing():
    assert needs({A: NONE, B: NONE}, mode="testing", mx=[A]) == [Need.FREE, Need.FREE]


def test_where_dane_was_not_checked_nothing_follows_from_it():
    assert needs({A: NONE}, U) == [Need.FREE]


def test_pins_of_the_operator_go_before_dane():
    assert needs({A: USABLE}, beliefs=rules(f"{A} verify {PIN}")) == [Need.PINNED]


def test_unusable_records_and_a_rule_that_wants_tls_make_a_rule():
    assert needs({A: UNUSABLE}, beliefs=rules(f"{A} encrypt")) == [Need.ENCRYPTED]


def test_a_server_without_address_may_be_wanted_all_the_same():
    assert needs({A: GONE}, mode="enforce") == [Need.NAMED]


def test_servers_are_named_once_and_in_their_order():
    found = derived({B: NONE, A: NONE})
    assert hosts(found, Need.FREE) == (B, A)
    assert hosts(found, Need.DANE) == ()


@pytest.mark.parametrize(
    ("rule", "least", "expected"),
    [
        (f"{A} verify", Level.AUTHENTICATED, (A,)),
        (f"{A} encrypt", Level.AUTHENTICATED, ()),
        (f"{A} encrypt", Level.ENCRYPT, (A,)),
        (f"{B} encrypt", Level.ENCRYPT, (B,)),
        (f"{C} encrypt", Level.ENCRYPT, ()),  # not to be used
        (f"{A} may", Level.ENCRYPT, ()),
    ],
)
def test_what_others_than_dane_ask_of_a_server_is_told_apart(rule, least, expected):
    found = derived({A: USABLE, B: UNUSABLE, C: FORGED}, N, beliefs=rules(rule))
    assert wished(found, least, besides=(dane.SOURCE,)) == expected


@pytest.mark.parametrize("mode", ["enforce", "testing", "none"])
def test_a_policy_in_force_is_found_by_its_mode(mode):
    found = derived({A: NONE}, mode=mode)
    assert [each for each in Mode if policy(found, each)] == [Mode(mode)]


def test_without_a_policy_there_is_none_of_any_mode():
    assert [each for each in Mode if policy(derived({A: NONE}), each)] == []


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (derived({A: NONE}, mode="enforce"), True),
        (derived({A: NONE}, beliefs=listed(A)), True),
        (derived({A: NONE}, mode="testing"), False),
        (derived({A: NONE}, beliefs=listed(A, mode="testing")), False),
        (derived({A: USABLE}), False),
        (derived({A: NONE}, beliefs=rules(f"{A} verify")), False),
    ],
)
def test_only_an_enforced_policy_says_that_nobody_else_is_a_server(found, expected):
    assert closed(found) is expected


def test_whom_the_operator_overrides_has_no_say_about_a_server():
    assert needs({A: FORGED}, beliefs=override("* may")) == [Need.FREE]
    assert needs({A: USABLE}, mode="enforce", beliefs=override("* encrypt")) == [Need.ENCRYPTED]
    found = derived({A: NONE}, mode="enforce", mx=[B], beliefs=override("* may"))
    assert policy(found, Mode.ENFORCE) is None
    assert not closed(found)


def test_what_is_overridden_for_one_server_still_holds_for_another():
    found = derived({A: NONE, B: NONE}, mode="enforce", beliefs=override(f"{A} may"))
    assert (hosts(found, Need.FREE), hosts(found, Need.NAMED)) == ((A,), (B,))
    assert overridden(found, Need.FREE) == (A,)
    assert overridden(found, Need.NAMED) == ()
    assert policy(found, Mode.ENFORCE)
    assert closed(found)


def test_it_is_said_of_each_server_whom_the_operator_overrides_there():
    found = derived({A: USABLE, B: NONE}, beliefs=override(f"{A} may", f"{B} may"))
    assert list(overriding(found)) == [
        f"{A}: rule 1 of your own table overrides dane (verify)",
        f"{B}: rule 2 of your own table overrides nobody",
    ]


def test_it_is_said_that_the_operator_overrides_a_failed_look_up_or_a_rule_of_his_own():
    (words,) = overriding(lost(override("* may")))
    assert "overrides a failed look-up (without it mail would wait, for server failure" in words
    both = override(f"{A} may", f"{DOMAIN} encrypt")
    assert list(overriding(derived({A: NONE}, beliefs=both))) == [
        f"{A}: rule 1 of your own table overrides rule 2 (encrypt)"
    ]


def test_a_domain_of_which_no_server_is_known_stands_for_all_that_there_may_be():
    assert hosts(lost(rules("* encrypt")), Need.ENCRYPTED) == (DOMAIN,)
    assert hosts(lost(), *Need) == ()
