"""What follows from what is seen and wished."""

from __future__ import annotations

import pytest

from tests.publication.scene import DOMAIN, ENFORCE, MX1, MX2, NONE, NOW, TESTING
from unstrip.policy.mta_sts import Known, Mode, parse
from unstrip.publication import Key, Weight


@pytest.mark.parametrize(
    ("policy", "wish", "expected"),
    [
        (None, None, Mode.TESTING),
        (TESTING, None, Mode.TESTING),
        (ENFORCE, None, Mode.ENFORCE),
        (NONE, None, Mode.NONE),
        (ENFORCE, Mode.NONE, Mode.NONE),
    ],
)
def test_the_mode_is_the_one_wished_or_the_one_published_or_testing(scene, policy, wish, expected):
    scene.policy = policy
    assert scene.case(mode=wish).mode is expected


@pytest.mark.parametrize(
    ("policy", "wish", "expected"),
    [
        (None, {}, 86_400),
        (ENFORCE, {}, 604_800),
        (TESTING, {"mode": Mode.ENFORCE}, 1_209_600),
        (TESTING.replace("86400", "2419200"), {"mode": Mode.ENFORCE}, 2_419_200),
        (ENFORCE, {"mode": Mode.NONE}, 86_400),
        (ENFORCE, {"max_age": 5}, 5),
    ],
)
def test_the_age_is_the_one_wished_or_the_one_published_or_suits_the_mode(
    scene, policy, wish, expected
):
    scene.policy = policy
    assert scene.case(**wish).max_age == expected


def test_a_policy_that_is_remembered_counts_where_none_is_served(scene):
    scene.held = Known(DOMAIN, parse(ENFORCE.encode()), "1", NOW)
    assert scene.case().mode is Mode.ENFORCE
    scene.policy = TESTING
    assert scene.case().mode is Mode.TESTING


def test_what_loses_mail_only_where_it_is_enforced_is_noted_elsewhere(scene):
    assert scene.case(mode=Mode.ENFORCE).enforced(Weight.REFUSED) is Weight.REFUSED
    assert scene.case(mode=Mode.TESTING).enforced(Weight.REFUSED) is Weight.NOTED


def test_the_hosts_are_those_of_the_mx(scene):
    assert scene.case().hosts == (MX1, MX2)


def test_a_host_has_its_own_next_key_or_the_one_for_all(scene):
    own, general = Key(b"own", host=MX1), Key(b"all")
    both = scene.case(next=(general, own))
    assert (both.next(MX1), both.next(MX2)) == (own, general)
    assert scene.case(next=(own,)).next(MX2) is None
