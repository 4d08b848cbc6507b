"""One way to TLS, measured: what it cost, what it gave away, what it got."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from hashlib import sha256

from unstrip.certificates import Unreadable, read
from unstrip.comparison.values import Fact, Negotiated, Shown, Told, Trip, Visits, Way
from unstrip.evidence import Evidence
from unstrip.handshake import FirstMessage, Handshake, alpn_offered
from unstrip.policy import Decision, Level
from unstrip.transcript import Layer, Side, said
from unstrip.verdict import Standing, judge

_NAMED = {  # what a client tells of names, wherever a protocol has it do so
    "helo": re.compile(rb"(?:^(?:EHLO|LHLO) | from=')([^\s']+)", re.IGNORECASE | re.MULTILINE),
    "host": re.compile(rb"(?:^Host: | to=')([^\s']+)", re.IGNORECASE | re.MULTILINE),
    "user": re.compile(rb"Cookie: mstshash=([^\r\n]+)"),  # MS-RDPBCGR, 2.2.1.1
}
_LOGIN = re.compile(r"(?:AUTH (?!TLS|SSL)|AUTH=|AUTHINFO |SASL )(.+)", re.IGNORECASE)


def measured(visits: Visits) -> Way:
    """Return what one way cost, gave away and got, and what `judge` says of it."""
    newest = visits.newest
    verdict = judge(Decision(Level.AUTHENTICATED), newest)
    fine = verdict.standing is Standing.MEETS or not verdict.findings
    return Way(
        endpoint=newest.endpoint,
        standing=verdict.standing,
        code=verdict.code,
        words="" if fine else verdict.findings[0].words,
        protected=newest.secured,
        trips=tuple(map(_trip, visits.all)),
        certificate=_shown(newest.handshake),
        inside=newest.upgrade.inside if newest.upgrade else (),
    )


def _trip(evidence: Evidence) -> Trip:
    shake = evidence.handshake
    records = (spoken.at for spoken in evidence.transcript if spoken.layer is Layer.HANDSHAKE)
    return Trip(
        round_trips=evidence.round_trips,
        seconds=max(records, default=None) if shake else None,
        clear_sent=evidence.clear_sent,
        clear_received=evidence.clear_received,
        told=tuple(Fact(told, told.teller, words) for told, words in _told(evidence) if words),
        negotiated=None if shake is None else _negotiated(shake),
        failure=evidence.failure,
    )


def _negotiated(shake: Handshake) -> Negotiated:
    secrecy = shake.forward_secrecy
    return Negotiated(shake.version, shake.cipher, shake.group, shake.alpn, secrecy)


def _shown(shake: Handshake | None) -> Shown | None:
    if shake is None or not shake.chain:
        return None
    try:
        leaf = read(shake.chain[0])
    except Unreadable:
        return None
    return Shown(
        names=leaf.dns_names + leaf.addresses,
        issuer=leaf.issuer,
        expires=leaf.not_after,
        key=leaf.key,
        spki=leaf.spki,
        sha256=sha256(leaf.der).hexdigest(),
        faults=shake.webpki.faults if shake.webpki else (),
    )


def _told(evidence: Evidence) -> Iterator[tuple[Told, tuple[str, ...]]]:
    """Tell what crossed in clear: words of the protocol, then what TLS itself does not hide."""
    upgrade = evidence.upgrade
    if upgrade is not None and said(evidence.transcript, Side.SERVER, Layer.CLEAR):
        listed = tuple(dict.fromkeys(upgrade.greeted + upgrade.offered))
        yield Told.GREETING, (upgrade.greeting,) if upgrade.greeting else ()
        yield Told.CAPABILITIES, listed
        yield Told.MECHANISMS, tuple(_mechanisms(listed))
    ours = said(evidence.transcript, Side.CLIENT, Layer.CLEAR)
    for told, name in ((Told.OUR_NAME, "helo"), (Told.HOST, "host"), (Told.USER, "user")):
        found = _NAMED[name].findall(ours)
        yield told, tuple(dict.fromkeys(word.decode("utf-8", "replace") for word in found))
    yield from _told_by_tls(evidence)


def _told_by_tls(evidence: Evidence) -> Iterator[tuple[Told, tuple[str, ...]]]:
    """A ClientHello is in clear in every version, the certificate in those before TLS 1.3."""
    ours = said(evidence.transcript, Side.CLIENT, Layer.HANDSHAKE)
    name = evidence.endpoint.reference
    entry = b"\0" + len(name).to_bytes(2, "big") + name.encode()  # RFC 6066, 3: a HostName
    yield Told.SNI, (name,) if entry in ours else ()
    hello = FirstMessage()
    hello.hear(ours)
    asked = alpn_offered(b"" if hello.broken else hello.body or b"")
    yield Told.ALPN, tuple(word.decode("ascii", "replace") for word in asked)
    shake = evidence.handshake
    # in whatever records and envelopes it crossed (RFC 5246, 7.4.2; RFC 8446, 4.4.2)
    if shake is not None and shake.chain and shake.version != "TLSv1.3":
        shown = _shown(shake)
        yield Told.CERTIFICATE, (shown.names if shown else ()) or ("without a name",)


def _mechanisms(listed: Iterable[str]) -> Iterator[str]:
    """Yield the login mechanisms: AUTH X Y (SMTP), AUTH=X (IMAP), SASL X (POP3), AUTHINFO X."""
    for line in listed:
        if found := _LOGIN.match(line):
            yield from found[1].split()
