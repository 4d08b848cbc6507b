"""The protocols that are not made of lines, as they are put to the test."""

from __future__ import annotations

import re

from unstrip.lab.probing.attempt import HOST, LONG_HUSH, NAME, Subject
from unstrip.protocols import ldap, mysql, rdp, tds, xmpp_client, xmpp_server
from unstrip.upgrade import Asking


def _xmpp(protocol: str, dialect: xmpp_client.Dialect) -> Subject:
    """A new stream is the one thing that a server answers before a login."""
    header = dialect.header(Asking(helo=NAME, host=HOST.decode()))
    return Subject(
        protocol=protocol,
        command=header,
        answer=re.compile(rb"<(?:stream:)?features[ />]"),
        question=header,
        hush=LONG_HUSH,
        number="B-18",
    )


XMPP_CLIENT = _xmpp("xmpp-client", xmpp_client.CLIENTS)
XMPP_SERVER = _xmpp("xmpp-server", xmpp_server.SERVERS)

# an anonymous bind, under an id that no message of the client side's has
_BIND = ldap.encoded(ldap.BIND, ldap.encoded(0x02, b"\x03"), ldap.encoded(0x04), ldap.encoded(0x80))
LDAP = Subject(
    protocol="ldap",
    command=ldap.spoken(0x7A7A, _BIND),
    answer=re.compile(rb"\x02\x02\x7a\x7a\x61"),
    question=ldap.spoken(0x7A7A, _BIND),
    number="B-16",
)

_STARTUP = b"\0\x03\0\0user\0unstrip\0\0"
_STARTUP = (len(_STARTUP) + 4).to_bytes(4, "big") + _STARTUP
POSTGRESQL = Subject(
    protocol="postgresql",
    command=_STARTUP,
    # Authentication first, or what says that there is no such user or database
    answer=re.compile(rb"(?s)^(?:R\0\0\0|E\0\0.*?C(?:28000|28P01|3D000)\0)"),
    question=_STARTUP,
    hush=LONG_HUSH,
    number="B-13",
)

_LOGIN = mysql.packet(2, mysql.SSL_REQUEST[4:] + b"unstrip\0" + b"\0" + b"mysql_native_password\0")
MYSQL = Subject(
    protocol="mysql",
    command=_LOGIN,
    answer=re.compile(rb"(?s)[^\0]\0\0\x03[\0\xfe\xff]"),
    question=_LOGIN,
    hush=LONG_HUSH,
)

_LOGIN7 = tds.packets(0x10, (94).to_bytes(4, "little") + bytes(90))
TDS = Subject(
    protocol="ms-sql-s",
    command=_LOGIN7,
    answer=re.compile(rb"(?s)\x04\x01.{6}"),
    question=_LOGIN7,
    hush=LONG_HUSH,
)

_TIMING_MARK = b"\xff\xfd\x06"  # RFC 860: DO, which is always answered
TELNET = Subject(
    protocol="telnet",
    command=_TIMING_MARK,
    answer=re.compile(rb"\xff[\xfb\xfc]\x06"),
    question=_TIMING_MARK,
)

RDP = Subject(  # inside TLS the server has nothing to say before the client has
    protocol="ms-wbt-server",
    command=rdp.CONNECTION_REQUEST,
    answer=re.compile(rb"\x03\0"),
    question=b"",
    hush=LONG_HUSH,
)

VNC = Subject(  # ClientInit: a server that has it in hand follows SecurityResult by ServerInit
    protocol="rfb",
    command=b"\x01",
    answer=re.compile(rb"(?s)^\0\0\0\0.{24}"),
    question=b"",
    hush=LONG_HUSH,
    request=re.compile(rb"^\0\0\x01[\x04-\x08]$"),
)
