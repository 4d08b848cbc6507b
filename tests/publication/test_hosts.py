"""The MX and its hosts: each thing that would lose mail, by its name."""

from __future__ import annotations

import ssl

import pytest
import trustme

from tests.policy.answering import alias, bogus, failure, found, nothing
from tests.publication.scene import (
    DOMAIN,
    ENFORCE,
    MX1,
    TESTING,
    chain,
    clear,
    mute,
    notes,
    record,
    refusals,
    visit,
)
from unstrip.policy.mta_sts import Mode
from unstrip.policy.questions import Dns, Kind, Mx, Status
from unstrip.publication import Key
from unstrip.tlsa import public_key
from unstrip.upgrade import Outcome

MX = Dns(DOMAIN, Kind.MX)


@pytest.fixture
def enforced(scene):
    scene.policy = ENFORCE
    return scene


def test_a_domain_that_is_in_order_is_not_objected_to(enforced):
    assert refusals(enforced.publish(rua=("mailto:a@example.org",))) == []
    assert notes(enforced.publish(rua=("mailto:a@example.org",))) == []


# The MX


def test_a_null_mx_is_refused(scene):
    scene.answers = {MX: found(Mx(0, ""))}
    published = scene.publish()
    assert refusals(published) == [f"refused: {DOMAIN} takes no mail: null MX"]
    assert published.records == ()


def test_a_domain_that_is_not_there_is_refused(scene):
    scene.answers = {MX: nothing(status=Status.NXDOMAIN)}
    assert refusals(scene.publish()) == [f"refused: there is no domain {DOMAIN}"]


def test_a_domain_that_is_there_and_has_neither_mx_nor_address_is_refused(scene):
    scene.answers = {Dns(DOMAIN, kind): nothing() for kind in (Kind.MX, Kind.A, Kind.AAAA)}
    (words,) = refusals(scene.publish())
    assert words == f"refused: {DOMAIN} takes no mail: it has neither MX nor address"


@pytest.mark.parametrize("answer", [failure(), bogus(), failure(Status.TIMEOUT)])
def test_an_mx_that_could_not_be_found_out_is_refused(scene, answer):
    scene.answers = {MX: answer}
    assert refusals(scene.publish())[0].startswith(f"not found out: the MX of {DOMAIN}")


def test_more_hosts_than_can_be_looked_at_are_refused(scene):
    scene.hosts = tuple(f"mx{n}.example.org" for n in range(51))
    shown = chain(scene.pki, MX1)
    scene.chains = dict.fromkeys(scene.hosts, shown)
    assert any("too many MX hosts: of 51" in words for words in refusals(scene.publish()))


@pytest.mark.parametrize("mode", [Mode.TESTING, Mode.NONE])
def test_an_mx_that_is_an_alias_is_refused(scene, mode):
    scene.answers = alias(MX1, "elsewhere.example.net")
    (words,) = refusals(scene.publish(mode=mode))
    assert words.startswith(f"refused: the MX host {MX1} is an alias of elsewhere.example.net")


def test_an_alias_that_could_not_be_found_out_is_refused(scene):
    scene.answers = {Dns(MX1, Kind.CNAME): failure()}
    words = refusals(scene.publish(tlsa=False))
    assert words[0].startswith(f"not found out: whether {MX1} is an alias")


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_an_mx_that_is_an_address_is_refused(scene, address):
    gone = nothing(status=Status.NXDOMAIN)
    scene.answers = {MX: found(Mx(10, address))}
    scene.answers |= {Dns(address, kind): gone for kind in (Kind.A, Kind.AAAA)}
    (words,) = refusals(scene.publish())
    assert words == f"refused: an MX names a host, and '{address}' is none"


# Whether anybody is there


def test_a_host_that_does_not_answer_is_refused_where_it_is_enforced(enforced):
    enforced.visits = {MX1: (mute(MX1),)}
    (words,) = refusals(enforced.publish())
    assert words == f"not found out: {MX1} (192.0.2.1) could not be checked: connection refused"


def test_nor_is_a_host_that_is_busy(enforced):
    enforced.visits = {MX1: (clear(MX1, Outcome.BUSY),)}
    assert refusals(enforced.publish())[0].startswith("not found out")


def test_one_address_that_is_mute_is_noted_while_another_answers(enforced):
    there = visit(enforced.pki, MX1, enforced.chains[MX1])
    enforced.visits = {MX1: (there, mute(MX1, "2001:db8::1"))}
    assert refusals(enforced.publish()) == []
    assert any("2001:db8::1" in words for words in notes(enforced.publish()))


@pytest.mark.parametrize(
    ("answer", "weight"), [(nothing(), "refused"), (failure(), "not found out")]
)
def test_a_host_without_an_address_is_refused_where_it_is_enforced(enforced, answer, weight):
    enforced.answers = {Dns(MX1, Kind.A): answer, Dns(MX1, Kind.AAAA): answer}
    words = refusals(enforced.publish(tlsa=False))
    assert words[0].startswith(f"{weight}: {MX1} has no address")


# What it shows


@pytest.mark.parametrize("outcome", [Outcome.NOT_OFFERED, Outcome.REFUSED])
def test_a_host_without_starttls_is_refused_where_it_is_enforced(enforced, outcome):
    enforced.visits = {MX1: (clear(MX1, outcome),)}
    (words,) = refusals(enforced.publish())
    assert words.startswith(f"refused: {MX1} (192.0.2.1) leads to no TLS: STARTTLS")


def test_every_address_of_a_host_counts(enforced):
    good = visit(enforced.pki, MX1, enforced.chains[MX1])
    enforced.visits = {MX1: (good, clear(MX1, Outcome.NOT_OFFERED, "192.0.2.2"))}
    (words,) = refusals(enforced.publish())
    assert "192.0.2.2" in words


@pytest.mark.parametrize(
    ("names", "days", "fault"),
    [(["other.example.org"], 90, "wrong name"), ([MX1], -1, "expired"), ([MX1], 5, "less than")],
)
def test_a_certificate_that_does_not_count_is_refused_where_it_is_enforced(
    enforced, names, days, fault
):
    enforced.shows(MX1, chain(enforced.pki, *names, days=days))
    (words,) = refusals(enforced.publish())
    assert fault in words
    enforced.policy = TESTING
    assert refusals(enforced.publish()) == []
    assert any(fault in words for words in notes(enforced.publish()))


def test_mode_none_asks_nothing_of_the_hosts(enforced):
    enforced.visits = {MX1: (clear(MX1, Outcome.NOT_OFFERED),)}
    published = enforced.publish(mode=Mode.NONE, tlsa=False)
    assert refusals(published) == []
    assert not any("no TLS" in words for words in notes(published))


@pytest.mark.parametrize(
    ("names", "days", "fault"),
    [(["other.example.org"], 90, "wrong name"), ([MX1], -1, "expired"), ([MX1], 5, "less than")],
)
def test_a_next_certificate_that_would_not_count_is_refused(enforced, names, days, fault):
    enforced.hosts = (MX1,)
    enforced.policy = ENFORCE.replace("mx: mx2.example.org\r\n", "")
    shown = chain(enforced.pki, *names, days=days)
    (words,) = refusals(enforced.publish(next=(Key(public_key(shown[0]), shown),)))
    assert "the next certificate" in words
    assert fault in words


@pytest.mark.parametrize(
    ("names", "hint"),
    [
        (["a.example", "b.example"], f"it is for a.example, b.example: have one issued for {MX1}"),
        (["a", "b", "c", "d"], f"it is for a, b, c: have one issued for {MX1}"),
    ],
)
def test_what_would_mend_a_next_certificate_is_said(enforced, names, hint):
    shown = chain(enforced.pki, *names)
    found = enforced.publish(next=(Key(public_key(shown[0]), shown),)).objections
    assert hint in {each.hint for each in found}


def test_an_authority_that_nobody_trusts_may_be_a_file_that_is_not_whole(enforced):
    parts = trustme.CA().issue_cert(MX1).cert_chain_pems
    shown = tuple(ssl.PEM_cert_to_DER_cert(part.bytes().decode()) for part in parts)
    found = enforced.publish(next=(Key(public_key(shown[0]), shown),)).objections
    assert "give the file with the intermediate certificates too" in {each.hint for each in found}


# A host that is to come


def test_a_host_that_is_to_come_need_not_be_there_yet(enforced):
    away = "mx3.example.org"
    kinds = {away: (Kind.A, Kind.AAAA, Kind.CNAME), f"_25._tcp.{away}": (Kind.TLSA,)}
    gone = nothing(status=Status.NXDOMAIN)
    enforced.answers = {Dns(name, kind): gone for name in kinds for kind in kinds[name]}
    enforced.coming = (away,)
    published = enforced.publish(tlsa=True)
    assert refusals(published) == []
    assert any(words.startswith(f"{away} has no address") for words in notes(published))


def test_nor_need_it_answer(enforced):
    enforced.coming = ("mx3.example.org",)
    enforced.visits = {"mx3.example.org": (mute("mx3.example.org"),)}
    published = enforced.publish()
    assert refusals(published) == []
    assert any("mx3.example.org (192.0.2.1) could not be checked" in w for w in notes(published))


def test_what_it_shows_once_it_answers_has_to_do(enforced):
    enforced.coming = ("mx3.example.org",)
    enforced.visits = {"mx3.example.org": (clear("mx3.example.org", Outcome.NOT_OFFERED),)}
    (words,) = refusals(enforced.publish())
    assert words.startswith("refused: mx3.example.org (192.0.2.1) leads to no TLS")


def test_of_a_next_key_alone_no_certificate_is_judged(enforced):
    shown = chain(enforced.pki, "other.example.org")
    published = enforced.publish(next=(Key(public_key(shown[0])),))
    assert refusals(published) == []
    assert record(shown).text in {each.data for each in published.records}
