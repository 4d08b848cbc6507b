"""What the commands that visit servers have in common: targets, options, and what they come to."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from unstrip.faces.cli.speech import Complaint

if TYPE_CHECKING:
    from unstrip.evidence import Endpoint
    from unstrip.io.session import Terms

T = TypeVar("T")
C = TypeVar("C", bound=Callable[..., Any])
AT_ONCE = 50  # targets visited at the same time
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
PORT = click.IntRange(1, 65535)
_PORT = re.compile(r"\]|:\w*$")  # what ends in a port, or has brackets, is meant for a server
_WRITE = "write example.org or smtp://host"

_SHARED = (
    click.argument("targets", nargs=-1, required=True, metavar="TARGET..."),
    click.option("--protocol", metavar="NAME", help="What TARGETs without a scheme speak."),
    click.option("--connect-to", metavar="ADDRESS", help="Dial this instead of looking TARGET up."),
    click.option(
        "--server-name", default="", metavar="NAME", help="Name the certificate must carry."
    ),
    click.option(
        "--ca-file", type=FILE, metavar="PEM", help="Trusted roots instead of the system's."
    ),
    click.option("--helo", default="localhost", show_default=True, help="Name given in EHLO."),
    click.option(
        "--timeout",
        type=click.FloatRange(0.1, 3600),
        default=30.0,
        show_default=True,
        help="Seconds for each session, everything included.",
    ),
)


@dataclass(frozen=True)
class VisitOptions:
    """The options of every command that visits servers, as given."""

    protocol: str | None
    connect_to: str | None
    server_name: str
    ca_file: Path | None
    helo: str
    timeout: float


_OF_MX = (
    click.option("--port", type=PORT, default=25, show_default=True, help="Of the MX hosts."),
    click.option(
        "--connect-to",
        metavar="ADDRESS",
        help="Dial this instead of the addresses of the MX hosts.",
    ),
    click.option("--helo", default="localhost", show_default=True, help="Name given in EHLO."),
    click.option(
        "--timeout",
        type=click.FloatRange(0.1, 3600),
        default=30.0,
        show_default=True,
        help="Seconds for each visit, everything included.",
    ),
)


def visiting_mx(command: C) -> C:
    """Give a command the options of visits to a domain's own MX hosts."""
    for decorate in reversed(_OF_MX):
        command = decorate(command)
    return command


def visiting(command: C) -> C:
    """Give a command targets, and the options that say how they are visited."""
    for decorate in reversed(_SHARED):
        command = decorate(command)
    return command


def terms(options: VisitOptions) -> Terms:
    """Return how each session is to be held.

    Raises: Complaint: an option makes no sense.
    """
    from unstrip.io.session import Terms
    from unstrip.io.trust import NoRoots, anchors
    from unstrip.upgrade import Asking

    if math.isnan(options.timeout):
        raise Complaint("--timeout: that is no number of seconds")
    try:
        roots = anchors(options.ca_file)
    except NoRoots as error:
        raise Complaint(str(error), "give --ca-file PEM") from error
    return Terms(
        ask=Asking(helo=_helo(options.helo)),
        timeout=options.timeout,
        connect_to=_address(options.connect_to),
        roots=roots,
    )


def endpoints(targets: tuple[str, ...], options: VisitOptions) -> list[Endpoint]:
    """Return what the targets name, those in files among them.

    Raises: Complaint: one cannot be understood, or there is none.
    """
    return _checked([_endpoint(*spelt, options) for spelt in spelt_out(targets)], targets)


def places(targets: tuple[str, ...], options: VisitOptions) -> list[Endpoint | str]:
    """Return what the targets name, as `endpoints` does; a bare name is a domain.

    Raises: Complaint: one cannot be understood, or there is none.
    """
    found = [
        _endpoint(text, place, options)
        if options.protocol or _is_server(text)
        else _domain(text, place)
        for text, place in spelt_out(targets)
    ]
    if (options.connect_to or options.server_name) and any(isinstance(p, str) for p in found):
        words = "--connect-to and --server-name are for one server, not for a domain"
        raise Complaint(words, "write smtp://mx.example.org")
    return _checked(found, targets)


def _checked(found: list[T], targets: tuple[str, ...]) -> list[T]:
    if not found:
        raise Complaint("there is no target to visit", f"is {targets[0]} empty?")
    return found


def _endpoint(text: str, place: str, options: VisitOptions) -> Endpoint:
    from unstrip.target import BadTarget, parse

    try:
        return parse(text, options.protocol, options.server_name)
    except BadTarget as error:
        raise Complaint(f"{place}{error}", error.hint) from error


def _is_server(text: str) -> bool:
    """Tell whether a target is meant for one server, be it well written or not."""
    from unstrip.hostname import is_address

    return "://" in text or (_PORT.search(text) is not None and not is_address(text))


def _domain(text: str, place: str) -> str:
    """Return a domain as A-labels: a name with a dot in it.

    Raises: Complaint: it is none.
    """
    from unstrip.escaping import brief
    from unstrip.hostname import BadHostName, host_name

    try:
        name = host_name(text)
    except BadHostName:
        name = ""
    if fault := _fault(text, name):
        raise Complaint(f"{place}'{brief(text)}' is no domain: {fault}", _WRITE)
    return name


def _fault(text: str, name: str) -> str:
    """Say why a target is no domain, "" if it is one; `name` is what it comes to, "" if nothing."""
    from unstrip.hostname import is_address

    if name:
        lacking = "" if "." in name else "there is no dot in it"
        return "it is an address" if is_address(name) else lacking
    if "@" in text:
        return "it is a mailbox; give what stands behind the @"
    if ".." in text:
        return "two dots follow each other"
    return "it is no host name either" if text else "it is empty"


def spelt_out(targets: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Read files of targets; blank lines and what follows a # are passed over."""
    for target in targets:
        if not target.startswith("@"):
            yield target, ""
            continue
        path = Path(target[1:])
        for number, line in enumerate(text_of(path).splitlines(), 1):
            if words := line.partition("#")[0].strip():
                yield words, f"{path}, line {number}: "


def text_of(path: Path) -> str:
    """Return what is in a file.

    Raises: Complaint: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise Complaint(f"{path} cannot be read: {reason}") from error
    except UnicodeDecodeError as error:
        raise Complaint(f"{path} cannot be read: not UTF-8") from error


def _address(text: str | None) -> str | None:
    from unstrip.hostname import BadHostName, host_name

    try:
        return None if text is None else host_name(text)
    except BadHostName as error:
        raise Complaint(f"--connect-to: {error}", "the port goes into TARGET") from error


def _helo(name: str) -> str:
    if not name.isascii() or not name.isprintable() or " " in name or not name:
        raise Complaint(f"--helo: {name!r} is no host name", "give a name or [address]")
    return name
