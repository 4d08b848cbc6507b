"""Our client side's engine: what `test_tunnel` has not said, and its judgement of chains."""

from __future__ import annotations

import ssl

import pytest
import trustme

from tests.conftest import SERVER
from tests.test_handshake import BOTH
from tests.test_tunnel import shaken
from unstrip.bundled import BundledTunnel, client_context
from unstrip.tunnel import HandshakeFailed, Tunnel

UNTRUSTED = {19, 20, 21}  # X509_V_ERR: no issuer that is known, or not the right one


def faults(pki, ca):
    """What is found wrong with a certificate of this CA."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(SERVER).configure_cert(context)
    client, _ = shaken(pki.client_end(), Tunnel(context, None, server_side=True))
    return client.path_faults


def test_a_chain_to_a_trusted_root_has_no_fault(pki):
    assert faults(pki, pki.ca) == ()
    assert faults(pki, pki.ca.create_child_ca()) == ()


def test_a_chain_to_another_root_is_a_fault_and_the_handshake_ends_all_the_same(pki):
    assert set(faults(pki, trustme.CA())) <= UNTRUSTED
    assert faults(pki, trustme.CA())


def test_the_faults_of_one_connection_are_not_those_of_another(pki):
    assert faults(pki, trustme.CA())
    assert faults(pki, pki.ca) == ()


def test_a_wrong_name_is_not_the_engines_to_judge(pki):
    client, _ = shaken(pki.client_end("other.example.org"), pki.server_end())
    assert client.path_faults == ()


def test_roots_that_cannot_be_read_are_an_error(tmp_path):
    with pytest.raises(OSError, match="no trusted roots"):
        client_context(str(tmp_path / "none.pem"))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_versions_before_tls_1_2_are_not_spoken(pki, version):
    server = pki.server_context(SERVER)
    server.set_ciphers("ALL:@SECLEVEL=0")
    server.minimum_version = server.maximum_version = version
    with pytest.raises(HandshakeFailed):
        shaken(pki.client_end(), Tunnel(server, None, server_side=True))


def test_a_key_exchange_that_outlives_quantum_computers_is_offered(pki):
    client = pki.client_end()
    client.shake()
    assert b"\x11\xec" in client.outgoing()  # X25519MLKEM768


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(("curve", "group"), BOTH.items())
def test_a_group_has_the_name_that_the_other_engine_gives_it(pki, version, curve, group):
    server = pki.server_context(SERVER)
    server.minimum_version = server.maximum_version = version
    server.set_ecdh_curve(curve)
    client, _ = shaken(pki.client_end(), Tunnel(server, None, server_side=True))
    assert client.facts().group == group


def test_rsa_key_transport_has_no_group_and_no_forward_secrecy(pki):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pki.ca.issue_cert(SERVER, key_type=trustme.KeyType.RSA).configure_cert(server)
    server.maximum_version = ssl.TLSVersion.TLSv1_2
    server.set_ciphers("AES128-GCM-SHA256")
    client, _ = shaken(pki.client_end(), Tunnel(server, None, server_side=True))
    facts = client.facts()
    assert (facts.cipher, facts.group, facts.forward_secrecy) == ("AES128-GCM-SHA256", None, False)


def test_much_is_sealed_in_one_go(pki):
    client, server = shaken(pki.client_end(), pki.server_end())
    words = bytes(1_000_000)
    server.hear(client.seal(words))
    assert server.open() == words
    assert client.seal(b"") == b""


def test_one_context_serves_many_connections_at_once(pki):
    context = client_context(pki.roots.source)
    pairs = [(BundledTunnel(context, SERVER), pki.server_end()) for _ in range(5)]
    for client, server in pairs:
        shaken(client, server)
    for number, (client, server) in enumerate(pairs):
        server.hear(client.seal(b"%d" % number))
    assert [server.open() for _, server in pairs] == [b"0", b"1", b"2", b"3", b"4"]


def test_a_peer_who_closed_tls_is_told_from_one_who_was_cut_off(pki):
    for ending, notified in ((lambda server: server.close(), True), (lambda _: b"", False)):
        client, server = shaken(pki.client_end(), pki.server_end())
        client.hear(server.seal(b"bye"))
        assert not client.notified
        client.hear(ending(server))
        assert client.open() == b"bye"
        assert client.closed
        assert client.notified is notified
