"""Addresses that were never tried: worth a word, and a refusal where something depends on them."""

from __future__ import annotations

import pytest

from tests.policy.answering import bogus, failure, found
from tests.publication.scene import ENFORCE, MX1, TESTING, notes, refusals
from unstrip.policy.mta_sts import Mode
from unstrip.policy.questions import Address, Dns, Kind
from unstrip.publication.look import MOST_ADDRESSES

HIDDEN = f"{MX1} may have addresses that were not tried: AAAA"
MANY = found(*(Address(f"192.0.2.{n}") for n in range(1, MOST_ADDRESSES + 4)))
BEYOND = f"{MX1} has 3 more addresses, which were not tried"


@pytest.fixture(params=["hidden", "beyond"])
def told(request, scene):
    """A host with addresses that nobody tried, and what is said of it."""
    hidden = request.param == "hidden"
    scene.answers = {Dns(MX1, Kind.AAAA): failure()} if hidden else {Dns(MX1, Kind.A): MANY}
    return HIDDEN if hidden else BEYOND


def test_where_records_would_be_printed_it_is_refused(scene, told):
    (words,) = refusals(scene.publish())
    assert words.startswith(f"not found out: {told}")


def test_where_the_policy_is_enforced_it_is_refused(scene, told):
    scene.policy = ENFORCE
    (words,) = refusals(scene.publish(tlsa=False))
    assert words.startswith(f"not found out: {told}")


@pytest.mark.parametrize("mode", [Mode.TESTING, Mode.NONE])
def test_where_nothing_depends_on_them_it_is_noted(scene, told, mode):
    scene.policy = TESTING
    published = scene.publish(mode=mode, tlsa=False)
    assert not published.refused
    assert any(words.startswith(told) for words in notes(published))


def test_a_forged_answer_hides_as_much(scene):
    scene.answers = {Dns(MX1, Kind.AAAA): bogus()}
    assert refusals(scene.publish())[0].startswith(f"not found out: {HIDDEN}")


def test_a_host_without_any_address_is_said_once(scene):
    scene.answers = {Dns(MX1, Kind.A): failure(), Dns(MX1, Kind.AAAA): failure()}
    published = scene.publish(mode=Mode.TESTING, tlsa=False)
    assert not any("not tried" in each.words for each in published.objections)


def test_of_a_host_that_was_tried_whole_nothing_is_said(scene):
    assert not any("not tried" in each.words for each in scene.publish().objections)
