"""TLSA records: those that are published, and those that may be; each refusal by its name."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256, sha512
from itertools import combinations
from ssl import PEM_cert_to_DER_cert

import pytest

from tests.policy.answering import N, S, U, bogus, failure, nothing
from tests.publication.scene import (
    DOMAIN,
    ENFORCE,
    MX1,
    MX2,
    NOW,
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
    records = (*publication.records, *publication.unchanged)
    return [r.data for r in records if r.name == f"_25._tcp.{host}"]


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
    assert printed(scene.publish(next=(key_of(coming),))) == expected


def test_two_addresses_with_two_keys_have_two_records(scene):
    one, other = chain(scene.pki, MX1), chain(scene.pki, MX1)
    scene.visits = {MX1: (visit(scene.pki, MX1, one), visit(scene.pki, MX1, other, "2001:db8::1"))}
    assert printed(scene.publish()) == [record(one).text, record(other).text]


def test_an_authority_that_vouches_for_the_host_stays(scene):
    authority = Tlsa(2, 0, 0, scene_ca(scene))
    scene.tlsa = {MX1: [record(scene.chains[MX1]), authority]}
    assert authority.text in printed(scene.publish())


def scene_ca(scene) -> bytes:
    return PEM_cert_to_DER_cert(scene.pki.ca.cert_pem.bytes().decode())


@pytest.mark.parametrize("usage", [2, 3])
@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize(("matching", "size"), [(1, 32), (2, 64)])
def test_a_record_that_nobody_showed_stays(scene, usage, selector, matching, size):
    other = Tlsa(usage, selector, matching, b"\x01" * size)
    scene.tlsa = {MX1: [record(scene.chains[MX1]), by_sha512(scene.chains[MX1]), other]}
    published = scene.publish()
    assert not published.refused
    assert other.text in printed(published)


def test_the_key_of_a_mute_machine_stays(scene):
    one, other = chain(scene.pki, MX1), chain(scene.pki, MX1)
    scene.tlsa = {MX1: [record(one), record(other)]}
    scene.visits = {MX1: (visit(scene.pki, MX1, one), mute(MX1, "192.0.2.9"))}
    assert printed(scene.publish()) == [record(one).text, record(other).text]


def by_sha512(shown) -> Tlsa:
    return dane.of_key(public_key(shown[0]), 2)


@pytest.mark.parametrize("rolled", [False, True])
def test_where_one_key_is_named_by_sha_512_every_key_is(scene, rolled):
    """RFC 7671, 9: the weaker digest of another one would be passed over."""
    coming = chain(scene.pki, MX1)
    scene.tlsa = {MX1: [by_sha512(scene.chains[MX1])]}
    wish = {"next": (key_of(coming),)} if rolled else {}
    case = scene.case(**wish)
    (server, _) = case.seen.servers
    for shown in [scene.chains[MX1], *([coming] if rolled else [])]:
        assert match(dane.wanted(case, server), shown, (MX1,), case.at).valid
    left = dane.left(case, server)
    assert match(left, coming, (MX1,), case.at).valid is rolled
    assert not match(left, scene.chains[MX1], (MX1,), case.at).valid


def test_through_a_roll_no_machine_loses_its_mail(scene):
    """Whatever two records are published: who fits them now does so until its key is changed."""
    shown, mute, coming = scene.chains[MX1], chain(scene.pki, MX1), chain(scene.pki, MX1)
    wish = {"next": (key_of(coming),)}
    tried = 0
    for published in combinations([*sorts(shown), *sorts(mute)], 2):
        scene.tlsa = {MX1: published}
        case = scene.case(**wish)
        server = case.seen.servers[0]
        if not match(published, shown, (MX1,), case.at).valid:
            continue
        tried += 1
        during, after = dane.wanted(case, server), dane.left(case, server)
        for each in (shown, coming, *([mute] if fits(published, mute) else [])):
            assert fits(during, each), published
        for each in (coming, *([mute] if fits(published, mute) else [])):
            assert fits(after, each), published
        assert not fits(after, shown), published
    assert tried > 40


def fits(records, shown) -> bool:
    return match(records, shown, (MX1,), NOW).valid


def sorts(shown) -> list[Tlsa]:
    """Every record that names this certificate or its key (RFC 7218)."""
    whole = (shown[0], public_key(shown[0]))
    digests = (lambda data: data, lambda data: sha256(data).digest(), lambda d: sha512(d).digest())
    return [Tlsa(3, s, m, digest(whole[s])) for s in (0, 1) for m, digest in enumerate(digests)]


def test_what_is_left_after_a_roll_has_nothing_of_the_old_certificate(scene):
    old, coming = scene.chains[MX1], chain(scene.pki, MX1)
    by_certificate = Tlsa(3, 0, 1, sha256(old[0]).digest())
    authority, other = Tlsa(2, 0, 0, scene_ca(scene)), OLD
    scene.tlsa = {MX1: [record(old), by_certificate, authority, other]}
    case = scene.case(next=(key_of(coming),))
    (server, _) = case.seen.servers
    assert set(dane.left(case, server)) == {record(coming), authority, other}
    assert dane.unexplained(case, server) == (other,)


def test_what_is_published_already_is_not_to_be_published(scene):
    scene.tlsa = {MX1: [record(scene.chains[MX1])]}
    published = scene.publish()
    name = f"_25._tcp.{MX1}"
    assert name not in {each.name for each in published.records}
    (kept,) = (each for each in published.unchanged if each.name == name)
    assert str(kept) == f"{name}. IN TLSA {record(scene.chains[MX1]).text}"


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
    told = scene.publish(next=(key_of(shown),))
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
    (stale,) = (o for o in scene.publish(next=(key_of(shown),)).objections if o.fatal)
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
