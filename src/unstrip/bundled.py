"""TLS by the OpenSSL that comes with pyOpenSSL: our client side's engine.

It is newer than the system's and the same on every machine: a verified handshake takes some 15 %
less CPU, it offers a key exchange that a later quantum computer cannot undo (X25519MLKEM768), and
it tells every fault of a chain without ending the handshake, so that what fails is evidence too.
Measured in docs/adr/0004-two-engines.md.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from OpenSSL import SSL, crypto

from unstrip.handshake import GROUPS, Handshake, has_forward_secrecy
from unstrip.hostname import is_address
from unstrip.tunnel import HandshakeFailed, Tunnel, words_for

_READ = 16384  # bytes taken out of the engine at a time: a record's worth

_GROUPS = {name.lower(): name for name in GROUPS.values()} | {  # OpenSSL's names in capitals
    "secp256r1": "P-256",
    "secp384r1": "P-384",
    "secp521r1": "P-521",
    "prime256v1": "P-256",
}

_VERSIONS = {"TLSv1.2": SSL.TLS1_2_VERSION, "TLSv1.3": SSL.TLS1_3_VERSION}
_OFFERED = b"*X25519:X25519MLKEM768:P-256:X448:P-384:P-521:ffdhe2048:ffdhe3072"


def client_context(roots: str, at_most: str | None = None) -> SSL.Context:
    """Return a context that trusts the PEM file `roots`; verification never ends a handshake.

    TLS 1.2 at least (RFC 9325, 3.1.1; R11), and `at_most`, "TLSv1.2", if that is given.

    Raises: OSError: the file cannot be read.
    """
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    if at_most is not None:
        context.set_max_proto_version(_VERSIONS[at_most])
    try:
        context.load_verify_locations(roots)
    except SSL.Error as error:
        raise OSError(f"no trusted roots can be read from {roots}") from error
    context.set_verify(SSL.VERIFY_PEER, _note_fault)
    _send_one_key_share(context)
    return context


def _send_one_key_share(context: SSL.Context) -> None:
    """Offer the groups that OpenSSL does, with a key share for X25519 alone.

    A share for X25519MLKEM768 makes the ClientHello 1.5 KB, which takes two segments and which old
    boxes drop, and costs a sixth of the handshake. A server that wants that group asks for the
    share (RFC 8446, 4.1.4). pyOpenSSL has no public call for it; without, the default stands.
    """
    library: Any = SSL._lib  # type: ignore[attr-defined]  # noqa: SLF001
    setter = getattr(library, "SSL_CTX_set1_curves_list", None)
    if setter is not None and setter(context._context, _OFFERED) != 1:  # noqa: SLF001
        library.ERR_clear_error()


class BundledTunnel(Tunnel):
    """The client's end of one TLS connection.

    Args:
        context: made by `client_context`.
        server_name: the name to send as SNI, an A-label; an address is not sent (RFC 6066, 3).
        alpn: the application protocol to name (RFC 7301), against cross-protocol attacks.
    """

    def __init__(self, context: SSL.Context, server_name: str, alpn: str | None = None) -> None:
        self._connection = SSL.Connection(context, None)
        self._faults: list[int] = []
        self._connection.set_app_data(self._faults)
        if not is_address(server_name):
            self._connection.set_tlsext_host_name(server_name.rstrip(".").encode())
        if alpn is not None:
            self._connection.set_alpn_protos([alpn.encode()])
        self._connection.set_connect_state()
        self._begin(server_name)

    def _feed(self, ciphertext: bytes) -> None:
        if ciphertext:
            self._connection.bio_write(ciphertext)
        else:
            self._connection.bio_shutdown()

    def shake(self) -> bool:
        """Go on with the handshake, as `Tunnel.shake`."""
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            return False
        except SSL.Error as error:
            raise self._failed(error) from error
        self.ready = True
        return True

    def outgoing(self) -> bytes:
        """Return what is to be sent to the peer now."""
        sent = b""
        with suppress(SSL.WantReadError):
            while len(part := self._connection.bio_read(_READ)) == _READ:
                sent += part
            sent += part
        return sent

    def seal(self, plaintext: bytes) -> bytes:
        """Return `plaintext` as records to be sent, as `Tunnel.seal`."""
        try:
            if plaintext:
                self._connection.sendall(plaintext)
        except SSL.Error as error:
            raise self._failed(error) from error
        return self.outgoing()

    def open(self) -> bytes:
        """Return what the peer has said inside since the last look, as `Tunnel.open`."""
        plaintext = b""
        try:
            while True:
                plaintext += self._connection.recv(_READ)
        except SSL.WantReadError:
            return plaintext
        except (SSL.ZeroReturnError, SSL.SysCallError):
            pass  # with and without close_notify: what ends a message is the protocol's to say
        except SSL.Error as error:
            failed = self._failed(error)
            if failed.reason != "UNEXPECTED_EOF_WHILE_READING":
                raise failed from error
        self.closed = True
        return plaintext

    def close(self) -> bytes:
        """Return the close_notify to be sent (RFC 8446, 6.1)."""
        with suppress(SSL.Error):  # it never stood, or is broken
            self._connection.shutdown()
        return self.outgoing()

    def facts(self) -> Handshake:
        """Return the facts of the finished handshake."""
        connection = self._connection
        version = connection.get_protocol_version_name()
        suite = connection.get_cipher_name() or ""
        group = connection.get_group_name()
        chain = connection.get_peer_cert_chain() or []
        alpn = connection.get_alpn_proto_negotiated().decode("ascii", "replace")
        return Handshake(
            version=version,
            cipher=suite,
            group=None if group is None else _GROUPS.get(group.lower(), group),
            forward_secrecy=has_forward_secrecy(version, suite),
            alpn=alpn or None,
            server_name=self._server_name,
            chain=tuple(crypto.dump_certificate(crypto.FILETYPE_ASN1, part) for part in chain),
        )

    @property
    def path_faults(self) -> tuple[int, ...] | None:
        """What OpenSSL found wrong with the path to a root, as X509_V_ERR numbers."""
        return tuple(dict.fromkeys(self._faults))

    @property
    def notified(self) -> bool:
        """The peer closed TLS itself, so what it said was not cut short (RFC 8446, 6.1)."""
        return bool(self._connection.get_shutdown() & SSL.RECEIVED_SHUTDOWN)

    def _failed(self, error: SSL.Error) -> HandshakeFailed:
        reasons = error.args[0] if error.args and isinstance(error.args[0], list) else []
        said = reasons[0][2] if reasons else "connection closed"
        reason = said.upper().replace(" ", "_").replace("/", "_")
        return HandshakeFailed(reason, words_for(said.lower(), self._first_flight()))


def _note_fault(
    connection: SSL.Connection, _part: crypto.X509, fault: int, _depth: int, fine: int
) -> bool:
    """Note what is wrong and go on: the caller judges before anything is said inside."""
    if not fine:
        faults: list[int] = connection.get_app_data()
        faults.append(fault)
    return True
