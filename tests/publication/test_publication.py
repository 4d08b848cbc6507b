"""All of a publication: what is printed others can read, and what is refused is not printed."""

from __future__ import annotations

import dns.zone
import pytest

from tests.publication.scene import DOMAIN, ENFORCE, MX1, MX2, TESTING, chain, record
from unstrip.policy.mta_sts import Mode, parse, record_id
from unstrip.publication import Key, Weight
from unstrip.tlsa import Tlsa, public_key

SOA = f"{DOMAIN}. 60 IN SOA a b 1 2 3 4 5\n{DOMAIN}. 60 IN NS a\n"


def test_all_records_are_good_lines_of_a_zone_file(scene):
    coming = chain(scene.pki, MX1, MX2)
    wish = {"rua": ("mailto:a@example.org",), "next": (Key(public_key(coming[0])),)}
    published = scene.publish(**wish)
    lines = "\n".join(map(str, [*published.unchanged, *published.records]))
    zone = dns.zone.from_text(f"{SOA}{lines}\n", f"{DOMAIN}.", relativize=False)
    assert len(zone.find_rdataset(f"{DOMAIN}.", "MX")) == 2
    assert len(zone.find_rdataset(f"_25._tcp.{MX1}.", "TLSA")) == 2
    (txt,) = zone.find_rdataset(f"_mta-sts.{DOMAIN}.", "TXT")
    assert record_id([b"".join(txt.strings)])
    assert len(zone.find_rdataset(f"_smtp._tls.{DOMAIN}.", "TXT")) == 1
    assert parse(published.policy.encode()).mx == (MX1, MX2)


def test_the_mx_is_repeated_and_left_alone(scene):
    published = scene.publish()
    assert [r.data for r in published.unchanged] == [f"10 {MX1}.", f"20 {MX2}."]
    assert not {record.kind for record in published.records} & {"MX"}


def test_nothing_is_printed_of_what_is_refused(scene):
    published = scene.publish(mode=Mode.ENFORCE)
    assert published.refused
    assert published.records == ()
    assert published.policy == ""
    assert not any(step.lines for step in published.steps)


def test_the_gravest_comes_first_and_nothing_comes_twice(scene):
    scene.policy = ENFORCE
    scene.tlsa = {MX1: [Tlsa(3, 1, 1, b"\x01" * 32)]}
    found = scene.publish().objections
    order = [list(Weight).index(each.weight) for each in found]
    assert order == sorted(order)
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("policy", [TESTING, ENFORCE])
def test_what_has_been_published_is_published_again_without_a_change(scene, policy):
    """Who publishes what was printed, and asks again, is told the same."""
    scene.policy = policy
    first = scene.publish()
    scene.policy = first.policy
    again = scene.publish()
    assert (first.policy, first.records) == (again.policy, again.records)
    assert (first.served, again.served) == (True, True)


def test_what_is_published_by_what_was_printed_is_unchanged_then(scene):
    scene.policy = TESTING
    first = scene.publish(rua=("mailto:a@example.org",))
    scene.reports = (b"v=TLSRPTv1; rua=mailto:a@example.org",)
    scene.tlsa = {host: [record(scene.chains[host])] for host in (MX1, MX2)}
    again = scene.publish()
    assert again.records == ()
    assert {each.data for each in again.unchanged} == {
        each.data for each in (*first.unchanged, *first.records)
    }


def test_no_ttl_is_told_that_a_cache_has_counted_down(scene):
    scene.policy = TESTING
    assert {each.ttl for each in scene.publish().unchanged} == {None}
