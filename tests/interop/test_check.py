"""Real servers checked through both drivers, and through the command."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.faces.cli.command import Ran, run
from tests.interop.servers import (
    DOVECOT_TLS_1_2,
    DOVECOT_WITHOUT_TLS,
    EXIM_TLS_1_2,
    EXIM_WITHOUT_CERTIFICATE,
    EXIM_WITHOUT_STARTTLS,
    POSTFIX_HIDING_STARTTLS,
    POSTFIX_TLS_1_2,
    POSTFIX_TOO_BUSY,
    POSTFIX_WITHOUT_TLS,
    Certificates,
    MailboxServer,
    SmtpServer,
    dovecot,
    exim,
    issue,
    loopbacks,
    postfix,
)
from unstrip.evidence import Endpoint, Evidence
from unstrip.handshake import GROUPS
from unstrip.io import asyncio as aio
from unstrip.io import blocking
from unstrip.io.session import Terms
from unstrip.io.trust import anchors
from unstrip.policy import Decision, Level
from unstrip.protocols import REGISTRY
from unstrip.transcript import Layer, Side, said
from unstrip.upgrade import Asking, Outcome
from unstrip.verdict import Code, Exposure, Reach, Standing, judge

VERIFY = Decision(Level.AUTHENTICATED)
SAFE = Exposure(Reach.SAFE, Reach.SAFE, Reach.SAFE)

Server = SmtpServer | MailboxServer
Start = Callable[..., AbstractContextManager[Server]]
Attend = Callable[[Endpoint, Terms], Evidence]


@dataclass(frozen=True)
class Door:
    """One port of a kind of server: the scheme of its URL is the name of the port."""

    start: Start
    fixture: str
    port: str
    scheme: str

    @property
    def implicit(self) -> bool:
        return self.scheme.endswith("s")

    @property
    def protocol(self) -> str:
        return self.scheme.removesuffix("s")


DOORS = {
    "postfix": Door(postfix, "postfix_server", "smtp", "smtp"),
    "postfix smtps": Door(postfix, "postfix_server", "smtps", "smtps"),
    "exim": Door(exim, "exim_server", "smtp", "smtp"),
    "exim smtps": Door(exim, "exim_server", "smtps", "smtps"),
    "dovecot imap": Door(dovecot, "dovecot_server", "imap", "imap"),
    "dovecot imaps": Door(dovecot, "dovecot_server", "imaps", "imaps"),
    "dovecot pop3": Door(dovecot, "dovecot_server", "pop3", "pop3"),
    "dovecot pop3s": Door(dovecot, "dovecot_server", "pop3s", "pop3s"),
}
TLS_1_2 = {postfix: POSTFIX_TLS_1_2, exim: EXIM_TLS_1_2, dovecot: DOVECOT_TLS_1_2}


def attend_asyncio(endpoint: Endpoint, terms: Terms) -> Evidence:
    return aio.run(partial(aio.attend, endpoint, terms))


every_door = pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
both_drivers = pytest.mark.parametrize(
    "attend", [blocking.attend, attend_asyncio], ids=["blocking", "asyncio"]
)


def attended(
    attend: Attend,
    door: Door,
    server: Server,
    certificates: Certificates,
    *,
    host: str = "127.0.0.1",
    insist: bool = True,
) -> Evidence:
    endpoint = Endpoint("localhost", getattr(server, door.port), door.protocol, door.implicit)
    terms = Terms(
        Asking(insist=insist), timeout=10.0, connect_to=host, roots=anchors(certificates.ca)
    )
    return attend(endpoint, terms)


def check(server: Server, scheme: str, certificates: Certificates, *words: object) -> Ran:
    """Run the command on the port of this scheme."""
    target = f"{scheme}://localhost:{getattr(server, scheme)}"
    return run("check", target, "--ca-file", certificates.ca, "--connect-to", server.host, *words)


# -- honest ----------------------------------------------------------------------------


@both_drivers
@every_door
@pytest.mark.parametrize("host", loopbacks())
def test_an_honest_server_is_secured_over_tls_1_3(
    attend: Attend,
    door: Door,
    host: str,
    certificates: Certificates,
    request: pytest.FixtureRequest,
) -> None:
    server = request.getfixturevalue(door.fixture)
    evidence = attended(attend, door, server, certificates, host=host)
    shake = evidence.handshake
    assert evidence.secured, evidence.failure
    assert evidence.address == host
    assert shake.version == "TLSv1.3"
    assert shake.group in GROUPS.values()
    assert shake.forward_secrecy
    assert evidence.round_trips == (3 if door.implicit else 5)
    verdict = judge(VERIFY, evidence)
    assert verdict.code is Code.TLS_OK_AUTHENTICATED
    assert verdict.standing is Standing.MEETS
    assert verdict.exposure == SAFE
    assert not any(finding.code.tampering for finding in verdict.findings)


@both_drivers
@every_door
def test_an_honest_server_is_secured_over_tls_1_2(
    attend: Attend, door: Door, certificates: Certificates, directory: Path
) -> None:
    with door.start(directory, certificates, **TLS_1_2[door.start]) as server:
        evidence = attended(attend, door, server, certificates)
    shake = evidence.handshake
    assert evidence.secured, evidence.failure
    assert shake.version == "TLSv1.2"
    assert shake.cipher.startswith("ECDHE-")
    assert shake.group in GROUPS.values()
    assert shake.forward_secrecy
    assert evidence.round_trips == (3 if door.implicit else 6)  # its greeting rides along
    assert judge(VERIFY, evidence).code is Code.TLS_OK_AUTHENTICATED


@every_door
def test_what_crosses_in_clear_is_no_more_than_is_allowed(
    door: Door, certificates: Certificates, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue(door.fixture)
    evidence = attended(blocking.attend, door, server, certificates)
    clear = said(evidence.transcript, Side.CLIENT, Layer.CLEAR)
    allowed = REGISTRY[door.protocol].IN_CLEAR
    assert bool(clear) is not door.implicit
    assert all(allowed.fullmatch(line) for line in clear.splitlines(keepends=True))
    assert said(evidence.transcript, Side.CLIENT, Layer.SECURE)


@every_door
def test_what_is_listed_inside_tls_no_longer_has_the_offer(
    door: Door, certificates: Certificates, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue(door.fixture)
    upgrade = attended(blocking.attend, door, server, certificates).upgrade
    offer = REGISTRY[door.protocol].OFFER
    assert upgrade.advertised is not door.implicit
    assert upgrade.inside
    assert offer not in upgrade.inside


@every_door
def test_the_command_says_so_too(
    door: Door, certificates: Certificates, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue(door.fixture)
    ran = check(server, door.port, certificates, "--json")
    assert ran.code == 0
    assert ran.record.code is Code.TLS_OK_AUTHENTICATED
    assert ran.record.round_trips == (3 if door.implicit else 5)
    table = check(server, door.port, certificates).out
    assert "1.3 X25519" in table
    assert table.split("later")[1].split().count("safe") == 3


@pytest.mark.parametrize("scheme", ["smtp", "imap", "pop3"])
def test_probing_an_honest_server_finds_nothing(
    scheme: str,
    certificates: Certificates,
    postfix_server: SmtpServer,
    dovecot_server: MailboxServer,
) -> None:
    server: Server = postfix_server if scheme == "smtp" else dovecot_server
    door = getattr(server, f"{scheme}s")
    ran = check(server, scheme, certificates, "--probe", "--implicit-port", door, "--json")
    assert ran.record.code is Code.TLS_OK_AUTHENTICATED
    assert ran.code == 0
    assert [probe.failure for probe in ran.record.beside] == [None] * 5
    assert not any(finding.code.tampering for finding in ran.record.verdict.findings)


# -- stripped, refused, busy -----------------------------------------------------------

STRIPPED = {
    "postfix hiding it": (DOORS["postfix"], POSTFIX_HIDING_STARTTLS),
    "postfix without": (DOORS["postfix"], POSTFIX_WITHOUT_TLS),
    "exim": (DOORS["exim"], EXIM_WITHOUT_STARTTLS),
    "dovecot imap": (DOORS["dovecot imap"], DOVECOT_WITHOUT_TLS),
    "dovecot pop3": (DOORS["dovecot pop3"], DOVECOT_WITHOUT_TLS),
}


@both_drivers
@pytest.mark.parametrize(("door", "settings"), STRIPPED.values(), ids=STRIPPED)
def test_a_server_that_does_not_offer_tls_falls_short_for_reasons_unknown(
    attend: Attend,
    door: Door,
    settings: dict[str, str],
    certificates: Certificates,
    directory: Path,
) -> None:
    with door.start(directory, certificates, **settings) as server:
        asked = attended(attend, door, server, certificates)
        not_asked = attended(attend, door, server, certificates, insist=False)
        ran = check(server, door.port, certificates, "--json")
    assert asked.upgrade.outcome is Outcome.REFUSED
    assert not_asked.upgrade.outcome is Outcome.NOT_OFFERED
    for evidence in (asked, not_asked):
        assert judge(VERIFY, evidence).code is Code.OFFER_ABSENT_UNEXPLAINED
        assert not evidence.upgrade.advertised
    assert ran.code == 1
    assert ran.record.code is Code.OFFER_ABSENT_UNEXPLAINED


@both_drivers
def test_exim_without_a_certificate_offers_and_refuses(
    attend: Attend, certificates: Certificates, directory: Path
) -> None:
    with exim(directory, certificates, **EXIM_WITHOUT_CERTIFICATE) as server:
        evidence = attended(attend, DOORS["exim"], server, certificates)
        ran = check(server, "smtp", certificates, "--json")
    assert evidence.upgrade.outcome is Outcome.REFUSED
    assert evidence.upgrade.said.startswith("454")
    assert judge(VERIFY, evidence).code is Code.REJECTED_AFTER_OFFER
    assert ran.code == 1
    assert ran.record.code is Code.REJECTED_AFTER_OFFER


@both_drivers
@pytest.mark.parametrize("probe", [(), ("--probe",)], ids=["plain", "probing"])
def test_postfix_too_busy_says_nothing_about_its_tls(
    attend: Attend, probe: tuple[str, ...], certificates: Certificates, directory: Path
) -> None:
    with postfix(directory, certificates, **POSTFIX_TOO_BUSY) as server:
        evidence = attended(attend, DOORS["postfix"], server, certificates)
        ran = check(server, "smtp", certificates, "--json", *probe)
    assert evidence.upgrade.outcome is Outcome.BUSY
    assert judge(VERIFY, evidence).code is Code.RATE_LIMITED
    assert ran.code == 4
    assert ran.record.code is Code.RATE_LIMITED
    assert ran.record.beside == ()


def test_a_closed_port_says_nothing_either(certificates: Certificates, directory: Path) -> None:
    with dovecot(directory, certificates, **DOVECOT_WITHOUT_TLS) as server:
        ran = check(server, "imaps", certificates, "--json")
    assert ran.code == 4
    assert ran.record.code is Code.UNREACHABLE


# -- what was, and what is -------------------------------------------------------------


@pytest.mark.parametrize(
    ("door", "settings"),
    [
        (DOORS["postfix"], POSTFIX_HIDING_STARTTLS),
        (DOORS["exim"], EXIM_WITHOUT_STARTTLS),
        (DOORS["dovecot imap"], DOVECOT_WITHOUT_TLS),
        (DOORS["dovecot pop3"], DOVECOT_WITHOUT_TLS),
    ],
    ids=["postfix", "exim", "imap", "pop3"],
)
@pytest.mark.parametrize("required", ["may", "verify"])
def test_a_server_that_offered_tls_and_does_no_more_is_tampered_with(
    door: Door,
    settings: dict[str, str],
    required: str,
    certificates: Certificates,
    directory: Path,
) -> None:
    words = ("--require", required, "--json")
    with door.start(directory, certificates) as server:
        assert check(server, door.port, certificates, *words).code == 0
    with door.start(directory, certificates, server, **settings):
        ran = check(server, door.port, certificates, *words)
    assert ran.code == 3
    assert ran.record.code is Code.OFFER_REMOVED
    assert ran.record.verdict.decision.level >= Level.ENCRYPT


def test_a_server_that_refuses_what_it_granted_is_surer_to_be_tampered_with(
    certificates: Certificates, directory: Path
) -> None:
    with exim(directory, certificates) as server:
        assert check(server, "smtp", certificates).code == 0
    with exim(directory, certificates, server, **EXIM_WITHOUT_CERTIFICATE):
        ran = check(server, "smtp", certificates, "--json")
    assert ran.code == 1
    assert ran.record.code is Code.REJECTED_AFTER_OFFER
    assert ran.record.confidence == 0.9


def test_a_server_with_an_older_version_than_before_is_a_downgrade(
    certificates: Certificates, directory: Path
) -> None:
    with postfix(directory, certificates) as server:
        assert check(server, "smtp", certificates).code == 0
    with postfix(directory, certificates, server, **POSTFIX_TLS_1_2):
        ran = check(server, "smtp", certificates, "--json")
    assert ran.code == 0
    assert ran.record.code is Code.TLS_DOWNGRADED


# -- certificates ----------------------------------------------------------------------


@both_drivers
@every_door
def test_a_certificate_that_proves_nothing_falls_short(
    attend: Attend, door: Door, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue(door.fixture)
    stranger = issue(tmp_path)
    evidence = attended(attend, door, server, stranger)
    assert evidence.secured
    assert not evidence.handshake.webpki.valid
    verdict = judge(VERIFY, evidence)
    assert verdict.code is Code.TLS_OK_UNAUTHENTICATED
    assert verdict.exposure == Exposure(Reach.SAFE, Reach.READS, Reach.SAFE)
    ran = check(server, door.port, stranger, "--no-store", "--json")
    assert ran.code == 1
    assert Code.CERTIFICATE_INVALID in {one.code for one in ran.record.verdict.findings}


@every_door
def test_a_certificate_for_another_name_falls_short(
    door: Door, certificates: Certificates, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue(door.fixture)
    words = ("--server-name", "mx.example.org")
    ran = check(server, door.port, certificates, *words)
    assert ran.code == 1
    assert "wrong name" in ran.out


def test_a_certificate_of_somebody_elses_is_interception_where_it_was_valid_before(
    certificates: Certificates, directory: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere.json"
    with postfix(directory, certificates) as server:
        elsewhere.write_text(check(server, "smtp", certificates, "--json").out)
    impostor = issue(directory / "impostor")
    with postfix(directory, impostor, server):
        ran = check(server, "smtp", certificates, "--json", "--vantage", elsewhere)
    assert ran.code == 3
    assert ran.record.code is Code.TLS_INTERCEPTED
    assert ran.record.confidence >= 0.9
