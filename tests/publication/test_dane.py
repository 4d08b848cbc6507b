"""TLSA records: those that are published, and those that may be; each refusal by its name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.policy.answering import N, S, U, bogus, failure, nothing
from tests.publication.scene import (
    DOMAIN,
    ENFORCE,
    MX1,
    MX2,
    chain,
    clear,
    mute,
    notes,
    record,
    refusals,
    visit,
)
from unstrip.certificates import Fault, WebPki
from unstrip.policy.mta_sts import Mode
from unstrip.policy.questions import Dns, Kind
from unstrip.publication import Key, dane
from unstrip.tlsa import Tlsa, match, public_key
from unstrip.upgrade import Outcome

TLSA = Dns(f"_25._tcp.{MX1}", Kind.TLSA)
OLD = Tlsa(3, 1, 1, b"\x01" * 32)


def printed(publication, host: str = MX1) -> list[str]:
    return [r.data for r in publication.records if r.name == f"_25._tcp.{host}"]


def key_of(shown) -> Key:
    return Key(public_key(shown[0]))


def test_each_host_gets_the_record_of_its_own_key(scene):
    published = scene.publish()
    assert printed(published, MX1) == [record(scene.chains[MX1]).text]
    assert printed(published, MX2) == [record(scene.chains[MX2]).text]


def test_what_is_printed_matches_what_the_host_shows(scene):
    for server in scene.seen.servers:
        wanted = dane.wanted(scene.case(), server)
        assert match(wanted, scene.chains[server.name], server.host.names, scene.seen.at).valid


def test_the_next_key_stands_beside_the_one_that_is_shown(scene):
    coming = chain(scene.pki, MX1)
    expected = [record(scene.chains[MX1]).text, record(coming).text]
    assert printed(scene.publish(next=key_of(coming))) == expected


def test_two_addresses_with_two_keys_have_two_records(scene):
    one, other = chain(scene.pki, MX1), chain(scene.pki, MX1)
    scene.visits = {MX1: (visit(scene.pki, MX1, one), visit(scene.pki, MX1, other, "2001:db8::1"))}
    assert printed(scene.publish()) == [record(one).text, record(other).text]


def test_an_authority_that_vouches_for_the_host_stays(scene):
    authority = Tlsa(2, 0, 0, scene_ca(scene))
    scene.tlsa = {MX1: [record(scene.chains[MX1]), authority]}
    assert authority.text in printed(scene.publish())


def scene_ca(scene) -> bytes:
    from ssl import PEM_cert_to_DER_cert

    return PEM_cert_to_DER_cert(scene.pki.ca.cert_pem.bytes().decode())


def test_none_are_printed_where_none_are_wanted(scene):
    assert [r.kind for r in scene.publish(tlsa=False).records] == ["TXT"]


# Where there can be none


@pytest.mark.parametrize("insisted", [True, None])
def test_dnssec_that_was_not_checked(scene, insisted):
    scene.mx = scene.zone = U
    published = scene.publish(tlsa=insisted)
    (first, *_) = (o for o in published.objections if "DNSSEC was not checked" in o.words)
    assert first.hint == "what to install: docs/topics/dnssec.md"
    assert published.refused is bool(insisted)
    assert printed(published) == []


@pytest.mark.parametrize("insisted", [True, None])
def test_a_host_in_an_unsigned_zone_of_ones_own(scene, insisted):
    scene.zone = N
    published = scene.publish(tlsa=insisted)
    assert any("not signed; sign it first" in o.words for o in published.objections)
    assert published.refused is bool(insisted)
    assert printed(published) == []


def test_a_host_in_an_unsigned_zone_of_somebody_else(scene):
    scene.hosts, scene.zone = ("mx.example.net",), N
    scene.__post_init__()
    (words,) = refusals(scene.publish(tlsa=True))
    assert "it is somebody else's, and so is the record" in words


@pytest.mark.parametrize("insisted", [True, None])
def test_a_domain_that_is_not_signed(scene, insisted):
    scene.mx = N
    published = scene.publish(tlsa=insisted)
    assert any(f"the zone of {DOMAIN} is not signed" in o.words for o in published.objections)
    assert published.refused is bool(insisted)
    assert printed(published) == []


@pytest.mark.parametrize("answer", [failure(), bogus()])
def test_a_look_up_that_failed_is_refused(scene, answer):
    scene.answers = {TLSA: answer}
    published = scene.publish()
    assert refusals(published)[0].startswith(f"not found out: no TLSA for {MX1}: TLSA of")


@pytest.mark.parametrize(
    ("seen", "weight"), [(clear(MX1, Outcome.NOT_OFFERED), "refused"), (mute(MX1), "not found out")]
)
def test_a_host_that_shows_no_key(scene, seen, weight):
    scene.visits = {MX1: (seen,)}
    (words,) = refusals(scene.publish(tlsa=True))
    assert words.startswith(f"{weight}: no TLSA for {MX1}")
    assert printed(scene.publish()) == []


def test_a_key_that_nobody_vouches_for_is_noted(scene):
    shown = chain(scene.pki, MX1)
    lone = visit(scene.pki, MX1, shown)
    faults = WebPki(MX1, (Fault.SELF_SIGNED,))
    scene.visits = {MX1: (replace(lone, handshake=replace(lone.handshake, webpki=faults)),)}
    assert any("nobody vouches for the key" in words for words in notes(scene.publish()))
    told = scene.publish(next=key_of(shown))
    assert not any("nobody vouches for the key" in words for words in notes(told))


# What is published


@pytest.mark.parametrize("mode", Mode)
def test_a_record_that_does_not_match_is_refused(scene, mode):
    scene.policy, scene.tlsa = ENFORCE, {MX1: [OLD]}
    published = scene.publish(mode=mode, tlsa=False)
    (words,) = refusals(published)
    assert f"TLSA at _25._tcp.{MX1} does not match what {MX1} shows" in words
    assert published.records == ()


def test_a_next_key_whose_record_is_missing_when_it_is_shown_is_refused(scene):
    shown = scene.chains[MX1]
    scene.tlsa = {MX1: [OLD]}
    (stale,) = (o for o in scene.publish(next=key_of(shown)).objections if o.fatal)
    assert stale.words == f"{MX1} shows the next key, and its TLSA is missing at _25._tcp.{MX1}"
    assert f"_25._tcp.{MX1}. IN TLSA {record(shown).text}" in stale.hint


@pytest.mark.parametrize(
    ("useless", "words"),
    [
        (Tlsa(0, 1, 1, b"\x01" * 32), "usage 0"),
        (Tlsa(1, 1, 1, b"\x01" * 32), "usage 1"),
        (Tlsa(3, 1, 3, b"\x01" * 20), "matching type 3 is unknown"),
        (Tlsa(3, 1, 1, b"\x01" * 20), "a digest of 20 bytes, not 32"),
        (Tlsa(3, 2, 1, b"\x01" * 32), "selector 2"),
    ],
)
@pytest.mark.parametrize("beside", [True, False])
def test_a_record_that_is_no_use_is_refused(scene, useless, words, beside):
    scene.tlsa = {MX1: [useless, record(scene.chains[MX1])] if beside else [useless]}
    (refusal,) = refusals(scene.publish())
    assert words in refusal


def test_records_of_a_host_without_tls_are_refused(scene):
    scene.tlsa = {MX1: [record(scene.chains[MX1])]}
    scene.visits = {MX1: (clear(MX1, Outcome.NOT_OFFERED),)}
    (words,) = refusals(scene.publish())
    assert "leads to no TLS: it gets no mail" in words


def test_a_sort_of_record_that_does_not_fit_by_itself_is_noted(scene):
    shown = record(scene.chains[MX1])
    scene.tlsa = {MX1: [shown, Tlsa(3, 0, 1, b"\x01" * 32)]}
    published = scene.publish()
    assert refusals(published) == []
    assert any("none of the sort 3 0 1 fits" in words for words in notes(published))


def test_a_record_that_is_left_over_is_noted(scene):
    scene.tlsa = {MX1: [record(scene.chains[MX1]), OLD]}
    published = scene.publish()
    assert any(OLD.text[:20] in words and "not in the set" in words for words in notes(published))
    assert OLD.text not in printed(published)


def test_a_certificate_that_ended_is_none_of_danes_business(scene):
    shown = chain(scene.pki, MX1, days=-1)
    scene.shows(MX1, shown)
    scene.tlsa = {MX1: [record(shown)]}
    assert refusals(scene.publish()) == []
    assert printed(scene.publish()) == [record(shown).text]


def test_insecure_records_are_no_records(scene):
    scene.zone, scene.tlsa = N, {MX1: [OLD]}
    assert refusals(scene.publish()) == []


def test_a_signed_zone_without_records_is_where_they_belong(scene):
    scene.answers = {TLSA: nothing(S)}
    assert len(printed(scene.publish())) == 1
