"""Loading a STARTTLS Everywhere list: from a file or over HTTPS, by its signature, and kept.

- The signature is verified before anything of the list is parsed.
- A list whose time is over is not taken, nor one that is no newer than the one kept, but the same:
  who hands out an old list, with its good signature, takes back what has been added since.
- Whatever goes wrong, what is kept goes on being used until its own time is over. It was verified
  when it was taken, and belongs to its place, as that is written, and to the key that signed it: it
  counts as long as that key is in the file of keys. Where that file cannot be had, none counts.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol, TypeAlias
from urllib.parse import urlsplit

from unstrip.escaping import brief
from unstrip.hostname import host_name
from unstrip.io.files import Unread, read
from unstrip.io.offloop import OffLoop
from unstrip.io.openpgp import (
    LONGEST_KEYS,
    LONGEST_SIGNATURE,
    BadKey,
    BadSignature,
    fingerprints,
    verify,
)
from unstrip.io.store import KeptList, StoreError
from unstrip.policy.questions import Https, HttpsAnswer, HttpsFailure
from unstrip.policy.starttls_everywhere import LONGEST, BadList, PolicyList, parse

SLACK = timedelta(days=1)  # by which a maker's clock may be ahead

Place: TypeAlias = Path | Https
Fetch: TypeAlias = Callable[[Https], Awaitable[HttpsAnswer | HttpsFailure]]


class Lists(Protocol):
    """Where lists are kept; what fails there is a `StoreError`, and never an empty answer."""

    def keep_list(self, name: str, signers: Collection[str], new: KeptList) -> bool:
        """Keep a list, unless another is kept that is no older; tell whether it is kept now."""

    def kept_list(self, name: str, signers: Collection[str]) -> KeptList | None:
        """Return the newest list that is kept of those that one of `signers` has signed."""


class BadPlace(ValueError):
    """A list cannot be there."""


class Untimely(ValueError):
    """The list is good, and its time is yet to come."""


class Expired(Untimely):
    """The list was good, and its time is over."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of loading a list.

    Attributes:
        listed: the list that holds, the new one or the one kept; None if none does.
        signer: the fingerprint of the key that signed the new one.
        trouble: why the new one was not taken, "" if it was.
        over: none holds, and that is known: the time of the last one is over.
    """

    listed: PolicyList | None
    signer: str = ""
    trouble: str = ""
    over: bool = False


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
    aside: OffLoop | None = None,
) -> Loaded:
    """Return the list that holds, which is the one at `source` if nothing is wrong with it.

    Args: key: the file of public keys; fetch: brings pages of at least `LONGEST` bytes; aside: the
        thread for the store.
    Raises: StoreError: what is kept cannot be used.
    """
    aside = aside or OffLoop()
    try:
        keys = read(key, LONGEST_KEYS)
        shelf = _Shelf(store, _name(source), fingerprints(keys))
    except (Unread, BadKey) as error:
        return Loaded(None, trouble=_about(key, error))
    try:
        body = await _brought(source, LONGEST, fetch)
        signed = await _brought(signature or beside(source), LONGEST_SIGNATURE, fetch)
        signer = verify(body, signed, keys, now)
        listed = current(body, now)
    except (Unread, BadSignature, BadList, Untimely) as error:
        return await aside.do(shelf.kept, now, str(error), over=isinstance(error, Expired))
    if not await aside.do(shelf.keep, KeptList(signer, listed.timestamp, body)):
        words = f"made on {_day(listed.timestamp)}, it is no newer than the one that is kept"
        return await aside.do(shelf.kept, now, words)
    return Loaded(listed, signer)


def kept(source: Place, key: Path, store: Lists, now: datetime) -> Loaded:
    """Return what is kept of the list at `source`.

    Raises: StoreError: what is kept cannot be used, which is not the same as nothing.
    """
    try:
        signers = fingerprints(read(key, LONGEST_KEYS))
    except (Unread, BadKey) as error:
        return Loaded(None, trouble=_about(key, error))
    return _Shelf(store, _name(source), signers).kept(now)


@dataclass(frozen=True, slots=True)
class _Shelf:
    """Where one list is kept, as far as its signers count here."""

    store: Lists
    name: str
    signers: frozenset[str]

    def keep(self, new: KeptList) -> bool:
        """Keep a list, unless another is kept that is no older."""
        return self.store.keep_list(self.name, self.signers, new)

    def kept(self, now: datetime, trouble: str = "", *, over: bool = False) -> Loaded:
        """Return what is kept.

        Args: trouble: why no new one was taken; over: because its time is over.
        """
        found = self.store.kept_list(self.name, self.signers)
        if found is None:
            return Loaded(None, trouble=trouble, over=over)
        try:
            listed = parse(found.body)
        except BadList as error:
            raise StoreError(f"the list that is kept of {self.name} is damaged: {error}") from error
        if listed.expired(now):
            words = f"the one that is kept expired on {_day(listed.expires)}"
            return Loaded(None, trouble=f"{trouble}; {words}" if trouble else words, over=True)
        return Loaded(listed, trouble=trouble)


def current(body: bytes, now: datetime) -> PolicyList:
    """Return the list in `body`, if it may be taken now.

    One from the future would keep out all that come after it.

    Raises: BadList, Untimely, Expired.
    """
    listed = parse(body)
    if listed.expired(now):
        raise Expired(f"it expired on {_day(listed.expires)}")
    if listed.timestamp > now + SLACK:
        raise Untimely(f"its timestamp, {_day(listed.timestamp)}, is yet to come")
    return listed


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
    """Return the name by which a list is kept.

    A link keeps its own: who may change where it points would else have an old list be another one.
    """
    if isinstance(source, Https):
        return f"https://{source.host}{source.path}"
    return os.path.abspath(source)  # noqa: PTH100  # without looking whether it is a link


def _about(key: Path, error: Exception) -> str:
    return str(error) if isinstance(error, Unread) else f"{key}: {error}"


def _day(when: datetime) -> str:
    return f"{when:%Y-%m-%d}"
