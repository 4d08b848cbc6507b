"""`unstrip report`: what belongs to it."""

from __future__ import annotations

from tests.faces.cli.command import run
from unstrip.faces.cli.reports import report


def test_each_command_says_what_it_does():
    assert "send" in report.commands
    shown = run("report", "--help").out
    assert all(f"  {name} " in shown for name in report.commands)
