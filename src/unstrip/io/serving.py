"""What the policy daemon is set to: the table [serve] of the configuration.

    [[serve.listen]]
    speaks = "socketmap"
    at = "unix:/run/unstrip/socketmap"
    group = "postfix"

Without any place to listen at, it is on loopback, in every tongue that needs no choice.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from unstrip.escaping import brief
from unstrip.hostname import is_address

_UNIX = "unix:"
_LONGEST_PATH = 107  # bytes, and a zero behind them (unix(7))
_INTERNET = re.compile(r"(?:\[(?P<six>[^][]+)\]|(?P<four>[^][:]+)):(?P<port>[0-9]{1,5})")
_LAST_PORT = 65535
_MODE = re.compile(r"0?[0-7]{3}")
_NAME = re.compile(r"[!-9;-~]+")  # of a map: no blank, and no colon, which would end it in main.cf

Tongue = Literal["socketmap", "tcp-table", "exim", "http", "tlsrpt", "reports"]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]


def internet(text: str) -> tuple[str, int] | None:
    """Return the address and the port of "ADDRESS:PORT"; None if it is something else."""
    found = _INTERNET.fullmatch(text)
    host, port = (found["six"] or found["four"], int(found["port"])) if found else ("", 0)
    return (host, port) if is_address(host) and port <= _LAST_PORT else None


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One place to listen at.

    Attributes: speaks: what is spoken there; at: "ADDRESS:PORT", or "unix:" and a path; owner,
        group, mode: of the UNIX socket; exposed: it may be on another address than loopback;
        certificate, key: files for TLS, where reports are taken.
    """

    speaks: Tongue
    at: str
    owner: str | None = None
    group: str | None = None
    mode: str = "0660"
    exposed: bool = False
    certificate: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if (self.certificate is None) is not (self.key is None):
            raise ValueError("certificate and key: give both, or neither")
        if self.certificate is not None and self.speaks != "reports":
            raise ValueError("certificate: of no use but with reports")
        if self.path is not None:
            self._check_path()
            return
        for key in ("owner", "group"):
            if getattr(self, key) is not None:
                raise ValueError(f"{key}: of no use but with a UNIX socket")
        if self.speaks == "tlsrpt":
            raise ValueError("at: tlsrpt comes to a UNIX socket, unix:/PATH")
        host, _ = self.address
        if not ipaddress.ip_address(host).is_loopback and not self.exposed:
            words = "everybody who can reach it may ask there; exposed = true allows it"
            raise ValueError(f"at: {host} is not a loopback address: {words}")

    @property
    def path(self) -> Path | None:
        """Where the UNIX socket is; None is TCP."""
        return Path(self.at.removeprefix(_UNIX)) if self.at.startswith(_UNIX) else None

    @property
    def address(self) -> tuple[str, int]:
        """The address and the port, 0 for any that is free. Raises: ValueError."""
        found = internet(self.at)
        if found is None:
            raise ValueError(f"at: '{brief(self.at)}' is neither ADDRESS:PORT nor unix:/PATH")
        return found

    def _check_path(self) -> None:
        if not self.at.startswith(f"{_UNIX}/") or "\0" in self.at:
            raise ValueError(f"at: '{brief(self.at)}' is not the whole path of a socket")
        if len(self.at.removeprefix(_UNIX).encode()) > _LONGEST_PATH:
            raise ValueError(f"at: a path of a socket has at most {_LONGEST_PATH} bytes")
        if not _MODE.fullmatch(self.mode):
            raise ValueError(f"mode: '{brief(self.mode)}' is not written as in 0660")


class LimitSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is borne with.

    Attributes: patience: seconds until one who asks is told to ask again; idle: seconds of silence
        of a client; half: that a request may take to come; unread: that replies may wait to be
        fetched; stop: for clients when the daemon stops; waiting: requests of one client that wait;
        connections: at a time, in one tongue; memory: MiB of replies kept ready, in one tongue.
    """

    patience: Seconds = 20
    idle: Seconds = 120
    half: Seconds = 10
    unread: Seconds = 30
    stop: Seconds = 5
    waiting: Annotated[int, msgspec.Meta(gt=0, le=10_000)] = 50
    connections: Annotated[int, msgspec.Meta(gt=0, le=100_000)] = 2000
    memory: Annotated[int, msgspec.Meta(gt=0, le=4096)] = 3


class LogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How it tells what happens, on standard error."""

    format: Literal["text", "json"] = "text"
    level: Literal["debug", "info", "warning", "error"] = "info"


class SpoolSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where datagrams of tlsrpt wait until they are counted.

    Attributes: folder: None is beside the store, by the platform's convention; limit: MiB.
    """

    folder: Path | None = None
    limit: Annotated[int, msgspec.Meta(ge=16, le=65_536)] = 256


LISTEN = (
    Place("socketmap", "127.0.0.1:8461"),
    Place("exim", "127.0.0.1:8462"),
    Place("http", "127.0.0.1:8463"),
)


class ServeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """The whole table.

    Attributes: listen: where; maps, reporting_maps: names of socketmaps, without and with what goes
        into TLSRPT reports; tcp_reports: the same for tcp_table; limits; spool; log.
    """

    listen: tuple[Place, ...] = LISTEN
    maps: tuple[str, ...] = ("QUERY",)
    reporting_maps: tuple[str, ...] = ("QUERYwithTLSRPT",)
    tcp_reports: bool = False
    limits: LimitSettings = msgspec.field(default_factory=LimitSettings)
    spool: SpoolSettings = msgspec.field(default_factory=SpoolSettings)
    log: LogSettings = msgspec.field(default_factory=LogSettings)

    def __post_init__(self) -> None:
        """Refuse what would leave open which is meant."""
        if not self.listen:
            raise ValueError("listen: there is no place to listen at")
        places = [place.at for place in self.listen if not place.at.endswith(":0")]
        if twice := _twice(places):
            raise ValueError(f"listen: {brief(twice)} is there twice")
        if [place.speaks for place in self.listen].count("tlsrpt") > 1:
            raise ValueError("listen: there is more than one place for tlsrpt")
        names = (*self.maps, *self.reporting_maps)
        if wrong := [name for name in names if not _NAME.fullmatch(name)]:
            raise ValueError(f"maps: '{brief(wrong[0])}' is no name of a map")
        if twice := _twice(names):
            raise ValueError(f"maps: {brief(twice)} is there twice")


def _twice(names: tuple[str, ...] | list[str]) -> str:
    return next((name for name in names if names.count(name) > 1), "")
