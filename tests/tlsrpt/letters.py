"""Mails with reports, in the shapes that large senders are known for; all data is our own."""

from __future__ import annotations

import base64
import gzip
import json
from datetime import UTC, datetime

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = "2026-11-20"
STS = {
    "policy-type": "sts",
    "policy-string": ["version: STSv1", "mode: testing", "mx: mx.example.org", "max_age: 86400"],
    "policy-domain": "example.org",
    "mx-host": ["mx.example.org"],
}
TLSA = {"policy-type": "tlsa", "policy-string": [], "policy-domain": "mx.example.org"}
FAILURE = {
    "result-type": "certificate-expired",
    "sending-mta-ip": "192.0.2.7",
    "receiving-mx-hostname": "mx.example.org",
    "failed-session-count": 3,
}


def told(
    *policies: dict,
    name: str = "20261120-1",
    begins: str = f"{DAY}T00:00:00Z",
    ends: str = f"{DAY}T23:59:59Z",
    **more: object,
) -> bytes:
    """A report as JSON; STS with 10 sessions that succeeded and 3 that did not unless given."""
    return json.dumps(
        {
            "organization-name": "Sender Inc",
            "date-range": {"start-datetime": begins, "end-datetime": ends},
            "contact-info": "tlsrpt@sender.example",
            "report-id": name,
            "policies": [*(policies or (policy(STS, 10, FAILURE),))],
            **more,
        }
    ).encode()


def policy(of: dict, succeeded: int, *failures: dict) -> dict:
    failed = sum(each["failed-session-count"] for each in failures)
    counts = {"total-successful-session-count": succeeded, "total-failure-session-count": failed}
    return {"policy": of, "summary": counts, "failure-details": [*failures]}


def mail(
    *parts: tuple[str, bytes],
    domain: str = "example.org",
    submitter: str = "sender.example",
    report_id: str = "20261120-1",
    more: str = "",
    plain: str = "This is a report.",
) -> bytes:
    """A mail of these parts, each with its fields, in lines of SMTP."""
    head = [
        f"From: Reports <tlsrpt@{submitter}>",
        "To: tls@example.org",
        f"Subject: Report Domain: {domain} Submitter: {submitter} Report-ID: <{report_id}>",
        f"TLS-Report-Domain: {domain}",
        f"TLS-Report-Submitter: {submitter}",
        "Date: Sat, 21 Nov 2026 03:00:00 +0000",
        f"Message-ID: <{report_id}@{submitter}>",
        "MIME-Version: 1.0",
        'Content-Type: multipart/report; report-type="tlsrpt"; boundary="b"',
        *([more] if more else []),
    ]
    said = ["\r\n".join(head).encode(), b"", b"--b", b"Content-Type: text/plain", b""]
    said += [plain.encode()]
    for fields, body in parts:
        said += [b"--b", fields.replace("\n", "\r\n").encode(), b"", body]
    return b"\r\n".join([*said, b"--b--", b""])


def encoded(data: bytes, width: int = 76) -> bytes:
    text = base64.b64encode(data)
    return b"\r\n".join(text[at : at + width] for at in range(0, len(text), width))


GZIP = "Content-Type: application/tlsrpt+gzip{}\nContent-Transfer-Encoding: base64"
ATTACHED = "Content-Disposition: attachment; filename="
FILE = "sender.example!example.org!1795132800!1795219199!001.json.gz"


def google() -> bytes:
    """base64 in one line without end, a name in every place, and a name of the day as its own."""
    body = gzip.compress(told(name="2026-11-20T00:00:00Z_example.org"))
    fields = GZIP.format(f'; name="{FILE}"') + f'\n{ATTACHED}"{FILE}"'
    return mail((fields, base64.b64encode(body)))


def microsoft() -> bytes:
    """Times without a zone, a failure without hosts, and a type of its own."""
    failure = {"result-type": "sts-policy-fetch-error", "failed-session-count": 2}
    body = told(policy(STS, 7, failure), begins=f"{DAY}T00:00:00", ends=f"{DAY}T23:59:59")
    fields = f"Content-Type: application/gzip\nContent-Transfer-Encoding: base64\n{ATTACHED}{FILE}"
    return mail((fields, encoded(gzip.compress(body))))


def mox() -> bytes:
    """Plain JSON under the type of gzip, DANE and MTA-STS side by side."""
    body = told(policy(TLSA, 4), policy(STS, 4))
    return mail(
        (GZIP.format(f'\nContent-Disposition: attachment; filename="{FILE}"'), encoded(body))
    )


def stalwart() -> bytes:
    """The day ends with the next one, and the name of the file is folded (RFC 2231)."""
    body = gzip.compress(told(ends="2026-11-21T00:00:00Z"))
    folded = f'{ATTACHED[:-1]}*0="{FILE[:30]}";\n filename*1="{FILE[30:]}"'
    return mail((f"{GZIP.format('')}\n{folded}", encoded(body)))


def tlsrpt_reporter() -> bytes:
    """A bare text as MX patterns, counts as texts, and nobody to be asked."""
    counts = {"total-successful-session-count": "5", "total-failure-session-count": "0"}
    one = {"policy": {**STS, "mx-host": "mx.example.org"}, "summary": counts}
    body = told(one, **{"contact-info": None})
    return mail((GZIP.format(""), encoded(gzip.compress(body), 64)))


SHAPES = {f.__name__: f for f in (google, microsoft, mox, stalwart, tlsrpt_reporter)}
COUNTS = {
    "google": (10, 3),
    "microsoft": (7, 2),
    "mox": (8, 0),
    "stalwart": (10, 3),
    "tlsrpt_reporter": (5, 0),
}


def plain_letter(body: bytes | None = None, **more: str) -> bytes:
    """The shape of the RFC."""
    return mail((GZIP.format(""), encoded(gzip.compress(told() if body is None else body))), **more)
