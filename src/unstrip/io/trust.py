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


def anchors(ca_file: Path | None = None) -> Anchors:
    """Return the trusted roots; a file that was written anew is read anew.

    Args: ca_file: PEM; the system's roots, or SSL_CERT_FILE's, by default.
    Raises: NoRoots: there are none to be read; nothing would be trusted, so nothing is judged.
    """
    path = ca_file or _system_roots()
    try:
        return _read(str(path), path.stat().st_mtime_ns)
    except (OSError, crypto.Error) as error:
        raise NoRoots(f"no trusted roots can be read from {path}") from error


@cache
def _read(path: str, _written: int) -> Anchors:
    store = crypto.X509Store()
    store.load_locations(path)
    return Anchors(store, path)


@cache
def client_context(roots: Anchors, at_most: str | None = None) -> SSL.Context:
    """Return our client side's context for these roots.

    Args: at_most: the newest version of TLS to speak, "TLSv1.2"; None is the newest there is.
    """
    return bundled.client_context(roots.source, at_most)


def _system_roots() -> Path:
    if named := os.environ.get("SSL_CERT_FILE"):
        return Path(named)  # one that is not there is an error, not the system's instead
    paths = ssl.get_default_verify_paths()
    for path in (paths.cafile, "/etc/ssl/certs/ca-certificates.crt"):
        if path and Path(path).is_file():
            return Path(path)
    raise NoRoots("this system has no file of trusted roots")


def server_context(chain: Path, key: Path) -> ssl.SSLContext:
    """Return a context for our server side, for the lab and the gateway.

    Args: chain, key: PEM files.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(chain, key)
    return context
