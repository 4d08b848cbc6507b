"""What is held: the policies that nothing could be stricter than, and all that is owed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from unstrip.io.store.held import Held, Unsaved
from unstrip.policy.mta_sts import Known, Mode, StsPolicy

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DOMAIN = "example.org"


def policy(mode=Mode.ENFORCE, domain=DOMAIN, lines=("x" * 1000,)):
    return Known(domain, StsPolicy(mode, 86400, ("mx",), lines), "1", NOW, NOW)


@pytest.mark.parametrize(
    ("known", "enough"),
    [
        (policy(), True),
        (policy(Mode.TESTING), False),
        (policy(Mode.NONE), False),
        (Known(DOMAIN, looked=NOW), False),
        (replace(policy(), fetched=NOW - timedelta(days=2)), False),
        (None, False),
    ],
)
def test_only_a_policy_that_is_enforced_and_in_force_is_good_enough_alone(known, enough):
    held = Held()
    held.keep(DOMAIN, policy())
    held.keep(DOMAIN, known)  # the last word
    assert held.alone(DOMAIN, NOW) == (known if enough else None)
    held = Held()
    if known is not None:
        assert held.owe(None, known)
        assert held.alone(DOMAIN, NOW) == (known if enough else None)


def test_of_what_is_kept_elsewhere_the_oldest_makes_room():
    held = Held(room=50_000)
    for number in range(100):
        held.keep(f"d{number}", policy(domain=f"d{number}"))
    there = [number for number in range(100) if held.alone(f"d{number}", NOW)]
    assert there == list(range(90, 100))


def test_what_is_owed_goes_back_to_where_it_began():
    held, before = Held(), Known(DOMAIN)
    held.owe(before, Known(DOMAIN, looked=NOW))
    held.owe(Known(DOMAIN, looked=NOW), policy())
    assert held.unsaved == {DOMAIN: Unsaved(before, policy())}
    held.saved(DOMAIN)
    held.saved(DOMAIN)
    assert held.unsaved == {}


def test_no_policy_that_is_owed_makes_room_and_every_other_look_does():
    held = Held(room=50_000)
    for number in range(40):
        assert held.owe(None, Known(f"n{number}"))
    taken = [held.owe(None, policy(domain=f"d{number}")) for number in range(20)]
    assert taken == [True] * 10 + [False] * 10
    assert list(held.unsaved) == [f"d{number}" for number in range(10)]
    assert not held.owe(None, policy(domain="d3", lines=("x" * 99_000,)))
    assert held.unsaved["d3"].new == policy(domain="d3")
    held.saved("d3")
    assert held.owe(None, policy(domain="d10"))


def test_to_one_who_knows_nothing_all_is_owed():
    held = Held()
    held.keep("a", policy(domain="a"))
    held.owe(policy(domain="b"), replace(policy(domain="b"), id="2"))
    held.keep("b", policy(domain="b"))
    held.owe_all()
    assert held.unsaved == {
        "a": Unsaved(None, policy(domain="a")),
        "b": Unsaved(None, replace(policy(domain="b"), id="2")),
    }


def test_what_another_has_held_is_owed_as_well():
    held, late = Held(), replace(policy(domain="b"), id="2")
    held.keep("a", policy(domain="a"))
    held.owe(None, late)
    other = Held()
    other.owe_all(held.all)
    assert {owed.new for owed in other.unsaved.values()} == {policy(domain="a"), late}


def test_who_is_put_off_comes_last():
    held = Held()
    for name in "abc":
        held.owe(None, Known(name))
    held.put_off("a")
    assert list(held.unsaved) == ["b", "c", "a"]
