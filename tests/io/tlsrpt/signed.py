"""Mails that are signed, by keys that exist only here, and DNS that knows their other halves."""

from __future__ import annotations

import base64
from functools import cache
from hashlib import sha256

import dkim
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from tests.policy.answering import failure, found, nothing
from unstrip.policy.questions import Dns, DnsAnswer, Kind, Txt

SENDER, SELECTOR = "sender.example", "s1"
COVERED = ("From", "Subject", "TLS-Report-Domain", "TLS-Report-Submitter")


@cache
def key(size: int) -> tuple[bytes, str]:
    """A key as dkimpy wants it, and the record of its other half."""
    private = rsa.generate_private_key(65537, size)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return pem, f"v=DKIM1; k=rsa; s=tlsrpt; p={base64.b64encode(public).decode()}"


def sign(
    mail: bytes, domain: str = SENDER, covered: tuple[str, ...] = COVERED, size: int = 2048
) -> bytes:
    """The mail with a signature before it."""
    pem, _ = key(size)
    names = [name.encode() for name in covered]
    ways = (b"relaxed", b"relaxed")
    made = dkim.sign(
        mail, SELECTOR.encode(), domain.encode(), pem, None, ways, include_headers=names
    )
    return made + mail


def sign_by_hand(mail: bytes, covered: str) -> bytes:
    """The mail with a signature as it is written in RFC 6376; dkimpy would not make every one."""
    head, _, body = mail.partition(b"\r\n\r\n")
    digest = base64.b64encode(sha256(body).digest()).decode()
    tags = f"v=1; a=rsa-sha256; d={SENDER}; s={SELECTOR}; h={covered}; bh={digest}; b="
    field = f"DKIM-Signature: {tags}".encode()
    lines = {line.partition(b":")[0].lower(): line for line in head.split(b"\r\n")}
    data = b"".join(lines[name.encode()] + b"\r\n" for name in covered.split(":")) + field
    private = load_pem_private_key(key(2048)[0], None)
    signature = private.sign(data, padding.PKCS1v15(), SHA256())
    return field + base64.b64encode(signature) + b"\r\n" + mail


def keys(*domains: str, record: str | None = None) -> dict[Dns, DnsAnswer]:
    """What DNS says of the keys of these domains."""
    text = key(2048)[1] if record is None else record
    return {
        name(domain): found(Txt((text[:200].encode(), text[200:].encode()))) for domain in domains
    }


def name(domain: str) -> Dns:
    return Dns(f"{SELECTOR}._domainkey.{domain}", Kind.TXT)


class Names:
    """DNS: what is not known is not there, and what is lost cannot be asked for."""

    def __init__(self, *known: dict[Dns, DnsAnswer], lost: tuple[Dns, ...] = ()) -> None:
        self.asked: list[Dns] = []
        self._known = {question: answer for each in known for question, answer in each.items()}
        self._lost = lost

    async def ask(self, question: Dns) -> DnsAnswer:
        self.asked.append(question)
        return failure() if question in self._lost else self._known.get(question, nothing())
