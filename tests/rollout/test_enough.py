"""Whether enough was told: days, senders and sessions, signed, of this policy and these hosts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.publication.scene import MX1, MX2
from tests.rollout.reported import DANE, NOTHING, POLICY, TODAY, ago, noted, said, seen, well
from unstrip.rollout.enough import FRESH, basis, counting, objections, settled
from unstrip.rollout.snapshot import MX, Snapshot
from unstrip.rollout.values import Basis, Unsigned
from unstrip.tlsrpt.received import Proof

HOSTS = (MX1, MX2)
ENOUGH = Basis(reports=14, senders=("a.example", "b.example"), days=7, sessions=20, last=TODAY)


def counted(*told, trail=(), unsigned=Unsigned.DOUBT):
    return len(counting(told, HOSTS, trail, unsigned))


def test_enough_is_enough():
    assert list(objections(ENOUGH, TODAY)) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"days": 6}, "6 of 7 days"),
        ({"senders": ("a.example",)}, "1 of 2 senders"),
        ({"sessions": 19}, "19 of 20 sessions"),
        ({"last": TODAY - FRESH - timedelta(days=1)}, "nobody has reported since"),
    ],
)
def test_what_is_missing_is_said(change, words):
    (found,) = objections(replace(ENOUGH, **change), TODAY)
    assert words in found.words
    assert found.fatal


@pytest.mark.parametrize(
    "one",
    [
        said(1, 5, proof=Proof.HTTPS),
        said(1, 5, policy=DANE),
        said(1, 5, policy=NOTHING),
        said(1, 0),
        said(1, 5, policy=replace(POLICY, strings=("mode: testing", f"mx: {MX1}"))),
        said(1, 5, policy=replace(POLICY, strings=(), hosts=("*.org",))),
    ],
    ids=["unsigned", "DANE", "no policy", "no session", "another policy", "a wildcard too high"],
)
def test_what_shows_nothing_of_this_policy_does_not_count(one):
    assert counted(said(1, 5), one) == 1


@pytest.mark.parametrize(
    "policy",
    [
        replace(POLICY, strings=(), hosts=()),
        replace(POLICY, strings=(), hosts=(MX2, MX1)),
        replace(POLICY, strings=(f" MX: {MX1.upper()}.", f"mx:{MX2}")),
        replace(POLICY, strings=(f"version: STSv1\r\nmx: {MX1}\r\nmx: {MX2}\r\n",)),
        replace(POLICY, strings=("mx: *.example.org", "mx: elsewhere.example")),
    ],
)
def test_a_sender_may_leave_the_policy_out_or_write_it_in_its_own_way(policy):
    assert counted(said(1, 5, policy=policy)) == 1


def test_unsigned_reports_count_for_who_trusts_them():
    assert counted(said(1, 5, proof=Proof.NONE), unsigned=Unsigned.TRUST) == 1


def test_days_before_the_mx_had_these_hosts_do_not_count():
    trail = [noted(20, seen(MX1)), noted(5, seen(*HOSTS)), noted(0, seen(*HOSTS, key="new"))]
    assert settled(trail) == ago(5)
    assert counted(*well(), trail=trail) == 8


def test_a_look_that_found_nothing_out_settles_nothing():
    trail = [noted(9, seen(*HOSTS)), noted(5, Snapshot(unknown=(MX,))), noted(0, seen(*HOSTS))]
    assert settled(trail) is None
    assert settled([]) is settled([noted(0, seen(MX1))]) is None


def test_the_hosts_of_long_ago_that_came_back_count_from_then():
    trail = [noted(20, seen(*HOSTS)), noted(9, seen(MX1)), noted(3, seen(*HOSTS))]
    assert settled(trail) == ago(3)


def test_a_basis_counts_reports_and_not_policies():
    told = [said(1, 5), said(1, 4, policy=NOTHING), said(1, 1, policy=DANE)]
    found = basis([replace(one, report_id="1") for one in told], frozenset({told[0].submitter}))
    assert found == Basis(1, (told[0].submitter,), 1, 9, ago(1))
    assert basis([], frozenset()).last is None
