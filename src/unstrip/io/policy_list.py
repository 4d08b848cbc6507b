"""Loading a STARTTLS Everywhere list: from a file or over HTTPS, by its signature, and kept.

- The signature is verified before anything of the list is parsed.
- A list whose time is over is not taken, nor one that is older than the one kept: who hands out an
  old list, with its good signature, takes back what has been added since.
- Whatever goes wrong, what is kept goes on being used until its own time is over. It was verified
  when it was taken, and belongs to its place: to start afresh, give the list another one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol, TypeAlias
from urllib.parse import urlsplit

from unstrip.escaping import brief
from unstrip.hostname import host_name
from unstrip.io.openpgp import LONGEST_KEYS, LONGEST_SIGNATURE, BadKey, BadSignature, verify
from unstrip.io.store import StoreError
from unstrip.policy.questions import Https, HttpsAnswer, HttpsFailure
from unstrip.policy.starttls_everywhere import LONGEST, BadList, PolicyList, parse

SLACK = timedelta(days=1)  # by which a maker's clock may be ahead

Place: TypeAlias = Path | Https
Fetch: TypeAlias = Callable[[Https], Awaitable[HttpsAnswer | HttpsFailure]]


class Kept(Protocol):
    """A list as it is kept."""

    @property
    def timestamp(self) -> datetime:
        """When it was made, as it says."""

    @property
    def body(self) -> bytes:
        """All of it."""


class Lists(Protocol):
    """Where lists are kept; what fails there is a `StoreError`, and never an empty answer."""

    def keep_list(self, name: str, timestamp: datetime, body: bytes) -> bool:
        """Keep a list, unless a newer one is kept; tell whether it was."""

    def kept_list(self, name: str) -> Kept | None:
        """Return the list that is kept."""


class BadPlace(ValueError):
    """A list cannot be there."""


class Unread(ValueError):
    """A list, its signature or a key could not be had; the message says which, and why."""


class Untimely(ValueError):
    """The list is good, and its time is over or yet to come."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of loading a list.

    Attributes: listed: the list that holds, the new one or the one kept; None if none does; signer:
        the fingerprint of the key that signed the new one; trouble: why the new one was not taken,
        "" if it was.
    """

    listed: PolicyList | None
    signer: str = ""
    trouble: str = ""


def place(text: str) -> Place:
    """Return where a list is: a file, or a page behind https://host/path.

    Raises: BadPlace: another kind of URL.
    """
    if "://" not in text:
        return Path(text)
    try:
        url = urlsplit(text)
        host = host_name(url.netloc)  # neither a user nor a port
    except ValueError as error:
        raise BadPlace(f"'{brief(text)}' is not https://host/path") from error
    if url.scheme != "https" or url.path in ("", "/") or url.query or url.fragment:
        raise BadPlace(f"'{brief(text)}' is not https://host/path")
    return Https(host, url.path)


def beside(source: Place) -> Place:
    """Return where the signature is, if nobody says otherwise: the same, and ".asc"."""
    if isinstance(source, Https):
        return Https(source.host, f"{source.path}.asc")
    return beside_file(source)


def beside_file(path: Path) -> Path:
    """Return where the signature of a file is."""
    return path.with_name(f"{path.name}.asc")


async def load(
    source: Place,
    key: Path,
    store: Lists,
    now: datetime,
    fetch: Fetch,
    *,
    signature: Place | None = None,
) -> Loaded:
    """Return the list that holds, which is the one at `source` if nothing is wrong with it.

    Args: key: the file of public keys; fetch: brings pages of at least `LONGEST` bytes.
    Raises: StoreError: what is kept cannot be used.
    """
    try:
        body = await _brought(source, LONGEST, fetch)
        signed = await _brought(signature or beside(source), LONGEST_SIGNATURE, fetch)
        signer = verify(body, signed, read(key, LONGEST_KEYS), now)
        listed = current(body, now)
    except (Unread, BadSignature, BadKey, BadList, Untimely) as error:
        return kept(source, store, now, str(error))
    if not store.keep_list(_name(source), listed.timestamp, body):
        words = f"made on {_day(listed.timestamp)}, it is older than the one that is kept"
        return kept(source, store, now, words)
    return Loaded(listed, signer)


def kept(source: Place, store: Lists, now: datetime, trouble: str = "") -> Loaded:
    """Return what is kept of the list at `source`.

    Args: trouble: why no new one was taken.
    Raises: StoreError: what is kept cannot be used, which is not the same as nothing.
    """
    found = store.kept_list(_name(source))
    if found is None:
        return Loaded(None, trouble=trouble)
    try:
        listed = parse(found.body)
    except BadList as error:
        raise StoreError(f"the list that is kept of {_name(source)} is damaged: {error}") from error
    if listed.expired(now):
        over = f"the one that is kept expired on {_day(listed.expires)}"
        return Loaded(None, trouble=f"{trouble}; {over}" if trouble else over)
    return Loaded(listed, trouble=trouble)


def current(body: bytes, now: datetime) -> PolicyList:
    """Return the list in `body`, if it may be taken now.

    One from the future would keep out all that come after it.

    Raises: BadList, Untimely.
    """
    listed = parse(body)
    if listed.expired(now):
        raise Untimely(f"it expired on {_day(listed.expires)}")
    if listed.timestamp > now + SLACK:
        raise Untimely(f"its timestamp, {_day(listed.timestamp)}, is yet to come")
    return listed


def read(path: Path, most: int) -> bytes:
    """Return what is in a file.

    Raises: Unread: it cannot be read, or is longer than `most`.
    """
    try:
        with path.open("rb") as file:
            body = file.read(most + 1)
    except OSError as error:
        raise Unread(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from error
    if len(body) > most:
        raise Unread(f"{path} is longer than {most} bytes")
    return body


async def _brought(source: Place, most: int, fetch: Fetch) -> bytes:
    if isinstance(source, Path):
        return read(source, most)
    answer = await fetch(source)
    if isinstance(answer, HttpsFailure):
        raise Unread(f"{_name(source)}: {answer.words}")
    if answer.status != 200:
        raise Unread(f"{_name(source)}: HTTP status {answer.status}")
    if len(answer.body) > most:
        raise Unread(f"{_name(source)} is longer than {most} bytes")
    return answer.body


def _name(source: Place) -> str:
    """Return the name by which a list is kept."""
    if isinstance(source, Https):
        return f"https://{source.host}{source.path}"
    return str(source.resolve())


def _day(when: datetime) -> str:
    return f"{when:%Y-%m-%d}"
