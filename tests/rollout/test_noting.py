"""From a look to what is noted: the same again is the same, and what failed is unknown."""

from __future__ import annotations

import hashlib

from tests.policy.answering import N, nothing
from tests.publication.scene import DOMAIN, MX1, MX2, chain, clear, mute, record, visit
from unstrip.policy.mta_sts import Mode
from unstrip.policy.questions import Dns, DnsAnswer, Kind, Status
from unstrip.rollout.noting import snapshot
from unstrip.rollout.snapshot import Leaf
from unstrip.tlsa import public_key
from unstrip.upgrade import Outcome

FAILED = DnsAnswer(Status.SERVFAIL)


def test_all_that_is_published_and_shown_is_in_it(scene):
    scene.reports = (b"v=TLSRPTv1; rua=mailto:a@b.c", b"something else")
    scene.tlsa = {MX1: [record(scene.chains[MX1])]}
    found = snapshot(scene.seen)
    assert (found.policy_id, found.mode, found.max_age) == ("1", Mode.TESTING, 86400)
    assert found.patterns == (MX1, MX2)
    assert found.reports == ("v=TLSRPTv1; rua=mailto:a@b.c",)
    first, second = found.hosts
    assert (first.name, first.preference, second.name, second.preference) == (MX1, 10, MX2, 20)
    key = hashlib.sha256(public_key(scene.chains[MX1][0])).hexdigest()
    assert first.leaves[0].key == key == first.tlsa[0].split()[-1]
    assert first.leaves[0].begins < first.leaves[0].ends
    assert found.unknown == ()


def test_two_looks_at_the_same_are_equal(scene):
    shown = [
        visit(scene.pki, MX1, scene.chains[MX1]),
        visit(scene.pki, MX1, chain(scene.pki, MX1), "192.0.2.2"),
    ]
    scene.visits = {MX1: tuple(shown)}
    first = snapshot(scene.seen)
    scene.visits = {MX1: tuple(reversed(shown))}
    assert snapshot(scene.seen) == first
    assert len(first.hosts[0].leaves) == 2


def test_a_host_in_clear_is_told_from_one_that_is_mute_and_from_one_that_is_unreadable(scene):
    scene.visits = {MX1: (clear(MX1, Outcome.NOT_OFFERED),), MX2: (mute(MX2),)}
    first, second = snapshot(scene.seen).hosts
    assert (first.clear, first.leaves) == (True, ())
    assert (second.clear, second.leaves) == (False, ())
    scene.visits = {MX1: (visit(scene.pki, MX1, (b"nonsense",)),)}
    assert snapshot(scene.seen).hosts[0].leaves == (Leaf(),)


def test_what_could_not_be_found_out_is_unknown(scene):
    scene.policy = None
    scene.answers = {Dns(f"_smtp._tls.{DOMAIN}", Kind.TXT): FAILED}
    assert snapshot(scene.seen).unknown == ("reports",)
    scene.answers = {Dns(f"_mta-sts.{DOMAIN}", Kind.TXT): FAILED}
    assert snapshot(scene.seen).unknown == ("policy",)
    scene.answers = {Dns(DOMAIN, Kind.MX): FAILED}
    assert snapshot(scene.seen).unknown == ("mx",)
    scene.answers = {Dns(f"_25._tcp.{MX1}", Kind.TLSA): FAILED}
    assert snapshot(scene.seen).unknown == (MX1,)


def test_what_is_not_there_is_not_unknown(scene):
    scene.policy, scene.answers = None, {Dns(f"_mta-sts.{DOMAIN}", Kind.TXT): nothing(N)}
    found = snapshot(scene.seen)
    assert (found.mode, found.unknown) == (None, ())


def test_a_host_that_is_to_come_is_none_yet(scene):
    before = snapshot(scene.seen)
    scene.coming = ("mx9.example.org",)
    scene.__post_init__()
    assert snapshot(scene.seen) == before
