"""When certificates end, and the records of the next ones are due."""

from __future__ import annotations

from datetime import timedelta

from tests.publication.scene import MX1, MX2, NOW, chain, mute, record, visit
from unstrip.publication.hosts import SOON
from unstrip.publication.zone import TTL
from unstrip.rollout.endings import endings
from unstrip.tlsa import Tlsa, Usage


def test_the_next_to_end_comes_first(scene):
    scene.shows(MX2, chain(scene.pki, MX2, days=20))
    first, second = endings(scene.seen)
    assert (first.host, second.host) == (MX2, MX1)
    assert abs(first.ends - NOW - timedelta(days=20)) < timedelta(minutes=1)
    assert first.renew_by == first.ends - SOON
    assert (first.tlsa, first.publish_by) == ((), None)


def test_a_record_that_names_the_key_has_to_be_followed_by_the_next_ones(scene):
    ours, other = record(scene.chains[MX1]), Tlsa(Usage.DANE_EE, 1, 1, bytes(32))
    scene.tlsa = {MX1: [ours, other]}
    first, _ = endings(scene.seen)
    assert first.tlsa == (ours.text,)
    assert first.publish_by == first.ends - timedelta(seconds=2 * TTL)


def test_of_several_addresses_the_first_to_end_counts(scene):
    soon = chain(scene.pki, MX1, days=3)
    scene.visits = {MX1: tuple(visit(scene.pki, MX1, c) for c in (scene.chains[MX1], soon))}
    first, _ = endings(scene.seen)
    assert first.ends - NOW < timedelta(days=4)


def test_who_shows_nothing_has_no_end(scene):
    scene.visits = {MX1: (mute(MX1),), MX2: (visit(scene.pki, MX2, (b"nonsense",)),)}
    assert endings(scene.seen) == ()
