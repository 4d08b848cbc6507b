"""The record and the policy of MTA-STS, as they are written (RFC 8461, 3.1 and 3.2).

What the grammar lets pass is read, whatever else is in it; what it does not is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Annotated

import msgspec

from unstrip.escaping import brief
from unstrip.hostname import BadHostName, host_name

LONGEST = 64 * 1024  # bytes of a policy (RFC 8461, 3.3)
BLANK = " \t"
_LONGEST_RECORD = 4096  # bytes: a record has an id and little more
_LONGEST_AGE = 31_557_600  # seconds, about a year (RFC 8461, 3.2)

_VERSION = re.compile(rb"v=STSv1[ \t]*;")
_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")  # of a field
_VALUE = re.compile("[!-:<>-~]+")  # RFC 8461, 3.1: neither blank nor ";" nor "="
_ID = re.compile("[A-Za-z0-9]{1,32}")
_AGE = re.compile("[0-9]{1,10}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Mode(Enum):
    """What the domain wants done where a policy is not met (RFC 8461, 5)."""

    ENFORCE = "enforce"
    TESTING = "testing"
    NONE = "none"


class BadRecord(ValueError):
    """The TXT records do not say in the one way there is that there is a policy."""


class BadPolicy(ValueError):
    """What the policy host serves is no policy; the message says why."""


@dataclass(frozen=True, slots=True)
class StsPolicy:
    """A policy.

    Attributes: mode, max_age, mx: as it says; max_age in seconds, and no longer than a year; lines:
        all of it, as it was served, for reports (RFC 8460, 4.4).
    """

    mode: Mode
    max_age: Annotated[int, msgspec.Meta(ge=0, le=_LONGEST_AGE)]  # held to when it is read again
    mx: tuple[Annotated[str, msgspec.Meta(pattern=r"^[!-~]+\Z")], ...] = ()
    lines: tuple[str, ...] = ()

    def allows(self, host: str) -> bool:
        """Tell whether a host is one of the domain's (RFC 8461, 4.1).

        Args: host: the name in the MX record itself, not what it is an alias of.
        """
        name = host.lower().removesuffix(".")
        label, _, parent = name.partition(".")
        fitting = {name, f"*.{parent}"} if label not in ("", "*") else set()
        return not fitting.isdisjoint(self.mx)


def record_id(records: Iterable[bytes]) -> str | None:
    """Return the id of the policy that the TXT records at `_mta-sts` speak of (RFC 8461, 3.1).

    Args: records: each with its strings joined.
    Returns: None if none of them speaks of a policy.
    Raises: BadRecord: more than one does, or not as the grammar has it.
    """
    ours = [record for record in records if _VERSION.match(record)]
    if not ours:
        return None
    if len(ours) > 1:
        raise BadRecord(f"{len(ours)} records begin with 'v=STSv1;'")
    if len(ours[0]) > _LONGEST_RECORD:
        raise BadRecord(f"{len(ours[0])} bytes are too long for a record")
    fields = [field.strip(BLANK) for field in ours[0].decode("latin-1").split(";")][1:]
    if not fields[-1]:  # the last delimiter may close the record
        fields.pop()
    found: dict[str, str] = {}
    for field in fields:
        name, _, value = field.partition("=")
        if not (_NAME.fullmatch(name) and _VALUE.fullmatch(value)):
            raise BadRecord(f"'{brief(field)}' is no field")
        found.setdefault(name, value)  # RFC 8461, 3.2: of two fields the first
    if not _ID.fullmatch(found.get("id", "")):
        if "id" not in found:
            raise BadRecord("no id")
        raise BadRecord(f"id '{brief(found['id'])}' is not 1 to 32 letters and digits")
    return found["id"]


def parse(body: bytes) -> StsPolicy:
    """Return the policy in `body` (RFC 8461, 3.2).

    Unknown fields are passed over, and blank lines at the end. An address among the patterns is
    tolerated, for the grammar lets it pass, and no MX has such a name.

    Raises: BadPolicy.
    """
    if len(body) > LONGEST:
        raise BadPolicy(f"{len(body)} bytes are too long")
    try:
        lines = body.decode().replace("\r\n", "\n").rstrip(f"{BLANK}\n").split("\n")
    except UnicodeDecodeError as error:
        raise BadPolicy("not UTF-8") from error
    found: dict[str, str] = {}
    mx: list[str] = []
    for number, line in enumerate(lines, 1):
        name, _, value = line.partition(":")
        value = value.strip(BLANK)
        if not (_NAME.fullmatch(name) and value) or _CONTROL.search(value):
            raise BadPolicy(f"line {number}: '{brief(line)}' is no field")
        if name == "mx":
            mx.append(_pattern(value, number))
        found.setdefault(name, value)  # of two fields the first, except for mx
    return _policy(found, mx, lines)


def _pattern(text: str, number: int) -> str:
    pattern = text.lower()
    name = pattern.removeprefix("*.")
    try:
        if text.isascii() and host_name(name) == name:  # RFC 8461, 3.2: A-labels
            return pattern
    except BadHostName:
        pass
    raise BadPolicy(f"line {number}: mx: '{brief(text)}' is no pattern")


def _policy(found: dict[str, str], mx: list[str], lines: list[str]) -> StsPolicy:
    for name in ("version", "mode", "max_age"):
        if name not in found:
            raise BadPolicy(f"no {name}")
    if found["version"] != "STSv1":
        raise BadPolicy(f"version '{brief(found['version'])}' is unknown")
    if not _AGE.fullmatch(found["max_age"]):
        raise BadPolicy(f"max_age '{brief(found['max_age'])}' is no number of seconds")
    try:
        mode = Mode(found["mode"])
    except ValueError as error:
        raise BadPolicy(f"mode '{brief(found['mode'])}' is unknown") from error
    if not mx and mode is not Mode.NONE:
        raise BadPolicy("no mx")
    # more than a year is a year: to refuse the policy for it would protect nobody
    age = min(int(found["max_age"]), _LONGEST_AGE)
    return StsPolicy(mode, age, tuple(mx), tuple(lines))
