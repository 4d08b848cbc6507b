"""The record by which a domain asks for reports (RFC 8460, 3).

Of what may stand in it all is read: several lists, blanks around every delimiter, extensions before
and after. A destination that cannot be used does not take the others with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from unstrip.escaping import brief
from unstrip.hostname import BadHostName, host_name, is_host_name
from unstrip.policy.questions import Kind, Source, Txt, dns

LABEL = "_smtp._tls"
MAILTO, HTTPS = "mailto:", "https://"
_BLANK = " \t"
_LONGEST = 4096  # bytes: a record has some destinations and little more
_MOST = 20  # destinations: more would make us a gun

_VERSION = re.compile(rb"v=TLSRPTv1[ \t]*;")
_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_VALUE = re.compile("[!-:<>-~]+")  # neither blank nor ";" nor "="
_URI = re.compile(r"[\"-+\--:<-~]+")  # printable, and neither "!" nor "," nor ";"
_ATOM = r"(?:(?!=\?)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-])+"  # "=?" would begin a word of RFC 2047
_LOCAL = re.compile(rf"(?=.{{1,64}}\Z){_ATOM}(?:\.{_ATOM})*")  # RFC 5321, 4.1.2: a Dot-string
_WEB = re.compile(
    r"https://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?(/[!-~]*)?", re.IGNORECASE
)


class BadRecord(ValueError):
    """There is a record, and nobody can be told by it where reports go; the message says why."""


class BadUri(ValueError):
    """Reports cannot go there."""


@dataclass(frozen=True, slots=True)
class Rua:
    """One destination of reports.

    Attributes: uri: as it stands in the record; address: whom to write to, "" where it is a web
        server.
    """

    uri: str
    address: str = ""

    @property
    def place(self) -> str:
        """The URI that it has however it is spelt: what goes there twice goes there once."""
        if self.address:
            return f"{MAILTO}{quote(self.address, safe='@+=')}"
        url = urlsplit(self.uri)
        port = "" if url.port in (None, 443) else f":{url.port}"
        host = _host((url.hostname or "").strip("[]"), self.uri)
        query = f"?{url.query}" if url.query else ""
        return f"{HTTPS}{f'[{host}]' if ':' in host else host}{port}{url.path or '/'}{query}"


@dataclass(frozen=True, slots=True)
class Record:
    """What a domain says about reports.

    Attributes: text: as it was published; rua: where they go, one or more; unusable: destinations
        that are none, and why, for people.
    """

    text: str
    rua: tuple[Rua, ...]
    unusable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Looked:
    """What came of looking for the record.

    Attributes: record: None where no reports are wanted, or can be sent; failed: why it could not
        be found out, "" if it could be; wrong: why what is there is no use, "" if it is none;
        secure: DNSSEC vouches for all of that.
    """

    record: Record | None = None
    failed: str = ""
    wrong: str = ""
    secure: bool = False


def look(domain: str) -> Source[Looked]:
    """Look for the record of a domain; an alias at its place is followed."""
    answer = yield from dns(f"{LABEL}.{domain}", Kind.TXT)
    if answer.failed:
        return Looked(failed=answer.said())
    try:
        record = published(record.joined for record in answer.of(Txt))
    except BadRecord as error:
        return Looked(wrong=str(error), secure=answer.secure)
    return Looked(record, secure=answer.secure)


def published(records: Iterable[bytes]) -> Record | None:
    """Return what TXT records say, each with its strings joined; None if none is about reports.

    Raises: BadRecord: more than one is, or it is not as the grammar has it.
    """
    found = ours(records)
    if len(found) > 1:
        raise BadRecord(f"{len(found)} records begin with 'v=TLSRPTv1;'")
    return parse(found[0]) if found else None


def ours(records: Iterable[bytes]) -> list[bytes]:
    """Return those that are about reports (RFC 8460, 3)."""
    return [record for record in records if _VERSION.match(record)]


def parse(record: bytes) -> Record:
    """Return what one record says. Raises: BadRecord."""
    if not _VERSION.match(record):
        raise BadRecord("it does not begin with 'v=TLSRPTv1;'")
    if len(record) > _LONGEST:
        raise BadRecord(f"{len(record)} bytes are too long for a record")
    text = record.decode("latin-1")
    wanted = [uri for value in _destinations(text) for uri in value.split(",")]
    if not wanted:
        raise BadRecord("it has no rua")
    if len(wanted) > _MOST:
        raise BadRecord(f"{len(wanted)} destinations are too many")
    rua: dict[Rua, None] = {}
    unusable = []
    for uri in wanted:
        try:
            rua[destination(uri.strip(_BLANK))] = None
        except BadUri as error:
            unusable.append(str(error))
    if not rua:
        raise BadRecord(unusable[0])
    return Record(text, tuple(rua), tuple(unusable))


def _destinations(text: str) -> list[str]:
    """Return the value of each rua field; there may be several. Raises: BadRecord."""
    fields = [field.strip(_BLANK) for field in text.split(";")][1:]
    if not fields[-1]:  # the last delimiter may close the record
        fields.pop()
    found = []
    for field in fields:
        name, _, value = field.partition("=")
        if name == "rua":
            found.append(value)
        elif not (_NAME.fullmatch(name) and _VALUE.fullmatch(value)):
            raise BadRecord(f"'{brief(field)}' is no field")
    return found


def destination(uri: str) -> Rua:
    """Return the destination that a URI means, as it stands in a record.

    Raises: BadUri: it is neither mailto: nor https:, or has in clear what must be encoded.
    """
    if not _URI.fullmatch(uri):
        raise BadUri(f"'{brief(uri)}' is no URI")
    if uri[: len(MAILTO)].lower() == MAILTO:
        return Rua(uri, _address(uri[len(MAILTO) :].partition("?")[0]))
    web = _WEB.fullmatch(uri)
    if web is None or not 0 < int((web[2] or ":443")[1:]) < 1 << 16:
        raise BadUri(f"'{brief(uri)}' is neither mailto:NAME@DOMAIN nor https://HOST/PATH")
    _host(web[1].strip("[]"), uri)
    return Rua(uri)


def _address(encoded: str) -> str:
    """Return the address that is meant (RFC 6068, 2), with its domain as A-labels."""
    local, at, domain = unquote(encoded, errors="replace").rpartition("@")
    if not at or not _LOCAL.fullmatch(local):
        raise BadUri(f"'{brief(encoded)}' is no address")
    host = _host(domain, encoded)
    if "." not in host or not is_host_name(host):  # a machine of ours, or a number
        raise BadUri(f"'{brief(encoded)}' is no address: no domain is called {host}")
    return f"{local}@{host}"


def _host(text: str, uri: str) -> str:
    try:
        return host_name(text)
    except BadHostName as error:
        raise BadUri(f"'{brief(uri)}': {error}") from error
