"""What the operator has set: one TOML file, every key optional, used whole or not at all.

    store = "postgresql://db.example.org/unstrip"

    [resolver]
    servers = ["127.0.0.1", "192.0.2.53@5353"]
    trusted = ["192.0.2.53"]

    [list]
    url = "https://policy.example.org/list.json"
    key = "list.asc"

An unknown key is an error, as a wrong value is: whoever mistypes one would believe in a policy
that nobody looks at. Files are looked for beside this one, and so is the operator's table where no
other is named. What each key means: docs/reference/configuration.md.
"""

from __future__ import annotations

import ipaddress
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec.structs import replace

from unstrip.escaping import brief
from unstrip.hostname import host_name
from unstrip.io.files import NoHome, Unread, configuration_folder, missing, read_text
from unstrip.io.reporting import ReportSettings
from unstrip.io.serving import ServeSettings
from unstrip.mistakes import mistake
from unstrip.policy.questions import Https

T = TypeVar("T")

LIMIT = 64 * 1024  # bytes of the file
_TABLE = "policy.toml"
_DATABASES = ("postgresql://", "postgres://")
_ALMOST = ("postgresql:", "postgres:")  # a database is meant, and perhaps a password in it
_ALIEN = {  # what a backend has no use for
    "stub": ("trust_anchor",),
    "libunbound": ("trusted", "validates", "fails"),
}


class BadConfiguration(ValueError):
    """The file cannot be used; the message names it, and the key."""


class Location(str):
    """A URL, or the whole path of a file."""

    __slots__ = ()

    @property
    def remote(self) -> bool:
        """It is a URL."""
        return "://" in self


class ResolverSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """Who is asked for DNS, and whose word on DNSSEC is believed.

    Attributes:
        servers: as Unbound writes them; none are the system's, or the Internet's own.
        trusted: the addresses of those that validate, by the operator's word.
        backend: who validates, a server or this process.
        validates, fails: the names of the self-test; "" leaves that half out.
        timeout: seconds for one question.
        mix_case: guard names by random capitals too.
        trust_anchor: for libunbound; None is the system's for the root.
    """

    servers: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()
    backend: Literal["stub", "libunbound"] = "stub"
    validates: str = "iana.org"
    fails: str = "dnssec-failed.org"
    timeout: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 15.0
    mix_case: bool = False
    trust_anchor: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        known = {_checked("servers", _address, text) for text in self.servers}
        for text in self.trusted:
            if _checked("trusted", ipaddress.ip_address, text) not in known and known:
                raise ValueError(f"trusted: '{brief(text)}' is none of the servers")
        for key in ("validates", "fails"):
            if name := getattr(self, key):
                _checked(key, host_name, name)
        for field in msgspec.structs.fields(self):
            if field.name in _ALIEN[self.backend] and getattr(self, field.name) != field.default:
                raise ValueError(f"{field.encode_name}: of no use with '{self.backend}'")


class ListSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A list of policies in the format of STARTTLS Everywhere.

    Attributes: key: a file with the OpenPGP keys that may have signed it; file, url: where it is,
        the one or the other; signature: where that is, if not beside it.
    """

    key: Path
    file: Path | None = None
    url: str | None = None
    signature: Location | None = None

    def __post_init__(self) -> None:
        """Refuse what leaves open which list is meant, and what anybody could have sent."""
        if (self.file is None) is (self.url is None):
            raise ValueError("give either file or url")
        if self.url is not None and "://" not in self.url:
            raise ValueError(f"url: '{brief(self.url)}' is not https://host/path")
        for key in ("url", "signature"):
            if text := getattr(self, key):
                _checked(key, _place, text)

    @property
    def source(self) -> Path | Https:
        """Where the list is."""
        return self.file or _place(self.url or "")

    @property
    def signed(self) -> Path | Https | None:
        """Where its signature is; None is beside it."""
        return None if self.signature is None else _place(self.signature)


class Configuration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file.

    Attributes: store: a file, or the URL of a PostgreSQL database; policy: the operator's table,
        None if there is none; serve: the policy daemon; report: TLS reports.
    """

    store: Location | None = None
    policy: Path | None = None
    resolver: ResolverSettings = msgspec.field(default_factory=ResolverSettings)
    list: ListSettings | None = None
    serve: ServeSettings = msgspec.field(default_factory=ServeSettings)
    report: ReportSettings = msgspec.field(default_factory=ReportSettings)

    def __post_init__(self) -> None:
        """Refuse a URL of another kind; it is not repeated, as a password may be in it."""
        if self.store and self.store.remote and not self.store.startswith(_DATABASES):
            raise ValueError("store: neither a file nor a postgresql:// URL")


def default_path() -> Path:
    """Return where the file is unless another one is named. Raises: NoHome."""
    return configuration_folder() / "config.toml"


def read(path: Path | None = None) -> Configuration:
    """Return what is set in a file; the table is the one beside it, unless another one is named.

    Args: path: None is the default one, which need not be there.
    Raises: BadConfiguration: it cannot be read, is no TOML, has an unknown key or a wrong value.
    """
    try:
        chosen = (path or default_path()).absolute()
        text = "" if path is None and missing(chosen) else read_text(chosen, LIMIT)
    except NoHome as error:
        raise BadConfiguration(f"{error} to find the configuration in; give --config") from error
    except Unread as error:
        raise BadConfiguration(str(error)) from error
    try:
        found = parse(text, chosen.parent)
    except BadConfiguration as error:
        raise BadConfiguration(f"{chosen}: {error}") from error
    beside = chosen.with_name(_TABLE)
    return found if found.policy or missing(beside) else replace(found, policy=beside)


def parse(text: str, directory: Path) -> Configuration:
    """Return what is set in `text`, whose files are looked for in `directory`.

    Raises: BadConfiguration: see `read`; the message names key and line.
    """
    try:
        meant = partial(_meant, directory.absolute())
        return msgspec.convert(tomllib.loads(text), Configuration, dec_hook=meant)
    except (ValueError, RecursionError) as error:  # tomllib's own and msgspec's are ValueErrors
        raise BadConfiguration(mistake(error, Configuration, text)) from error


def _meant(directory: Path, kind: type, value: object) -> Path | Location:
    """Return the file or the URL that is meant."""
    if not isinstance(value, str):
        raise TypeError(f"Expected `str`, got `{type(value).__name__}`")
    if kind is Location and "://" in value:
        return Location(value)
    if value.startswith(_ALMOST):
        raise ValueError("a database is written postgresql://HOST/DATABASE")
    if value in ("", ":memory:") or "\0" in value:
        raise ValueError(f"'{brief(value)}' is no name of a file")
    try:
        path = directory / Path(value).expanduser()
    except RuntimeError as error:
        raise ValueError(f"'{brief(value)}': {error}") from error
    return path if kind is Path else Location(path)


def _checked(key: str, what: Callable[[str], T], text: str) -> T:
    try:
        return what(text)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from error


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    from unstrip.io.resolver.servers import server  # 50 ms, for dnspython comes with it

    return ipaddress.ip_address(server(text).address)


def _place(text: str) -> Path | Https:
    from unstrip.io.policy_list import place  # OpenPGP and the store come with it

    return place(text)
