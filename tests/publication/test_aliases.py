"""Names where a record is to go, and an alias is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.policy.answering import S, found, nothing, text
from tests.publication.scene import DOMAIN, MX1, TESTING, notes, record
from unstrip.policy.questions import Dns, Kind

ELSEWHERE = "records.example.net"
NAMES = {
    f"_25._tcp.{MX1}": Kind.TLSA,
    f"_mta-sts.{DOMAIN}": Kind.TXT,
    f"_smtp._tls.{DOMAIN}": Kind.TXT,
}


def aliased(publication) -> list[str]:
    return [words for words in notes(publication) if "is an alias of" in words]


@pytest.mark.parametrize("name", NAMES)
def test_a_record_that_is_to_go_where_an_alias_is_is_noted(scene, name):
    scene.answers = {Dns(name, NAMES[name]): replace(nothing(S), canonical=ELSEWHERE)}
    (words,) = aliased(scene.publish(rua=("mailto:a@example.org",)))
    assert words.startswith(f"{name} is an alias of {ELSEWHERE}")


def test_records_that_are_there_behind_an_alias_are_right(scene):
    own = found(record(scene.chains[MX1]))
    scene.answers = {Dns(f"_25._tcp.{MX1}", Kind.TLSA): replace(own, canonical=ELSEWHERE)}
    assert aliased(scene.publish()) == []


def test_where_nothing_is_to_be_published_no_alias_is_in_the_way(scene):
    scene.answers = {Dns(f"_25._tcp.{MX1}", Kind.TLSA): replace(nothing(S), canonical=ELSEWHERE)}
    assert aliased(scene.publish(tlsa=False)) == []


def test_a_policy_that_stays_as_it_is_may_have_an_alias(scene):
    scene.policy = TESTING
    (told,) = text(f"_mta-sts.{DOMAIN}", b"v=STSv1; id=1;").values()
    scene.answers = {Dns(f"_mta-sts.{DOMAIN}", Kind.TXT): replace(told, canonical=ELSEWHERE)}
    assert aliased(scene.publish()) == []
    assert len(aliased(scene.publish(max_age=604_800))) == 1
