"""The facts of a finished TLS handshake; judging them is the verdict's business.

The key-exchange group is read from the server's plaintext records, because Python's ssl does
not tell it before 3.15: TLS 1.3 has it in the ServerHello's key_share extension (RFC 8446,
4.2.8), TLS 1.2 in the ServerKeyExchange message (RFC 8422, 5.4).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from unstrip.certificates import WebPki
from unstrip.tlsa import Match

_SERVER_HELLO, _SERVER_KEY_EXCHANGE = 2, 12  # RFC 8446, 4; RFC 5246, 7.4
_ALPN, _KEY_SHARE = 16, 51  # RFC 8446, 4.2
_NAMED_CURVE = 3  # RFC 8422, 5.4
_RECORD_HEADER, _MESSAGE_HEADER, _RANDOM = 5, 4, 32  # bytes
_HANDSHAKE_RECORD = 0x16

GROUPS = {  # the IANA registry "TLS Supported Groups"
    0x0017: "P-256",
    0x0018: "P-384",
    0x0019: "P-521",
    0x001D: "X25519",
    0x001E: "X448",
    0x001A: "brainpoolP256r1",
    0x001B: "brainpoolP384r1",
    0x001C: "brainpoolP512r1",
    0x0100: "ffdhe2048",
    0x0101: "ffdhe3072",
    0x0102: "ffdhe4096",
    0x0103: "ffdhe6144",
    0x0104: "ffdhe8192",
    0x11EB: "SecP256r1MLKEM768",
    0x11EC: "X25519MLKEM768",
    0x11ED: "SecP384r1MLKEM1024",
}


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a handshake showed.

    Attributes:
        version: as OpenSSL names it, "TLSv1.3".
        cipher: the cipher suite, as OpenSSL names it.
        group: the key-exchange group, None where there was none (RSA key transport, DHE).
        forward_secrecy: a later thief of the server's key cannot read this connection.
        alpn: the application protocol agreed on, if any (RFC 7301).
        server_name: the name we sent as SNI or verified against.
        chain: the certificates the server sent, as DER, leaf first.
        webpki: what the WebPKI says of them, also when nobody asked for it.
        dane: how they compare with the server's TLSA records, None where there are none.
    """

    version: str
    cipher: str
    group: str | None
    forward_secrecy: bool
    alpn: str | None
    server_name: str | None
    chain: tuple[bytes, ...]
    webpki: WebPki | None = None
    dane: Match | None = None


def has_forward_secrecy(version: str, cipher: str) -> bool:
    """Tell whether keys were made for this connection only (RFC 9325, 4.1).

    Every full handshake of TLS 1.3 does; TLS 1.2 says it in the suite's name.
    """
    return version == "TLSv1.3" or cipher.startswith(("ECDHE-", "DHE-"))


def key_exchange_group(server_records: bytes) -> str | None:
    """Return the name of the group the server chose, from its plaintext records.

    Args: server_records: what the server sent from its first TLS byte on; anything at all is
        accepted, since it comes from the peer.
    Returns: a name of the IANA registry, "0x1234" for one not known here, or None.
    """
    group = None
    for kind, body in _messages(server_records):
        if kind == _SERVER_HELLO:  # a HelloRetryRequest has the same type: the last one counts
            group = _key_share_group(body) or group
        elif kind == _SERVER_KEY_EXCHANGE and body[:1] == bytes([_NAMED_CURVE]):
            group = int.from_bytes(body[1:3], "big")
    return None if group is None else GROUPS.get(group, f"0x{group:04x}")


def _messages(records: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield type and body of each whole handshake message that is readable in clear."""
    stream = b"".join(_handshake_fragments(records))
    start = 0
    while len(stream) - start >= _MESSAGE_HEADER:
        end = start + _MESSAGE_HEADER + int.from_bytes(stream[start + 1 : start + 4], "big")
        if end > len(stream):
            return
        yield stream[start], stream[start + _MESSAGE_HEADER : end]
        start = end


def _handshake_fragments(records: bytes) -> Iterator[bytes]:
    """Yield the fragments of the leading handshake records; encrypted ones have another type."""
    start = 0
    while len(records) - start >= _RECORD_HEADER:
        end = start + _RECORD_HEADER + int.from_bytes(records[start + 3 : start + 5], "big")
        if records[start] == _HANDSHAKE_RECORD:
            yield records[start + _RECORD_HEADER : end]
        start = end


class FirstMessage:
    """A peer's first handshake message, however many records it is cut into (RFC 8446, 5.1).

    Attributes:
        heard: how many bytes it took so far.
        broken: something else stands between its records, which another reader may pass over.
    """

    def __init__(self) -> None:
        self.heard, self.broken = 0, False
        self._records, self._message = bytearray(), bytearray()

    def hear(self, records: bytes) -> None:
        """Take what the peer sent, from its first TLS byte on; anything at all."""
        self.heard += len(records)
        self._records += records
        start = 0
        while not self._whole and len(self._records) - start >= _RECORD_HEADER:
            size = int.from_bytes(self._records[start + 3 : start + 5], "big")
            end = start + _RECORD_HEADER + size
            if end > len(self._records):
                break
            self.broken = self.broken or self._records[start] != _HANDSHAKE_RECORD
            self._message += self._records[start + _RECORD_HEADER : end]
            start = end
        del self._records[:start]

    @property
    def body(self) -> bytes | None:
        """The message without its header; None while it is not whole."""
        return bytes(self._message[_MESSAGE_HEADER : self._end]) if self._whole else None

    @property
    def _whole(self) -> bool:
        return len(self._message) >= max(self._end, _MESSAGE_HEADER)

    @property
    def _end(self) -> int:
        return _MESSAGE_HEADER + int.from_bytes(self._message[1:4], "big")


def alpn_offered(hello: bytes) -> tuple[bytes, ...]:
    """Return the application protocols that a ClientHello asks for (RFC 7301, 3.1).

    Args: hello: its body; anything at all, since it comes from the peer.
    """
    return tuple(_names(_extensions(hello, _client_extensions(hello)).get(_ALPN, b"")))


def _names(listed: bytes) -> Iterator[bytes]:
    """Yield what a ProtocolNameList has (RFC 7301, 3.1)."""
    start = 2
    while start < len(listed):
        end = start + 1 + listed[start]
        yield listed[start + 1 : end]
        start = end


def _key_share_group(hello: bytes) -> int | None:
    """Find the group in a ServerHello (RFC 8446, 4.1.3), among its extensions.

    They stand after version, random, session id, suite and compression.
    """
    session = 2 + _RANDOM
    start = session + 1 + _byte(hello, session) + 2 + 1
    share = _extensions(hello, start).get(_KEY_SHARE, b"")
    return int.from_bytes(share[:2], "big") if len(share) >= 2 else None


def _client_extensions(hello: bytes) -> int:
    """Return where a ClientHello's extensions begin (RFC 8446, 4.1.2).

    They stand after version, random, session id, suites and compression methods.
    """
    session = 2 + _RANDOM
    suites = session + 1 + _byte(hello, session)
    methods = suites + 2 + int.from_bytes(hello[suites : suites + 2], "big")
    return methods + 1 + _byte(hello, methods)


def _extensions(hello: bytes, start: int) -> dict[int, bytes]:
    """Return the extensions that begin here, behind their length, by type; the first one counts."""
    found: dict[int, bytes] = {}
    start += 2
    while start + 4 <= len(hello):
        kind = int.from_bytes(hello[start : start + 2], "big")
        size = int.from_bytes(hello[start + 2 : start + 4], "big")
        found.setdefault(kind, hello[start + 4 : start + 4 + size])
        start += 4 + size
    return found


def _byte(data: bytes, place: int) -> int:
    return data[place] if place < len(data) else 0
