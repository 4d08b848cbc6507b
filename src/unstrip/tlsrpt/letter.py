"""A mail that brings a report (RFC 8460, 5.3): who sent it, whom it is about, what is attached.

What others send is seldom a whole `multipart/report`: types are wrong, files have no name, base64
is broken anywhere. So a report is found by what it is called and then by what it is. What would
leave open who is meant, or would cost more than a mail may, is refused by name.

- The parser of the standard library takes the square of time over some fields and nestings, so
  those are bounded before it sees them.
- It ends lines, and the header, where a verifier of signatures does not. So the header is cut into
  fields here, and a mail that any of them could cut in another way is refused.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import parseaddr

from unstrip.escaping import brief
from unstrip.hostname import BadHostName, host_name, is_address

LONGEST = 8 * 1024 * 1024  # bytes: what may be packed, in base64, and words around it
_HEAD, _FIELDS = 128 * 1024, 1000  # bytes and lines before the first empty one
_LINES = 150_000  # of base64 they would be far more than may be packed
_FIELD, _PARAMETERS = 8 * 1024, 50  # bytes of one of them, `;` in one that is about a part
_PARTS, _NESTS = 100, 10
_DASHES = 1_000  # lines that could end a part
_REPORTS = 10  # in one mail
# blanks in a row, of which what looks at a signature takes the square of time, or the third power
_SPACE, _SPACE_IN_HEAD = re.compile(rb"[ \t]{200}"), re.compile(rb"\s{60}")
_STRAY = re.compile(rb"\r(?!\n)|\0")  # ends of lines to some (RFC 5322, 2.2)
_END = re.compile(rb"\r?\n\r?\n")
_NEXT = re.compile(rb"\n\r?\nFrom \S+ +[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-3][0-9] [0-9]{2}:")
_WHOLE = rb"[!-9;-~]+:[^\n]*(?:\n|\Z)(?:[ \t][^\n]*(?:\n|\Z))*"  # a field (RFC 5322, 2.2)
_HEADER, _EACH = re.compile(rb"(?:" + _WHOLE + rb")*"), re.compile(_WHOLE)
_OF_PARTS = re.compile(rb"^content-" + _WHOLE, re.IGNORECASE | re.MULTILINE)
_NEST = re.compile(rb"multipart|message", re.IGNORECASE)
_DASH = re.compile(rb"^--", re.MULTILINE)
_DOMAIN, _SUBMITTER = "TLS-Report-Domain", "TLS-Report-Submitter"
_ONCE = ("From", "Subject", _DOMAIN, _SUBMITTER, "Content-Type")
_MAGIC = (b"\x1f\x8b", b"PK\x03\x04", b"{", b"\xef\xbb\xbf{")
_UNLIKE = 3  # a report
_GZIP_IN_BASE64 = b"H4sI"
_TYPES = ("application/tlsrpt+gzip", "application/tlsrpt+json")
_NAMES = (".json", ".json.gz", ".gz", ".zip")
_SUBJECT = re.compile(  # RFC 8460, 5.3
    r"Report\s+Domain:\s*(?P<domain>\S+)\s+Submitter:\s*(?P<submitter>\S+)", re.IGNORECASE
)
_FILE = re.compile(  # RFC 8460, 5.1
    r"(?P<submitter>[^!/]+)!(?P<domain>[^!/]+)!\d+!\d+(?:![A-Za-z0-9]+)?\.json(?:\.gz)?"
)


class BadLetter(ValueError):
    """It cannot be taken in.

    Attributes: kind: of the reason, in a word, to be counted.
    """

    def __init__(self, kind: str, words: str) -> None:
        super().__init__(words)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail with a report.

    Attributes:
        domain: whom it is about, as A-labels; "" if it does not say.
        fields: of the header, in lower case, that say whom it is about.
        submitter: who reports, as A-labels; "" if it does not say.
        named: the field that says so, likewise.
        divided: the body shows by itself where its parts begin and end.
        reports: what is attached, as it is packed; more than one is seldom.
        message: all of it, lines as SMTP has them: what a signature is of.
    """

    domain: str
    fields: frozenset[str]
    submitter: str
    named: str
    divided: bool
    reports: tuple[bytes, ...]
    message: bytes

    def bound(self, covered: frozenset[str]) -> bool:
        """Tell whether a signature of these fields and the body is of what the report says."""
        # else an old mail could be sent again, about somebody else or divided in another way
        return bool(self.fields & covered) and (self.divided or "content-type" in covered)


def bare(data: bytes) -> bool:
    """Tell whether it is a report as it is, and no mail."""
    return data.lstrip(b" \t\r\n").startswith(_MAGIC)


def named(file: str) -> tuple[str, str]:
    """Return whom a report is about, and who reports, by the name of its file; "" if not there."""
    found = _FILE.fullmatch(file)
    return ("", "") if found is None else (_known(found["domain"]), _known(found["submitter"]))


def take(data: bytes) -> Letter:
    """Return what a mail brings.

    Raises: BadLetter.
    """
    message = _lines(data)
    names = _header(message)
    _parts(message)
    try:
        mail = message_from_bytes(message)
        _check(mail, names)
        subject = _SUBJECT.match(_text(mail, "Subject"))
        domain, fields = _about(mail, subject)
        submitter, named = _submitter(mail, subject)
        reports, divided = tuple(_reports(mail)), _divided(mail, message)
        return Letter(domain, fields, submitter, named, divided, reports, message)
    except (MessageError, RecursionError, LookupError, TypeError, ValueError) as error:
        if isinstance(error, BadLetter):
            raise
        # the parser of the standard library promises to raise nothing
        raise BadLetter("mail", f"it is no mail: {brief(str(error))}") from error


def _lines(data: bytes) -> bytes:
    """Return a mail with lines as SMTP has them, and no more of it than is borne with."""
    if len(data) > LONGEST:
        raise BadLetter("size", f"{len(data)} bytes are too many")
    if data.startswith(b"From "):  # mbox(5), and what a pipe of Postfix may begin with
        if _NEXT.search(data):
            raise BadLetter("mail", "it is an mbox of several mails: give each as it came")
        data = data.partition(b"\n")[2]
    if _STRAY.search(data):
        raise BadLetter("mail", "it has a CR without LF, or a NUL")
    if data.count(b"\n") > _LINES:
        raise BadLetter("size", f"it has more than {_LINES} lines")
    found = _END.search(data)
    end = len(data) if found is None else found.start()
    if end > _HEAD or data.count(b"\n", 0, end) > _FIELDS:
        words = f"its header has more than {_HEAD} bytes, or {_FIELDS} lines"
        raise BadLetter("size", words)
    if _SPACE.search(data) or _SPACE_IN_HEAD.search(data, 0, end):
        raise BadLetter("mail", "it has too many blanks in a row")
    return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _header(message: bytes) -> list[str]:
    """Return the names of its fields, in order. Raises: BadLetter: it has anything else in it."""
    head = message.partition(b"\r\n\r\n")[0] + b"\r\n"
    if not _HEADER.fullmatch(head):
        raise BadLetter("mail", "its header has lines that are no fields")
    fields = _EACH.findall(head)
    if any(len(field) > _FIELD for field in fields):
        raise BadLetter("size", f"a field of its header has more than {_FIELD} bytes")
    return [field.partition(b":")[0].decode("ascii") for field in fields]


def _parts(message: bytes) -> None:
    """Refuse what would take long to be cut into parts: wherever these lines are, they might."""
    fields = _OF_PARTS.findall(message)
    if any(len(field) > _FIELD or field.count(b";") > _PARAMETERS for field in fields):
        words = f"a field about a part has more than {_FIELD} bytes, or {_PARAMETERS} parameters"
        raise BadLetter("size", words)
    if sum(_NEST.search(field) is not None for field in fields) > _NESTS:
        raise BadLetter("size", f"more than {_NESTS} of its parts have parts themselves")
    if len(_DASH.findall(message)) > _DASHES:
        raise BadLetter("size", f"more than {_DASHES} of its lines could end a part")


def _check(mail: Message, names: list[str]) -> None:
    """Refuse what is no mail, and what could mean one thing to a signer and another to us."""
    if mail.keys() != names:
        raise BadLetter("mail", "its header can be read in two ways")
    if mail["From"] is None:
        raise BadLetter("mail", "it is no mail: nobody is named in From")
    for name in _ONCE:  # RFC 5322, 3.6: at most one
        if len(mail.get_all(name, [])) > 1:
            raise BadLetter("mail", f"it has {name} more than once")


def _about(mail: Message, subject: re.Match[str] | None) -> tuple[str, frozenset[str]]:
    """Return whom it is about, and where it says so. Raises: BadLetter: in two ways."""
    said = {
        "tls-report-domain": _name(_text(mail, _DOMAIN), _DOMAIN),
        "subject": _known(subject["domain"]) if subject else "",
    }
    names = {name for name in said.values() if name}
    if len(names) > 1:
        raise BadLetter("domain", f"it is about {' and about '.join(sorted(names))}")
    fields = frozenset(field for field, name in said.items() if name)
    return names.pop() if names else "", fields


def _submitter(mail: Message, subject: re.Match[str] | None) -> tuple[str, str]:
    """Return who reports, as it says itself, else by its address; and in which field."""
    if said := _text(mail, _SUBMITTER):
        return _name(said, _SUBMITTER), _SUBMITTER.lower()
    if subject and (known := _known(subject["submitter"])):
        return known, "subject"
    address = parseaddr(_text(mail, "From"))[1]
    return _known(address.rpartition("@")[2]), "from"


def _divided(mail: Message, message: bytes) -> bool:
    """Tell whether no other boundary in the header could make other parts of the body.

    It begins with the header's own, and ends with it: so nothing within a part, or that is quoted
    in a text, could be taken for a part.
    """
    boundary = mail.get_boundary()
    if not (mail.is_multipart() and boundary) or mail.get_content_subtype() == "digest":
        return False
    line = b"--" + boundary.encode("ascii", "surrogateescape")
    body = message.partition(b"\r\n\r\n")[2].strip()
    return body.startswith(line + b"\r\n") and body.endswith(b"\r\n" + line + b"--")


def _text(mail: Message, name: str) -> str:
    value = mail[name]
    if value is None:
        return ""
    try:
        decoded = str(make_header(decode_header(value)))
    except (ValueError, LookupError):  # an unknown charset is a LookupError
        decoded = str(value)
    return " ".join(decoded.split())


def _name(text: str, field: str) -> str:
    """Return a domain, "" if there is none. Raises: BadLetter: it is something else."""
    if not text:
        return ""
    try:
        name = host_name(text)
    except BadHostName as error:
        raise BadLetter("domain", f"{field}: {error}") from error
    if is_address(name):
        raise BadLetter("domain", f"{field}: {name} is an address")
    return name


def _known(text: str) -> str:
    """Return a domain, "" if it is none."""
    try:
        return _name(text, "")
    except BadLetter:
        return ""


def _reports(mail: Message) -> list[bytes]:
    """Return what is attached and looks most like a report."""
    found: dict[int, list[bytes]] = {}
    for part in _leaves(mail):
        body = _body(part)
        if body.strip():
            found.setdefault(_likeness(part, body), []).append(body)
    best = min(found, default=_UNLIKE)
    if best == _UNLIKE:
        raise BadLetter("no-report", "there is no report in it")
    if len(found[best]) > _REPORTS:
        raise BadLetter("size", f"there are more than {_REPORTS} reports in it")
    return found[best]


def _body(part: Message) -> bytes:
    """Return what a part is, decoded; base64 is undone where nothing says so, too."""
    body = part.get_payload(decode=True)
    if not isinstance(body, bytes):
        return b""
    if not body.startswith(_GZIP_IN_BASE64):
        return body
    try:
        return b64decode(b"".join(body.split()))
    except ValueError:
        return body


def _likeness(part: Message, body: bytes) -> int:
    """Return how much a part looks like a report: 0 is most."""
    if part.get_content_type() in _TYPES:
        return 0
    if bare(body):
        return 1
    name = part.get_filename()
    return 2 if isinstance(name, str) and name.lower().endswith(_NAMES) else _UNLIKE


def _leaves(mail: Message) -> Iterator[Message]:
    for count, part in enumerate(mail.walk()):
        if count >= _PARTS:
            raise BadLetter("size", f"it has more than {_PARTS} parts")
        if not part.is_multipart():
            yield part
