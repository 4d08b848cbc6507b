"""Which roots are trusted, and the TLS contexts: a handful for the whole process.

A context costs 15 ms with the system's roots in it, so none is made per connection. Ours holds
no roots at all: chains are judged after the handshake (see `certificates`), so that what failed
is evidence too; the roots live in one OpenSSL store.
"""

from __future__ import annotations

import os
import ssl
from functools import cache
from pathlib import Path

from unstrip.certificates import Anchors


class NoRoots(OSError):
    """The file of trusted roots cannot be read."""


@cache
def anchors(ca_file: Path | None = None) -> Anchors:
    """Return the trusted roots.

    Args: ca_file: PEM; the system's roots, or SSL_CERT_FILE's, by default.
    Raises: NoRoots: there are none to be read; nothing would be trusted, so nothing is judged.
    """
    from OpenSSL import crypto

    path = ca_file or _system_roots()
    store = crypto.X509Store()
    try:
        store.load_locations(str(path))
    except crypto.Error as error:
        raise NoRoots(f"no trusted roots can be read from {path}") from error
    return Anchors(store)


def _system_roots() -> Path:
    paths = ssl.get_default_verify_paths()
    known = (os.environ.get("SSL_CERT_FILE"), paths.cafile, "/etc/ssl/certs/ca-certificates.crt")
    for path in known:
        if path and Path(path).is_file():
            return Path(path)
    raise NoRoots("this system has no file of trusted roots")


@cache
def client_context(alpn: str | None = None) -> ssl.SSLContext:
    """Return the context for our client side: TLS 1.2 at least (RFC 9325, 3.1.1; R11).

    Args: alpn: the application protocol to name (RFC 7301), against cross-protocol attacks.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # judged after the handshake, by `certificates.webpki`
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if alpn is not None:
        context.set_alpn_protocols([alpn])
    return context


def server_context(chain: Path, key: Path) -> ssl.SSLContext:
    """Return a context for our server side, for the lab and the gateway.

    Args: chain, key: PEM files.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(chain, key)
    return context
