"""The protocols that are not made of lines, as they are put to the test."""

from __future__ import annotations

import re
import struct

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
    # Authentication, and what says that there is no such user or database: in its place, or
    # behind AuthenticationOk
    answer=re.compile(
        rb"(?s)R\0\0[\0-\x03].\0\0\0[\x02-\x0c]"
        rb"|(?:R\0\0\0\x08\0\0\0\0)?E\0\0..(?:[^\0]+\0)*?C(?:28000|28P01|3D000)\0"
        rb"|R\0\0\0\x08\0\0\0\0"
    ),
    question=_STARTUP,
    hush=LONG_HUSH,
    number="B-13",
)

_LOGIN = mysql.packet(2, mysql.SSL_REQUEST[4:] + b"unstrip\0" + b"\0" + b"mysql_native_password\0")
MYSQL = Subject(
    protocol="mysql",
    command=_LOGIN,
    # OK, another way to log in, or what says that nobody may: 1045, 1251, 1524, 1698
    answer=re.compile(rb"[^\0]\0\0\x03(?:[\0\xfe]|\xff(?:\x15\x04|\xe3\x04|\xf4\x05|\xa2\x06))"),
    question=_LOGIN,
    hush=LONG_HUSH,
)

_USER = "unstrip".encode("utf-16-le")
_NOTHING = struct.pack("<HH", 94, 0)  # MS-TDS, 2.2.6.4: where a text is, and its letters
_LOGIN7 = struct.pack("<IIII20x", 94 + len(_USER), 0x74000004, 4096, 7)
_LOGIN7 += _NOTHING + struct.pack("<HH", 94, len(_USER) // 2) + 7 * _NOTHING
_LOGIN7 = tds.packets(0x10, _LOGIN7 + bytes(6) + 3 * _NOTHING + bytes(4) + _USER)
TDS = Subject(
    protocol="ms-sql-s",
    command=_LOGIN7,
    # LOGINACK, or an ERROR that says who may not log in: 18400 to 18499 (2.2.7.14, 2.2.7.10).
    # Any other, as 17828 and 17835, may be said of what was thrown away.
    answer=re.compile(
        rb"(?s)\xad..[\0\x01][\x70-\x74][\0\x09-\x0b]\0[\0-\x04]"
        rb"|\xaa..(?:[\xe0-\xff]\x47|[\0-\x43]\x48)\0\0"
    ),
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
    # Connection Confirm (X.224, 13.4); a Disconnect Request may be said of what was thrown away
    answer=re.compile(rb"(?s)\x03\0..[\x06-\xff]\xd0"),
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
    blind=re.compile(rb"\0\0\x01[\x05-\x08]$"),  # with X509None alone there is no login
)
