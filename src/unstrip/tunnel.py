"""TLS as bytes in, bytes out (ssl.MemoryBIO), so that no driver ever swaps a stream.

asyncio's own `start_tls` keeps bytes that were read too early and serves them later as if they
had come through TLS, and leaks memory at each failed handshake (CPython 3.11 to 3.13). Here the
engine never sees a socket and the socket never sees an engine.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import Any

from unstrip.escaping import excerpt
from unstrip.handshake import (
    FirstMessage,
    Handshake,
    alpn_offered,
    has_forward_secrecy,
    key_exchange_group,
)
from unstrip.trouble import ProtocolError, Trouble

_READ = 65536  # bytes taken out of the engine at a time
_FLIGHT = 16384  # bytes of the peer's first flight kept to read the group from
_RECORDS = (b"\x15\x03", b"\x16\x03")  # RFC 8446, 5.1: an alert, a handshake; the version's 3
_NO_APPLICATION_PROTOCOL = b"\x15\x03\x03\x00\x02\x02\x78"  # RFC 7301, 3.2: a fatal alert
_HANDSHAKE = b"\x16"  # RFC 8446, 5.1
_DER = 2  # _ssl.ENCODING_DER
_GONE = "nothing more can be sent inside TLS"


class HandshakeFailed(ProtocolError):
    """TLS could not be agreed on, or broke.

    Attributes: reason: OpenSSL's name for it, such as "WRONG_VERSION_NUMBER".
    """

    trouble = Trouble.TLS

    def __init__(self, reason: str, words: str) -> None:
        super().__init__(words)
        self.reason = reason


class Tunnel:
    """One end of one TLS connection.

    Args:
        context: how to speak TLS; verification after the handshake is the caller's choice.
        server_name: the name to send as SNI, as A-label, or None for none.
        server_side: True for the server's end.
    """

    def __init__(
        self, context: ssl.SSLContext, server_name: str | None, *, server_side: bool = False
    ) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        name = None if server_name is None else server_name.rstrip(".")  # RFC 6066, 3
        self._engine = context.wrap_bio(
            self._incoming, self._outgoing, server_side=server_side, server_hostname=name
        )
        self._begin(server_name)

    def _begin(self, server_name: str | None) -> None:
        self._server_name = server_name
        self._flight = bytearray()
        self.ready = False
        self.closed = False

    def hear(self, ciphertext: bytes) -> None:
        """Take bytes from the network, or b"" when the peer hung up."""
        if not self.ready and len(self._flight) < _FLIGHT:
            self._flight += ciphertext
        self._feed(ciphertext)

    def _feed(self, ciphertext: bytes) -> None:
        if ciphertext:
            self._incoming.write(ciphertext)
        else:
            self._incoming.write_eof()

    def shake(self) -> bool:
        """Go on with the handshake as far as what was heard allows; True once it is done.

        Raises: HandshakeFailed: it cannot be; what `outgoing` then has is the alert.
        """
        try:
            self._engine.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError as error:
            raise HandshakeFailed(error.reason or "", self._words(error)) from error
        except (OSError, ValueError) as error:
            raise HandshakeFailed("", f"TLS failed: {error}") from error
        self.ready = True
        return True

    def outgoing(self) -> bytes:
        """Return what is to be sent to the peer now."""
        return self._outgoing.read()

    def seal(self, plaintext: bytes) -> bytes:
        """Return `plaintext` as records to be sent.

        Raises: HandshakeFailed: TLS broke, or the peer hung up without closing it.
        """
        try:
            self._engine.write(plaintext)
        except (ssl.SSLError, OSError) as error:
            raise HandshakeFailed(getattr(error, "reason", None) or "", _GONE) from error
        return self._outgoing.read()

    def open(self) -> bytes:
        """Return what the peer has said inside since the last look; `closed` tells if that is all.

        Raises: HandshakeFailed: a record is broken, or the peer sent an alert.
        """
        plaintext = b""
        try:
            while chunk := self._engine.read(_READ):
                plaintext += chunk
        except ssl.SSLWantReadError:
            return plaintext
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            pass  # with and without close_notify: what ends a message is the protocol's to say
        except ssl.SSLError as error:
            raise HandshakeFailed(error.reason or "", self._words(error)) from error
        self.closed = True
        return plaintext

    def close(self) -> bytes:
        """Return the close_notify to be sent (RFC 8446, 6.1)."""
        with suppress(ssl.SSLError, ValueError):  # we do not wait for the peer's own
            self._engine.unwrap()
        return self._outgoing.read()

    def facts(self) -> Handshake:
        """Return the facts of the finished handshake."""
        cipher = self._engine.cipher()
        version = self._engine.version() or ""
        suite = cipher[0] if cipher else ""
        group = key_exchange_group(self._first_flight())
        return Handshake(
            version=version,
            cipher=suite,
            group=group,
            forward_secrecy=has_forward_secrecy(version, suite),
            alpn=self._engine.selected_alpn_protocol(),
            server_name=self._server_name,
            chain=_peer_chain(self._engine),
        )

    @property
    def path_faults(self) -> tuple[int, ...] | None:
        """What the engine found wrong with the path to a root; None where it was not asked to."""
        return None

    def _first_flight(self) -> bytes:
        return bytes(self._flight)

    def _words(self, error: ssl.SSLError) -> str:
        reason = (error.reason or str(error)).lower().replace("_", " ")
        return words_for(reason, self._first_flight())


class ServerTunnel(Tunnel):
    """The server's end, which refuses a client that wants to speak something else.

    A connection that somebody led to the wrong port, whose certificate is the right one all the
    same, ends before a word is said (RFC 7301, 3.2; ALPACA; R26). TLS hears nothing before the
    whole ClientHello was read here: who sits on the path may cut it into records as he likes.

    Args:
        context: how to speak TLS.
        alpn: our protocol's name; None takes any client.
        due: a client that names no protocol is refused too.
    """

    def __init__(
        self, context: ssl.SSLContext, alpn: str | None = None, *, due: bool = False
    ) -> None:
        super().__init__(context, None, server_side=True)
        self._alpn, self._due = alpn, due
        self._hello: FirstMessage | None = None if alpn is None else FirstMessage()
        self._alert = b""

    def hear(self, ciphertext: bytes) -> None:
        """Take bytes from the network, or b"" when the peer hung up."""
        super().hear(ciphertext)
        if self._hello is not None and ciphertext:
            self._hello.hear(ciphertext)

    def shake(self) -> bool:
        """Go on with the handshake, as soon as it is known what the client wants to speak.

        Raises: HandshakeFailed: as `Tunnel.shake`; it asks for other protocols alone, or for none
            where one is due; its first message is not whole.
        """
        if self._hello is not None and self._flight[:1] == _HANDSHAKE:
            hello = self._hello.body  # what is no TLS, the engine fails on
            if self._hello.broken or (hello is None and self._hello.heard >= _FLIGHT):
                raise self._refused("its first message is not whole")
            if hello is None:
                return False
            self._look_at(alpn_offered(hello))
            self._hello = None
        return super().shake()

    def outgoing(self) -> bytes:
        """Return what is to be sent to the peer now."""
        return self._alert or super().outgoing()

    def _look_at(self, offered: tuple[bytes, ...]) -> None:
        if offered and str(self._alpn).encode() not in offered:
            raise self._refused(f"it wants to speak {excerpt(b', '.join(offered))}")
        if not offered and self._due:
            raise self._refused("it does not say what it wants to speak")

    def _refused(self, why: str) -> HandshakeFailed:
        self._alert = _NO_APPLICATION_PROTOCOL
        words = f"TLS failed: the client was refused, {why}; here is {self._alpn}"
        return HandshakeFailed("NO_APPLICATION_PROTOCOL", words)


def words_for(reason: str, flight: bytes) -> str:
    """Return a sentence on why TLS failed; what the peer said, if that is no TLS, is in it."""
    if not any(begins.startswith(flight[:2]) for begins in _RECORDS):
        return f"TLS failed: {reason}; the peer said {excerpt(flight)}"
    return f"TLS failed: {reason}"


def _peer_chain(engine: ssl.SSLObject) -> tuple[bytes, ...]:
    """Return the chain as the peer sent it: public since Python 3.13, in the engine before."""
    if hasattr(engine, "get_unverified_chain"):
        return tuple(engine.get_unverified_chain())
    inner: Any = engine._sslobj  # type: ignore[attr-defined]  # noqa: SLF001
    return tuple(part.public_bytes(_DER) for part in inner.get_unverified_chain() or ())
