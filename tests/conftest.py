"""What all tests share: their order, how hard Hypothesis tries, certificates to speak TLS with."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from hypothesis import HealthCheck, settings

from unstrip.bundled import BundledTunnel
from unstrip.certificates import Anchors
from unstrip.io.trust import anchors, client_context
from unstrip.protocols import LEGACY_TLS, REGISTRY
from unstrip.tunnel import Tunnel

LONGEST = "test_add_a_protocol.py"
SERVER = "mx.example.org"  # the name that the certificates of these tests are for

_SLOW = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
settings.register_profile("default", max_examples=60, deadline=None, suppress_health_check=_SLOW)
settings.register_profile("fuzz", max_examples=5000, deadline=None, suppress_health_check=_SLOW)
settings.load_profile("default")


def pytest_collection_modifyitems(items):
    """Workers take file by file, from the front: what begins last should not take longest."""
    items.sort(key=lambda item: item.path.name != LONGEST)


@dataclass(frozen=True, slots=True)
class Pki:
    """A CA of our own, a server's context with a certificate of it, and those who trust it.

    Attributes: legacy: the same for protocols that know nothing newer than TLS 1.2.
    """

    ca: trustme.CA
    ca_file: Path
    server: ssl.SSLContext
    legacy: ssl.SSLContext
    roots: Anchors

    def client_end(self, name: str = SERVER, alpn: str | None = None) -> Tunnel:
        """Our end of TLS, as a session makes it."""
        return BundledTunnel(client_context(self.roots), name, alpn)

    def server_end(self, *, legacy: bool = False) -> Tunnel:
        """The server's end of TLS."""
        return Tunnel(self.legacy if legacy else self.server, None, server_side=True)

    def server_context(self, *names: str) -> ssl.SSLContext:
        """A fresh context for a server, with a certificate for these names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*names or (SERVER,)).configure_cert(context)
        return context


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    ca = trustme.CA()
    ca_file = tmp_path_factory.mktemp("pki") / "ca.pem"
    ca.cert_pem.write_to_path(str(ca_file))
    server, legacy = (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) for _ in range(2))
    certificate = ca.issue_cert(SERVER, "localhost", "127.0.0.1", "::1")
    for context in (server, legacy):
        certificate.configure_cert(context)
    server.set_alpn_protocols([p.ALPN for p in REGISTRY.values() if p.ALPN_DUE])
    legacy.maximum_version = ssl.TLSVersion[LEGACY_TLS.replace(".", "_")]
    return Pki(ca, ca_file, server, legacy, anchors(ca_file))
