"""How keys are rolled, of several hosts at a time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.policy.answering import found
from tests.publication.scene import DOMAIN, MX1, MX2, NOW, chain, notes, record, refusals, visit
from unstrip.policy.questions import Address, Dns, Kind
from unstrip.publication import Key
from unstrip.publication.roll import RULE, span
from unstrip.publication.zone import TTL
from unstrip.tlsa import public_key

WAIT = timedelta(seconds=2 * TTL)


def key_of(shown, host: str = "") -> Key:
    return Key(public_key(shown[0]), host=host)


def steps(publication):
    return [step for step in publication.steps if step.rule == RULE]


def apart(scene) -> None:
    """Give the second host an address of its own."""
    shown = scene.chains[MX2]
    scene.visits = {MX2: (visit(scene.pki, MX2, shown, "192.0.2.2"),)}
    scene.answers = {Dns(MX2, Kind.A): found(Address("192.0.2.2"))}


# The first records


def test_first_records_are_a_step_that_says_that_they_count_at_once(scene):
    first, *_ = scene.publish().steps
    assert first.words.startswith(f"publish the TLSA records of {MX1} and {MX2}: ")
    assert "no testing mode, it counts at once" in first.words


def test_where_they_are_published_there_is_no_such_step(scene):
    scene.tlsa = {host: [record(scene.chains[host])] for host in (MX1, MX2)}
    assert not any("publish the TLSA" in step.words for step in scene.publish().steps)


def test_without_a_next_key_it_is_said_how_one_is_rolled(scene):
    (step,) = steps(scene.publish())
    assert step.words.startswith(f"before the key of {MX1} and {MX2} changes")
    assert step.options == ("--next-key", "KEY.pem")
    assert steps(scene.publish(tlsa=False)) == []


# The order


def test_a_roll_publishes_then_waits_then_changes_then_waits_then_drops(scene):
    scene.hosts = (MX1,)
    coming = chain(scene.pki, MX1)
    publish, change, drop = steps(scene.publish(next=(key_of(coming),)))
    assert publish.not_before is None
    assert change.not_before == NOW + WAIT
    assert drop.not_before == NOW + 2 * WAIT
    assert drop.lines == (f"_25._tcp.{MX1}. {TTL} IN TLSA {record(coming).text}",)


def test_a_roll_that_is_asked_for_comes_first(scene):
    coming = chain(scene.pki, MX1, MX2)
    first, *_ = scene.publish(next=(key_of(coming),)).steps
    assert first.rule == RULE


def test_all_records_are_there_before_any_key_changes(scene):
    """Two names of one machine: whoever changes the key of one changes that of the other."""
    scene.shows(MX2, scene.chains[MX1])
    coming = chain(scene.pki, MX1, MX2)
    publish, change, drop = steps(scene.publish(next=(key_of(coming),)))
    for step in (publish, change, drop):
        assert f"{MX1} and {MX2}" in step.words
    assert len(drop.lines) == 2


def test_hosts_of_two_keys_change_them_each_by_itself_and_between_the_records(scene):
    coming = chain(scene.pki, MX1, MX2)
    publish, one, other, drop = steps(scene.publish(next=(key_of(coming),)))
    assert f"{MX1} and {MX2}" in publish.words
    assert one.words.startswith(f"change the key of {MX1}:")
    assert other.words.startswith(f"change the key of {MX2}:")
    assert f"{MX1} and {MX2}" in drop.words


def test_one_host_of_several_is_rolled_by_its_name(scene):
    coming = chain(scene.pki, MX1)
    published = scene.publish(next=(key_of(coming, MX1),))
    told = [step.words for step in steps(published)]
    assert [MX2 in words for words in told] == [False, False, False, True]
    assert told[3].startswith(f"before the key of {MX2} changes")
    assert record(coming).text not in {r.data for r in published.records if MX2 in r.name}


def test_a_ttl_that_a_cache_hides_is_the_owners_to_look_up(scene):
    scene.tlsa = {MX1: [record(scene.chains[MX1])]}
    coming = chain(scene.pki, MX1, MX2)
    _, one, other, _ = steps(scene.publish(next=(key_of(coming),)))
    assert "a TTL of more than 1 hour in your zone, only after twice that TTL" in one.words
    assert "TTL" not in other.words


# Where a roll goes on


def test_since_when_a_next_key_is_published_nobody_here_knows(scene):
    scene.hosts = (MX1,)
    coming = chain(scene.pki, MX1)
    scene.tlsa = {MX1: [record(scene.chains[MX1]), record(coming)]}
    change, drop = steps(scene.publish(next=(key_of(coming),)))
    assert "2 hours after its record was published" in change.words
    assert "once no server shows the old key" in drop.words
    assert (change.not_before, drop.not_before) == (None, None)


def test_once_the_next_key_is_shown_and_alone_the_roll_is_over(scene):
    scene.hosts = (MX1,)
    coming = scene.chains[MX1]
    scene.tlsa = {MX1: [record(coming)]}
    first, *_ = scene.publish(next=(key_of(coming),)).steps
    assert first.words == f"nothing more is to be done for the key of {MX1}: it is changed"


def test_before_the_old_record_is_dropped_it_is_not(scene):
    scene.hosts = (MX1,)
    coming, old = scene.chains[MX1], record(chain(scene.pki, MX1))
    scene.tlsa = {MX1: [old, record(coming)]}
    (drop,) = steps(scene.publish(next=(key_of(coming),)))
    assert drop.words.startswith(f"drop the TLSA records of {MX1}")
    assert drop.lines == (f"_25._tcp.{MX1}. {TTL} IN TLSA {record(coming).text}",)


# What is wrong with it


def test_a_key_for_a_host_that_is_none_is_refused(scene):
    (words,) = refusals(scene.publish(next=(Key(b"x", host="mx9.example.org"),)))
    assert (
        words == f"refused: mx9.example.org is to have another key, and is no MX host of {DOMAIN}"
    )


def test_a_key_that_two_names_of_one_machine_share_is_not_changed_for_one(scene):
    scene.shows(MX2, scene.chains[MX1])
    coming = chain(scene.pki, MX1, MX2)
    (words,) = refusals(scene.publish(next=(key_of(coming, MX1),)))
    assert words.startswith(f"refused: {MX2} shows the key that {MX1} is to change, at the same")
    both = (key_of(coming, MX1), key_of(coming, MX2))
    assert refusals(scene.publish(next=both)) == []


def test_on_two_machines_it_may_be(scene):
    scene.shows(MX2, scene.chains[MX1])
    apart(scene)
    published = scene.publish(next=(key_of(chain(scene.pki, MX1), MX1),))
    assert refusals(published) == []
    assert f"{MX2} shows the key that {MX1} is to change" in notes(published)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "1 second"), (3600, "1 hour"), (7200, "2 hours"), (604_800, "7 days")],
)
def test_a_time_is_told_in_its_largest_unit(seconds, words):
    assert span(timedelta(seconds=seconds)) == words
