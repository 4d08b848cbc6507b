"""The command line. Commands import what they need when they run, so that help comes at once."""

from __future__ import annotations

import os
import sys
import traceback

import click

from unstrip.faces.cli.check import check
from unstrip.faces.cli.compare import compare
from unstrip.faces.cli.demo import demo
from unstrip.faces.cli.explain import explain
from unstrip.faces.cli.history import history
from unstrip.faces.cli.lab import lab
from unstrip.faces.cli.policy import policy
from unstrip.faces.cli.publish import publish
from unstrip.faces.cli.reports import report
from unstrip.faces.cli.rollout import rollout
from unstrip.faces.cli.speech import Complaint, Exit, ReaderGone, complain, give_up


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="unstrip", message="unstrip %(version)s")
def cli() -> None:
    """Make opportunistic TLS safe to rely on: check links, see who strips them."""


_REPORT = "please report it, with what UNSTRIP_TRACEBACK=1 shows"

for command in (check, explain, policy, publish, report, rollout, compare, history, lab, demo):
    cli.add_command(command)


def main() -> None:
    """Run the command line; whatever happens, the user sees a sentence and an exit code."""
    _fill_standard_streams()
    try:
        cli(standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(Exit.USAGE)
    except click.UsageError as error:
        where = f"`{error.ctx.command_path} --help`" if error.ctx else "`unstrip --help`"
        words = error.format_message().rstrip(".")
        complain(words[:1].lower() + words[1:], f"see {where}")
        sys.exit(Exit.USAGE)
    except Complaint as error:
        complain(str(error), error.hint)
        sys.exit(error.code)
    except (KeyboardInterrupt, click.Abort):
        complain("interrupted")
        sys.exit(Exit.INTERRUPTED)
    except ReaderGone:
        sys.exit(Exit.UNKNOWN)
    except Exception as error:  # noqa: BLE001  # no user sees a traceback, but for one who asks
        if os.environ.get("UNSTRIP_TRACEBACK"):
            traceback.print_exc()
        complain(f"a defect in unstrip: {type(error).__name__}: {error}", _REPORT)
        if isinstance(error, OSError):  # as of the help, which click prints
            give_up(sys.stdout)
        sys.exit(Exit.UNKNOWN)


def _fill_standard_streams() -> None:
    """Open what was closed, or the first sockets would take the places of standard streams.

    Nobody misses errors more than who has closed the stream for them. What cannot be printed is
    missed: standard output stays one that cannot be written.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(descriptor)
        except OSError:
            errors = name == "stderr"
            os.open(os.devnull, os.O_WRONLY if errors else os.O_RDONLY)  # the lowest that is free
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8", closefd=False))
