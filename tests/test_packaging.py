"""The units for systemd start what is there, and where their pages say; more in tests/interop."""

from __future__ import annotations

import configparser
import re
from pathlib import Path
from typing import get_args

import pytest

from unstrip.faces.mta.descriptors import wanted
from unstrip.io.configuration import parse
from unstrip.io.serving import Place, ServeSettings, Tongue
from unstrip.policy import local
from unstrip.program import cli

PACKAGING = Path(__file__).resolve().parent.parent / "packaging"
GUIDE = (PACKAGING.parent / "docs/howto/postfix.md").read_text()
COMMANDS = {"unstrip": ("serve",), "unstrip-report": ("report", "send")}
SOCKET = "unstrip@.socket"

each_service = pytest.mark.parametrize("name", COMMANDS)


def text(name: str) -> str:
    return (PACKAGING / name).read_text()


def unit(name: str) -> configparser.ConfigParser:
    found = configparser.ConfigParser(interpolation=None, strict=False)
    found.optionxform = str
    found.read_string(text(name))
    return found


def service(name: str) -> configparser.SectionProxy:
    return unit(f"{name}.service")["Service"]


@each_service
def test_it_starts_a_command_that_there_is(name):
    program, *words = service(name)["ExecStart"].split()
    assert Path(program).name == "unstrip"
    assert tuple(words) == COMMANDS[name]
    command = cli
    while words:
        command = command.commands[words.pop(0)]
    command.make_context(name, [])


@each_service
def test_its_directories_are_the_same_for_all(name):
    here = service(name)
    config, state = re.findall(r"=(\S+)", here["Environment"])
    assert f"{config}/unstrip/config.toml" in text("unstrip.service")
    assert f"{state}/{here['StateDirectory']}" in text("unstrip.service")
    assert here["User"] == service("unstrip")["User"]


def test_the_guide_writes_down_the_places_that_it_has():
    config, table = re.findall(r"^```toml\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    folder, state = re.findall(r"=(\S+)", service("unstrip")["Environment"])
    found = parse(config, Path(folder) / "unstrip")
    assert found.store == f"{state}/unstrip/store.sqlite3"
    assert found.policy == Path(folder) / "unstrip/policy.toml"
    assert len(local.parse(table).rule) == 1


def test_the_guide_installs_what_it_starts():
    program, *_ = service("unstrip")["ExecStart"].split()
    assert all(service(name)["ExecStart"].startswith(f"{program} ") for name in COMMANDS)
    assert f"python3 -m venv {Path(program).parent.parent}\n" in GUIDE
    assert f"ExecStartPre=-{service('unstrip')['ExecStart']} --check-config`" in GUIDE


@each_service
def test_it_has_no_rights_but_those_of_its_sockets(name):
    here = service(name)
    assert here["CapabilityBoundingSet"] == ""
    assert here["DynamicUser"] == here["NoNewPrivileges"] == "yes"
    assert set(here["RestrictAddressFamilies"].split()) == {"AF_UNIX", "AF_INET", "AF_INET6"}


def test_systemd_and_the_daemon_agree_on_how_they_talk():
    here = service("unstrip")
    assert (here["Type"], here["ExecReload"]) == ("notify", "/bin/kill -HUP $MAINPID")
    assert int(here["WatchdogSec"]) > 0


def test_it_may_have_descriptors_for_all_clients_that_there_may_be():
    limits = ServeSettings().limits
    most = int(service("unstrip")["LimitNOFILE"])
    assert most >= wanted(len(get_args(Tongue)), limits.connections)


def test_a_socket_is_for_whatever_is_spoken_here():
    socket = unit(SOCKET)["Socket"]
    assert (socket["FileDescriptorName"], socket["Service"]) == ("%i", "unstrip.service")
    for tongue in get_args(Tongue):
        at = "unix:" + socket["ListenStream"].replace("%i", tongue)
        assert Place(tongue, at, mode=socket["SocketMode"]).path is not None
    named = set(re.findall(r"unstrip@([a-z-]+)\.socket", text(SOCKET)))
    assert named <= set(get_args(Tongue))


def test_what_a_timer_starts_is_there():
    timers = list(PACKAGING.glob("*.timer"))
    assert timers
    for timer in timers:
        assert timer.with_suffix(".service").is_file()
        assert unit(timer.name)["Timer"]["OnCalendar"]
