"""A report as a mail (RFC 8460, 5.3): what is written before it is signed."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from hashlib import sha256

from unstrip.escaping import brief
from unstrip.tlsrpt.report import PolicyResult, Report, Reporter

# no line of a header is broken: many a reader cannot put a long name of a file together again
_WHOLE = SMTP.clone(max_line_length=900)
_ALPHANUMERIC = 16  # of what tells two reports on one day apart
_LONGEST, _LONGEST_NAME = 900, 100  # characters of a line of the header, of a name in it
_MOST = 20  # policies in the text

SIGNED = (  # what the signature covers (RFC 8460, 5.3), besides the body
    *("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"),
    *("TLS-Report-Domain", "TLS-Report-Submitter", "TLS-Required", "Auto-Submitted"),
)
_TEXT = """\
This is a report on TLS between mail servers, as {domain} asks for it at
_smtp._tls.{domain} (RFC 8460). It is of {day} (UTC) and comes from
{organization}, {contact}.

One session counts under each policy that applied to it:

{counts}
{more}"""
_MORE = "and more, which are in the report\n"


class BadMail(ValueError):
    """It cannot be written; the message says which line of its header would be another one."""


def filename(report: Report, domain: str, who: Reporter) -> str:
    """Return the name of the report as a file (RFC 8460, 5.1)."""
    times = report.date_range
    begins, ends = (int(time.timestamp()) for time in (times.start_datetime, times.end_datetime))
    unique = sha256(report.report_id.encode()).hexdigest()[:_ALPHANUMERIC]
    return f"{who.domain}!{domain}!{begins}!{ends}!{unique}.json.gz"


def build(
    report: Report, packed: bytes, who: Reporter, *, domain: str, to: str, now: datetime
) -> bytes:
    """Return the mail, with lines as SMTP has them.

    Args: packed: the report as gzip; domain: whom it is about; to: the address it goes to; now: the
        mail's date. All else is the same however often it is made.
    Raises: BadMail.
    """
    name = f"<{report.report_id}>"  # RFC 8460, 5.3: the brackets are part of it
    digest = sha256(f"{report.report_id}\n{to}".encode()).hexdigest()[: 2 * _ALPHANUMERIC]
    fields = {
        "From": formataddr((_shown(who.organization), who.contact)),
        "To": to,
        "Subject": f"Report Domain: {domain} Submitter: {who.domain} Report-ID: {name}",
        "Date": format_datetime(now.astimezone(UTC).replace(microsecond=0)),
        "Message-ID": f"<{digest}@{who.domain}>",
        "TLS-Report-Domain": domain,
        "TLS-Report-Submitter": who.domain,
        "TLS-Required": "No",  # RFC 8689, 5: what is broken may be what it reports
        "Auto-Submitted": "auto-generated",  # RFC 3834, 5: nobody is to answer it
    }
    body = _body(report, packed, who, domain)
    body.set_boundary(f"report-{digest}")
    return b"".join(_field(*field) for field in fields.items()) + body.as_bytes()


def _field(name: str, value: str) -> bytes:
    """Return a line of the header as it is, read by nobody: `email` would decode and break it.

    Raises: BadMail.
    """
    if not (value.isascii() and value.isprintable()) or len(value) > _LONGEST:
        raise BadMail(f"the mail's {name} would be '{brief(value)}'")
    return f"{name}: {value}\r\n".encode()


def _body(report: Report, packed: bytes, who: Reporter, domain: str) -> EmailMessage:
    """Return what `email` makes: the parts, and the header as far as it tells of them."""
    mail = EmailMessage(policy=_WHOLE)
    mail.set_content(_text(report, domain, who), cte="quoted-printable")
    mail.add_attachment(
        packed,
        maintype="application",
        subtype="tlsrpt+gzip",
        filename=filename(report, domain, who),
    )
    mail.set_type("multipart/report")
    mail.set_param("report-type", "tlsrpt")
    return mail


def _text(report: Report, domain: str, who: Reporter) -> str:
    return _TEXT.format(
        domain=domain,
        day=report.day,
        organization=who.organization,
        contact=who.contact,
        counts="\n".join(_count(each) for each in report.policies[:_MOST]),
        more=_MORE if len(report.policies) > _MOST else "",
    )


def _count(result: PolicyResult) -> str:
    policy, counts = result.policy, result.summary
    return (
        f"{policy.policy_type}, {brief(policy.policy_domain)}: "
        f"{counts.total_successful_session_count} sessions were as they should be, "
        f"{counts.total_failure_session_count} were not"
    )


def _shown(name: str) -> str:
    """Return a name as it may stand before an address."""
    return "".join(char for char in name if char.isprintable())[:_LONGEST_NAME]
