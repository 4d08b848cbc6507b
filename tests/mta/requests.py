"""Requests as they come in pieces: what every tongue has to bear."""

from __future__ import annotations

from unstrip.mta.socketmap import Socketmap
from unstrip.mta.tcp_table import TcpTable
from unstrip.mta.tongue import Query, Told, Tongue


def request(tongue: Tongue, key: bytes) -> bytes:
    """How one asks about a next hop."""
    if isinstance(tongue, Socketmap):
        return b"%d:QUERY %b," % (len(key) + 6, key)
    return (b"get %b\n" if isinstance(tongue, TcpTable) else b"options %b\n") % key


def taken(tongue: Tongue, *pieces: bytes) -> list[bytes]:
    """All requests that a tongue finds in what comes in pieces."""
    said, found = bytearray(), []
    for piece in pieces:
        said += piece
        while length := tongue.whole(said):
            found.append(bytes(said[:length]))
            del said[:length]
    return found


def query(tongue: Tongue, said: bytes) -> Query:
    asked = tongue.asked(said)
    assert isinstance(asked, Query)
    return asked


def refused(tongue: Tongue, said: bytes) -> Told:
    told = tongue.asked(said)
    assert isinstance(told, Told)
    return told
