"""The units for systemd start what is there, and where their pages say; more in tests/interop."""

from __future__ import annotations

import configparser
import re
from pathlib import Path
from typing import get_args

from unstrip.faces.mta.descriptors import wanted
from unstrip.io.configuration import parse
from unstrip.io.serving import Place, ServeSettings, Tongue
from unstrip.policy import local
from unstrip.program import cli

PACKAGING = Path(__file__).resolve().parent.parent / "packaging"
GUIDE = (PACKAGING.parent / "docs/howto/postfix.md").read_text()
UNIT, SOCKET = PACKAGING / "unstrip.service", PACKAGING / "unstrip@.socket"


def unit(path: Path = UNIT) -> configparser.ConfigParser:
    found = configparser.ConfigParser(interpolation=None, strict=False)
    found.optionxform = str
    found.read_string(path.read_text())
    return found


def test_it_starts_a_command_that_there_is():
    program, *words = unit()["Service"]["ExecStart"].split()
    assert Path(program).name == "unstrip"
    context = cli.make_context("unstrip", words, resilient_parsing=True)
    _, command, rest = cli.resolve_command(context, words)
    assert command is cli.commands["serve"]
    command.make_context("serve", rest, parent=context)


def test_its_directories_are_those_that_its_first_lines_name():
    service = unit()["Service"]
    config, state = re.findall(r"=(\S+)", service["Environment"])
    assert f"{config}/unstrip/config.toml" in UNIT.read_text()
    assert f"{state}/{service['StateDirectory']}" in UNIT.read_text()


def test_the_guide_writes_down_the_places_that_it_has():
    config, table = re.findall(r"^```toml\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    folder, state = re.findall(r"=(\S+)", unit()["Service"]["Environment"])
    found = parse(config, Path(folder) / "unstrip")
    assert found.store == f"{state}/unstrip/store.sqlite3"
    assert found.policy == Path(folder) / "unstrip/policy.toml"
    assert len(local.parse(table).rule) == 1


def test_the_guide_installs_what_it_starts():
    program, *_ = unit()["Service"]["ExecStart"].split()
    assert f"python3 -m venv {Path(program).parent.parent}\n" in GUIDE
    assert f"ExecStartPre=-{unit()['Service']['ExecStart']} --check-config`" in GUIDE


def test_it_has_no_rights_but_those_of_its_sockets():
    service = unit()["Service"]
    assert service["CapabilityBoundingSet"] == ""
    assert service["DynamicUser"] == service["NoNewPrivileges"] == "yes"
    assert set(service["RestrictAddressFamilies"].split()) == {"AF_UNIX", "AF_INET", "AF_INET6"}


def test_systemd_and_the_daemon_agree_on_how_they_talk():
    service = unit()["Service"]
    assert (service["Type"], service["ExecReload"]) == ("notify", "/bin/kill -HUP $MAINPID")
    assert int(service["WatchdogSec"]) > 0


def test_it_may_have_descriptors_for_all_clients_that_there_may_be():
    limits = ServeSettings().limits
    most = int(unit()["Service"]["LimitNOFILE"])
    assert most >= wanted(len(get_args(Tongue)), limits.connections)


def test_a_socket_is_for_whatever_is_spoken_here():
    socket = unit(SOCKET)["Socket"]
    assert (socket["FileDescriptorName"], socket["Service"]) == ("%i", UNIT.name)
    for tongue in get_args(Tongue):
        at = "unix:" + socket["ListenStream"].replace("%i", tongue)
        assert Place(tongue, at, mode=socket["SocketMode"]).path is not None
    named = set(re.findall(r"unstrip@([a-z-]+)\.socket", SOCKET.read_text()))
    assert named <= set(get_args(Tongue))
