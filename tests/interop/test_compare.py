"""Real servers compared: what their two ports cost, tell and agree on, as measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faces.cli.command import Ran, run
from tests.interop.servers import (
    DOVECOT_TLS_1_2,
    DOVECOT_WITHOUT_TLS,
    POSTFIX_HIDING_STARTTLS,
    POSTFIX_TLS_1_2,
    POSTFIX_WITHOUT_TLS,
    Certificates,
    MailboxServer,
    SmtpServer,
    dovecot,
    issue,
    postfix,
)
from unstrip.comparison import Point, Told
from unstrip.evidence import from_json
from unstrip.faces.cli.record import ComparisonRecord
from unstrip.verdict import Standing

Server = SmtpServer | MailboxServer


@dataclass(frozen=True)
class Door:
    """Two ports of a kind of server: the schemes of their URLs are the names of the ports."""

    fixture: str
    in_band: str
    implicit: str


DOORS = {
    "postfix": Door("postfix_server", "smtp", "smtps"),
    "imap": Door("dovecot_server", "imap", "imaps"),
    "pop3": Door("dovecot_server", "pop3", "pop3s"),
}
every_door = pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)


def compare(server: Server, door: Door, certificates: Certificates, *words: object) -> Ran:
    """Run the command on both ports."""
    target = f"{door.in_band}://localhost:{getattr(server, door.in_band)}"
    other = ("--implicit-port", getattr(server, door.implicit))
    roots = ("--ca-file", certificates.ca, "--connect-to", server.host)
    return run("compare", target, *other, *roots, *words)


def compared(server: Server, door: Door, certificates: Certificates) -> ComparisonRecord:
    ran = compare(server, door, certificates, "--json")
    assert ran.err == ""
    return from_json(ComparisonRecord, ran.out)


def points(record: ComparisonRecord) -> list[Point]:
    return [difference.point for difference in record.comparison.differences]


@every_door
def test_an_honest_server_costs_two_round_trips_more_or_three_in_band(
    door: Door, certificates: Certificates, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue(door.fixture)
    comparison = compared(server, door, certificates).comparison
    assert [trip.version for trip in comparison.in_band.trips] == ["TLSv1.3", "TLSv1.2"]
    assert [trip.round_trips for trip in comparison.in_band.trips] == [5, 6]
    assert [trip.round_trips for trip in comparison.implicit.trips] == [3, 3]


@every_door
def test_the_two_ports_of_an_honest_server_agree(
    door: Door, certificates: Certificates, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue(door.fixture)
    record = compared(server, door, certificates)
    assert points(record) == []
    assert record.exit == 0
    assert record.comparison.in_band.certificate == record.comparison.implicit.certificate


@every_door
def test_a_listener_reads_the_upgrade_and_of_implicit_tls_only_names(
    door: Door, certificates: Certificates, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue(door.fixture)
    comparison = compared(server, door, certificates).comparison
    in_band, implicit = (
        {fact.told for fact in way.trips[0].told}
        for way in (comparison.in_band, comparison.implicit)
    )
    assert {Told.GREETING, Told.CAPABILITIES, Told.SNI} <= in_band
    assert implicit <= {Told.SNI, Told.ALPN}
    assert (Told.OUR_NAME in in_band) == (door.in_band == "smtp")
    assert comparison.implicit.trips[0].clear_received == 0


@every_door
def test_a_person_is_told_so_in_two_columns(
    door: Door, certificates: Certificates, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue(door.fixture)
    ran = compare(server, door, certificates)
    assert ran.code == 0
    assert "2 round trips shorter with TLS 1.3, 3 round trips shorter with TLS 1.2" in ran.out
    assert "RFC 8314" in ran.out


@pytest.mark.parametrize(
    ("start", "settings", "door"),
    [
        (postfix, POSTFIX_TLS_1_2, DOORS["postfix"]),
        (dovecot, DOVECOT_TLS_1_2, DOORS["imap"]),
    ],
    ids=["postfix", "dovecot"],
)
def test_a_server_of_tls_1_2_is_visited_once_a_way(
    start: type, settings: dict[str, str], door: Door, certificates: Certificates, directory: Path
) -> None:
    with start(directory, certificates, **settings) as server:
        record = compared(server, door, certificates)
    assert len(record.evidence) == 2
    ways = (record.comparison.in_band, record.comparison.implicit)
    assert [[trip.round_trips for trip in way.trips] for way in ways] == [[6], [3]]
    assert all(Told.CERTIFICATE in {fact.told for fact in way.trips[0].told} for way in ways)


def test_dovecot_without_tls_is_in_clear_and_its_other_port_is_closed(
    certificates: Certificates, directory: Path
) -> None:
    with dovecot(directory, certificates, **DOVECOT_WITHOUT_TLS) as server:
        record = compared(server, DOORS["imap"], certificates)
    assert record.exit == 1
    assert record.comparison.words[0].startswith("neither way leads to TLS")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [(POSTFIX_HIDING_STARTTLS, [Point.PROTECTED]), (POSTFIX_WITHOUT_TLS, [])],
    ids=["one port", "both ports"],
)
def test_postfix_in_clear_falls_short(
    settings: dict[str, str], expected: list[Point], certificates: Certificates, directory: Path
) -> None:
    with postfix(directory, certificates, **settings) as server:
        record = compared(server, DOORS["postfix"], certificates)
    assert points(record) == expected
    assert record.comparison.standing is Standing.FALLS_SHORT


def test_two_servers_on_one_host_have_two_keys_and_that_is_seen(
    certificates: Certificates, directory: Path
) -> None:
    other = issue(directory / "other")
    with dovecot(directory, certificates) as mine, dovecot(directory, other) as theirs:
        both = MailboxServer(mine.imap, theirs.imaps, *[0] * 4)
        record = compared(both, DOORS["imap"], certificates)
    assert points(record) == [Point.VALID, Point.KEY]
    assert record.exit == 1
