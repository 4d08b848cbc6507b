"""Clients of one protocol: of files and directories, databases, printers, screens and power."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.interop.clients.client import (
    AUTHORITY,
    NAME,
    NEVER,
    Client,
    Command,
    Errand,
    Sign,
    command,
)
from tests.interop.servers import HOSTNAME, LOCALHOST
from tests.interop.servers.machine import assignments, program

IPP_REQUEST = """{
    OPERATION CUPS-Get-Default
    GROUP operation-attributes-tag
    ATTR charset attributes-charset utf-8
    ATTR naturalLanguage attributes-natural-language en
}
"""


def _lftp(errand: Errand) -> Command:
    settings = {
        "ftp:ssl-force": "true",
        "ssl:ca-file": errand.ca,
        "net:max-retries": 1,
    }
    told = "; ".join(f"set {name} {value}" for name, value in settings.items())
    place = f"open -u a,b ftp://{HOSTNAME}:{errand.port}"
    return command("lftp", "-d", "-c", f"{told}; {place}; ls")


LFTP = Client(
    "lftp",
    "ftp",
    _lftp,
    inside=Sign(1, "Login failed: 530 Nobody has an account here"),
    distrusts=Sign(1, "Fatal error: Certificate verification: .*(doesn't match|issuer is unknown)"),
    without=Sign(1, "ssl-force is set and server does not support"),
)


def _ldapsearch(errand: Errand) -> Command:
    # by its address: the library takes "localhost" for the name that the machine gives itself
    place = "-H", f"ldap://{LOCALHOST}:{errand.port}", "-s", "base"
    trust = {"LDAPTLS_CACERT": errand.ca, "LDAPTLS_REQCERT": "demand"}
    return command("ldapsearch", "-ZZ", "-x", *place, **trust)


LDAPSEARCH = Client(
    "ldapsearch",
    "ldap",
    _ldapsearch,
    inside=Sign(0, "result: 0 Success"),
    distrusts=Sign(1, r"ldap_start_tls: Connect error \(-11\)"),
    without=Sign(1, r"ldap_start_tls: Protocol error \(2\)"),
)


def _psql(errand: Errand) -> Command:
    place = f"host={HOSTNAME} port={errand.port} user=a dbname=b"
    trust = f"sslmode=verify-full sslrootcert={errand.ca}"
    return command("psql", "-w", f"{place} {trust}")


PSQL = Client(
    "psql",
    "postgresql",
    _psql,
    inside=Sign(2, "FATAL: +nobody has an account here"),
    distrusts=Sign(2, "does not match host name|certificate verify failed"),
    without=Sign(2, "server does not support SSL, but SSL was required"),
)


def _mariadb(errand: Errand) -> Command:
    place = "--protocol=tcp", f"--host={HOSTNAME}", f"--port={errand.port}", "--user=a"
    trust = "--ssl", f"--ssl-ca={errand.ca}", "--ssl-verify-server-cert"
    return command("mariadb", "--no-defaults", *place, *trust, "--execute=select 1")


MARIADB = Client(
    "mariadb",
    "mysql",
    _mariadb,
    inside=Sign(1, r"ERROR 1045 \(28000\): Nobody has an account here"),
    distrusts=Sign(1, "certificate failed|unable to get local issuer certificate"),
    without=Sign(1, "SSL is required, but the server does not support it"),
)


def _tsql(errand: Errand) -> Command:
    place = f"host = {HOSTNAME}\nport = {errand.port}\ntds version = 7.4\nencryption = require\n"
    trust = f"ca file = {errand.ca}\ncheck certificate hostname = yes\n"
    settings = errand.file("freetds.conf", f"[ours]\n{place}{trust}")
    told = {"FREETDSCONF": settings, "TDSDUMP": "stderr"}
    return command("tsql", "-S", "ours", "-U", "a", "-P", "b", **told)


TSQL = Client(
    "tsql",
    "ms-sql-s",
    _tsql,
    inside=Sign(1, "Nobody has an account here"),
    distrusts=Sign(1, "handshake failed: Error in the certificate"),
    without=Sign(1, "(?s)detected crypt flag 2.*login packet rejected"),  # ENCRYPT_NOT_SUP
)


def _ipptool(errand: Errand) -> Command:
    request = errand.file("request", IPP_REQUEST)
    place = f"ipp://{HOSTNAME}:{errand.port}/"
    return command("ipptool", "-E", "-tv", place, request)


_ANYBODY = "it takes any certificate, whatever ValidateCerts in client.conf says"
IPPTOOL = Client(
    "ipptool",
    "http",
    _ipptool,
    inside=Sign(1, "status-code = server-error"),
    distrusts=NEVER,
    without=Sign(1, "Encryption is not supported"),
    unchecked={NAME: _ANYBODY, AUTHORITY: _ANYBODY},
)


def _xfreerdp(errand: Errand) -> Command:
    place = f"/v:{HOSTNAME}:{errand.port}", "/sec:tls", "/u:a", "/p:b", "+auth-only"
    told = {"SSL_CERT_FILE": errand.ca, "DISPLAY": errand.display}
    return command("xfreerdp", *place, "/cert:deny", **told)


XFREERDP = Client(
    "xfreerdp",
    "ms-wbt-server",
    _xfreerdp,
    inside=Sign(147, "mcs_recv_connect_response"),  # our server hangs up there
    distrusts=Sign(143, "certificate not trusted, aborting"),
    without=Sign(133, "SSL_NOT_ALLOWED_BY_SERVER"),
    draws=True,
)


def _vncviewer(errand: Errand) -> Command:
    trust = "-SecurityTypes", "X509None", "-X509CA", errand.ca
    told = {"DISPLAY": errand.display}
    place = f"{HOSTNAME}::{errand.port}"
    return command("vncviewer", *trust, "-Log", "*:stderr:100", place, **told)


VNCVIEWER = Client(
    "vncviewer",
    "rfb",
    _vncviewer,
    # each time it would put up a box, and wait for somebody to close it
    inside=Sign(None, "Nobody is let in here"),
    distrusts=Sign(None, "hostname mismatch|signer not found"),
    without=Sign(None, "No matching security types"),
    draws=True,
)


# The one in the usual place is a script that starts it for nobody.
_UPSMON, _CERTUTIL = Path("/lib/nut/upsmon"), Path("/usr/bin/certutil")


def _upsmon(errand: Errand) -> Command:
    """Debian's NUT is built with NSS, which takes no PEM files."""
    monitor, certutil = program("upsmon", _UPSMON), program("upsmon", _CERTUTIL)
    database = f"sql:{errand.home}"
    subprocess.run([certutil, "-N", "-d", database, "--empty-password"], check=True)
    trust = "-n", "ca", "-t", "C,,", "-i", errand.ca
    subprocess.run([certutil, "-A", "-d", database, *trust], check=True)
    settings = {
        "MONITOR": f"ups@{HOSTNAME}:{errand.port} 1 u p secondary",
        "MINSUPPLIES": "1",
        "SHUTDOWNCMD": "/bin/true",
        "CERTPATH": database,
        "CERTVERIFY": "1",
        "FORCESSL": "1",
    }
    errand.file("upsmon.conf", assignments(settings, " "))
    for path in errand.home.iterdir():
        shutil.chown(path, "nobody")
    # who is nobody can neither read nor write where the machine's own notes its process id
    as_nobody = "setpriv", "--reuid=nobody", "--clear-groups"
    return command(*as_nobody, monitor, "-p", "-D", NUT_CONFPATH=errand.home)


UPSMON = Client(
    "upsmon",
    "nut",
    _upsmon,
    # it goes on, to try again
    inside=Sign(None, "Connected to NUT server .* in SSL\n(.*\n)*.*Nobody has an account here"),
    distrusts=Sign(None, "Can not connect to NUT server .* in SSL"),
    without=Sign(None, "Can not connect to NUT server .* in SSL"),
)
