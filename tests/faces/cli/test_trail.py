"""The trail as people and auditors get it."""

from __future__ import annotations

import csv
import io
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.policy.answering import nothing
from tests.publication.scene import DOMAIN, MX1, MX2, NOW, TESTING, Scene
from tests.rollout.reported import noted, seen
from unstrip.faces.cli.trail import as_csv, lines, note
from unstrip.io.store import open_store
from unstrip.policy.mta_sts import Mode
from unstrip.policy.questions import Dns, DnsAnswer, Kind, Status
from unstrip.rollout.snapshot import POLICY, REPORTS, Noted, Snapshot

FULL = seen(
    *(MX1, MX2),
    policy_id="1",
    mode=Mode.TESTING,
    max_age=86400,
    patterns=(MX1, MX2),
    reports=("v=TLSRPTv1; rua=mailto:a@b.c",),
)


def rows(*trail):
    return list(csv.DictReader(io.StringIO(as_csv(DOMAIN, trail))))


@pytest.fixture
def scene(pki):
    return Scene(pki, policy=TESTING)


def test_csv_has_a_line_for_each_host_of_each_row():
    first, second, third = rows(noted(1, FULL), noted(0, seen(MX1, key="")))
    assert (first["host"], second["host"], third["host"]) == (MX1, MX2, MX1)
    assert first["domain"] == DOMAIN
    assert first["policy mx"] == f"{MX1} {MX2}"
    assert (first["mode"], first["max_age"], first["key sha256"]) == ("testing", "86400", "ab")
    assert first["last seen"].endswith("Z")
    assert (first["no tls"], third["no tls"], third["mode"], third["max_age"]) == (
        "",
        "yes",
        "",
        "",
    )


def test_csv_keeps_a_row_without_hosts():
    (only,) = rows(noted(0, Snapshot(unknown=(POLICY, REPORTS))))
    assert (only["host"], only["not found out"]) == ("", "policy reports")


@pytest.mark.parametrize("start", "=+-@")
def test_what_others_have_written_is_no_formula(start):
    evil = f'{start}cmd|"/c calc"!A1\x1b\n'
    (only,) = rows(noted(0, replace(seen(MX1), reports=(evil,))))
    assert only["reports"].startswith(f"'{start}cmd")
    assert "\x1b" not in as_csv(DOMAIN, [noted(0, replace(FULL, reports=(evil,)))])


def test_a_person_sees_when_it_was_and_what():
    told = "\n".join(lines([noted(0, replace(FULL, unknown=(REPORTS,)))]))
    assert told.startswith(f"{NOW:%Y-%m-%d %H:%M} UTC\n")
    assert "  policy 1, mode testing, mx1.example.org, mx2.example.org" in told
    assert "  reports: v=TLSRPTv1; rua=mailto:a@b.c" in told
    assert f"  mx {MX2}, key ab until" in told
    assert "  not found out: reports" in told


def test_what_was_seen_for_longer_is_shown_with_both_ends():
    (first, *_) = lines([Noted(NOW, NOW + timedelta(days=1), FULL)])
    assert first.startswith(f"{NOW:%Y-%m-%d %H:%M} UTC to ")


def test_what_is_seen_is_noted_and_a_change_is_told(tmp_path, scene):
    with closing(open_store(tmp_path / "store")) as store:
        assert note(store, scene.seen) is True
        assert note(store, scene.seen) is False
        scene.answers = {Dns(f"_mta-sts.{DOMAIN}", Kind.TXT): nothing()}
        assert note(store, scene.seen) is True
        assert [noted.snapshot.mode for noted in store.trail(DOMAIN)] == [Mode.TESTING, None]


def test_where_the_mx_is_not_known_nothing_is_noted(tmp_path, scene):
    scene.answers = {Dns(DOMAIN, Kind.MX): DnsAnswer(Status.TIMEOUT)}
    with closing(open_store(tmp_path / "store")) as store:
        assert note(store, scene.seen) is None
        assert store.trail(DOMAIN) == ()
