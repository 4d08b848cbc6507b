"""The command line as a whole: help, mistakes, and endings that nobody planned."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import version

import click
import pytest

from tests.faces.cli.command import SCRIPT, run, run_apart
from unstrip.faces.cli import cli
from unstrip.faces.cli.speech import Exit


def all_commands(group: click.Group = cli, path: tuple[str, ...] = ()):
    """Each command with the words that lead to it."""
    for name, command in group.commands.items():
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from all_commands(command, (*path, name))


COMMANDS = dict(all_commands())


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_the_help_of_every_command_lists_every_option(path):
    ran = run(*path, "--help")
    assert ran.code == 0
    assert ran.err == ""
    options = [one for one in COMMANDS[path].params if isinstance(one, click.Option)]
    assert all(name in ran.out for one in options for name in one.opts)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_and_option_says_what_it_does(path):
    command = COMMANDS[path]
    assert command.help
    assert all(one.help for one in command.params if isinstance(one, click.Option))


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_the_help_lists_every_command(word):
    ran = run(word)
    assert ran.code == 0
    assert all(name in ran.out for name in cli.commands)


def test_version_is_that_of_the_package():
    assert run("--version").out == f"unstrip {version('unstrip')}\n"


def test_without_a_command_the_help_is_shown_as_it_is():
    ran = run()
    assert "Usage: unstrip" in ran.out + ran.err
    assert "unstrip: error: usage" not in ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("chek",), "chek"),
        (("--nonsense",), "--nonsense"),
        (("check", "--nonsense", "x"), "--nonsense"),
        (("history", "shw"), "shw"),
        (("history", "forget"), "HOST"),
        (("check", "smtp://x", "--timeout"), "--timeout"),
    ],
)
def test_a_mistake_is_one_sentence_and_a_hint(words, said):
    ran = run(*words)
    assert ran.code == Exit.USAGE
    error, hint = ran.err.splitlines()
    assert error.startswith("unstrip: error: ")
    assert said in error
    assert re.fullmatch(r"unstrip: hint: see `unstrip.* --help`", hint)
    assert ran.out == ""


def test_the_hint_names_the_help_of_the_very_command():
    assert "`unstrip history forget --help`" in run("history", "forget").err


def test_a_file_that_is_not_there_is_named_as_it_was_written():
    assert "/No/Such/File.PEM" in run("check", "--ca-file", "/No/Such/File.PEM", "smtp://x").err


CHECK = sys.modules["unstrip.faces.cli.check"]  # the name in its package is the command


@pytest.fixture
def defect(monkeypatch):
    def fail(*_words):
        raise RuntimeError("something nobody thought of")

    monkeypatch.setattr(CHECK, "_plan", fail)


def test_a_defect_of_ours_is_a_sentence_too(defect):
    ran = run("check", "smtp://localhost", "--no-store")
    assert ran.code == Exit.UNKNOWN
    error, hint = ran.err.splitlines()
    assert "something nobody thought of" in error
    assert "UNSTRIP_TRACEBACK" in hint


def test_who_asks_for_it_gets_the_traceback(defect, monkeypatch):
    monkeypatch.setenv("UNSTRIP_TRACEBACK", "1")
    ran = run("check", "smtp://localhost", "--no-store")
    assert ran.code == Exit.UNKNOWN
    assert "Traceback" in ran.err
    assert "RuntimeError: something nobody thought of" in ran.err


@pytest.mark.parametrize("ending", [KeyboardInterrupt, click.Abort])
def test_an_interruption_at_any_place_is_130(ending, monkeypatch):
    def interrupted(*_words):
        raise ending

    monkeypatch.setattr(CHECK, "_plan", interrupted)
    ran = run("check", "smtp://localhost", "--no-store")
    assert ran.code == Exit.INTERRUPTED
    assert ran.err.strip() == "unstrip: error: interrupted"


def test_the_script_and_the_module_are_one_command():
    module = [sys.executable, "-m", "unstrip", "--version"]
    spoken = subprocess.run(module, capture_output=True, text=True, check=True)
    assert spoken.stdout == run_apart("--version").out
    assert os.access(SCRIPT, os.X_OK)


def test_help_loads_neither_tls_nor_sockets():
    code = (
        "import sys; sys.argv = ['unstrip', '--help']\n"
        "from unstrip.faces.cli import main\n"
        "main()\n"
        "print('loaded:', *[m for m in ('OpenSSL', 'cryptography', 'uvloop', 'rich', 'sqlite3')"
        " if m in sys.modules])"
    )
    spoken = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert spoken.stdout.splitlines()[-1].strip() == "loaded:"
