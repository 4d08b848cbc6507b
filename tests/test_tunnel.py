"""TLS as bytes in, bytes out: real engines on both ends, and peers that are none.

Both of our engines keep to all of it: the system's OpenSSL, and the one that comes with pyOpenSSL.
"""

from __future__ import annotations

import re
import ssl
from contextlib import suppress
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from OpenSSL import SSL

from tests.conftest import SERVER
from unstrip.bundled import BundledTunnel
from unstrip.handshake import Handshake
from unstrip.io.trust import client_context
from unstrip.trouble import Trouble
from unstrip.tunnel import HandshakeFailed, ServerTunnel, Tunnel

ALERT = b"\x15\x03\x03\x00\x02\x02\x28"  # fatal, handshake_failure


def pump(source, target, bite=65536):
    records = source.outgoing()
    for start in range(0, len(records), bite):
        target.hear(records[start : start + bite])
        if not target.ready:
            target.shake()


def shaken(client, server, bite=65536):
    client.shake()
    for _ in range(5):
        pump(client, server, bite)
        pump(server, client, bite)
        if client.ready and server.ready:
            return client, server
    raise AssertionError("no handshake")


def system_end(_, name=SERVER, alpn=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols([alpn])
    return Tunnel(context, name)


def bundled_end(pki, name=SERVER, alpn=None):
    return BundledTunnel(client_context(pki.roots), name, alpn)


@pytest.fixture(params=[system_end, bundled_end], ids=["system", "bundled"])
def client_end(request, pki):
    return partial(request.param, pki)


@pytest.fixture
def pair(pki, client_end):
    return shaken(client_end(), pki.server_end())


@pytest.mark.parametrize("bite", [1, 2, 3, 7, 65536])
def test_two_ends_shake_hands_and_talk_whatever_the_segments(pki, client_end, bite):
    client, server = shaken(client_end(), pki.server_end(), bite)
    server.hear(client.seal(b"EHLO a\r\n"))
    assert server.open() == b"EHLO a\r\n"
    for byte in server.seal(b"250 mx\r\n"):
        client.hear(bytes([byte]))
    assert client.open() == b"250 mx\r\n"


def test_much_is_read_in_one_go(pair):
    client, server = pair
    words = bytes(range(256)) * 1024
    server.hear(client.seal(words))
    assert server.open() == words
    assert server.open() == b""
    assert not server.closed


def test_the_facts_are_those_of_the_handshake(pki, client_end):
    client, _ = shaken(client_end(), pki.server_end())
    facts = client.facts()
    assert isinstance(facts, Handshake)
    assert (facts.version, facts.server_name, facts.alpn) == ("TLSv1.3", SERVER, None)
    assert facts.cipher.startswith("TLS_")
    assert facts.group in ("X25519", "X25519MLKEM768")
    assert facts.forward_secrecy
    assert facts.webpki is None
    assert [type(part) for part in facts.chain] == [bytes]


def test_the_chain_is_what_the_peer_sent_with_the_leaf_first(pki, client_end):
    middle = pki.ca.create_child_ca()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf = middle.issue_cert(SERVER)
    leaf.configure_cert(context)
    client, _ = shaken(client_end(), Tunnel(context, None, server_side=True))
    sent = [ssl.PEM_cert_to_DER_cert(pem.bytes().decode()) for pem in leaf.cert_chain_pems]
    assert len(sent) == 2
    assert client.facts().chain == tuple(sent)


def test_a_client_that_shows_no_certificate_has_no_chain(pair):
    assert pair[1].facts().chain == ()


def test_the_application_protocol_is_agreed_on(pki, client_end):
    context = pki.server_context(SERVER)
    context.set_alpn_protocols(["imap", "pop3"])
    client, _ = shaken(client_end(alpn="pop3"), Tunnel(context, None, server_side=True))
    assert client.facts().alpn == "pop3"


@pytest.mark.parametrize(
    ("name", "sent"),
    [(SERVER, SERVER), ("192.0.2.1", None), ("2001:db8::1", None)],
)
def test_a_name_is_sent_as_sni_and_an_address_never(pki, client_end, name, sent):
    assert sni(pki, client_end, name) == [sent]


def test_a_name_is_sent_without_its_trailing_dot(pki, client_end):
    assert sni(pki, client_end, SERVER + ".") == [SERVER]


def sni(pki, client_end, name):
    """What the server is told when this is the name to verify."""
    told = []
    context = pki.server_context(SERVER)
    context.sni_callback = lambda _engine, name, _context: told.append(name)
    shaken(client_end(name), Tunnel(context, None, server_side=True))
    return told


def test_certificates_are_not_judged_in_the_handshake(pki, client_end):
    client, _ = shaken(client_end("other.example.org"), pki.server_end())
    assert client.facts().chain


# Peers that are no good


@pytest.mark.parametrize("bite", [1, 3, 65536])
@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"250 mx.example.net\r\n", "WRONG_VERSION_NUMBER"),
        (b"<html>400 Bad Request", "WRONG_VERSION_NUMBER"),
        (ALERT, "ALERT_HANDSHAKE_FAILURE"),
    ],
)
def test_what_is_no_handshake_fails_with_a_reason(pki, client_end, said, reason, bite):
    client = client_end()
    client.shake()
    with pytest.raises(HandshakeFailed) as caught:
        hear(client, said, bite)
    assert caught.value.reason.endswith(reason)
    assert caught.value.trouble is Trouble.TLS


def hear(tunnel, said, bite):
    for start in range(0, len(said), bite):
        tunnel.hear(said[start : start + bite])
        tunnel.shake()


def test_plain_words_in_the_place_of_a_handshake_are_quoted_escaped(pki, client_end):
    client = client_end()
    client.shake()
    with pytest.raises(HandshakeFailed, match=r"the peer said '220 \\x1b\[2Jmx\\r\\n'"):
        hear(client, b"220 \x1b[2Jmx\r\n", 100)


def test_words_that_begin_as_no_record_can_are_quoted_too(client_end):
    client = client_end()
    client.shake()
    with pytest.raises(HandshakeFailed, match=r"the peer said '\\x16\\x00\\x00\\x02\\xff.*Bad"):
        hear(client, b"\x16\x00\x00\x02\xff\x13\x04#08S01Bad handshake", 100)  # MySQL's no


def test_an_alert_is_not_quoted(pki, client_end):
    client = client_end()
    client.shake()
    with pytest.raises(HandshakeFailed) as caught:
        hear(client, ALERT, 100)
    assert "the peer said" not in str(caught.value)


@pytest.mark.parametrize("heard", [b"", b"\x16\x03\x03"])
def test_a_peer_who_hangs_up_in_the_handshake_fails_it(pki, client_end, heard):
    client = client_end()
    client.shake()
    if heard:
        client.hear(heard)
        assert not client.shake()
    client.hear(b"")
    with pytest.raises(HandshakeFailed):
        client.shake()


def test_a_failed_handshake_leaves_an_alert_to_be_sent(pki):
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    old.minimum_version = ssl.TLSVersion.TLSv1_3
    pki.ca.issue_cert(SERVER).configure_cert(old)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    ours, theirs = Tunnel(client, SERVER), Tunnel(old, None, server_side=True)
    ours.shake()
    theirs.hear(ours.outgoing())
    with pytest.raises(HandshakeFailed) as caught:
        theirs.shake()
    assert caught.value.reason == "UNSUPPORTED_PROTOCOL"
    alert = theirs.outgoing()
    assert alert[0] == 0x15
    with pytest.raises(HandshakeFailed) as caught:
        hear(ours, alert, 100)
    assert caught.value.reason == "TLSV1_ALERT_PROTOCOL_VERSION"


def test_a_broken_record_ends_the_connection(pair):
    client, server = pair
    record = bytearray(server.seal(b"250 mx\r\n"))
    record[-1] ^= 1
    client.hear(bytes(record))
    with pytest.raises(HandshakeFailed) as caught:
        client.open()
    assert caught.value.reason == "DECRYPTION_FAILED_OR_BAD_RECORD_MAC"


def test_plaintext_between_records_is_never_taken_for_words_inside(pair):
    client, server = pair
    client.hear(b"250 evil\r\n" + server.seal(b"250 mx\r\n"))
    with pytest.raises(HandshakeFailed):
        client.open()


@given(st.binary(max_size=200), st.booleans(), st.booleans())
def test_garbage_is_waited_on_or_fails(garbage, eof, bundled):
    client = BundledTunnel(BUNDLED, SERVER) if bundled else Tunnel(SYSTEM, SERVER)
    client.shake()
    try:
        if garbage:
            client.hear(garbage)
            client.shake()
        if eof:
            client.hear(b"")
            client.shake()
    except HandshakeFailed as failed:
        words = str(failed)
        assert words.isascii()
        assert words.isprintable()
        assert len(words) < 300
    assert not client.ready


SYSTEM, BUNDLED = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), SSL.Context(SSL.TLS_CLIENT_METHOD)


# Endings


def test_a_close_is_told_and_words_before_it_are_kept(pair):
    client, server = pair
    client.hear(server.seal(b"221 bye\r\n") + server.close())
    assert client.open() == b"221 bye\r\n"
    assert client.closed


def test_a_peer_who_hangs_up_without_a_close_has_closed(pair):
    client, server = pair
    client.hear(server.seal(b"221 bye\r\n"))
    client.hear(b"")
    assert client.open() == b"221 bye\r\n"
    assert client.closed


def test_after_a_close_of_the_peer_words_may_still_be_sent(pair):
    client, server = pair
    client.hear(server.close())
    client.open()
    server.hear(client.seal(b"QUIT\r\n"))
    assert server.open() == b"QUIT\r\n"


def test_after_a_peer_hung_up_sealing_fails_with_a_sentence(pair):
    client, _ = pair
    client.hear(b"")
    client.open()
    with pytest.raises(HandshakeFailed) as caught:
        client.seal(b"QUIT\r\n")
    assert re.fullmatch(r"[A-Z_]*", caught.value.reason)
    assert "[" not in str(caught.value)


def test_closing_twice_or_after_the_peer_is_harmless(pair):
    client, server = pair
    assert client.close()
    client.close()
    client.hear(b"")
    client.open()
    assert client.close() == b""
    server.hear(b"")
    server.open()
    assert isinstance(server.close(), bytes)


def test_an_engine_that_judges_no_certificates_knows_of_no_fault(pki):
    assert pki.server_end().path_faults is None


# The server's end and what a client wants to speak


def asking_for(*protocols):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return Tunnel(context, SERVER)


@pytest.mark.parametrize("bite", [1, 100, 65536])
@pytest.mark.parametrize("wanted", [(), ("imap",), ("http/1.1", "imap")])
def test_a_client_that_names_our_protocol_or_none_is_let_in(pki, wanted, bite):
    client, server = asking_for(*wanted), ServerTunnel(pki.server_context(), "imap")
    shaken(client, server, bite)
    assert client.ready
    assert server.ready


@pytest.mark.parametrize("bite", [1, 100, 65536])
def test_a_client_that_wants_other_protocols_alone_gets_the_alert_for_it(pki, bite):
    client, server = asking_for("http/1.1", "h2"), ServerTunnel(pki.server_context(), "imap")
    with pytest.raises(
        HandshakeFailed, match=r"wants to speak 'http/1\.1, h2'; here is imap"
    ) as caught:
        shaken(client, server, bite)
    assert caught.value.reason == "NO_APPLICATION_PROTOCOL"
    client.hear(server.outgoing())
    with pytest.raises(HandshakeFailed, match="no application protocol"):
        client.shake()


def test_a_server_whose_protocol_has_no_name_in_tls_lets_everyone_in(pki):
    client, server = asking_for("http/1.1"), ServerTunnel(pki.server_context())
    shaken(client, server)
    assert server.ready


@given(st.binary(max_size=400))
def test_whatever_a_client_begins_with_the_servers_end_fails_as_tls_does(garbage):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server = ServerTunnel(context, "imap")
    server.hear(garbage)
    with suppress(HandshakeFailed):
        assert not server.shake()


def test_cutting_the_hello_into_crumbs_does_not_lead_past_the_servers_end(pki):
    """Record framing is not authenticated: whoever is on the path may do this to a client."""
    client, server = asking_for("http/1.1"), ServerTunnel(pki.server_context(), "imap")
    client.shake()
    hello = client.outgoing()[5:]
    crumbs = b"".join(b"\x16\x03\x01\0\0" * 20 + b"\x16\x03\x01\0\1%c" % byte for byte in hello)
    with pytest.raises(HandshakeFailed, match="refused"):
        fed(server, crumbs, 8000)


def test_a_client_that_names_nothing_is_refused_where_a_name_is_due(pki):
    server = ServerTunnel(pki.server_context(), "postgresql", due=True)
    with pytest.raises(HandshakeFailed, match="does not say what it wants to speak"):
        shaken(asking_for(), server)
    welcome = ServerTunnel(pki.server_context(), "postgresql", due=True)
    shaken(asking_for("postgresql"), welcome)
    assert welcome.ready


def test_a_hello_of_crumbs_in_tiny_segments_is_refused_when_it_is_longer_than_any(pki):
    server = ServerTunnel(pki.server_context(), "imap")
    with pytest.raises(HandshakeFailed, match="not whole"):
        fed(server, b"\x16\x03\x01\0\1\1" * 10_000, 1)


def fed(server, records, size):
    for start in range(0, len(records), size):
        server.hear(records[start : start + size])
        server.shake()
