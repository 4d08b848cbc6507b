"""`unstrip serve`: the policy daemon, from the command line to its end."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from unstrip.faces.mta.log import Log
    from unstrip.io.configuration import Configuration

_USAGE, _UNKNOWN = 2, 4  # docs/reference/exit-codes.md
_DOCUMENTED = "see docs/reference/configuration.md"
_EPILOG = """\b
exit codes: 0 stopped by SIGTERM or SIGINT, or with --check-config, it can serve,
2 usage, or a configuration that cannot be understood, 4 it cannot listen, or
what it needs cannot be had.

\b
example:
  unstrip serve --check-config
  unstrip serve --config /etc/unstrip/config.toml"""


@click.command(epilog=_EPILOG)
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),  # who reads it says why it cannot be read
    metavar="TOML",
    help="Where to listen, what to believe.",
)
@click.option("--check-config", is_flag=True, help="Say what it would do, and whether it could.")
def serve(*, config: Path | None, check_config: bool) -> None:
    """Tell mail servers what should happen to each domain's mail.

    Postfix and Sendmail ask by socketmap, Postfix by tcp_table, Exim by readsocket, everything else
    over HTTP: docs/howto/postfix.md, docs/howto/exim.md. It stays in the foreground and needs no
    rights but to listen; SIGHUP makes it read the configuration again, SIGTERM ends it. Without a
    configuration it is at 127.0.0.1, ports 8461 (socketmap), 8462 (Exim) and 8463 (HTTP).
    """
    settings = _read(config)
    if check_config:
        _check(settings)
    _serve(settings, config)


def _read(path: Path | None) -> Configuration:
    from unstrip.io.configuration import BadConfiguration, read

    try:
        return read(path)
    except BadConfiguration as error:
        _fail(_USAGE, str(error), _DOCUMENTED)


def _check(settings: Configuration) -> NoReturn:
    """Tell what would be done, and all that would keep us from it."""
    from unstrip.faces.mta.rehearsal import Weight, rehearsal

    wrong = 0
    for remark in rehearsal(settings):
        if remark.weight is Weight.PLAN:
            click.echo(f"unstrip: {remark.words}")
            continue
        wrong += remark.weight is Weight.ERROR
        _tell(remark.weight.name.lower(), remark.words, remark.hint)
    if wrong:
        sys.exit(_UNKNOWN)
    click.echo("unstrip: the configuration is in order")
    sys.exit(0)


def _serve(settings: Configuration, config: Path | None) -> None:
    from unstrip.faces.mta.daemon import Daemon
    from unstrip.faces.mta.descriptors import have_all
    from unstrip.faces.mta.listening import CannotListen, ears
    from unstrip.faces.mta.log import Log
    from unstrip.faces.mta.systemd import BadHandover, Systemd, handed_over
    from unstrip.io.assembly import Unusable
    from unstrip.io.asyncio import run
    from unstrip.io.configuration import read

    log = Log()
    log.set(settings.serve.log.level, settings.serve.log.format)
    _warn_of_rights(log)
    have_all()
    systemd = Systemd()
    try:
        with ExitStack() as stack:
            listening = ears(settings.serve.listen, handed_over())
            for ear in listening:
                stack.callback(ear.close)
            run(lambda: Daemon(settings, lambda: read(config), listening, log, systemd).run())
    except BadHandover as error:
        _fail(_UNKNOWN, str(error), _DOCUMENTED)
    except (CannotListen, Unusable) as error:
        _fail(_UNKNOWN, str(error), error.hint)


def _warn_of_rights(log: Log) -> None:
    import os

    if os.geteuid() == 0:
        log.warning("root", words="nothing here needs the rights of root: run it as another user")


def _fail(code: int, words: str, hint: str) -> NoReturn:
    _tell("error", words, hint)
    sys.exit(code)


def _tell(what: str, words: str, hint: str) -> None:
    click.echo(f"unstrip: {what}: {words}", err=True)
    click.echo(f"unstrip: hint: {hint}", err=True)
