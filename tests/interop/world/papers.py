"""The certificates of this world, good ones and flawed ones, and TLSA records that name them."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Final

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.interop.servers import Certificates

# usage, selector, matching type (RFC 7218): all that mean something
KINDS: Final = tuple(product(range(4), range(2), range(3)))
DIGESTS: Final = (
    bytes,
    lambda data: hashlib.sha256(data).digest(),
    lambda data: hashlib.sha512(data).digest(),
)


@dataclass(frozen=True, slots=True)
class Papers:
    """What the servers show: PEM files, the key first, whoever signed last.

    Attributes: ca: who vouches for `honest`, `expired` and `chat`; nobody does for `private`.
    """

    ca: Path
    honest: Path
    private: Path
    expired: Path
    chat: Certificates


def papers(directory: Path, mail_names: Sequence[str], chat_names: Sequence[str]) -> Papers:
    """New ones, of two new authorities, of which one is to be trusted."""
    directory.mkdir()
    trusted, unknown = trustme.CA(), trustme.CA()
    today = datetime.now(UTC)
    made = {
        "honest": whole(trusted.issue_cert(*mail_names), trusted),
        "private": whole(unknown.issue_cert(*mail_names), unknown),
        "expired": whole(
            trusted.issue_cert(
                *mail_names,
                not_before=today - timedelta(days=90),
                not_after=today - timedelta(days=1),
            ),
            trusted,
        ),
        "chat": whole(trusted.issue_cert(*chat_names), trusted),
        "ca": trusted.cert_pem.bytes(),
    }
    paths = {name: directory / f"{name}.pem" for name in made}
    for name, pem in made.items():
        paths[name].write_bytes(pem)
    chat, ca = paths.pop("chat"), paths["ca"]
    return Papers(chat=Certificates(chat, chat, ca), **paths)


def whole(leaf: trustme.LeafCert, ca: trustme.CA) -> bytes:
    """With the root, so that TLSA records can name it by a digest (RFC 7671, 5.2.2)."""
    parts = [leaf.private_key_pem, *leaf.cert_chain_pems, ca.cert_pem]
    return b"".join(part.bytes() for part in parts)


def tlsa(paper: Path) -> Iterator[tuple[str, str]]:
    """TLSA records that the server with this file meets: "3-1-1", and what stands in the zone."""
    own, authority = x509.load_pem_x509_certificates(paper.read_bytes())
    for usage, selector, matching in KINDS:
        named = own if usage in (1, 3) else authority
        data = DIGESTS[matching](encoded(named, selector)).hex()
        yield f"{usage}-{selector}-{matching}", f"{usage} {selector} {matching} {data}"


def encoded(certificate: x509.Certificate, selector: int) -> bytes:
    if selector == 0:
        return certificate.public_bytes(Encoding.DER)
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
