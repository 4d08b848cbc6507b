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
exit codes: 0 stopped by SIGTERM or SIGINT, or the configuration is in order,
2 usage, 4 it cannot listen, or what it needs cannot be had.

\b
example:
  unstrip serve --check-config
  unstrip serve --config /etc/unstrip/config.toml"""


@click.command(epilog=_EPILOG)
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="TOML",
    help="Where to listen, what to believe.",
)
@click.option("--check-config", is_flag=True, help="Say whether that can be used, and serve not.")
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
        click.echo("unstrip: the configuration is in order")
        return
    _serve(settings, config)


def _read(path: Path | None) -> Configuration:
    from unstrip.io.configuration import BadConfiguration, read

    try:
        return read(path)
    except BadConfiguration as error:
        _fail(_USAGE, str(error), _DOCUMENTED)


def _check(settings: Configuration) -> None:
    """Look at what the configuration names, as far as nothing is asked or made for it."""
    from unstrip.io.assembly import Unusable, resolver, table
    from unstrip.io.trust import NoRoots, anchors

    try:
        table(settings.policy)
        resolver(settings)
        anchors()
    except Unusable as error:
        _fail(_USAGE, str(error), error.hint)
    except NoRoots as error:
        _fail(_USAGE, str(error), "set SSL_CERT_FILE")


def _serve(settings: Configuration, config: Path | None) -> None:
    from unstrip.faces.mta.daemon import Daemon
    from unstrip.faces.mta.listening import CannotListen, ears
    from unstrip.faces.mta.log import Log
    from unstrip.faces.mta.systemd import BadHandover, Systemd, handed_over
    from unstrip.io.assembly import Unusable
    from unstrip.io.asyncio import run
    from unstrip.io.configuration import read

    log = Log()
    log.set(settings.serve.log.level, settings.serve.log.format)
    _warn_of_rights(log)
    _have_descriptors()
    systemd = Systemd()
    try:
        with ExitStack() as stack:
            listening = ears(settings.serve.listen, handed_over())
            for ear in listening:
                stack.callback(ear.close)
            run(lambda: Daemon(settings, lambda: read(config), listening, log, systemd).run())
    except (CannotListen, BadHandover) as error:
        _fail(_UNKNOWN, str(error), _DOCUMENTED)
    except Unusable as error:
        _fail(_UNKNOWN, str(error), error.hint)


def _warn_of_rights(log: Log) -> None:
    import os

    if os.geteuid() == 0:
        log.warning("root", words="nothing here needs the rights of root: run it as another user")


def _have_descriptors() -> None:
    """Have all descriptors that may be had: there may be more clients than the usual 1024."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _fail(code: int, words: str, hint: str) -> NoReturn:
    click.echo(f"unstrip: error: {words}", err=True)
    click.echo(f"unstrip: hint: {hint}", err=True)
    sys.exit(code)
