"""What to do, with dates and records that hold."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.publication.scene import (
    DOMAIN,
    ENFORCE,
    MX1,
    MX2,
    NONE,
    NOW,
    TESTING,
    chain,
    record,
)
from unstrip.policy.mta_sts import Known, Mode, parse
from unstrip.publication import Key, policy
from unstrip.publication.modes import day
from unstrip.publication.zone import TTL, TTL_POLICY
from unstrip.tlsa import Tlsa, public_key

ROLL = "RFC 7671, 8.1"
WAIT = timedelta(seconds=2 * TTL)


def key_of(shown) -> Key:
    return Key(public_key(shown[0]))


def steps(publication, rule: str):
    return [step for step in publication.steps if step.rule == rule]


def served(lines: tuple[str, ...]):
    """The policy that is to be served, and the id, out of the lines of a step."""
    *file, last = lines
    return parse("\r\n".join(file).encode()), last.split("id=")[1].split(";")[0]


# From testing to enforce to none


def test_the_policy_is_served_before_its_record_is_published(scene):
    words = [step.words for step in scene.publish().steps]
    host, file, txt, *_ = words
    assert host.startswith(f"give mta-sts.{DOMAIN} an address")
    assert file.startswith(f"serve the policy at {policy.url(DOMAIN)}")
    assert txt.startswith(f"only then publish the record _mta-sts.{DOMAIN}")


def test_a_policy_that_is_served_already_is_left_alone(scene):
    scene.policy = TESTING
    assert scene.publish().steps[0].words.startswith("the policy that is served is the one")


def test_after_testing_comes_enforce_when_every_sender_could_report(scene):
    (step,) = steps(scene.publish(max_age=30 * 86_400), "RFC 8461, 5")
    assert step.not_before == NOW + timedelta(days=30)
    found, announced = served(step.lines)
    assert (found.mode, found.mx) == (Mode.ENFORCE, (MX1, MX2))
    assert announced == policy.stamp(NOW + timedelta(days=30))


def test_what_is_enforced_is_left_by_mode_none_for_its_whole_age(scene):
    scene.policy = ENFORCE
    leave, wait = steps(scene.publish(), "RFC 8461, 8.3")
    found, announced = served(leave.lines)
    assert (found.mode, found.max_age) == (Mode.NONE, 86_400)
    assert announced != scene.id
    assert "for 7 days from then on" in wait.words
    assert day(NOW + timedelta(days=7, seconds=TTL_POLICY)) in wait.words


def test_mode_none_stays_until_the_policy_before_it_is_over(scene):
    scene.policy = ENFORCE
    (step,) = steps(scene.publish(mode=Mode.NONE), "RFC 8461, 8.3")
    assert step.not_before == NOW + timedelta(days=7, seconds=TTL_POLICY)


def test_mode_none_stays_as_long_as_anything_longer_is_remembered(scene):
    scene.policy = NONE
    long = ENFORCE.replace("604800", "2419200")
    scene.held = Known(DOMAIN, parse(long.encode()), "0", NOW)
    (step,) = steps(scene.publish(mode=Mode.NONE), "RFC 8461, 8.3")
    assert step.not_before == NOW + timedelta(days=28, seconds=TTL_POLICY)


def test_an_age_of_hours_is_told_in_seconds(scene):
    scene.policy = TESTING
    published = scene.publish(mode=Mode.ENFORCE, max_age=3600)
    assert any("for 3600 seconds from then on" in step.words for step in published.steps)


# Rolling a key


def test_without_a_next_key_it_is_said_how_one_is_rolled(scene):
    (step,) = steps(scene.publish(), ROLL)
    assert f"unstrip publish {DOMAIN} --next-key KEY.pem" in step.words
    assert steps(scene.publish(tlsa=False), ROLL) == []


def test_a_roll_publishes_then_waits_then_changes_then_waits_then_drops(scene):
    scene.hosts = (MX1,)
    coming = chain(scene.pki, MX1)
    publish, change, drop = steps(scene.publish(next=key_of(coming)), ROLL)
    assert publish.not_before is None
    assert change.not_before == NOW + WAIT
    assert drop.not_before == NOW + 2 * WAIT
    assert drop.lines == (f"_25._tcp.{MX1}. {TTL} IN TLSA {record(coming).text}",)


def test_a_next_key_that_is_published_already_still_has_to_wait(scene):
    scene.hosts = (MX1,)
    coming = chain(scene.pki, MX1)
    scene.tlsa = {MX1: [record(scene.chains[MX1]), record(coming)]}
    change, drop = steps(scene.publish(next=key_of(coming)), ROLL)
    assert change.not_before == NOW + WAIT
    assert drop.not_before == NOW + 2 * WAIT


def test_once_the_next_key_is_shown_the_old_record_is_dropped(scene):
    scene.hosts = (MX1,)
    coming = scene.chains[MX1]
    scene.tlsa = {MX1: [Tlsa(3, 1, 1, b"\x01" * 32), record(coming)]}
    (drop,) = steps(scene.publish(next=key_of(coming)), ROLL)
    assert drop.not_before == NOW + WAIT
    assert drop.lines == (f"_25._tcp.{MX1}. {TTL} IN TLSA {record(coming).text}",)


def test_each_host_is_rolled_by_itself(scene):
    coming = chain(scene.pki, MX1, MX2)
    assert len(steps(scene.publish(next=key_of(coming)), ROLL)) == 6


# Refused


@pytest.mark.parametrize("mode", [None, Mode.ENFORCE])
def test_what_is_refused_says_how_to_go_on(scene, mode):
    scene.policy = ENFORCE
    scene.tlsa = {MX1: [Tlsa(3, 1, 1, b"\x01" * 32)]}
    words = [step.words for step in scene.publish(mode=mode).steps]
    again = f"unstrip publish {DOMAIN}{' --mode enforce' if mode else ''}"
    assert words[1] == f"then again: {again}"
    assert words[2].endswith("--mode testing")
