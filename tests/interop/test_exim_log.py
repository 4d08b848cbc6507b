"""What Exim logs, as it is read for TLS reports: the lines of an Exim of today."""

from __future__ import annotations

from tests.interop.test_mta_exim import (  # noqa: F401  # fixtures
    DOMAIN,
    HERE,
    clear_server,
    sent,
    strange_server,
)
from tests.mta.domains import NONE, derived, rules
from unstrip.tlsrpt.exim import Log

VERIFIED = derived({HERE: NONE}, beliefs=rules(f"{HERE} verify"))
FREE = derived({HERE: NONE})


def read(line: str):
    (found,) = Log().read(line)
    assert (found.domain, found.session.host) == (DOMAIN, HERE)
    assert found.session.receiving_ip == "127.0.0.1"
    return found.session


def test_a_verified_delivery(sent, exim_server):  # noqa: F811
    session = read(sent(exim_server, VERIFIED))
    assert (session.broken, session.by_webpki) == (None, ())


def test_a_delivery_to_whomever(sent, strange_server):  # noqa: F811
    session = read(sent(strange_server, FREE))
    assert session.broken is None
    assert [result.value for result, _ in session.by_webpki] == ["certificate-not-trusted"]


def test_a_delivery_in_clear(sent, clear_server):  # noqa: F811
    result, _ = read(sent(clear_server, FREE)).broken
    assert result.value == "starttls-not-supported"


def test_mail_that_waits_for_tls(sent, clear_server):  # noqa: F811
    result, _ = read(sent(clear_server, VERIFIED)).broken
    assert result.value == "starttls-not-supported"


def test_mail_that_waits_for_a_certificate(sent, strange_server):  # noqa: F811
    result, _ = read(sent(strange_server, VERIFIED)).broken
    assert result.value == "certificate-not-trusted"
