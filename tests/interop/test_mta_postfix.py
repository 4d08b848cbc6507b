"""What Postfix is told, tried with Postfix: it can read it, and mail goes as decided, or waits."""

from __future__ import annotations

import smtplib
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.interop.servers import Certificates, SmtpServer, exim, public_directory
from tests.interop.servers.exim import EXIM_WITHOUT_STARTTLS
from tests.interop.servers.machine import free_ports, make_home, program, running
from tests.interop.servers.postfix import (
    POSTFIX,
    make_postfix_directories,
    postfix_parameters,
    write_postfix_files,
)
from tests.mta.domains import NONE, PIN, UNUSABLE, derived, listed, rules
from tests.policy.answering import N
from unstrip.certificates import spki
from unstrip.derivation import Derivation
from unstrip.mta.postfix import Lookup, answer

HERE, OTHER = "localhost", "mx2.example.org"  # only the first one is there
PATIENCE = 30.0  # seconds
END = "-----END CERTIFICATE-----"
SERVICES = """\
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
"""


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with public_directory() as directory:
        yield directory


@pytest.fixture(scope="module")
def server(home: Path, certificates: Certificates) -> Iterator[SmtpServer]:
    with exim(home, certificates) as running_server:
        yield running_server


@pytest.fixture(scope="module")
def clear_server(home: Path, certificates: Certificates) -> Iterator[SmtpServer]:
    with exim(home, certificates, **EXIM_WITHOUT_STARTTLS) as running_server:
        yield running_server


def sent(home: Path, certificates: Certificates, server: SmtpServer, told: str) -> str:
    """What Postfix logs of one message that goes to a server of which it was told this."""
    with sender(home, certificates, server, told) as (port, log):
        with smtplib.SMTP("127.0.0.1", port, timeout=PATIENCE) as postfix:
            postfix.sendmail("a@sender.example", "b@example.org", b"Subject: x\n\nx\n")
        until = time.monotonic() + PATIENCE
        while "status=" not in log.read_text() and time.monotonic() < until:
            time.sleep(0.02)
        return log.read_text()


@contextmanager
def sender(
    home: Path, certificates: Certificates, server: SmtpServer, told: str
) -> Iterator[tuple[int, Path]]:
    """A Postfix that sends everything to one server; its port, and its log."""
    master = program("postfix", POSTFIX)
    place = make_home(home, "sender")
    own = SmtpServer(*free_ports(2))
    make_postfix_directories(place)
    (place / "policy").write_text(f"[{HERE}]:{server.smtp} {told}\n")
    chosen = {
        "myhostname": "sender.example",
        "mydestination": "",
        "mynetworks": "127.0.0.0/8",
        "relayhost": f"[{HERE}]:{server.smtp}",
        "smtp_host_lookup": "native",
        "smtp_address_preference": "ipv4",
        "smtp_tls_security_level": "may",
        "smtp_tls_loglevel": "1",
        "smtp_tls_CAfile": f"{certificates.ca}",
        "smtp_tls_fingerprint_digest": "sha256",
        "smtp_tls_policy_maps": f"texthash:{place}/policy",
    }
    write_postfix_files(place / "etc", own, postfix_parameters(place, certificates) | chosen)
    with (place / "etc/master.cf").open("a") as services:
        services.write(SERVICES)
    with running([master, "-c", f"{place}/etc", "-d"], place, own.smtp):
        yield own.smtp, place / "mail.log"


def text(told: Derivation) -> str:
    found = answer(told, reporting=False)
    assert found.lookup is Lookup.FOUND
    return found.text


def pinned(certificates: Certificates) -> str:
    leaf = certificates.chain.read_text("ascii").partition(END)[0] + END
    key = spki(ssl.PEM_cert_to_DER_cert(leaf))
    return text(derived({HERE: NONE}, beliefs=rules(f"{HERE} verify {key}", f"* verify {PIN}")))


BY_NAME = [
    derived({HERE: NONE, OTHER: NONE}, N, mode="enforce"),
    derived({HERE: NONE}, N, beliefs=listed(HERE)),
    derived({HERE: NONE}, beliefs=rules(f"{HERE} verify")),
]
BY_ANOTHER = [
    derived({OTHER: NONE}, N, mode="enforce"),
    derived({OTHER: NONE}, N, mode="enforce", mx=["*.example.org"]),
    derived({OTHER: NONE}, N, beliefs=listed(OTHER)),
]
ENCRYPTED = [derived({HERE: UNUSABLE}), derived({HERE: NONE}, beliefs=rules("* encrypt"))]


@pytest.mark.parametrize("told", BY_NAME)
def test_mail_goes_to_a_server_that_proves_its_name(home, certificates, server, told):
    log = sent(home, certificates, server, text(told))
    assert "Verified TLS connection established" in log
    assert "status=sent" in log


@pytest.mark.parametrize("told", BY_ANOTHER)
def test_mail_waits_where_a_server_proves_another_name(home, certificates, server, told):
    log = sent(home, certificates, server, text(told))
    assert "status=deferred (Server certificate not verified)" in log


@pytest.mark.parametrize("told", ENCRYPTED)
def test_mail_goes_encrypted_whoever_answers(home, certificates, server, told):
    log = sent(home, certificates, server, text(told))
    assert "TLS connection established" in log
    assert "status=sent" in log


@pytest.mark.parametrize("told", [BY_NAME[0], *ENCRYPTED])
def test_mail_waits_where_tls_is_stripped(home, certificates, clear_server, told):
    log = sent(home, certificates, clear_server, text(told))
    assert "status=deferred (TLS is required, but was not offered" in log


def test_mail_goes_to_a_server_with_a_pinned_key_and_to_no_other(home, certificates, server):
    log = sent(home, certificates, server, pinned(certificates))
    assert "Verified TLS connection established" in log
    assert "status=sent" in log
    other = text(derived({HERE: NONE}, beliefs=rules(f"{HERE} verify {PIN}")))
    assert "status=deferred" in sent(home, certificates, server, other)
