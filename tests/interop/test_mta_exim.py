"""What Exim is told, tried with Exim: mail goes out as was decided, or waits, and is never lost."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.servers import Certificates, SmtpServer, exim, issue, public_directory
from tests.interop.servers.exim import (
    EXIM_INSTALLED,
    EXIM_UNPACKED,
    EXIM_USER,
    EXIM_WITHOUT_STARTTLS,
)
from tests.interop.servers.machine import make_home, make_private, program
from tests.mta.domains import DOMAIN, FORGED, NONE, USABLE, derived, listed, rules
from tests.policy.answering import N
from unstrip.derivation import Derivation
from unstrip.mta.exim import LISTS, options, text

HERE, OTHER = "localhost", "mx2.example.org"  # only the first one is there
PATIENCE = 30.0  # seconds
SENDER = """\
primary_hostname = sender.example
spool_directory = {spool}
log_file_path = {spool}/%s.log
exim_path = {daemon}
keep_environment =
host_lookup =
begin routers
there:
  driver = manualroute
  route_list = * localhost
  transport = smtp
  self = send
begin transports
smtp:
  driver = smtp
  port = {port}
  allow_localhost
  tls_sni = $host
  tls_verify_certificates = {roots}
{options}
begin retry
* * F,2h,15m
"""


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with public_directory() as directory:
        yield directory


@pytest.fixture(scope="module")
def server(home: Path, certificates: Certificates) -> Iterator[SmtpServer]:
    with exim(home, certificates) as running:
        yield running


@pytest.fixture(scope="module")
def clear_server(home: Path, certificates: Certificates) -> Iterator[SmtpServer]:
    with exim(home, certificates, **EXIM_WITHOUT_STARTTLS) as running:
        yield running


@pytest.fixture(scope="module")
def strange_server(home: Path) -> Iterator[SmtpServer]:
    """Its certificate is by an authority that nobody knows."""
    with exim(home, issue(home / "strange")) as running:
        yield running


def sent(home: Path, certificates: Certificates, server: SmtpServer, told: Derivation) -> str:
    """What Exim logs of one message: "=>" delivered, "==" it waits, "**" lost."""
    daemon = program("exim", EXIM_UNPACKED, EXIM_INSTALLED)
    sender = make_home(home, "sender")
    spool = make_private(sender / "spool", EXIM_USER)
    chosen = options(told)
    lists = (f"  {name} = {text(getattr(chosen, name))}\n" for name in LISTS)
    file = sender / "exim.conf"
    file.write_text(
        SENDER.format(
            spool=spool,
            daemon=daemon,
            port=server.smtp,
            roots=certificates.ca,
            options="".join(lists),
        )
    )
    command = [daemon, "-C", file, "-odf", "-oi", "-f", "a@sender.example", "b@example.org"]
    subprocess.run(command, input=b"\n", check=True, capture_output=True, timeout=PATIENCE)
    log = (spool / "main.log").read_text()
    (line,) = (line for line in log.splitlines() if "b@example.org" in line and "R=there" in line)
    return line


PROTECTED = [
    derived({HERE: NONE}, N, mode="enforce"),
    derived({HERE: NONE}, N, beliefs=listed(HERE)),
    derived({HERE: NONE}, beliefs=rules(f"{HERE} verify")),
    derived({HERE: NONE}, beliefs=rules(f"{HERE} encrypt")),
]
BARRED = [
    derived({OTHER: NONE}, N, mode="enforce"),
    derived({OTHER: NONE}, N, beliefs=listed(OTHER)),
    derived({OTHER: NONE, HERE: FORGED}),
    derived({OTHER: NONE, HERE: NONE}, mode="enforce", mx=[OTHER]),
]


@pytest.mark.parametrize("told", PROTECTED)
def test_mail_goes_to_a_server_that_is_what_was_decided(home, certificates, server, told):
    line = sent(home, certificates, server, told)
    assert " => " in line
    assert " CV=yes " in line


@pytest.mark.parametrize("told", PROTECTED)
def test_mail_waits_where_tls_is_stripped(home, certificates, clear_server, told):
    line = sent(home, certificates, clear_server, told)
    assert " == " in line
    assert "a TLS session is required" in line


@pytest.mark.parametrize("told", BARRED)
def test_mail_waits_where_a_server_is_not_to_be_used(home, certificates, server, told):
    line = sent(home, certificates, server, told)
    assert " == " in line
    assert "a TLS session is required" in line


UNSEEN = [  # by the time Exim looks, the MX is another one
    derived({OTHER: NONE}, N, beliefs=rules(f"{DOMAIN} verify")),
    derived({OTHER: NONE}, N, beliefs=rules("* verify")),
    derived({OTHER: USABLE}, N, beliefs=rules("* verify")),
    derived({OTHER: USABLE}),
]
UNSEEN_ENCRYPTED = [
    derived({OTHER: NONE}, N, beliefs=rules("* encrypt")),
    derived({OTHER: USABLE, "mx3.example.org": NONE}, N, beliefs=rules(f"{DOMAIN} encrypt")),
]


@pytest.mark.parametrize("told", [*UNSEEN, *UNSEEN_ENCRYPTED])
def test_mail_waits_where_a_server_not_seen_before_has_no_tls(
    home, certificates, clear_server, told
):
    line = sent(home, certificates, clear_server, told)
    assert " == " in line
    assert "a TLS session is required" in line


@pytest.mark.parametrize("told", UNSEEN)
def test_mail_waits_where_a_server_not_seen_before_cannot_prove_its_name(
    home, certificates, strange_server, told
):
    line = sent(home, certificates, strange_server, told)
    assert " == " in line
    assert "certificate verification failed" in line


@pytest.mark.parametrize("told", UNSEEN_ENCRYPTED)
def test_mail_goes_encrypted_to_a_server_not_seen_before(home, certificates, strange_server, told):
    line = sent(home, certificates, strange_server, told)
    assert " => " in line
    assert " X=TLS" in line


@pytest.mark.parametrize("told", UNSEEN)
def test_mail_goes_to_a_server_not_seen_before_that_proves_its_name(
    home, certificates, server, told
):
    line = sent(home, certificates, server, told)
    assert " => " in line
    assert " CV=yes " in line


def test_without_a_policy_mail_goes_in_clear(home, certificates, clear_server):
    line = sent(home, certificates, clear_server, derived({HERE: NONE}))
    assert " => " in line
    assert " X=TLS" not in line
