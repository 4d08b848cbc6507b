"""Records as zone files have them (RFC 1035, 5.1)."""

from __future__ import annotations

from unstrip.publication.values import ZoneRecord
from unstrip.tlsa import Tlsa

TTL = 3600  # seconds: an hour is soon enough for a roll, and spares the name servers
TTL_POLICY = 300  # seconds: a new id is to be noticed soon (RFC 8461, 8.1)
_LONGEST_STRING = 255  # bytes (RFC 1035, 3.3)


def txt(name: str, text: bytes, ttl: int | None) -> ZoneRecord:
    """Return a TXT record, in as many strings as it needs."""
    parts = [text[at : at + _LONGEST_STRING] for at in range(0, len(text), _LONGEST_STRING)]
    return ZoneRecord(name, ttl, "TXT", " ".join(f'"{_quoted(part)}"' for part in parts))


def tlsa(host: str, port: int, record: Tlsa, ttl: int | None = TTL) -> ZoneRecord:
    """Return a TLSA record of a host (RFC 6698, 3)."""
    return ZoneRecord(f"_{port}._tcp.{host}", ttl, "TLSA", record.text)


def _quoted(text: bytes) -> str:
    return "".join(map(_char, text))


def _char(byte: int) -> str:
    if byte in b'"\\':
        return f"\\{byte:c}"
    return f"{byte:c}" if 0x20 <= byte <= 0x7E else f"\\{byte:03d}"
