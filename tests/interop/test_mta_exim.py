"""What Exim is told, tried with Exim: mail goes out as was decided, or waits, and is never lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.servers import Certificates, SmtpServer, exim, issue
from tests.interop.servers.exim import EXIM_WITHOUT_STARTTLS, exim_sender
from tests.mta.domains import DOMAIN, FORGED, NONE, USABLE, derived, listed, rules
from tests.policy.answering import N
from unstrip.derivation import Derivation
from unstrip.mta.exim import options, settings

HERE, OTHER = "localhost", "mx2.example.org"  # only the first one is there


@pytest.fixture(scope="module")
def clear_server(directory: Path, certificates: Certificates) -> Iterator[SmtpServer]:
    with exim(directory, certificates, **EXIM_WITHOUT_STARTTLS) as running:
        yield running


@pytest.fixture(scope="module")
def strange_server(directory: Path) -> Iterator[SmtpServer]:
    """Its certificate is by an authority that nobody knows."""
    with exim(directory, issue(directory / "strange")) as running:
        yield running


@pytest.fixture
def sent(directory: Path, certificates: Certificates):
    """What Exim logs of one message to a server, when it was told this."""

    def send(server: SmtpServer, told: Derivation) -> str:
        lines = ("tls_sni = $host", *settings(options(told)))
        transport = "".join(f"  {line}\n" for line in lines)
        sender = exim_sender(directory, certificates.ca, server.smtp, transport=transport)
        return sender.sent(DOMAIN)

    return send


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
    derived({OTHER: USABLE}),
    derived({HERE: USABLE}),  # of which Exim sees nothing, for nothing here is signed
]


@pytest.mark.parametrize("told", PROTECTED)
def test_mail_goes_to_a_server_that_is_what_was_decided(sent, exim_server, told):
    line = sent(exim_server, told)
    assert " => " in line
    assert " CV=yes " in line


@pytest.mark.parametrize("told", PROTECTED)
def test_mail_waits_where_tls_is_stripped(sent, clear_server, told):
    line = sent(clear_server, told)
    assert " == " in line
    assert "a TLS session is required" in line


@pytest.mark.parametrize("told", BARRED)
def test_mail_waits_where_a_server_is_not_to_be_used(sent, exim_server, told):
    line = sent(exim_server, told)
    assert " == " in line
    assert "a TLS session is required" in line


UNSEEN = [  # by the time Exim looks, the MX is another one
    derived({OTHER: NONE}, N, beliefs=rules(f"{DOMAIN} verify")),
    derived({OTHER: NONE}, N, beliefs=rules("* verify")),
    derived({OTHER: USABLE}, N, beliefs=rules("* verify")),
]
UNSEEN_ENCRYPTED = [
    derived({OTHER: NONE}, N, beliefs=rules("* encrypt")),
    derived({OTHER: USABLE, "mx3.example.org": NONE}, N, beliefs=rules(f"{DOMAIN} encrypt")),
]


@pytest.mark.parametrize("told", [*UNSEEN, *UNSEEN_ENCRYPTED])
def test_mail_waits_where_a_server_not_seen_before_has_no_tls(sent, clear_server, told):
    line = sent(clear_server, told)
    assert " == " in line
    assert "a TLS session is required" in line


@pytest.mark.parametrize("told", UNSEEN)
def test_mail_waits_where_a_server_not_seen_before_cannot_prove_its_name(
    sent, strange_server, told
):
    line = sent(strange_server, told)
    assert " == " in line
    assert "certificate verification failed" in line


@pytest.mark.parametrize("told", UNSEEN_ENCRYPTED)
def test_mail_goes_encrypted_to_a_server_not_seen_before(sent, strange_server, told):
    line = sent(strange_server, told)
    assert " => " in line
    assert " X=TLS" in line


@pytest.mark.parametrize("told", UNSEEN)
def test_mail_goes_to_a_server_not_seen_before_that_proves_its_name(sent, exim_server, told):
    line = sent(exim_server, told)
    assert " => " in line
    assert " CV=yes " in line


def test_without_a_policy_mail_goes_in_clear(sent, clear_server):
    line = sent(clear_server, derived({HERE: NONE}))
    assert " => " in line
    assert " X=TLS" not in line
