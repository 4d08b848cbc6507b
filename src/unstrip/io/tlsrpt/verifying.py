"""Whether a mail is signed by who it says has reported (RFC 8460, 3 and 5.3; RFC 6376), by dkimpy.

- A signature counts if its domain is the submitter's, or one above it, and if it covers From. One
  of another domain is not looked at: else anybody could have us look up any number of names.
- The body is hashed whole, whatever a signature says of its length (RFC 8460, 3).
- A key that could not be looked up decides nothing: the mail has to wait.
- dkimpy asks nobody. The key is looked up by our resolver, under the domain as we spell it.
- dkimpy has no eye for what a key's record says of its use, so that is judged here.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

from unstrip.escaping import brief
from unstrip.hostname import BadHostName, host_name
from unstrip.policy.questions import Dns, DnsAnswer, Kind, Txt

_MOST, _LOOKED_AT = 5, 100  # signatures of the submitter, and of anybody
_LONGEST_KEY = 4000  # characters: RSA with 8192 bits has 1,500, and more would take long
_SMALLEST = 1024  # bits of RSA (RFC 8301, 3.2)
_ALGORITHMS = (b"rsa-sha256", b"ed25519-sha256")  # RFC 8301, 3.1; RFC 8463
_SERVICES = {"*", "email", "tlsrpt"}  # RFC 6376, 3.6.1; RFC 8460, 3

_SIGNATURE = re.compile(rb"^dkim-signature:", re.IGNORECASE | re.MULTILINE)
_END = b"\r\n\r\n"  # of the header
_TAG = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)\s*=(.*)", re.DOTALL)

Ask = Callable[[Dns], Awaitable[DnsAnswer]]


class Unknown(OSError):
    """Nothing can be said of a signature now, since its key could not be looked up."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What signatures say.

    Attributes: domain: of the signature that proves the submitter, "" if none does; covers: the
        fields of the header that it is of; there: there is a signature; words: for people.
    """

    domain: str = ""
    covers: frozenset[str] = frozenset()
    there: bool = False
    words: str = "none"


class _Faulty(ValueError):
    """A signature proves nothing; the message says why."""


class _Unreadable(ValueError):
    """A signature is of a kind that is not known here, and so is as if it were not there."""


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a signature says of itself.

    Attributes: index: among all; domain: as A-labels; identity: on whose behalf it signs; key:
        where that is.
    """

    index: int
    domain: str
    identity: str
    key: Dns


async def verify(message: bytes, submitter: str, ask: Ask) -> Signed:
    """Look at the signatures of a mail, whose lines are as SMTP has them.

    Raises: Unknown: none counts, and one of them might if its key could be had.
    """
    faults: dict[str, None] = {}
    missed: Unknown | None = None
    for claim in islice(_claims(message.partition(_END)[0] + _END, submitter, faults), _MOST):
        try:
            covers = _verified(message, claim, await _key(claim, ask))
        except Unknown as error:
            missed = error
        except _Unreadable:
            continue
        except _Faulty as error:
            faults[str(error)] = None
        else:
            return Signed(claim.domain, covers, there=True, words=f"pass {claim.domain}")
    if missed is not None:
        raise missed
    words = ", ".join(islice(faults, _MOST))
    return Signed(there=True, words=f"fail: {words}") if faults else Signed()


def _claims(head: bytes, submitter: str, faults: dict[str, None]) -> Iterator[_Claim]:
    """Yield the signatures that would prove a submitter; say what is wrong with the others."""
    for index in range(min(len(_SIGNATURE.findall(head)), _LOOKED_AT)):
        try:
            claim = _claim(head, index)
        except _Faulty as error:
            faults[str(error)] = None
            continue
        if submitter == claim.domain or submitter.endswith(f".{claim.domain}"):
            yield claim
        else:
            faults[f"it is of {claim.domain}, and the report of {submitter or 'nobody'}"] = None


def _claim(head: bytes, index: int) -> _Claim:
    """Read a signature, as dkimpy does. Raises: _Faulty; Unknown: dkimpy is missing."""
    with _reading():
        from dkim import DKIM

        dkim = DKIM(head, minkey=_SMALLEST, tlsrpt=True)
        assert dkim.verify_headerprep(index), "there are that many"
        tags = dkim.signature_fields
        if tags[b"a"] not in _ALGORITHMS:
            raise _Faulty(f"its algorithm is {brief(tags[b'a'].decode('latin-1'))}")
        domain = host_name(tags[b"d"].decode())
        identity = tags.get(b"i", b"@" + tags[b"d"]).rpartition(b"@")[2].decode()
        key = host_name(f"{tags[b's'].decode('ascii')}._domainkey.{domain}")
        return _Claim(index, domain, host_name(identity), Dns(key, Kind.TXT))


def _verified(message: bytes, claim: _Claim, key: bytes) -> frozenset[str]:
    """Return what a signature covers. Raises: _Faulty: it is wrong; _Unreadable."""
    if not key:
        raise _Faulty(f"there is no key that can be used at {claim.key.name}")
    with _reading():
        from dkim import DKIM

        dkim = DKIM(message, minkey=_SMALLEST, tlsrpt=True)
        good = dkim.verify(claim.index, lambda _name, timeout: key)  # noqa: ARG005  # as it calls
        covers = frozenset(name.decode() for name in dkim.include_headers)
    if not good:
        raise _Faulty(f"that of {claim.domain} is wrong, by the key at {claim.key.name}")
    if "from" not in covers:  # RFC 6376, 5.4
        raise _Faulty(f"that of {claim.domain} does not cover From")
    return covers


@contextmanager
def _reading() -> Iterator[None]:
    """Have whatever goes wrong with dkimpy be one of three things."""
    try:
        import dkim
    except ImportError as error:
        raise Unknown("dkimpy is missing: pip install 'unstrip[report]'") from error
    try:
        yield
    except _Faulty:
        raise
    except dkim.NaClNotFoundError as error:  # Ed25519 (RFC 6376, 3.3)
        raise _Unreadable(str(error)) from error
    except (dkim.DKIMException, BadHostName) as error:
        raise _Faulty(brief(str(error))) from error
    except Exception as error:  # parsers of what anybody has sent; dkimpy's promise nothing
        raise _Faulty(f"it cannot be read ({type(error).__name__})") from error


async def _key(claim: _Claim, ask: Ask) -> bytes:
    """Return a key as dkimpy is to see it, b"" if there is none.

    Raises: Unknown; _Unreadable: it is only being tried out, which is as if nothing were signed.
    """
    answer = await ask(claim.key)
    if answer.failed:
        raise Unknown(f"the key at {claim.key.name} could not be looked up: {answer.said()}")
    found = next((record.joined for record in answer.of(Txt)), b"")
    return _usable(found.decode("latin-1"), claim) if len(found) <= _LONGEST_KEY else b""


def _usable(record: str, claim: _Claim) -> bytes:
    """Return what a record says of the key alone, b"" if it is not for this (RFC 6376, 3.6.1)."""
    pairs = [_TAG.fullmatch(part) for part in record.rstrip("; \t\r\n").split(";")]
    tags = {pair[1]: pair[2].strip() for pair in pairs if pair is not None}
    if None in pairs or len(tags) < len(pairs):
        return b""

    def listed(tag: str, without: str) -> set[str]:
        return {each.strip() for each in tags.get(tag, without).split(":")}

    flags = listed("t", "")
    if "y" in flags:
        raise _Unreadable("the key is being tried out")
    for_us = listed("s", "*") & _SERVICES and "sha256" in listed("h", "sha256")
    strict = "s" in flags and claim.identity != claim.domain
    if strict or not for_us:
        return b""
    kept = (f"{tag}={tags[tag]}" for tag in ("v", "k", "p") if tag in tags)
    return "; ".join(kept).encode("latin-1")
