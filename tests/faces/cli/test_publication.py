"""How a publication is told to a person, and to a machine."""

from __future__ import annotations

import pytest

from tests.publication.scene import (
    DOMAIN,
    ENFORCE,
    MX1,
    MX2,
    TESTING,
    Scene,
    clear,
    mute,
    record,
)
from unstrip.evidence import from_json, to_json
from unstrip.faces.cli.publication import PublicationRecord, agreements, exit_of, lines
from unstrip.faces.cli.publication import record as record_of
from unstrip.faces.cli.speech import Exit
from unstrip.policy.mta_sts import Mode, parse
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
    assert f"; unchanged: {DOMAIN}. 300 IN MX 10 {MX1}." in printed
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
    assert "  4. not before 20" in printed
    assert "       mode: enforce" in printed


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


def test_the_table_says_what_agrees_at_each_address(scene):
    scene.policy = TESTING.replace(f"mx: {MX2}\r\n", "")
    scene.tlsa = {MX1: [record(scene.chains[MX1])], MX2: [Tlsa(3, 1, 1, b"\x01" * 32)]}
    first, second = agreements(scene.seen)
    assert (first.tlsa, first.policy) == ("met, of 1", "testing, has it")
    assert (second.tlsa, second.policy) == ("not met, of 1", "testing, has it not")
    assert first.certificate.startswith("ok, ")


def test_a_host_without_tls_has_a_line_too(scene):
    scene.tlsa = {MX1: [record(scene.chains[MX1])]}
    scene.visits = {MX1: (clear(MX1, Outcome.REFUSED),)}
    first, second = agreements(scene.seen)
    assert (first.certificate, first.tlsa, first.policy) == (
        "-",
        "not met: no TLS",
        "not published",
    )
    assert second.tlsa == "no dane"


def test_a_record_goes_to_json_and_back(scene):
    whole = record_of(scene.seen, scene.publish())
    assert from_json(PublicationRecord, to_json(whole)) == whole
    assert whole.exit == 0
