"""What mail servers are told on the wire, heard by the servers' own programs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faces.mta.world import PLAIN, STRICT, policy, world
from tests.interop.daemon import serving
from tests.interop.servers import Certificates, SmtpServer, exim, public_directory
from tests.interop.servers.exim import (
    EXIM_INSTALLED,
    EXIM_UNPACKED,
    EXIM_USER,
    EXIM_WITHOUT_STARTTLS,
)
from tests.interop.servers.machine import make_home, make_private, program
from tests.io.test_inquiry import World
from tests.policy.answering import N, addresses, found, nothing
from unstrip.io.store import open_store
from unstrip.mta.exim import LISTS
from unstrip.mta.readsocket import ReadSocket
from unstrip.mta.socketmap import Socketmap
from unstrip.mta.tcp_table import TcpTable
from unstrip.policy.questions import Dns, Kind, Mx

POSTMAP = Path("/usr/sbin/postmap")
PATIENCE = 30.0  # seconds
TOLD = f"secure match=mx.{STRICT} servername=hostname"
SMART = f"mx.{PLAIN}"


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with public_directory() as directory:
        yield directory


# -- Postfix -----------------------------------------------------------------------------------


def postmap(home: Path, table: str, key: str) -> tuple[int, str, str]:
    """What postmap says of a key: its exit status, what it found, and its complaints."""
    file = home / "etc/main.cf"
    file.parent.mkdir(exist_ok=True)
    file.write_text("compatibility_level = 3.6\n")
    os.utime(file, (0, 0))  # Postfix waits until nobody could still be writing it
    command = [program("postmap", POSTMAP), "-c", str(file.parent), "-q", key, table]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    return ran.returncode, ran.stdout.strip(), ran.stderr


def some_world() -> World:
    there = world()
    there.say(*policy(SMART, SMART))
    return there


@pytest.fixture(scope="module", params=["inet", "unix", "tcp"])
def table(request, home) -> Iterator[str]:
    """A table as it stands in Postfix's configuration."""
    tcp = request.param == "tcp"
    path = home / "socketmap" if request.param == "unix" else None

    def make():
        return some_world().inquiry(memory=open_store(home / f"{request.param}.sqlite3"))

    with serving(TcpTable() if tcp else Socketmap(), make, path) as place:
        yield place.replace("inet:", "tcp:") if tcp else f"socketmap:{place}:QUERY"


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (STRICT, TOLD),
        (STRICT.upper(), TOLD),
        (f"{STRICT}.", TOLD),
        (f"{STRICT}:2525", TOLD),
        (f"[{SMART}]:587", f"secure match={SMART} servername=hostname"),
    ],
)
def test_postfix_finds_a_policy_under_each_key_that_it_asks_with(home, table, key, text):
    assert postmap(home, table, key) == (0, text, "")


@pytest.mark.parametrize("key", [PLAIN, f".{STRICT}", ".example", "[192.0.2.1]", "/run/lmtp"])
def test_postfix_finds_none_where_there_is_none(home, table, key):
    assert postmap(home, table, key) == (1, "", "")


@pytest.mark.parametrize("key", [f"[{STRICT}", "a b", "unheard.example"])
def test_postfix_waits_where_it_cannot_be_said(home, table, key):
    status, text, complaint = postmap(home, table, key)
    assert (status, text) == (1, "")
    assert "query error" in complaint


def test_postfix_is_told_why_it_has_to_wait(home):
    with serving(Socketmap(), _Broken) as place:
        _, _, complaint = postmap(home, f"socketmap:{place}:QUERY", PLAIN)
        assert "socketmap server temporary error: ZeroDivisionError: no answer" in complaint
        _, _, complaint = postmap(home, f"socketmap:{place}:OTHER", PLAIN)
        assert "socketmap server permanent error: no map is named 'OTHER' here" in complaint


class _Broken:
    async def decided(self, domain, port):
        raise ZeroDivisionError("no answer")

    next_hop = decided


# -- Exim --------------------------------------------------------------------------------------

DOMAIN, HERE = "example.org", "localhost"
SENDER = """\
primary_hostname = sender.example
spool_directory = {spool}
log_file_path = {spool}/%s.log
exim_path = {daemon}
keep_environment =
host_lookup =
begin routers
policy:
  driver = redirect
  address_data = ${{readsocket{{{socket}}}{{options $domain\\n}}{{30s}}}}
  data = ${{extract{{defer}}{{$address_data}}}}
  allow_defer
there:
  driver = manualroute
  route_list = * localhost
  transport = smtp
  self = send
begin transports
smtp:
  driver = smtp
  port = {port}
  allow_localhost
  multi_domain = false
  connection_max_messages = 1
  tls_sni = $host
  tls_verify_certificates = {roots}
{lists}
begin retry
* * F,2h,15m
"""
OPTION = "  {0} = ${{extract{{{0}}}{{$address_data}}{{$value}}{{*}}}}\n"


def of_exim(*more: dict) -> World:
    there = {Dns(DOMAIN, Kind.MX): found(Mx(10, HERE), security=N)}
    unannounced = {Dns(f"_mta-sts.{DOMAIN}", Kind.TXT): nothing(N)}
    return World(there, addresses(HERE, N), unannounced, *more)


@pytest.fixture(scope="module")
def server(home: Path, certificates: Certificates) -> Iterator[SmtpServer]:
    with exim(home, certificates) as running:
        yield running


@pytest.fixture(scope="module")
def clear_server(home: Path, certificates: Certificates) -> Iterator[SmtpServer]:
    with exim(home, certificates, **EXIM_WITHOUT_STARTTLS) as running:
        yield running


def told(home: Path, certificates: Certificates, server: SmtpServer, *more: dict) -> str:
    """What Exim logs of one message, if it is told of a world where there is more."""
    socket = make_home(home, "daemon") / "socket"
    with serving(ReadSocket(), lambda: of_exim(*more).inquiry(), socket):
        return sent(home, certificates, server, socket)


def sent(home: Path, certificates: Certificates, server: SmtpServer, socket: Path) -> str:
    """What Exim logs of one message: "=>" delivered, "==" it waits, "**" lost."""
    sender = make_home(home, "sender")
    daemon = program("exim", EXIM_UNPACKED, EXIM_INSTALLED)
    spool = make_private(sender / "spool", EXIM_USER)
    file = sender / "exim.conf"
    file.write_text(
        SENDER.format(
            spool=spool,
            daemon=daemon,
            socket=socket,
            port=server.smtp,
            roots=certificates.ca,
            lists="".join(map(OPTION.format, LISTS)),
        )
    )
    command = [daemon, "-C", file, "-odf", "-oi", "-f", "a@sender.example", f"b@{DOMAIN}"]
    subprocess.run(command, input=b"\n", check=True, capture_output=True, timeout=PATIENCE)
    log = (spool / "main.log").read_text()
    (line,) = (line for line in log.splitlines() if f"b@{DOMAIN}" in line and " R=" in line)
    return line


def test_exim_verifies_where_a_policy_says_so(home, certificates, server):
    line = told(home, certificates, server, *policy(DOMAIN, HERE))
    assert " => " in line
    assert " CV=yes " in line


def test_exim_keeps_mail_where_tls_is_stripped(home, certificates, clear_server):
    line = told(home, certificates, clear_server, *policy(DOMAIN, HERE))
    assert " == " in line
    assert "a TLS session is required" in line


def test_exim_sends_in_clear_where_there_is_no_policy(home, certificates, clear_server):
    line = told(home, certificates, clear_server)
    assert " => " in line
    assert " X=TLS" not in line


def test_exim_says_why_mail_waits(home, certificates, server):
    line = told(home, certificates, server, *policy(DOMAIN, "elsewhere.example"))
    assert " == " in line
    assert "R=policy defer (-1): localhost is none of the policy's hosts" in line


@pytest.mark.parametrize("which", ["server", "clear_server"])
def test_exim_keeps_mail_where_nobody_answers(home, certificates, request, which):
    line = sent(home, certificates, request.getfixturevalue(which), home / "nobody")
    assert " == " in line
    assert "failed to connect to socket" in line


@pytest.mark.parametrize(
    ("key", "option", "value"),
    [
        (STRICT, "tls_verify_hosts", r"^mx\.strict\.example$"),
        (STRICT, "hosts_require_tls", "*"),
        (PLAIN, "hosts_require_tls", ""),
        (f"[{SMART}]:587", "hosts_avoid_tls", r"!^mx\.plain\.example$ : *"),
        ("[192.0.2.1]", "hosts_avoid_tls", ""),
        ("a b", "defer", ":defer: 'a b' is no next hop"),
        ("a b", "hosts_avoid_tls", "*"),
    ],
)
def test_exim_reads_each_option_out_of_the_line(home, key, option, value):
    daemon = program("exim", EXIM_UNPACKED, EXIM_INSTALLED)
    directory = make_home(home, "expansion")
    with serving(ReadSocket(), some_world().inquiry, directory / "s") as place:
        path = place.removeprefix("unix:")
        asked = rf"${{readsocket{{{path}}}{{options {key}\n}}{{5s}}}}"
        text = f"<${{extract{{{option}}}{{{asked}}}{{$value}}{{NONE}}}}>"
        command = [daemon, "-C", "/dev/null", "-be", text]
        ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert ran.stdout == f"<{value}>\n"
