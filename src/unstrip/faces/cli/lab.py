"""`unstrip lab`: a hostile path on this machine, to try clients and servers against."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import click

from unstrip.faces.cli.speech import Complaint, say

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from unstrip.lab.crossings import Crossing
    from unstrip.lab.middlebox import Middlebox

_EPILOG = """\b
example:
  unstrip lab --protocol smtp --trick mask-offer --listen 127.0.0.1:2525 --to 127.0.0.1:25
  unstrip lab --protocol smtp --test-server 127.0.0.1:25

\b
exit codes of --test-server: 0 clean, 1 vulnerable, 2 usage, 4 could not tell"""
_FOREVER = 10.0**9  # seconds


class _Address(click.ParamType[tuple[str, int]]):
    """HOST:PORT, or [HOST]:PORT."""

    name = "HOST:PORT"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Return host and port."""
        host, _, port = str(value).rpartition(":")
        if not host or not port.isdigit() or int(port) > 65535:
            self.fail(f"'{value}' is not HOST:PORT", param, ctx)
        return host.strip("[]"), int(port)


class _Login(click.ParamType[tuple[str, str]]):
    """NAME:PASSWORD."""

    name = "NAME:PASSWORD"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Return name and password."""
        name, colon, password = str(value).partition(":")
        if not name or not colon:
            self.fail("that is not NAME:PASSWORD", param, ctx)  # nor is it to be printed
        return name, password


@click.command(epilog=_EPILOG)
@click.option("--list", "list_", is_flag=True, help="List the tricks.")
@click.option("--protocol", metavar="NAME", help="What is spoken; --list has them.")
@click.option("--trick", metavar="NAME", help="What the middlebox does.")
@click.option(
    "--listen", type=_Address(), default="127.0.0.1:0", show_default=True, help="For clients."
)
@click.option("--to", type=_Address(), help="The server.")
@click.option("--implicit-to", type=_Address(), help="The server's port with implicit TLS.")
@click.option("--reply", default="", metavar="CODE", help="Which refusal to give, by its code.")
@click.option("--naive", is_flag=True, help="Match per segment and in capitals, as real boxes do.")
@click.option("--for", "seconds", type=click.FloatRange(0), help="Seconds to run; else to Ctrl-C.")
@click.option("--test-server", type=_Address(), help="Attack this server instead, as a client.")
@click.option(
    "--login",
    type=_Login(),
    envvar="UNSTRIP_LOGIN",
    show_envvar=True,
    help="An account on it, for what takes one.",
)
@click.option("--json", is_flag=True, help="One JSON object for each segment, or each attempt.")
def lab(  # an option each
    *,
    protocol: str | None,
    trick: str | None,
    listen: tuple[str, int],
    to: tuple[str, int] | None,
    implicit_to: tuple[str, int] | None,
    reply: str,
    seconds: float | None,
    list_: bool,
    naive: bool,
    test_server: tuple[str, int] | None,
    login: tuple[str, str] | None,
    json: bool,
) -> None:
    """Play a trick on every client that comes; or attack a server, and say what it withstands.

    The lab listens and connects on loopback only, and nothing can make it do otherwise.
    """
    if protocol is not None:
        protocol = _protocol(protocol)
    if list_:
        _list(json=json)
        return
    if test_server:
        _test(test_server, protocol, login, json=json)
    if not (protocol and trick and to):
        raise Complaint("--protocol, --trick and --to are needed", "see `unstrip lab --list`")
    from unstrip.io.asyncio import run
    from unstrip.lab.middlebox import middlebox

    with _explained(), contextlib.suppress(KeyboardInterrupt):  # the way to end it
        playing = middlebox(
            trick,
            protocol,
            upstream=to,
            listen=listen,
            naive=naive,
            reply=reply,
            implicit_upstream=implicit_to,
            watch=_print_json if json else _print,
        )
        run(lambda: _play(playing, seconds or _FOREVER, quiet=json))


def _test(
    server: tuple[str, int], protocol: str | None, login: tuple[str, str] | None, *, json: bool
) -> NoReturn:
    if not protocol:
        raise Complaint("--test-server needs --protocol", "see `unstrip lab --list`")
    from unstrip.faces.cli.tester import test_server
    from unstrip.io.asyncio import run

    with _explained():
        sys.exit(run(lambda: test_server(server, protocol, login, json=json)))


async def _play(
    playing: AbstractAsyncContextManager[Middlebox], seconds: float, *, quiet: bool
) -> None:
    async with playing as box:
        if not quiet:
            say(f"{box.trick.NAME} on {box.host}:{box.port}: {box.trick.WHAT}; Ctrl-C ends it")
        await asyncio.sleep(seconds)


def _protocol(name: str) -> str:
    """Return the protocol that goes by this name, or by this alias."""
    from unstrip.escaping import printable
    from unstrip.protocols import REGISTRY, SCHEMES

    scheme = SCHEMES.get(name.lower())
    if scheme is None:
        raise Complaint(f"unknown protocol '{printable(name)}'", f"known: {', '.join(REGISTRY)}")
    return scheme.protocol


def _list(*, json: bool) -> None:
    from unstrip.evidence import to_json
    from unstrip.lab.dialects import DIALECTS
    from unstrip.lab.tricks import TRICKS, protocols

    for name, trick in TRICKS.items():
        playable = protocols(trick)
        if json:
            numbers = {protocol: trick.number(DIALECTS[protocol]) for protocol in playable}
            record = {"name": name, "id": trick.ID, "what": trick.WHAT, "protocols": numbers}
            say(to_json(record))
        else:
            where = "every protocol" if len(playable) == len(DIALECTS) else ", ".join(playable)
            say(f"{name:<18} {trick.ID:<6} {trick.WHAT}\n{'':<25} on {where}")


def _print(crossing: Crossing) -> None:
    from unstrip.escaping import excerpt

    inside = ", inside TLS" if crossing.inside else ""
    where = f"{crossing.connection:>3} {crossing.leg.value}{inside}"
    say(f"{crossing.at:9.3f} {where:<34} {excerpt(crossing.data)}")


def _print_json(crossing: Crossing) -> None:
    from unstrip.evidence import to_json

    say(to_json(crossing))


@contextmanager
def _explained() -> Iterator[None]:
    from unstrip.io.addresses import Unresolved
    from unstrip.lab.loopback import NotLoopback
    from unstrip.lab.middlebox import Unstageable
    from unstrip.lab.tricks import NoSuchTrick

    try:
        yield
    except NotLoopback as error:
        raise Complaint(str(error), "the lab is for this machine only: use 127.0.0.1") from error
    except NoSuchTrick as error:
        raise Complaint(str(error), "see `unstrip lab --list`") from error
    except Unstageable as error:
        raise Complaint(str(error), "see `unstrip lab --list`, and --implicit-to") from error
    except Unresolved as error:
        raise Complaint(str(error), "check the spelling") from error
    except OSError as error:
        raise Complaint(str(error), "is the port free, and yours to take?") from error
