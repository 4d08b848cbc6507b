"""Real servers on loopback, each a private instance that leaves no process behind.

They run in the foreground, in a process group of their own, with their own configuration,
queue and log; what the machine itself serves is not touched. Settings given by keyword are
the server's own and override the ones in its file. The ports are any free ones, or those
of the server it starts `on`, say one that was stopped:

    with postfix(directory, certificates) as server:
        ...
    with postfix(directory, certificates, server, **POSTFIX_WITHOUT_TLS):
        ...

A port is named after the scheme of the URL that it serves. The directory must be one that
every user can enter (see `public_directory`), since each server gives up root for a user
of its own.
"""

from tests.interop.servers.cups import (
    CUPS_TLS_1_2,
    CUPS_WITHOUT_CERTIFICATE,
    PrintServer,
    cups,
)
from tests.interop.servers.dovecot import (
    DOVECOT_TLS_1_2,
    DOVECOT_WITHOUT_TLS,
    PASSWORD,
    MailboxServer,
    dovecot,
)
from tests.interop.servers.exim import (
    EXIM_TLS_1_2,
    EXIM_WITHOUT_CERTIFICATE,
    EXIM_WITHOUT_STARTTLS,
    exim,
)
from tests.interop.servers.inn import (
    INN_TLS_1_2,
    INN_WITHOUT_TLS,
    NewsServer,
    inn,
)
from tests.interop.servers.inspircd import (
    INSPIRCD_WITHOUT_CERTIFICATE,
    INSPIRCD_WITHOUT_TLS,
    IrcServer,
    inspircd,
)
from tests.interop.servers.machine import (
    HOSTNAME,
    LOCALHOST,
    PATIENCE,
    Certificates,
    UnavailableError,
    can_listen,
    free_ports,
    issue,
    loopbacks,
    members,
    public_directory,
)
from tests.interop.servers.mariadb import (
    MARIADB_TLS_1_2,
    MARIADB_WITHOUT_TLS,
    MysqlServer,
    mariadb,
)
from tests.interop.servers.nsd import DnsServer, nsd
from tests.interop.servers.nut import (
    NUT_WITHOUT_TLS,
    PowerServer,
    nut,
)
from tests.interop.servers.openldap import (
    OPENLDAP_TLS_1_2,
    OPENLDAP_WITHOUT_CERTIFICATE,
    OPENLDAP_WITHOUT_TLS,
    DirectoryServer,
    openldap,
)
from tests.interop.servers.postfix import (
    POSTFIX_HIDING_STARTTLS,
    POSTFIX_TLS_1_2,
    POSTFIX_TOO_BUSY,
    POSTFIX_WITHOUT_TLS,
    SmtpServer,
    postfix,
)
from tests.interop.servers.postgresql import (
    POSTGRESQL_TLS_1_2,
    POSTGRESQL_WITHOUT_TLS,
    PostgresqlServer,
    postgresql,
)
from tests.interop.servers.proftpd import (
    PROFTPD_TLS_1_2,
    PROFTPD_WITHOUT_TLS,
    proftpd,
)
from tests.interop.servers.prosody import (
    PROSODY_WITHOUT_CERTIFICATE,
    PROSODY_WITHOUT_TLS,
    ChatServer,
    prosody,
)
from tests.interop.servers.stunnel import (
    STUNNEL_TLS_1_2,
    STUNNEL_TOO_OLD,
    Tunnel,
    stunnel,
)
from tests.interop.servers.tigervnc import (
    TIGERVNC_ANONYMOUS,
    TIGERVNC_TLS_1_2,
    TIGERVNC_WITHOUT_CERTIFICATE,
    TIGERVNC_WITHOUT_TLS,
    ScreenServer,
    tigervnc,
)
from tests.interop.servers.unbound import (
    UNBOUND_SAYS_WHY,
    UNBOUND_WITHOUT_VALIDATION,
    unbound,
)
from tests.interop.servers.vsftpd import (
    VSFTPD_WITHOUT_TLS,
    FtpServer,
    vsftpd,
)
from tests.interop.servers.xrdp import (
    XRDP_TLS_1_2,
    XRDP_WITHOUT_CERTIFICATE,
    XRDP_WITHOUT_TLS,
    RemoteDesktopServer,
    xrdp,
)
from tests.interop.servers.zones import Zones, family, forged, signed, unsigned

__all__ = [
    "CUPS_TLS_1_2",
    "CUPS_WITHOUT_CERTIFICATE",
    "DOVECOT_TLS_1_2",
    "DOVECOT_WITHOUT_TLS",
    "EXIM_TLS_1_2",
    "EXIM_WITHOUT_CERTIFICATE",
    "EXIM_WITHOUT_STARTTLS",
    "HOSTNAME",
    "INN_TLS_1_2",
    "INN_WITHOUT_TLS",
    "INSPIRCD_WITHOUT_CERTIFICATE",
    "INSPIRCD_WITHOUT_TLS",
    "LOCALHOST",
    "MARIADB_TLS_1_2",
    "MARIADB_WITHOUT_TLS",
    "NUT_WITHOUT_TLS",
    "OPENLDAP_TLS_1_2",
    "OPENLDAP_WITHOUT_CERTIFICATE",
    "OPENLDAP_WITHOUT_TLS",
    "PASSWORD",
    "PATIENCE",
    "POSTFIX_HIDING_STARTTLS",
    "POSTFIX_TLS_1_2",
    "POSTFIX_TOO_BUSY",
    "POSTFIX_WITHOUT_TLS",
    "POSTGRESQL_TLS_1_2",
    "POSTGRESQL_WITHOUT_TLS",
    "PROFTPD_TLS_1_2",
    "PROFTPD_WITHOUT_TLS",
    "PROSODY_WITHOUT_CERTIFICATE",
    "PROSODY_WITHOUT_TLS",
    "STUNNEL_TLS_1_2",
    "STUNNEL_TOO_OLD",
    "TIGERVNC_ANONYMOUS",
    "TIGERVNC_TLS_1_2",
    "TIGERVNC_WITHOUT_CERTIFICATE",
    "TIGERVNC_WITHOUT_TLS",
    "UNBOUND_SAYS_WHY",
    "UNBOUND_WITHOUT_VALIDATION",
    "VSFTPD_WITHOUT_TLS",
    "XRDP_TLS_1_2",
    "XRDP_WITHOUT_CERTIFICATE",
    "XRDP_WITHOUT_TLS",
    "Certificates",
    "ChatServer",
    "DirectoryServer",
    "DnsServer",
    "FtpServer",
    "IrcServer",
    "MailboxServer",
    "MysqlServer",
    "NewsServer",
    "PostgresqlServer",
    "PowerServer",
    "PrintServer",
    "RemoteDesktopServer",
    "ScreenServer",
    "SmtpServer",
    "Tunnel",
    "UnavailableError",
    "Zones",
    "can_listen",
    "cups",
    "dovecot",
    "exim",
    "family",
    "forged",
    "free_ports",
    "inn",
    "inspircd",
    "issue",
    "loopbacks",
    "mariadb",
    "members",
    "nsd",
    "nut",
    "openldap",
    "postfix",
    "postgresql",
    "proftpd",
    "prosody",
    "public_directory",
    "signed",
    "stunnel",
    "tigervnc",
    "unbound",
    "unsigned",
    "vsftpd",
    "xrdp",
]
