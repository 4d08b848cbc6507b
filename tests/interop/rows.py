"""Which real server speaks which protocol, and what it does when it has no TLS to give.

One row for each pair of them. The tests of every server go through the rows, and the page of the
protocols (docs/generate.py) names the servers by them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from tests.interop.servers import (
    CUPS_WITHOUT_CERTIFICATE,
    DOVECOT_WITHOUT_TLS,
    EXIM_WITHOUT_CERTIFICATE,
    EXIM_WITHOUT_STARTTLS,
    INN_WITHOUT_TLS,
    INSPIRCD_WITHOUT_CERTIFICATE,
    INSPIRCD_WITHOUT_TLS,
    MARIADB_WITHOUT_TLS,
    NUT_WITHOUT_TLS,
    OPENLDAP_WITHOUT_CERTIFICATE,
    OPENLDAP_WITHOUT_TLS,
    POSTFIX_HIDING_STARTTLS,
    POSTFIX_TOO_BUSY,
    POSTFIX_WITHOUT_TLS,
    POSTGRESQL_WITHOUT_TLS,
    PROFTPD_WITHOUT_TLS,
    PROSODY_WITHOUT_CERTIFICATE,
    PROSODY_WITHOUT_TLS,
    STUNNEL_TOO_OLD,
    TIGERVNC_ANONYMOUS,
    TIGERVNC_WITHOUT_CERTIFICATE,
    TIGERVNC_WITHOUT_TLS,
    VSFTPD_WITHOUT_TLS,
    XRDP_WITHOUT_CERTIFICATE,
    XRDP_WITHOUT_TLS,
    cups,
    dovecot,
    exim,
    inn,
    inspircd,
    mariadb,
    nut,
    openldap,
    postfix,
    postgresql,
    proftpd,
    prosody,
    stunnel,
    tigervnc,
    vsftpd,
    xrdp,
)
from unstrip.protocols import SCHEMES
from unstrip.verdict import Code

Start = Callable[..., AbstractContextManager[Any]]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A way to run a server so that nobody gets TLS from it.

    Attributes:
        name: in a word or two.
        settings: the server's own, by keyword.
        codes: the verdict on it; where timing decides, each that it may be.
        silent: the request is not answered at all, so that patience has to end it.
    """

    name: str
    settings: Mapping[str, str]
    codes: frozenset[Code]
    silent: bool = False


def refusal(name: str, settings: Mapping[str, str], *codes: Code) -> Refusal:
    """Return a refusal, which usually is no offer, and a no to who asks all the same."""
    return Refusal(
        name,
        settings,
        frozenset(codes or (Code.OFFER_ABSENT_UNEXPLAINED,)),
        silent=Code.SILENT_AFTER_REQUEST in codes,
    )


@dataclass(frozen=True, slots=True)
class Row:
    """One protocol of one real server.

    Attributes:
        server: its name, as people write it.
        start: its context manager.
        port: the attribute of the running server that has the port, named after the scheme.
        refusals: the ways to run it without TLS.
        implicit_port: the same for TLS from the first byte.
        helo: what a client is to call itself.
    """

    server: str
    start: Start
    port: str
    refusals: tuple[Refusal, ...] = field(repr=False)
    implicit_port: str = ""
    helo: str = "localhost"

    @property
    def scheme(self) -> str:
        """Of the URL, for the upgrade in-band."""
        return self.port.replace("_", "-")

    @property
    def implicit_scheme(self) -> str:
        """Of the URL, for TLS from the first byte."""
        return self.implicit_port.replace("_", "-")

    @property
    def protocol(self) -> str:
        """Its name in the registry."""
        return SCHEMES[self.scheme].protocol

    def __str__(self) -> str:
        return f"{self.server}-{self.scheme}"


_POSTFIX = (
    refusal("without TLS", POSTFIX_WITHOUT_TLS),
    refusal("hiding STARTTLS", POSTFIX_HIDING_STARTTLS),
    refusal("too busy", POSTFIX_TOO_BUSY, Code.RATE_LIMITED),
)
_EXIM = (
    refusal("without STARTTLS", EXIM_WITHOUT_STARTTLS),
    refusal("without certificate", EXIM_WITHOUT_CERTIFICATE, Code.REJECTED_AFTER_OFFER),
)
_DOVECOT = (refusal("without TLS", DOVECOT_WITHOUT_TLS),)
_INN = (refusal("without TLS", INN_WITHOUT_TLS, Code.REJECTED_AFTER_OFFER),)
_VSFTPD = (refusal("without TLS", VSFTPD_WITHOUT_TLS),)
_PROFTPD = (refusal("without TLS", PROFTPD_WITHOUT_TLS),)
_INSPIRCD = (
    refusal("without TLS", INSPIRCD_WITHOUT_TLS, Code.SILENT_AFTER_REQUEST),
    refusal("without certificate", INSPIRCD_WITHOUT_CERTIFICATE),
)
_PROSODY = (
    refusal("without TLS", PROSODY_WITHOUT_TLS),
    refusal("without certificate", PROSODY_WITHOUT_CERTIFICATE),
)
# Whoever grants and then hangs up may do so before the ClientHello is there, or in front of it.
_HANGS_UP = (Code.TLS_FAILED, Code.RESET_AT_UPGRADE)
_OPENLDAP = (
    refusal("without TLS", OPENLDAP_WITHOUT_TLS),
    refusal("without certificate", OPENLDAP_WITHOUT_CERTIFICATE, *_HANGS_UP),
)
_CUPS = (refusal("without certificate", CUPS_WITHOUT_CERTIFICATE, *_HANGS_UP),)
_POSTGRESQL = (refusal("without TLS", POSTGRESQL_WITHOUT_TLS),)
_MARIADB = (refusal("without TLS", MARIADB_WITHOUT_TLS),)
_XRDP = (
    refusal("without TLS", XRDP_WITHOUT_TLS),
    refusal("without certificate", XRDP_WITHOUT_CERTIFICATE),
)
_TIGERVNC = (
    refusal("without TLS", TIGERVNC_WITHOUT_TLS),
    refusal("without certificate", TIGERVNC_WITHOUT_CERTIFICATE, Code.REJECTED_AFTER_OFFER),
    refusal("anonymous", TIGERVNC_ANONYMOUS),
)
_NUT = (refusal("without TLS", NUT_WITHOUT_TLS),)
_STUNNEL = (refusal("too old", STUNNEL_TOO_OLD, Code.TLS_FAILED),)

ROWS = (
    Row("Postfix", postfix, "smtp", _POSTFIX, "smtps"),
    Row("Exim", exim, "smtp", _EXIM, "smtps"),
    Row("Dovecot", dovecot, "imap", _DOVECOT, "imaps"),
    Row("Dovecot", dovecot, "pop3", _DOVECOT, "pop3s"),
    Row("Dovecot", dovecot, "lmtp", _DOVECOT),
    Row("Dovecot", dovecot, "sieve", _DOVECOT),
    Row("INN", inn, "nntp", _INN, "nntps"),
    Row("vsftpd", vsftpd, "ftp", _VSFTPD, "ftps"),
    Row("ProFTPD", proftpd, "ftp", _PROFTPD, "ftps"),
    Row("InspIRCd", inspircd, "irc", _INSPIRCD, "ircs"),
    Row("Prosody", prosody, "xmpp_client", _PROSODY, "xmpps_client"),
    # it takes no stream from a domain that it serves itself, and that is localhost
    Row("Prosody", prosody, "xmpp_server", _PROSODY, "xmpps_server", helo="elsewhere.example"),
    Row("OpenLDAP", openldap, "ldap", _OPENLDAP, "ldaps"),
    Row("CUPS", cups, "ipp", _CUPS, "ipps"),
    Row("PostgreSQL", postgresql, "postgresql", _POSTGRESQL),
    Row("MariaDB", mariadb, "mysql", _MARIADB),
    Row("xrdp", xrdp, "rdp", _XRDP),
    Row("TigerVNC", tigervnc, "vnc", _TIGERVNC),
    Row("NUT", nut, "nut", _NUT),
    Row("stunnel", stunnel, "smtp", _STUNNEL),
    Row("stunnel", stunnel, "imap", _STUNNEL),
    Row("stunnel", stunnel, "pop3", _STUNNEL),
    Row("stunnel", stunnel, "postgresql", _STUNNEL),
)


def servers_of(protocol: str) -> tuple[str, ...]:
    """Return the real servers that a protocol is tried against, in their order."""
    return tuple(row.server for row in ROWS if row.protocol == protocol)
