"""The STARTTLS Everywhere list: mail domains that are known to have TLS, in a file that is signed.

The list that the EFF ran was wound down in 2020. Its format is still the only one for such a list,
and an operator can keep one of their own: it knows of TLS before the first visit, and needs no DNS.

- It is taken whole or not at all: half a list would protect half of what it was made for.
- It says when its time is over. From then on it says nothing.
- What is not understood is refused where it would make a difference, such as a pin, and passed over
  where it would make none, such as an address for reports.

Here is no signature: whoever reads a list has it verified first (`io/openpgp.py`).
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

import msgspec

from unstrip.escaping import brief
from unstrip.hostname import BadHostName, host_name
from unstrip.policy.values import Level, Policy

SOURCE = "starttls-everywhere"
RULE = "the format of STARTTLS Everywhere: docs/howto/policy-list.md"
LONGEST = 16 * 1024 * 1024  # bytes of a list; the EFF's longest had 120,000
_LONGEST_NAME = 253  # characters: more cannot be made a name of 253 octets (RFC 1035, 2.3.4)
_LAST_SECOND = 253_402_300_799  # of the year 9999

T = TypeVar("T")


class Mode(Enum):
    """What is done where a host falls short: mail waits, or it is only told."""

    ENFORCE = "enforce"
    TESTING = "testing"


class BadList(ValueError):
    """The list cannot be used; the message names the key."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What the list says of one domain.

    Attributes: mode; mxs: names of its MX hosts, one with a leading dot is a suffix; pins: SHA-256
        of acceptable public keys, in hex, as in `Policy`.
    """

    mode: Mode
    mxs: tuple[str, ...]
    pins: tuple[str, ...] = ()

    def allows(self, host: str) -> bool:
        """Tell whether a host is one of the domain's.

        A suffix stands for exactly one more label, as in MTA-STS. Those who made the format
        wrote of any number, others of one; this is the stricter reading (P-04).
        """
        name = host.lower().removesuffix(".")
        label, dot, parent = name.partition(".")
        return bool(label) and (name in self.mxs or dot + parent in self.mxs)


@dataclass(frozen=True, slots=True)
class PolicyList:
    """A whole list.

    Attributes: timestamp: when it was made; expires: when its time is over; policies: by domain,
        each an A-label in lower case; author: as it says.
    """

    timestamp: datetime
    expires: datetime
    policies: Mapping[str, Listed]
    author: str = ""

    def expired(self, now: datetime) -> bool:
        """Tell whether its time is over."""
        return now >= self.expires


def opinion(listed: PolicyList, domain: str, host: str, now: datetime) -> Policy | None:
    """Return what the list asks of one MX host of a domain, None if it asks nothing.

    Args: domain: of the address; only itself is meant, and nothing below it; host: the name in the
        MX record.
    """
    entry = listed.policies.get(domain.lower().removesuffix("."))
    if entry is None or listed.expired(now):
        return None
    allowed = entry.allows(host)
    return Policy(
        SOURCE,
        Level.AUTHENTICATED,
        f"mode {entry.mode.value}, mxs {', '.join(entry.mxs)}",
        entry.pins,
        attests=allowed,
        enforced=entry.mode is Mode.ENFORCE,  # P-05
        expires=listed.expires,
        webpki=True,
        refuses="" if allowed else f"MX {brief(host)} is not in the list",
        rule=RULE,
    )


# -- reading ----------------------------------------------------------------------------------

_Time: TypeAlias = (
    Annotated[datetime, msgspec.Meta(tz=True)]
    | Annotated[int, msgspec.Meta(ge=0, le=_LAST_SECOND)]  # seconds since 1970
)


class _Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """A list as written. Those who wrote the schema had dropped pinsets, some lists had not."""

    timestamp: _Time
    expires: _Time
    version: Literal["0.1"]
    policies: dict[str, dict[str, Any]]
    policy_aliases: dict[str, dict[str, Any]]
    author: str = ""
    pinsets: dict[str, dict[str, Any]] = {}


class _Definition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """A policy as written, with the keys of older lists."""

    mode: Mode
    mxs: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    pin: str | None = None
    # we speak nothing older than 1.2; a list that wants more would be promised too much
    min_tls_version: Literal["TLSv1", "TLSv1.1", "TLSv1.2"] = "TLSv1.2"
    mta_sts: bool = False  # a domain with MTA-STS says so itself
    report: Any = None
    tls_report: Any = None


class _Reference(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    policy_alias: str


class _Pinset(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    static_spki_hashes: tuple[str, ...]


def parse(body: bytes) -> PolicyList:
    """Return the list in `body`.

    Raises: BadList: not JSON, not in the format, a name that is none, an alias or a pinset that is
        not there.
    """
    if len(body) > LONGEST:
        raise BadList(f"{len(body)} bytes are too long for a list, {LONGEST} are the most")
    written = _converted(_decoded(body), _Written)
    pinsets = {name: _pins(value, name) for name, value in written.pinsets.items()}
    aliases = {
        name: _entry(value, pinsets, f"policy-aliases: {brief(name)}")
        for name, value in written.policy_aliases.items()
    }
    return PolicyList(
        _time(written.timestamp, "timestamp"),
        _time(written.expires, "expires"),
        _policies(written.policies, aliases, pinsets),
        written.author,
    )


def _decoded(body: bytes) -> object:
    try:
        found = json.loads(body.decode(), object_pairs_hook=_once)
        if b"\\u" in body:  # RFC 8259, 8.2: so half a character can be written
            json.dumps(found, ensure_ascii=False).encode()
    except BadList:
        raise
    except UnicodeDecodeError as error:
        raise BadList("not UTF-8") from error
    except UnicodeEncodeError as error:
        raise BadList("half a character is in it") from error
    except RecursionError as error:
        raise BadList("not a list: too many brackets in brackets") from error
    except ValueError as error:  # a number of a million digits, too
        raise BadList(f"not JSON: {brief(str(error))}") from error
    return found


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse a key that is there twice and says two things: the EFF's list had some twice alike."""
    found = dict(pairs)
    for key, value in pairs if len(found) < len(pairs) else ():
        if found[key] != value:
            raise BadList(f"'{brief(key)}' is there twice, and differs")
    return found


def _converted(value: object, kind: type[T], place: str = "") -> T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        words = brief(str(error).replace("$.", "").replace("`", "'"))
        raise BadList(f"{place}: {words}" if place else words) from error


def _time(value: _Time, key: str) -> datetime:
    try:
        if isinstance(value, int):
            return datetime.fromtimestamp(value, UTC)
        return value.astimezone(UTC)
    except OverflowError as error:
        raise BadList(f"{key}: out of all time") from error


def _policies(
    written: dict[str, dict[str, Any]],
    aliases: Mapping[str, Listed],
    pinsets: Mapping[str, tuple[str, ...]],
) -> dict[str, Listed]:
    found: dict[str, Listed] = {}
    for domain, value in written.items():
        place = f"policies: {brief(domain)}"
        name = _name(domain, place)
        if "policy-alias" in value:
            entry = _aliased(_converted(value, _Reference, place), aliases, place)
        else:
            entry = _entry(value, pinsets, place)
        if found.setdefault(name, entry) != entry:
            raise BadList(f"{place}: '{name}' is there twice, and differs")
    return found


def _aliased(written: _Reference, aliases: Mapping[str, Listed], place: str) -> Listed:
    if written.policy_alias not in aliases:
        raise BadList(f"{place}: policy-alias: there is no '{brief(written.policy_alias)}'")
    return aliases[written.policy_alias]


def _entry(value: dict[str, Any], pinsets: Mapping[str, tuple[str, ...]], place: str) -> Listed:
    written = _converted(value, _Definition, place)
    pins: tuple[str, ...] = ()
    if written.pin is not None:
        if written.pin not in pinsets:
            raise BadList(f"{place}: pin: there is no pinset '{brief(written.pin)}'")
        pins = pinsets[written.pin]
        if not pins:
            words = f"none of pinset '{brief(written.pin)}' is 'sha256/' and a SHA-256 in base64"
            raise BadList(f"{place}: pin: {words}")
    mxs = dict.fromkeys(_pattern(mx, f"{place}: mxs") for mx in written.mxs)
    return Listed(written.mode, tuple(mxs), pins)


def _pins(value: dict[str, Any], name: str) -> tuple[str, ...]:
    """Return the pins that are understood: SHA-1 names no key any more.

    By the format they fit any certificate of the chain; here only the server's own, which is less.
    """
    written = _converted(value, _Pinset, f"pinsets: {brief(name)}")
    return tuple(pin for pin in map(_sha256, written.static_spki_hashes) if pin)


def _sha256(text: str) -> str:
    kind, _, value = text.partition("/")
    try:
        digest = b64decode(value, validate=True) if kind == "sha256" else b""
    except ValueError:
        return ""
    return digest.hex() if len(digest) == 32 else ""


def _pattern(text: str, place: str) -> str:
    dot = "." if text.startswith(".") else ""
    return dot + _name(text.removeprefix("."), place)


def _name(text: str, place: str) -> str:
    """Return a name as it goes into DNS; an address would never be met."""
    try:
        name = host_name(text) if len(text) <= _LONGEST_NAME else ""
    except BadHostName:
        name = ""
    if not name or ":" in name or name.rpartition(".")[2].isdigit():
        raise BadList(f"{place}: '{brief(text)}' is no name")
    return name
