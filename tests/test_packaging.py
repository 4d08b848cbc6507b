"""The unit for systemd starts what is there, and where its pages say."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

from unstrip.program import cli

UNIT = Path(__file__).resolve().parent.parent / "packaging/unstrip.service"


def unit() -> configparser.ConfigParser:
    found = configparser.ConfigParser(interpolation=None, strict=False)
    found.optionxform = str
    found.read_string(UNIT.read_text())
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


def test_it_has_no_rights_but_those_of_its_sockets():
    service = unit()["Service"]
    assert service["CapabilityBoundingSet"] == ""
    assert service["DynamicUser"] == service["NoNewPrivileges"] == "yes"
    assert set(service["RestrictAddressFamilies"].split()) == {"AF_UNIX", "AF_INET", "AF_INET6"}


def test_systemd_and_the_daemon_agree_on_how_they_talk():
    service = unit()["Service"]
    assert (service["Type"], service["ExecReload"]) == ("notify", "/bin/kill -HUP $MAINPID")
    assert int(service["WatchdogSec"]) > 0
