"""Which roots are trusted, and the TLS contexts: a handful for the whole process.

A context costs 15 ms with the system's roots in it, so none is made per connection, and one does
for every protocol. None ends a handshake because of a certificate: what fails is evidence too,
and is refused before anything is said inside TLS.
"""

from __future__ import annotations

import os
import ssl
from functools import cache
from pathlib import Path

from OpenSSL import SSL, crypto

from unstrip import bundled
from unstrip.certificates import Anchors


class NoRoots(OSError):
    """The file of trusted roots cannot be read."""


@cache
def anchors(ca_file: Path | None = None) -> Anchors:
    """Return the trusted roots.

    Args: ca_file: PEM; the system's roots, or SSL_CERT_FILE's, by default.
    Raises: NoRoots: there are none to be read; nothing would be trusted, so nothing is judged.
    """
    path = ca_file or _system_roots()
    store = crypto.X509Store()
    try:
        store.load_locations(str(path))
    except crypto.Error as error:
        raise NoRoots(f"no trusted roots can be read from {path}") from error
    return Anchors(store, str(path))


def _system_roots() -> Path:
    paths = ssl.get_default_verify_paths()
    known = (os.environ.get("SSL_CERT_FILE"), paths.cafile, "/etc/ssl/certs/ca-certificates.crt")
    for path in known:
        if path and Path(path).is_file():
            return Path(path)
    raise NoRoots("this system has no file of trusted roots")


@cache
def client_context(source: str) -> SSL.Context:
    """Return our client side's context for the roots that `anchors` read from `source`."""
    return bundled.client_context(source)


def server_context(chain: Path, key: Path) -> ssl.SSLContext:
    """Return a context for our server side, for the lab and the gateway.

    Args: chain, key: PEM files.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(chain, key)
    return context
