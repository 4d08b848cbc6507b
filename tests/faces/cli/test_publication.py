"""How a publication is told to a person, and to a machine."""

from __future__ import annotations

import re

import pytest

from tests.policy.answering import failure, nothing
from tests.publication.scene import (
    DOMAIN,
    ENFORCE,
    MX1,
    MX2,
    NONE,
    TESTING,
    Scene,
    clear,
    mute,
    record,
)
from unstrip.evidence import from_json, to_json
from unstrip.faces.cli.publication import PublicationRecord, exit_of, lines
from unstrip.faces.cli.publication import record as record_of
from unstrip.faces.cli.speech import Exit
from unstrip.policy.mta_sts import PATH, Mode, parse
from unstrip.policy.questions import Dns, Https, HttpsAnswer, Kind, Status
from unstrip.tlsa import Tlsa
from unstrip.upgrade import Outcome


@pytest.fixture
def scene(pki):
    return Scene(pki)


def told(scene, **wish) -> list[str]:
    return list(lines(scene.seen, scene.publish(**wish)))


def test_what_is_to_be_pasted_stands_by_itself(scene):
    printed = told(scene)
    shown = record(scene.chains[MX1])
    assert f"_25._tcp.{MX1}. 3600 IN TLSA {shown.text}" in printed
    assert f"; unchanged: {DOMAIN}. IN MX 10 {MX1}." in printed
    begin = printed.index("version: STSv1")
    assert parse("\n".join(printed[begin : begin + 5]).encode()).mx == (MX1, MX2)


def test_what_is_refused_is_told_with_a_hint_and_nothing_to_paste(scene):
    printed = told(scene, mode=Mode.ENFORCE)
    assert any(line.startswith("  refused: enforce would follow upon nothing") for line in printed)
    assert "    hint: --mode testing comes first" in printed
    assert not [line for line in printed if line.startswith(("_", "version:"))]
    assert printed[-1].endswith("exit 1")


def test_steps_have_their_time_and_their_lines(scene):
    printed = "\n".join(told(scene))
    assert "  5. not before 20" in printed
    assert "       mode: enforce" in printed


GIVEN = (("--mode", "testing"), ("--next-key", "a b.pem"), ("--config", "c.toml"))


def test_a_command_that_is_to_be_given_stands_by_itself_with_what_was_given(scene):
    printed = list(lines(scene.seen, scene.publish(), GIVEN))
    assert f"       unstrip publish {DOMAIN} --config c.toml --mode enforce" in printed


def test_what_was_refused_is_asked_for_again_with_all_that_was_given(scene):
    publication = scene.publish(mode=Mode.ENFORCE)
    printed = list(lines(scene.seen, publication, GIVEN))
    command = f"       unstrip publish {DOMAIN}"
    assert f"{command} --mode testing --next-key 'a b.pem' --config c.toml" in printed
    assert f"{command} --next-key 'a b.pem' --config c.toml --mode testing" in printed


def test_what_is_there_already_is_said_to_be(scene):
    scene.policy = TESTING
    scene.tlsa = {host: [record(scene.chains[host])] for host in (MX1, MX2)}
    printed = told(scene)
    assert "the zone has all that it should:" in printed
    assert f'; unchanged: _mta-sts.{DOMAIN}. IN TXT "v=STSv1; id=1;"' in printed
    assert f"for https://mta-sts.{DOMAIN}/.well-known/mta-sts.txt, unchanged:" in printed


@pytest.mark.parametrize(
    ("tlsa", "title"), [(None, "TLSA, MTA-STS in mode testing"), (False, "MTA-STS in mode testing")]
)
def test_the_title_says_what_is_printed(scene, tlsa, title):
    assert told(scene, tlsa=tlsa)[0] == f"{DOMAIN}: {title}"


def test_a_domain_that_takes_no_mail_has_neither_table_nor_steps(scene):
    scene.answers = {Dns(DOMAIN, Kind.MX): nothing(status=Status.NXDOMAIN)}
    title, _, refused, _, end = told(scene)
    assert title == DOMAIN
    assert refused == f"  refused: there is no domain {DOMAIN} (RFC 5321, 5.1)"
    assert end.endswith("exit 1")


@pytest.mark.parametrize(
    ("policy", "mode", "expected"),
    [
        (None, None, Exit.MEETS),
        (TESTING, None, Exit.MEETS),
        (None, Mode.ENFORCE, Exit.FALLS_SHORT),
    ],
)
def test_the_exit_code_follows_from_what_is_objected_to(scene, policy, mode, expected):
    scene.policy = policy
    assert exit_of(scene.publish(mode=mode)) is expected


def test_what_could_not_be_found_out_has_a_code_of_its_own_unless_something_is_certain(scene):
    scene.policy = ENFORCE
    scene.visits = {MX1: (mute(MX1),)}
    assert exit_of(scene.publish()) is Exit.UNKNOWN
    scene.visits[MX2] = (clear(MX2, Outcome.REFUSED),)
    assert exit_of(scene.publish()) is Exit.FALLS_SHORT


OLD = Tlsa(3, 1, 1, b"\x01" * 32)


def cells(scene) -> list[list[str]]:
    """The table's rows, by column."""
    _, _, _, *rows = told(scene)
    return [re.split(" {2,}", row.strip()) for row in rows[:2]]


def test_the_table_says_what_agrees_at_each_address(scene):
    scene.policy = TESTING.replace(f"mx: {MX2}\r\n", "")
    scene.tlsa = {MX1: [record(scene.chains[MX1]), OLD], MX2: [OLD]}
    first, second = cells(scene)
    assert first == [MX1, "192.0.2.1", "ok, 90 days left", "2 records, fits", "testing, names it"]
    assert second[3:] == ["1 record, does not fit", "testing, does not name it"]


def test_a_host_without_tls_has_a_line_too(scene):
    scene.tlsa = {MX1: [record(scene.chains[MX1])]}
    scene.visits = {MX1: (clear(MX1, Outcome.REFUSED),), MX2: (mute(MX2),)}
    first, second = cells(scene)
    assert first[2:] == ["-", "1 record, but no TLS", "none"]
    assert second[2:] == ["-", "none", "none"]


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({Https(f"mta-sts.{DOMAIN}", PATH): HttpsAnswer(404)}, "could not be had"),
        ({Dns(f"_mta-sts.{DOMAIN}", Kind.TXT): failure()}, "not found out"),
    ],
)
def test_a_policy_that_could_not_be_had_is_not_said_to_be_missing(scene, answers, words):
    scene.policy, scene.answers = TESTING, answers
    assert [row[4] for row in cells(scene)] == [words, words]


def test_mode_none_names_no_host(scene):
    scene.policy = NONE
    assert [row[4] for row in cells(scene)] == ["mode none", "mode none"]


def test_a_record_goes_to_json_and_back(scene):
    whole = record_of(scene.seen, scene.publish())
    assert from_json(PublicationRecord, to_json(whole)) == whole
    assert whole.exit == 0
