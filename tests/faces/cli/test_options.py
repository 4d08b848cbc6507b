"""What the commands that visit servers have in common is the same in each of them."""

from __future__ import annotations

import click
import pytest

from tests.faces.cli.command import run
from unstrip.faces.cli import cli
from unstrip.faces.cli.options import VisitOptions, endpoints, places, terms
from unstrip.faces.cli.speech import Complaint

COMMANDS = ("check", "compare")
SHARED = ("--protocol", "--connect-to", "--server-name", "--ca-file", "--helo", "--timeout")
PLAIN = VisitOptions(
    protocol=None, connect_to=None, server_name="", ca_file=None, helo="localhost", timeout=30.0
)

each_command = pytest.mark.parametrize("command", COMMANDS)


def option(command: str, name: str) -> click.Parameter:
    (found,) = [one for one in cli.commands[command].params if name in one.opts]
    return found


@pytest.mark.parametrize("name", [*SHARED, "targets"])
def test_a_shared_option_is_the_same_everywhere(name):
    first, *others = [option(command, name).to_info_dict() for command in COMMANDS]
    assert others == [first] * len(others)


@each_command
@pytest.mark.parametrize(
    "words",
    [
        (),
        ("localhost",),
        ("gopher://localhost",),
        ("smtp://",),
        ("localhost", "--protocol", "gopher"),
        ("@/nonexistent.txt",),
        ("smtp://localhost", "--nonsense"),
        ("smtp://localhost", "--timeout", "0"),
        ("smtp://localhost", "--timeout", "nan"),
        ("smtp://localhost", "--ca-file", "/nonexistent.pem"),
        ("smtp://localhost", "--implicit-port", "70000"),
        ("smtp://localhost", "--helo", "two words"),
        ("smtp://localhost", "--helo", "line\r\nMAIL FROM:<x>"),
        ("smtp://localhost", "--server-name", "no name"),
        ("smtp://localhost", "--connect-to", "127.0.0.1:25"),
    ],
)
def test_what_cannot_be_understood_ends_with_2_and_a_sentence(command, words):
    ran = run(command, *words)
    assert ran.code == 2
    assert ran.out == ""
    error, *hints = ran.err.splitlines()
    assert error.startswith("unstrip: error: ")
    assert all(hint.startswith("unstrip: hint: ") for hint in hints)


@each_command
def test_a_file_without_targets_is_a_mistake(command, tmp_path):
    (tmp_path / "empty").write_text("# nothing\n\n")
    ran = run(command, f"@{tmp_path / 'empty'}")
    assert ran.code == 2
    assert "there is no target" in ran.err


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("user@x", "it is a mailbox"),
        ("no_policy..example", "two dots follow each other"),
        ("", "it is empty"),
        ("localhost", "there is no dot in it"),
        ("192.0.2.1", "it is an address"),
        ("2001:db8::1", "it is an address"),
        ("mx example.org", "it is no host name"),
    ],
)
def test_what_is_no_domain_is_told_why(text, fault):
    with pytest.raises(Complaint, match=fault) as caught:
        places((text,), PLAIN)
    assert caught.value.hint == "write example.org or smtp://host"


@pytest.mark.parametrize("text", ["mx.example.org:25", "[::1]", "mx.example.org:smtp"])
def test_what_is_meant_for_a_server_has_to_say_which_protocol(text):
    with pytest.raises(Complaint, match="which protocol"):
        places((text,), PLAIN)


def test_a_domain_and_a_server_stand_side_by_side():
    domain, server = places(("BÜCHER.example.", "imap://mail.example.org"), PLAIN)
    assert (domain, server.protocol) == ("xn--bcher-kva.example", "imap")


def test_the_options_say_how_a_session_is_held(pki):
    given = {"helo": "[192.0.2.1]", "connect_to": "::1", "ca_file": pki.ca_file, "timeout": 3.0}
    held = terms(VisitOptions(**{**vars(PLAIN), **given}))
    assert (held.ask.helo, held.connect_to, held.timeout) == ("[192.0.2.1]", "::1", 3.0)
    assert held.roots is pki.roots


def test_targets_come_in_the_order_they_were_given_in(tmp_path):
    (tmp_path / "some").write_text("imap://b\npop3://c  # the third\n")
    found = endpoints(("smtp://a", f"@{tmp_path / 'some'}", "imaps://d"), PLAIN)
    assert [one.host for one in found] == ["a", "b", "c", "d"]


def test_an_error_in_a_file_names_its_line(tmp_path):
    (tmp_path / "some").write_text("imap://b\ngopher://c\n")
    with pytest.raises(Complaint, match="line 2: unknown protocol"):
        endpoints((f"@{tmp_path / 'some'}",), PLAIN)
