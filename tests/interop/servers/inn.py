"""INN: its reader `nnrpd`, which serves NNTP alone, without any other part of INN."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import ClassVar, Final

from tests.interop.servers.machine import (
    HOSTNAME,
    LOCALHOST,
    UNPACKED,
    Certificates,
    assignments,
    copy_private,
    free_ports,
    loopbacks,
    make_home,
    make_private,
    program,
    running,
    together,
)

# STARTTLS is offered all the same, since INN lists it without looking for a certificate, and
# answered by "580 Error initializing TLS"; the session goes on. `nntps` says "400 Error
# initializing TLS" in clear and closes.
INN_WITHOUT_TLS: Final = {"tlscertfile": "/nonexistent/chain.pem"}
INN_TLS_1_2: Final = {"tlsprotocols": "[ TLSv1.2 ]"}

INN_USER: Final = "news"
# Unpacked by install.sh: the package insists on a full host name while it is set up.
INN: Final = UNPACKED / "inn/usr/lib/news"
# One statement a line, or nnrpd serves nobody.
INN_READERS: Final = """\
auth "everybody" {
    hosts: "*"
    default: "reader"
}
access "everybody" {
    users: "reader"
    newsgroups: "*"
    access: RPA
}
"""
INN_STORAGE: Final = """\
method tradspool {
    newsgroups: *
    class: 0
}
"""
# Without one of them the greeting is "400 NNTP server unavailable.  Try later!".
INN_EMPTY_FILES: Final = (
    "active",
    "history",
    "newsgroups",
    "overview/group.index",
    "tradspool.map",
)


@dataclass(frozen=True, slots=True)
class NewsServer:
    """STARTTLS on `nntp`, TLS from the first byte on `nntps`."""

    nntp: int
    nntps: int
    host: ClassVar[str] = LOCALHOST


@contextmanager
def inn(
    directory: Path, certificates: Certificates, on: NewsServer | None = None, /, **settings: str
) -> Iterator[NewsServer]:
    """INN without any article, with any parameter of inn.conf by keyword."""
    reader = program("inn", INN / "bin/nnrpd")
    home = make_home(directory, "inn")
    server = on or NewsServer(*free_ports(2))
    spool = make_inn_spool(home)
    parameters = inn_parameters(home, spool, certificates) | settings
    (home / "inn.conf").write_text(assignments(parameters, ": "))
    (home / "readers.conf").write_text(INN_READERS)
    (home / "storage.conf").write_text(INN_STORAGE)
    options = [reader, "-D", "-f", "-c", f"{home}/readers.conf", "-P", f"{spool}/pid"]
    commands = [
        [*options, "-6" if ":" in address else "-4", address, "-p", f"{port}", *implicit]
        for address in loopbacks()
        for port, implicit in ((server.nntp, []), (server.nntps, ["-S"]))
    ]
    environment = {"INNCONF": f"{home}/inn.conf", "LD_LIBRARY_PATH": f"{INN}"}
    with running(together(*commands), home, server.nntp, *astuple(server), **environment):
        yield server


def make_inn_spool(home: Path) -> Path:
    spool = make_private(home / "spool", INN_USER)
    make_private(spool / "overview", INN_USER)
    for name in INN_EMPTY_FILES:
        (spool / name).touch()
    return spool


def inn_parameters(home: Path, spool: Path, certificates: Certificates) -> dict[str, str]:
    return {
        "domain": HOSTNAME,
        "fromhost": HOSTNAME,
        "pathhost": HOSTNAME,
        "mta": '"/bin/false %s"',
        "hismethod": "hisv6",
        "ovmethod": "tradindexed",
        "nnrpdloadlimit": "0",  # else a loaded machine turns readers away
        "nicennrpd": "0",
        "pathnews": f"{INN}",
        "pathbin": f"{INN}/bin",
        "pathetc": f"{home}",
        "pathfilter": f"{home}",
        "pathdb": f"{spool}",
        "pathlog": f"{spool}",
        "pathoverview": f"{spool}/overview",
        "pathrun": f"{spool}",
        "pathspool": f"{spool}",
        "pathtmp": f"{spool}",
        "tlscertfile": f"{certificates.chain}",
        "tlskeyfile": f"{copy_private(certificates.key, spool, INN_USER)}",
    }
