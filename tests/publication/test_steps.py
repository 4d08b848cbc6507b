"""What to do, with dates and records that hold."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.policy.answering import failure, found, nothing
from tests.publication.scene import (
    DOMAIN,
    ENFORCE,
    MX1,
    MX2,
    NONE,
    NOW,
    TESTING,
)
from unstrip.policy.mta_sts import Known, Mode, parse
from unstrip.policy.questions import Dns, Kind, Mx, Status
from unstrip.publication import policy
from unstrip.publication.modes import day
from unstrip.publication.zone import TTL, TTL_POLICY
from unstrip.tlsa import Tlsa

ROLL = "RFC 7671, 8.1"
WAIT = timedelta(seconds=2 * TTL)


def steps(publication, rule: str):
    return [step for step in publication.steps if step.rule == rule]


def served(lines: tuple[str, ...]):
    """The policy that is to be served, and the id, out of the lines of a step."""
    *file, last = lines
    return parse("\r\n".join(file).encode()), last.split("id=")[1].split(";")[0]


# From testing to enforce to none


def test_the_policy_is_served_before_its_record_is_published(scene):
    words = [step.words for step in scene.publish(tlsa=False).steps]
    host, file, txt, *_ = words
    assert host.startswith(f"give mta-sts.{DOMAIN} an address")
    assert file.startswith(f"serve the policy at {policy.url(DOMAIN)}")
    assert txt.startswith(f"only then publish the record _mta-sts.{DOMAIN}")


def test_a_policy_that_is_served_already_is_left_alone(scene):
    scene.policy = TESTING
    first, *_ = scene.publish(tlsa=False).steps
    assert first.words == "the policy that is served stays as it is"


def test_after_testing_comes_enforce_when_every_sender_could_report(scene):
    (step,) = steps(scene.publish(max_age=30 * 86_400), "RFC 8461, 5")
    assert step.not_before == NOW + timedelta(days=30)
    found, announced = served(step.lines)
    assert (found.mode, found.mx) == (Mode.ENFORCE, (MX1, MX2))
    assert announced == policy.stamp(NOW + timedelta(days=30))
    assert found.max_age == 30 * 86_400


def test_another_max_age_for_what_is_enforced_is_explained(scene):
    (step,) = steps(scene.publish(), "RFC 8461, 5")
    assert "with max_age 1209600: what is enforced is to be held for weeks" in step.words


def test_a_policy_that_is_in_testing_already_has_its_week_from_when_it_began(scene):
    scene.policy = TESTING
    (step,) = steps(scene.publish(), "RFC 8461, 5")
    assert step.not_before is None
    assert step.words.startswith("7 days after you began with testing")
    assert served(step.lines)[1] != scene.id


def test_what_is_enforced_is_left_by_mode_none_for_its_whole_age(scene):
    scene.policy = ENFORCE
    leave, wait = steps(scene.publish(), "RFC 8461, 8.3")
    found, announced = served(leave.lines)
    assert (found.mode, found.max_age) == (Mode.NONE, 86_400)
    assert announced != scene.id
    assert "stay for 7 days" in wait.words
    assert day(NOW + timedelta(days=7, seconds=TTL_POLICY)) in wait.words


def test_what_senders_hold_counts_if_it_is_longer(scene):
    scene.policy = ENFORCE
    (_, wait) = steps(scene.publish(max_age=86_400), "RFC 8461, 8.3")
    assert "stay for 7 days" in wait.words


def test_since_when_mode_none_is_served_nobody_knows(scene):
    scene.policy = NONE
    (step,) = steps(scene.publish(), "RFC 8461, 8.3")
    assert step.not_before is None
    assert "the longest max_age that one had" in step.words


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


def test_an_age_of_hours_is_told_in_hours(scene):
    scene.policy = ENFORCE.replace("604800", "60")
    published = scene.publish(max_age=3600)
    assert any("stay for 1 hour" in step.words for step in published.steps)


# A host that is to come


def test_a_host_goes_into_the_mx_a_day_after_the_policy_that_has_it(scene):
    scene.policy, scene.coming = ENFORCE, ("mx3.example.org",)
    scene.__post_init__()
    (*_, step) = steps(scene.publish(), "RFC 8461, 8.1")
    assert step.words.startswith("add mx3.example.org to the MX, when it is there")
    assert step.not_before == NOW + timedelta(days=1)


def test_and_who_has_published_that_policy_before_knows_when(scene):
    scene.policy, scene.coming = ENFORCE.replace("mx1", "mx3"), ("mx3.example.org",)
    scene.hosts = (MX2,)
    scene.__post_init__()
    (step,) = steps(scene.publish(), "RFC 8461, 8.1")
    assert "a day after the policy that has it was published" in step.words
    assert step.not_before is None


# Refused


def test_what_is_refused_says_how_to_go_on(scene):
    scene.policy = ENFORCE
    scene.tlsa = {MX1: [Tlsa(3, 1, 1, b"\x01" * 32)]}
    mend, again, lower = scene.publish().steps
    assert mend.words.startswith("mend what is refused")
    assert again.options == ()
    assert lower.options == ("--mode", "testing")


def test_what_could_not_be_found_out_is_not_to_be_mended(scene):
    scene.answers = {Dns(f"_mta-sts.{DOMAIN}", Kind.TXT): failure()}
    first, again = scene.publish().steps
    assert first.words.startswith("see to it that all of it can be found out")
    assert again.options == ()


@pytest.mark.parametrize("mx", [found(Mx(0, "")), nothing(status=Status.NXDOMAIN)])
def test_where_no_mail_is_taken_nothing_is_to_be_done(scene, mx):
    scene.answers = {Dns(DOMAIN, Kind.MX): mx}
    assert scene.publish().steps == ()
