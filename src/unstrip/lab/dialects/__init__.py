"""The dialects: one file for each protocol, and the registry of them.

Adding one here gives the protocol to every trick that suits it.
"""

from __future__ import annotations

from unstrip.lab.dialect import Dialect
from unstrip.lab.dialects.acap import Acap
from unstrip.lab.dialects.ftp import Ftp
from unstrip.lab.dialects.http import Http
from unstrip.lab.dialects.imap import Imap
from unstrip.lab.dialects.irc import Irc
from unstrip.lab.dialects.ldap import Ldap
from unstrip.lab.dialects.lmtp import Lmtp
from unstrip.lab.dialects.managesieve import ManageSieve
from unstrip.lab.dialects.mysql import Mysql
from unstrip.lab.dialects.nntp import Nntp
from unstrip.lab.dialects.nut import Nut
from unstrip.lab.dialects.pop3 import Pop3
from unstrip.lab.dialects.postgresql import Postgresql
from unstrip.lab.dialects.rdp import Rdp
from unstrip.lab.dialects.smtp import Smtp
from unstrip.lab.dialects.tds import Tds
from unstrip.lab.dialects.telnet import Telnet
from unstrip.lab.dialects.vnc import Vnc
from unstrip.lab.dialects.xmpp_client import XmppClient
from unstrip.lab.dialects.xmpp_server import XmppServer

DIALECTS: dict[str, type[Dialect]] = {
    kind.PROTOCOL: kind
    for kind in (
        Smtp,
        Lmtp,
        Imap,
        Pop3,
        ManageSieve,
        Acap,
        Nntp,
        XmppClient,
        XmppServer,
        Irc,
        Ftp,
        Telnet,
        Ldap,
        Http,
        Postgresql,
        Mysql,
        Tds,
        Rdp,
        Vnc,
        Nut,
    )
}
