"""Which client that is not ours speaks which protocol to our server, and how it shows what it met.

One row for each pair of them. The tests of every client go through the rows, and the page of the
protocols (docs/generate.py) names the clients by them. Each is told to insist on TLS and to verify
whom it speaks to. Telnet's START_TLS and IRC's STARTTLS have s_client alone, ACAP has nobody.
"""

from __future__ import annotations

from tests.interop.clients.client import (
    AUTHORITY,
    NAME,
    NEVER,
    Client,
    Errand,
    Sign,
)
from tests.interop.clients.general import curl, gnutls_cli, python, s_client
from tests.interop.clients.mail import SIEVE_CONNECT, fetchmail, swaks
from tests.interop.clients.single import (
    IPPTOOL,
    LDAPSEARCH,
    LFTP,
    MARIADB,
    PSQL,
    TSQL,
    UPSMON,
    VNCVIEWER,
    XFREERDP,
)

__all__ = [
    "AUTHORITY",
    "CLIENTS",
    "LDAP_OF_CURL",
    "NAME",
    "NEVER",
    "Client",
    "Errand",
    "Sign",
    "clients_of",
]

_MAIL = "--mail-from", "a@example.org", "--mail-rcpt", "b@example.org"
_LOGIN = "-u", "a:b"
CLIENTS = (
    s_client("smtp", "smtp", blind=True),
    gnutls_cli("smtp", "smtp", "220 ", waits=True),
    curl("smtp", "smtp", Sign(55, "MAIL failed: 550"), *_MAIL),
    swaks("smtp"),
    python("smtp", r"250, b'2\.0\.0 Ok'", "STARTTLS extension not supported"),
    s_client("lmtp", "lmtp", blind=True),
    gnutls_cli("lmtp", "lmtp", "220 ", waits=True),
    swaks("lmtp"),
    python("lmtp", r"250, b'2\.0\.0 Ok'", "STARTTLS extension not supported"),
    s_client("imap", "imap", blind=True),
    gnutls_cli("imap", "imap", "a OK", waits=True),
    curl("imap", "imap", Sign(67, "Login denied"), *_LOGIN),
    fetchmail("imap"),
    python("imap", "'OK', .b'done'", "TLS not supported by server"),
    s_client("pop3", "pop3", blind=True),
    gnutls_cli("pop3", "pop3", r"\+OK", waits=True),
    curl("pop3", "pop3", Sign(67, "Login denied"), *_LOGIN),
    fetchmail("pop3"),
    python("pop3", "'SASL': .'PLAIN'", "STLS not supported by server"),
    s_client("sieve", "sieve", "STARTTLS not supported: NO"),
    gnutls_cli("sieve", "sieve", "OK ", waits=True),
    SIEVE_CONNECT,
    s_client("nntp", "nntp", "STARTTLS failed: 500"),
    gnutls_cli("nntp", "nntp", "382 ", waits=True),
    python("nntp", "'AUTHINFO': .'USER'", "NNTPPermanentError: 500"),
    s_client("ftp", "ftp", blind=True),
    gnutls_cli("ftp", "ftp", "234", waits=True),
    curl("ftp", "ftp", Sign(67, "Access denied: 530"), *_LOGIN),
    LFTP,
    python("ftp", "200 Data is private", "error_perm: 500"),
    s_client("irc", "irc", "Server does not support STARTTLS"),
    s_client("telnet", "telnet"),
    s_client("xmpp", "xmpp-client", waits=True),
    gnutls_cli("xmpp", "xmpp-client", "<proceed"),
    s_client("xmpp-server", "xmpp-server", waits=True),
    s_client("ldap", "ldap", "LDAP Result Code: 2"),
    gnutls_cli("ldap", "ldap"),
    LDAPSEARCH,
    s_client("postgres", "postgresql"),
    gnutls_cli("postgres", "postgresql"),
    PSQL,
    s_client("mysql", "mysql", "MySQL server does not support SSL"),
    MARIADB,
    TSQL,
    IPPTOOL,
    XFREERDP,
    VNCVIEWER,
    UPSMON,
)

# It asks for TLS, hears the go-ahead, and then says its password in clear, so that no server gets
# on with it. Nobody should take that for a client of LDAP with TLS, so it is not in the table.
LDAP_OF_CURL = curl("ldap", "ldap", NEVER, "-u", "cn=a:its password")


def clients_of(protocol: str) -> tuple[str, ...]:
    """Return the clients that a protocol's server is tried with, in their order."""
    return tuple(client.program for client in CLIENTS if client.protocol == protocol)
