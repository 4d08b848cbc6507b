"""How one policy may follow upon another; each refusal by its name."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.policy.answering import failure, text
from tests.publication.scene import (
    DOMAIN,
    ENFORCE,
    MX2,
    NONE,
    NOW,
    TESTING,
    notes,
    refusals,
)
from unstrip.policy.mta_sts import PATH, Known, Mode, Trouble, parse
from unstrip.policy.questions import Dns, Https, HttpsAnswer, HttpsFailure, Kind, ResultType
from unstrip.publication import Wish, publish
from unstrip.publication.modes import day

TXT = Dns(f"_mta-sts.{DOMAIN}", Kind.TXT)


def held(policy: str, *, days: float = 0) -> Known:
    """What a sender remembers who came some days ago."""
    return Known(DOMAIN, parse(policy.encode()), "1", NOW - timedelta(days=days))


@pytest.mark.parametrize(("policy", "what"), [(None, "nothing"), (NONE, "mode none")])
def test_enforce_upon_nothing_or_none_is_refused(scene, policy, what):
    scene.policy = policy
    (words,) = refusals(scene.publish(mode=Mode.ENFORCE))
    assert words.startswith(f"refused: enforce would follow upon {what}")
    assert ("86400 seconds" in words) is (policy is NONE)


@pytest.mark.parametrize("policy", [TESTING, ENFORCE])
def test_enforce_upon_testing_is_printed(scene, policy):
    scene.policy = policy
    published = scene.publish(mode=Mode.ENFORCE)
    assert refusals(published) == []
    assert "mode: enforce" in published.policy
    untold = [
        words for words in notes(published) if words.startswith("how long it has been tested")
    ]
    assert bool(untold) is (policy is TESTING)


def test_an_enforced_policy_that_was_taken_away_may_be_put_back(scene):
    scene.held = held(ENFORCE)
    assert refusals(scene.publish(mode=Mode.ENFORCE)) == []


@pytest.mark.parametrize("mode", [TESTING, ENFORCE])
def test_a_host_that_the_policy_has_not_is_refused(scene, mode):
    scene.policy = mode.replace(f"mx: {MX2}\r\n", "")
    (words,) = refusals(scene.publish(mode=Mode.ENFORCE))
    assert words.startswith(f"refused: {MX2} is an MX host, but not in the policy")
    assert MX2 in scene.publish(mode=Mode.TESTING).policy


@pytest.mark.parametrize("mode", [None, Mode.ENFORCE])
def test_and_is_only_noted_once_it_is_named(scene, mode):
    scene.policy = ENFORCE.replace(f"mx: {MX2}\r\n", "")
    published = scene.publish(mode=mode, mx=(MX2,))
    assert refusals(published) == []
    assert any(f"{MX2} is an MX host, but not in the policy" in words for words in notes(published))
    assert f"mx: {MX2}" in published.policy


def test_a_host_that_is_to_come_goes_into_the_policy_first(scene):
    scene.policy, scene.coming = ENFORCE, ("mx3.example.org",)
    scene.__post_init__()
    published = scene.publish()
    assert refusals(published) == []
    assert "mx: mx3.example.org" in published.policy
    assert "mode: enforce" in published.policy
    assert [each.data for each in published.unchanged if each.kind == "MX"] == [
        "10 mx1.example.org.",
        "20 mx2.example.org.",
    ]


@pytest.mark.parametrize("host", ["example.org", "a.b.example.org"])
def test_a_wildcard_is_for_one_label_and_that_is_said(scene, host):
    scene.hosts = (host,)
    scene.__post_init__()
    scene.policy = ENFORCE.replace("mx1", "*")
    (words,) = refusals(scene.publish())
    assert "*.example.org is for one label more, and no less" in words


def test_a_policy_that_was_taken_away_while_it_is_held_is_refused_with_the_date(scene):
    scene.held = held(ENFORCE, days=2)
    (words,) = refusals(scene.publish())
    assert f"some until {day(NOW + timedelta(days=5))}" in words


def test_and_is_only_noted_once_it_is_said_what_is_wanted(scene):
    scene.held = held(ENFORCE, days=2)
    published = scene.publish(mode=Mode.NONE)
    assert refusals(published) == []
    assert any("was taken away" in words for words in notes(published))


@pytest.mark.parametrize(("policy", "days"), [(ENFORCE, 8), (NONE, 0)])
def test_a_policy_that_is_over_or_none_may_be_taken_away(scene, policy, days):
    scene.held = held(policy, days=days)
    assert not any("taken away" in o.words for o in scene.publish().objections)


def test_a_policy_that_could_not_be_looked_for_is_not_guessed_at(scene):
    scene.answers = {TXT: failure()}
    published = scene.publish()
    (words,) = refusals(published)
    assert words.startswith(f"not found out: whether {DOMAIN} has a policy could not be found out")
    assert published.records == ()
    assert published.policy == ""


def test_a_look_that_failed_before_another_did_not_hides_a_policy_all_the_same(scene):
    scene.policy = ENFORCE
    trouble = Trouble(NOW, "timeout", certain=False)
    seen = replace(scene.seen, served=Known(DOMAIN, record=trouble))
    (words,) = refusals(publish(seen, Wish(), scene.pki.roots))
    assert words.startswith(f"not found out: whether {DOMAIN} has a policy")


def test_nor_is_one_that_could_not_be_fetched(scene):
    scene.policy = ENFORCE
    broken = HttpsFailure(ResultType.STS_WEBPKI_INVALID, "expired")
    scene.answers = {Https(f"mta-sts.{DOMAIN}", PATH): broken}
    assert len(refusals(scene.publish())) == 1
    assert refusals(scene.publish(mode=Mode.TESTING)) == []
    (words,) = refusals(scene.publish(mode=Mode.ENFORCE))
    assert words.startswith(f"not found out: the record _mta-sts.{DOMAIN} announces a policy that")


def test_a_file_that_is_missing_is_printed_by_a_mode_and_that_is_said(scene):
    scene.policy = ENFORCE
    scene.answers = {Https(f"mta-sts.{DOMAIN}", PATH): HttpsAnswer(404)}
    (fault,) = (each for each in scene.publish().objections if each.fatal)
    assert "could not be had: HTTP status 404" in fault.words
    assert fault.hint.startswith(f"unstrip publish {DOMAIN} --mode testing prints the file")
    printed = scene.publish(mode=Mode.TESTING)
    assert "mode: testing" in printed.policy
    assert not any("--mode testing" in each.hint for each in printed.objections)


def test_a_look_that_failed_does_not_lower_what_is_remembered(scene):
    scene.answers, scene.held = {TXT: failure()}, held(ENFORCE)
    assert scene.publish().mode is Mode.ENFORCE


def test_records_that_no_sender_heeds_are_noted(scene):
    scene.answers = text(TXT.name, b"v=STSv1; id=1;", b"v=STSv1; id=2;")
    published = scene.publish()
    assert refusals(published) == []
    assert any("2 records begin with" in words for words in notes(published))


@pytest.mark.parametrize("mode", [Mode.TESTING, Mode.NONE])
def test_what_is_lowered_is_held_for_its_old_age(scene, mode):
    scene.policy = ENFORCE
    words = " ".join(notes(scene.publish(mode=mode)))
    assert f"enforce the old policy, some until {day(NOW + timedelta(days=7))}" in words


@pytest.mark.parametrize(
    ("mode", "age", "noted"),
    [
        (Mode.ENFORCE, 60, True),
        (Mode.ENFORCE, 604_799, True),
        (Mode.ENFORCE, 604_800, False),
        (Mode.TESTING, 60, True),
        (Mode.TESTING, 86_400, False),
        (Mode.NONE, 604_800, True),
        (Mode.NONE, 60, False),
    ],
)
def test_an_age_that_does_not_suit_the_mode_is_noted(scene, mode, age, noted):
    scene.policy = TESTING
    found = [w for w in notes(scene.publish(mode=mode, max_age=age)) if w.startswith("max_age")]
    assert bool(found) is noted


def test_a_policy_behind_a_certificate_of_a_ca_of_ones_own_says_which_option_knows_it(scene):
    scene.policy = TESTING
    refused = HttpsFailure(ResultType.STS_WEBPKI_INVALID, "self-signed certificate in chain")
    scene.answers = {Https(f"mta-sts.{DOMAIN}", PATH): refused}
    (fault,) = (each for each in scene.publish().objections if each.fatal)
    assert "--ca-file" in fault.hint
    scene.held = held(TESTING)
    (note,) = (o for o in scene.publish().objections if "could not be had" in o.words)
    assert not note.fatal
    assert "--ca-file" in note.hint


def test_a_host_that_the_policy_has_not_says_the_whole_command_that_adds_it(scene):
    for policy, enforced in ((TESTING, False), (ENFORCE, True)):
        scene.policy = policy.replace(f"mx: {MX2}\r\n", "")
        (fault,) = (o for o in scene.publish(mode=Mode.ENFORCE).objections if o.fatal)
        assert f"unstrip publish {DOMAIN} --mx {MX2}" in fault.hint
        assert ("stop enforcing" in fault.hint) is enforced


def test_a_policy_that_changed_under_the_same_id_is_noted_and_the_record_is_a_step(scene):
    scene.policy, scene.held = ENFORCE, held(TESTING)
    published = scene.publish()
    assert refusals(published) == []
    assert any("its id 1 was not: senders that hold the old one" in n for n in notes(published))
    assert any("with its new id" in step.words for step in published.steps)
    assert "TXT" in {record.kind for record in published.records}
    scene.held = held(ENFORCE)
    assert not any("its id" in words for words in notes(scene.publish()))
