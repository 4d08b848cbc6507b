import ssl
from datetime import UTC, datetime

import pytest

from unstrip.certificates import Fault, webpki
from unstrip.io.trust import anchors
from unstrip.lab.authority import Authority, Flaw, impersonator, self_signed
from unstrip.lab.interception import careless_context
from unstrip.protocols import smtp
from unstrip.tunnel import Tunnel


def shown(context, name="localhost"):
    """Return the chain that a client who asks for `name` is shown."""
    client = Tunnel(careless_context(smtp), name)
    server = Tunnel(context, None, server_side=True)
    while not client.shake():
        server.hear(client.outgoing())
        server.shake()
        client.hear(server.outgoing())
    return client.facts().chain


def faults(authority, context, name="localhost"):
    roots = anchors(authority.ca_file)
    return webpki(shown(context, name), name, roots, datetime.now(UTC)).faults


def test_a_certificate_of_the_authority_is_good_for_each_of_its_names(authority):
    context = authority.context("localhost", "mail.example.org", "127.0.0.1")
    for name in ("localhost", "mail.example.org", "127.0.0.1"):
        assert faults(authority, context, name) == ()


def test_an_expired_certificate_has_that_flaw_alone(authority):
    assert faults(authority, authority.context("localhost", flaw=Flaw.EXPIRED)) == (Fault.EXPIRED,)


def test_a_certificate_for_another_name_has_that_flaw_alone(authority):
    context = authority.context("localhost", flaw=Flaw.WRONG_NAME)
    assert faults(authority, context) == (Fault.WRONG_NAME,)


@pytest.mark.parametrize("make", ["of the authority", "of its own"])
def test_a_self_signed_certificate_has_that_flaw_alone(authority, make):
    if make == "of its own":
        context = self_signed("localhost")
    else:
        context = authority.context("localhost", flaw=Flaw.SELF_SIGNED)
    assert faults(authority, context) == (Fault.SELF_SIGNED,)


@pytest.mark.parametrize("name", ["localhost", "mail.example.org"])
def test_the_impersonator_has_a_self_signed_certificate_for_any_name(authority, name):
    assert faults(authority, impersonator(), name) == (Fault.SELF_SIGNED,)


def test_the_impersonator_has_something_to_show_to_a_client_without_sni():
    assert len(shown(impersonator(), "127.0.0.1")) == 1


def test_contexts_speak_no_tls_older_than_1_2(authority):
    assert authority.context("localhost").minimum_version is ssl.TLSVersion.TLSv1_2


def test_nothing_is_left_on_the_disk():
    with Authority() as made:
        directory = made.ca_file.parent
        made.context("localhost")
        assert [path.name for path in directory.iterdir()] == ["ca.pem"]
    assert not directory.exists()
