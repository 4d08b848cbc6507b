"""What agrees, as data."""

from __future__ import annotations

from datetime import timedelta

from tests.policy.answering import nothing
from tests.publication.scene import (
    DOMAIN,
    MX1,
    MX2,
    NONE,
    NOW,
    TESTING,
    chain,
    clear,
    mute,
    record,
)
from unstrip.certificates import Fault
from unstrip.policy.dane import Standing
from unstrip.policy.mta_sts import Mode
from unstrip.policy.questions import Dns, Kind, Status
from unstrip.publication import agreements
from unstrip.tlsa import Tlsa
from unstrip.upgrade import Outcome

OLD = Tlsa(3, 1, 1, b"\x01" * 32)


def test_records_that_fit_are_told_from_those_that_do_not(scene):
    scene.tlsa = {MX1: [record(scene.chains[MX1]), OLD], MX2: [OLD]}
    first, second = agreements(scene.seen)
    assert (first.standing, first.records, first.met) == (Standing.AUTHENTICATED, 2, True)
    assert (second.records, second.met) == (1, False)


def test_where_there_is_no_record_none_is_met(scene):
    first, _ = agreements(scene.seen)
    assert (first.standing, first.records, first.met) == (Standing.ABSENT, 0, None)


def test_a_certificate_has_an_end_and_faults(scene):
    scene.shows(MX2, chain(scene.pki, "elsewhere.example.net", days=30))
    first, second = agreements(scene.seen)
    assert (first.faults, first.ends) == ((), NOW + timedelta(days=90))
    assert (second.faults, second.ends) == ((Fault.WRONG_NAME,), NOW + timedelta(days=30))


def test_who_has_no_tls_meets_nothing_and_of_who_is_mute_nothing_is_known(scene):
    scene.tlsa = {host: [record(scene.chains[host])] for host in (MX1, MX2)}
    scene.visits = {MX1: (clear(MX1, Outcome.REFUSED),), MX2: (mute(MX2),)}
    first, second = agreements(scene.seen)
    assert (first.faults, first.ends, first.met) == (None, None, False)
    assert second.met is None


def test_a_host_without_an_address_has_a_line_too(scene):
    scene.answers = {Dns(MX1, Kind.A): nothing(), Dns(MX1, Kind.AAAA): nothing()}
    first, _ = agreements(scene.seen)
    assert (first.host, first.address, first.faults) == (MX1, None, None)


def test_a_policy_names_a_host_or_not_and_mode_none_has_no_hosts(scene):
    assert {(each.mode, each.named) for each in agreements(scene.seen)} == {(None, None)}
    scene.policy = TESTING.replace(f"mx: {MX2}\r\n", "")
    told = [(each.mode, each.named) for each in agreements(scene.seen)]
    assert told == [(Mode.TESTING, True), (Mode.TESTING, False)]
    scene.policy = NONE
    assert {(each.mode, each.named) for each in agreements(scene.seen)} == {(Mode.NONE, None)}


def test_a_domain_that_takes_no_mail_has_no_lines(scene):
    scene.answers = {Dns(DOMAIN, Kind.MX): nothing(status=Status.NXDOMAIN)}
    assert list(agreements(scene.seen)) == []
