"""Clients that speak several protocols: OpenSSL's, GnuTLS's, curl, and Python's own."""

from __future__ import annotations

from tests.interop.clients.client import Client, Command, Errand, Sign, command
from tests.interop.servers import HOSTNAME

# By protocol: the module, and what to do with it. What is said inside TLS comes last but one.
_TALKS = {
    "smtp": (
        "smtplib",
        "SMTP('localhost', port); talk.starttls(context=tls); print(talk.noop()); talk.quit()",
    ),
    "lmtp": (
        "smtplib",
        "LMTP('localhost', port); talk.starttls(context=tls); print(talk.noop()); talk.quit()",
    ),
    "imap": (
        "imaplib",
        "IMAP4('localhost', port); talk.starttls(tls); print(talk.noop()); talk.logout()",
    ),
    "pop3": (
        "poplib",
        "POP3('localhost', port); talk.stls(tls); print(talk.capa()); talk.quit()",
    ),
    "ftp": (
        "ftplib",
        (
            "FTP_TLS(context=tls); talk.connect('localhost', port); talk.auth()"
            "; print(talk.prot_p()); talk.quit()"
        ),
    ),
    "nntp": (
        "nntplib",
        "NNTP('localhost', port); talk.starttls(tls); print(talk.getcapabilities()); talk.quit()",
    ),
}
# Debian's own, which has nntplib: it is gone from Python 3.13.
_PYTHON = "/usr/bin/python3"


def s_client(
    name: str, protocol: str, without: str = "", *, blind: bool = False, waits: bool = False
) -> Client:
    """OpenSSL's: most of its dialogs pass over the answer to the request."""

    def of(errand: Errand) -> Command:
        place = "-connect", f"{HOSTNAME}:{errand.port}", "-starttls", name
        trust = "-CAfile", errand.ca, "-verify_hostname", HOSTNAME, "-verify_return_error"
        return command("openssl", "s_client", *place, *trust, "-brief")

    return Client(
        "openssl s_client",
        protocol,
        of,
        inside=Sign(0, rf"Verification: OK\n(.*\n)*Verified peername: {HOSTNAME}"),
        distrusts=Sign(1, r"verify error:.*(hostname mismatch|unable to get local issuer)"),
        without=Sign(1, "unexpected eof" if blind else without),
        blind=blind,
        waits=waits,
    )


def gnutls_cli(name: str, protocol: str, awaited: str = "", *, waits: bool = False) -> Client:
    """GnuTLS's: it waits for the words of the go-ahead, or reads an answer without looking.

    Args: awaited: those words; waits: so it does as long as the server lets it.
    """

    def of(errand: Errand) -> Command:
        trust = "--x509cafile", errand.ca
        return command("gnutls-cli", "--starttls-proto", name, *trust, "-p", errand.port, HOSTNAME)

    gave_up = Sign(2, f"error receiving '{awaited}'")
    return Client(
        "gnutls-cli",
        protocol,
        of,
        inside=Sign(0, r"The certificate is trusted(.*\n)*- Handshake was completed"),
        distrusts=Sign(1, r"NOT trusted. The (name in the certificate|certificate issuer)"),
        without=gave_up if awaited else Sign(1, "The TLS connection was non-properly terminated"),
        blind=not awaited,
        waits=waits,
    )


def curl(protocol: str, scheme: str, inside: Sign, *options: str) -> Client:
    """--ssl-reqd: OpenSSL for TLS, dialogs of its own."""

    def of(errand: Errand) -> Command:
        mail = errand.file("mail", "Subject: nothing\r\n\r\n")
        uploaded = ("-T", mail) if "--mail-rcpt" in options else ()
        place = f"{scheme}://{HOSTNAME}:{errand.port}/"
        strict = "-sS", "--ssl-reqd", "--cacert", errand.ca
        return command("curl", *strict, *options, *uploaded, place)

    return Client(
        "curl",
        protocol,
        of,
        inside=inside,
        distrusts=Sign(60, "SSL.*(no alternative|unable to get local issuer)"),
        without=Sign(64, r"not supported|not available|Requested SSL level failed"),
    )


def python(protocol: str, inside: str, without: str) -> Client:
    """Python's own, which leave the verification to the context that they are given."""
    module, talk = _TALKS[protocol]

    def of(errand: Errand) -> Command:
        trust = f"tls = ssl.create_default_context(cafile={str(errand.ca)!r})"
        opening = f"import ssl, {module}; port = {errand.port}; {trust}"
        text = f"{opening}; talk = {module}.{talk}"
        return command(_PYTHON, "-W", "ignore", "-c", text)

    return Client(
        f"Python's {module}",
        protocol,
        of,
        inside=Sign(0, inside),
        distrusts=Sign(1, "CERTIFICATE_VERIFY_FAILED"),
        without=Sign(1, without),
    )
