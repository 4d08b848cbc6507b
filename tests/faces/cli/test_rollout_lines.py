"""A rollout for a person: numbers, failures, what was mended, endings, and what to publish."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.publication.scene import DOMAIN, ENFORCE, MX1, MX2, TESTING, Scene, record
from tests.rollout.reported import (
    DANE,
    EXPIRED,
    UNFETCHED,
    ago,
    judged,
    noted,
    said,
    seen,
    well,
)
from unstrip.evidence import from_json, to_json
from unstrip.faces.cli.rollout_lines import RolloutRecord, exit_of, lines
from unstrip.faces.cli.rollout_lines import record as recorded
from unstrip.faces.cli.speech import Exit
from unstrip.policy.mta_sts import PATH
from unstrip.policy.questions import Https, HttpsFailure, ResultType
from unstrip.tlsrpt.received import Proof
from unstrip.tlsrpt.values import Failure


@pytest.fixture
def scene(pki):
    return Scene(pki, policy=TESTING)


def shown(scene, told, trail=(), given=()) -> str:
    return "\n".join(lines(scene.seen, judged(scene, told, trail), given))


def test_what_is_safe_is_printed_with_the_policy_to_publish(scene):
    text = shown(scene, well())
    assert text.startswith("example.org: MTA-STS in mode testing; reports of ")
    assert f"  told      16 reports from 2 senders, 80 sessions, 8 days, the last {ago(1)}" in text
    assert "  lost      0 of 80 sessions (0.0 %)" in text
    assert "mode: enforce" in text
    assert text.splitlines()[-1].split() == [
        *("safe", "to", "enforce,", "by", "the", "word", "of"),
        *("other.example,", "sender.example", "exit", "0"),
    ]


def test_what_is_refused_stays_and_says_how_to_ask_again(scene):
    text = shown(scene, (*well(), said(0, 7, 3)), given=(("--port", "26"),))
    assert "refused: 3 of 90 sessions would not have been delivered" in text
    assert "not delivered:\n  certificate-expired at mx1.example.org" in text
    assert "    told by: sender.example" in text
    assert "    unstrip rollout example.org --port 26" in text
    assert "mode: enforce" not in text
    assert text.endswith("exit 1")


def test_each_effect_has_its_own_words(scene):
    trail = [noted(20, seen(MX1, MX2, key="old")), noted(12, seen(MX1, MX2, key="new"))]
    told = (said(15, 7, 3), said(2, 3, 2, policy=DANE), said(2, 3, 2, failure=UNFETCHED))
    text = shown(scene, (*well(), *told), trail)
    titles = ["not delivered in any mode:", "mended since:", "delivered all the same:"]
    assert [text.index(title) for title in titles] == sorted(map(text.index, titles))
    assert "    mended: mx1.example.org shows another certificate since " in text


def test_too_little_is_exit_4(scene):
    text = shown(scene, ())
    assert "  told      nothing" in text
    assert text.splitlines()[-1].startswith("whether it is safe to enforce is not known")
    assert text.endswith("exit 4")


def test_a_policy_that_is_enforced_is_told_as_such(scene):
    scene.policy = ENFORCE
    assert "enforced, and nothing speaks against it" in shown(scene, ())
    assert "mail is being lost, or would be" in shown(scene, (said(0, 1, 1),))


def test_without_a_policy_the_one_for_testing_is_printed(scene):
    scene.policy = None
    text = shown(scene, ())
    assert text.startswith("example.org: no MTA-STS policy; ")
    assert "mode: testing" in text
    assert text.endswith("exit 1")


def test_endings_tell_when_the_next_record_is_due(scene):
    scene.tlsa = {MX1: [record(scene.chains[MX1])]}
    text = shown(scene, well())
    assert "\ncertificates:\n  mx1.example.org ends 20" in text
    assert "; if with another key, its TLSA by 20" in " ".join(text.split())


def test_what_senders_have_written_is_escaped_and_many_are_cut(scene):
    evil = Failure("\x1b[31mred", host="mx\u202e", reason="\x1b]0;title\x07")
    many = [said(0, 0, 1, failure=replace(EXPIRED, host=f"mx{n}.example")) for n in range(40)]
    text = shown(scene, (*well(), said(0, 0, 99, failure=evil, proof=Proof.NONE), *many))
    assert not {char for char in text if not (" " <= char <= "~" or char == "\n")}
    assert ", unsigned" in text
    assert "  and 21 more kinds: --json has all of them" in text


def test_for_machines_it_is_all_there_and_can_be_read_back(scene):
    found = judged(scene, (*well(), said(0, 0, 1)))
    record = recorded(scene.seen, found)
    assert from_json(RolloutRecord, to_json(record)) == record
    assert record.exit == exit_of(found).value == Exit.FALLS_SHORT.value


def test_a_policy_that_could_not_be_had_is_not_told_as_none_and_none_is_printed(scene):
    failed = HttpsFailure(ResultType.STS_WEBPKI_INVALID, "self-signed certificate in chain")
    scene.answers = {Https(f"mta-sts.{DOMAIN}", PATH): failed}
    text = shown(scene, well())
    assert text.startswith(f"{DOMAIN}: MTA-STS announced, the policy could not be had; reports of ")
    assert "--ca-file" in text
    assert "version: STSv1" not in text
    assert "until all of it can be found out; then" in text
    assert text.endswith("exit 4")


def test_what_is_waited_for_is_said(scene):
    assert "until more was reported; then" in shown(scene, ())
    assert "until what is refused is mended; then" in shown(scene, (said(0, 7, 3),))
