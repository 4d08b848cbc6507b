"""Records that nothing explains which was shown: noted, kept, and given a date."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.publication.scene import MX1, NOW, chain, notes, record
from unstrip.publication import Key
from unstrip.publication.zone import TTL
from unstrip.tlsa import Tlsa, public_key

OTHER = Tlsa(3, 1, 1, b"\x01" * 32)


@pytest.fixture
def shown(scene):
    """The record of what the host shows; it is published, with another one."""
    own = record(scene.chains[MX1])
    scene.tlsa = {MX1: [own, OTHER]}
    return own


def dropping(publication):
    return [step for step in publication.steps if "that no server showed now" in step.words]


def test_a_record_whose_key_nobody_showed_is_noted(scene, shown):
    found = scene.publish()
    (words,) = [words for words in notes(found) if "no server showed its key now" in words]
    assert words.startswith(f"TLSA {OTHER.text[:20]}")
    assert f"at _25._tcp.{MX1} stays" in words
    assert shown.text[:20] not in words


def test_it_is_dropped_by_the_owner_and_with_a_date(scene, shown):
    (step,) = dropping(scene.publish())
    assert step.not_before == NOW + timedelta(seconds=2 * TTL)
    (line,) = step.lines
    assert shown.text in line


def test_the_next_key_is_explained(scene):
    coming = chain(scene.pki, MX1)
    scene.tlsa = {MX1: [record(scene.chains[MX1]), record(coming)]}
    found = scene.publish(next=(Key(public_key(coming[0])),))
    assert not [words for words in notes(found) if "no server showed" in words]
    assert dropping(found) == []


def test_while_a_key_is_rolled_nothing_else_is_dropped(scene, shown):
    coming = chain(scene.pki, MX1)
    found = scene.publish(next=(Key(public_key(coming[0])),))
    assert [words for words in notes(found) if "no server showed its key now" in words]
    assert dropping(found) == []


def test_once_the_next_key_is_shown_the_old_record_is_one_of_these(scene, shown):
    found = scene.publish(next=(Key(public_key(scene.chains[MX1][0])),))
    (step,) = dropping(found)
    assert [shown.text in line for line in step.lines] == [True]


def test_where_no_records_are_wanted_none_is_spoken_of(scene, shown):
    found = scene.publish(tlsa=False)
    assert not [words for words in notes(found) if "no server showed" in words]
    assert dropping(found) == []
