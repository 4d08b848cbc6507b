"""What Postfix is told, tried with Postfix: it can read it, and mail goes as decided, or waits.

One Postfix sends a letter for each answer, through a transport that was told nothing else.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.interop.mail.postfix_log import Attempt, tried
from tests.interop.servers import Certificates, SmtpServer, exim
from tests.interop.servers.exim import EXIM_WITHOUT_STARTTLS
from tests.interop.servers.machine import make_home
from tests.interop.servers.postfix import postfix_sender
from tests.mta.domains import NONE, PIN, UNUSABLE, derived, listed, rules
from tests.policy.answering import N
from unstrip.certificates import spki
from unstrip.derivation import Derivation
from unstrip.mta.postfix import Lookup, answer

HERE, OTHER = "localhost", "mx2.example.org"  # only the first one is there
END = "-----END CERTIFICATE-----"
TRANSPORT = "told{n} unix - - n - - smtp\n  -o smtp_tls_policy_maps=texthash:{place}/policy{n}\n"
ROUTE = "told{n}.example told{n}:[{here}]:{port}\n"
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
UNPINNED = derived({HERE: NONE}, beliefs=rules(f"{HERE} verify {PIN}"))

Told = Callable[[Derivation], Attempt]


def pinned(certificates: Certificates) -> Derivation:
    leaf = certificates.chain.read_text("ascii").partition(END)[0] + END
    key = spki(ssl.PEM_cert_to_DER_cert(leaf))
    return derived({HERE: NONE}, beliefs=rules(f"{HERE} verify {key}", f"* verify {PIN}"))


def text(told: Derivation) -> str:
    found = answer(told, reporting=False)
    assert found.lookup is Lookup.FOUND
    return found.text


def sent(
    directory: Path, certificates: Certificates, server: SmtpServer, *told: str
) -> list[Attempt]:
    """What became of a letter for each of these answers, all to the same server."""
    place = make_home(directory, "told")
    numbers = range(len(told))
    for n, words in enumerate(told):
        (place / f"policy{n}").write_text(f"[{HERE}]:{server.smtp} {words}\n")
    routes = (ROUTE.format(n=n, here=HERE, port=server.smtp) for n in numbers)
    (place / "routes").write_text("".join(routes))
    settings = {
        "transport_maps": f"texthash:{place}/routes",
        "smtp_host_lookup": "native",
        "smtp_tls_security_level": "may",
        "smtp_tls_CAfile": f"{certificates.ca}",
        "smtp_tls_fingerprint_digest": "sha256",
    }
    transports = "".join(TRANSPORT.format(n=n, place=place) for n in numbers)
    recipients = [f"b@told{n}.example" for n in numbers]
    with postfix_sender(directory, certificates, (), transports, **settings) as sender:
        sender.give(*(("a@sender.example", each, b"Subject: x\n\nx\n") for each in recipients))
        found = tried(sender, recipients)
    return [found[each][0] for each in recipients]


@pytest.fixture(scope="module")
def told(directory, certificates, exim_server) -> Told:
    derivations = [*BY_NAME, *BY_ANOTHER, *ENCRYPTED, pinned(certificates), UNPINNED]
    texts = list(dict.fromkeys(map(text, derivations)))
    found = sent(directory, certificates, exim_server, *texts)
    return lambda derivation: found[texts.index(text(derivation))]


@pytest.fixture(scope="module")
def told_where_tls_is_stripped(directory, certificates) -> Told:
    texts = [text(derivation) for derivation in (BY_NAME[0], *ENCRYPTED)]
    with exim(directory, certificates, **EXIM_WITHOUT_STARTTLS) as server:
        found = sent(directory, certificates, server, *texts)
    return lambda derivation: found[texts.index(text(derivation))]


@pytest.mark.parametrize("derivation", BY_NAME)
def test_mail_goes_to_a_server_that_proves_its_name(told, derivation):
    attempt = told(derivation)
    assert (attempt.status, attempt.tls) == ("sent", "Verified")


@pytest.mark.parametrize("derivation", BY_ANOTHER)
def test_mail_waits_where_a_server_proves_another_name(told, derivation):
    attempt = told(derivation)
    assert (attempt.status, attempt.reason) == ("deferred", "Server certificate not verified")


@pytest.mark.parametrize("derivation", ENCRYPTED)
def test_mail_goes_encrypted_whoever_answers(told, derivation):
    attempt = told(derivation)
    assert attempt.status == "sent"
    assert attempt.tls


@pytest.mark.parametrize("derivation", [BY_NAME[0], *ENCRYPTED])
def test_mail_waits_where_tls_is_stripped(told_where_tls_is_stripped, derivation):
    attempt = told_where_tls_is_stripped(derivation)
    assert attempt.status == "deferred"
    assert attempt.reason.startswith("TLS is required, but was not offered")


def test_mail_goes_to_a_server_with_a_pinned_key_and_to_no_other(told, certificates):
    attempt = told(pinned(certificates))
    assert (attempt.status, attempt.tls) == ("sent", "Verified")
    assert told(UNPINNED).status == "deferred"
