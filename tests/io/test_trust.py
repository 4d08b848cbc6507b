"""Which roots are trusted, and what is made of them."""

from __future__ import annotations

import os
import ssl

import pytest
import trustme

from tests.conftest import SERVER
from tests.test_tunnel import shaken
from unstrip.io import trust
from unstrip.tunnel import HandshakeFailed, Tunnel


def test_the_roots_are_read_once_and_know_where_they_came_from(pki):
    roots = trust.anchors(pki.ca_file)
    assert roots.source == str(pki.ca_file)
    assert trust.anchors(pki.ca_file) is roots
    assert trust.client_context(roots) is trust.client_context(roots)


@pytest.mark.parametrize("words", [None, b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\n"])
def test_roots_that_cannot_be_read_are_an_error_and_never_an_empty_set(tmp_path, words):
    path = tmp_path / "roots.pem"
    if words is not None:
        path.write_bytes(words)
    with pytest.raises(trust.NoRoots, match=r"roots\.pem"):
        trust.anchors(path)


def test_the_environment_may_name_the_roots(pki, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(pki.ca_file))
    assert trust.anchors().source == str(pki.ca_file)


def test_a_system_without_roots_is_an_error(monkeypatch, tmp_path):
    missing = str(tmp_path / "none.pem")
    paths = ssl.get_default_verify_paths()._replace(cafile=missing)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    monkeypatch.setattr(trust.Path, "is_file", lambda _: False)
    with pytest.raises(trust.NoRoots, match="no file of trusted roots"):
        trust.anchors()


def test_a_server_of_ours_shows_its_chain(tmp_path, pki):
    leaf = pki.ca.issue_cert(SERVER)
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    leaf.cert_chain_pems[0].write_to_path(str(chain))
    leaf.private_key_pem.write_to_path(str(key))
    server = Tunnel(trust.server_context(chain, key), None, server_side=True)
    client, _ = shaken(pki.client_end(), server)
    assert client.path_faults == ()
    assert len(client.facts().chain) == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_server_of_ours_speaks_no_tls_before_1_2(tmp_path, pki):
    leaf = pki.ca.issue_cert(SERVER)
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    leaf.cert_chain_pems[0].write_to_path(str(chain))
    leaf.private_key_pem.write_to_path(str(key))
    server = Tunnel(trust.server_context(chain, key), None, server_side=True)
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with pytest.raises(HandshakeFailed):
        shaken(Tunnel(old, SERVER), server)


def test_the_roots_of_one_file_are_not_those_of_another(tmp_path, pki):
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    assert trust.anchors(other) is not trust.anchors(pki.ca_file)
    assert trust.client_context(trust.anchors(other)) is not trust.client_context(pki.roots)


def test_a_file_that_was_written_anew_is_read_anew(tmp_path, pki):
    path = tmp_path / "roots.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    before = trust.anchors(path)
    path.write_bytes(pki.ca_file.read_bytes())
    os.utime(path, (1, 1))
    after = trust.anchors(path)
    assert after is not before
    assert trust.client_context(after) is not trust.client_context(before)
