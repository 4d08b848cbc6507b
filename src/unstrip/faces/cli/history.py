"""`unstrip history`: what earlier visits make us expect, and how to release it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from unstrip.faces.cli.asking import CONFIG, STORE, reading
from unstrip.faces.cli.speech import Complaint, Exit, say

if TYPE_CHECKING:
    from unstrip.evidence import Endpoint, Evidence


@click.group()
def history() -> None:
    """Show and release what earlier visits make us expect.

    Visits may only raise expectations: a host that was reached inside TLS is expected to be so
    again. When a server has really given TLS up, `unstrip history forget` releases it.
    """


@history.command("list")
@click.option("--json", is_flag=True, help="One JSON object an endpoint.")
@CONFIG
@STORE
def list_(config: Path | None, store: str | None, *, json: bool) -> None:
    """List the endpoints that are remembered."""
    from unstrip.evidence import to_json

    with reading(config, store) as kept:
        endpoints = kept.remembered()
    if not endpoints and not json:
        say("nothing is remembered")
    for known in endpoints:
        if json:
            say(to_json(known))
            continue
        kind = f"{known.endpoint.protocol}{' (implicit)' if known.endpoint.implicit else ''}"
        say(
            f"{known.endpoint}  {kind}  {known.secured} of {known.visits} visits in TLS,"
            f" {known.first[:10]} to {known.last[:10]}"
        )


@history.command()
@click.argument("host")
@click.option("--transcript", is_flag=True, help="Show what was said.")
@click.option("--json", is_flag=True, help="One JSON object a visit, the evidence whole.")
@CONFIG
@STORE
def show(
    host: str, config: Path | None, store: str | None, *, transcript: bool, json: bool
) -> None:
    """Show the visits to HOST."""
    from unstrip.evidence import to_json

    name = _name(host)
    with reading(config, store) as kept:
        known = [each.endpoint for each in kept.remembered() if each.endpoint.host == name]
        visits = {endpoint: kept.visits(endpoint) for endpoint in known}
    if not known:
        raise _nothing(name)
    for endpoint, seen in visits.items():
        if json:
            for visit in seen:
                say(to_json(visit))
        else:
            _show(endpoint, seen, transcript=transcript)


def _show(endpoint: Endpoint, visits: tuple[Evidence, ...], *, transcript: bool) -> None:
    from unstrip.faces.cli.report import certificate_words, transcript_lines
    from unstrip.policy.history import opinion

    expected = opinion(visits)
    say(f"{endpoint}: expected: {expected.level.value if expected else 'nothing'}")
    for visit in visits:
        state = "TLS" if visit.secured else "no TLS"
        words = certificate_words(visit, visit.began)
        say(f"  {visit.began:%Y-%m-%d %H:%M:%S} UTC  {visit.address}  {state}  {words}")
        for line in transcript_lines(visit) if transcript else ():
            say(line)


@history.command()
@click.argument("host")
@click.option("--port", type=click.IntRange(1, 65535), help="Only this port of it.")
@CONFIG
@STORE
def forget(host: str, config: Path | None, store: str | None, *, port: int | None) -> None:
    """Release what is expected of HOST."""
    name = _name(host)
    with reading(config, store) as kept:
        count = kept.forget(name, port)
    if not count:
        raise _nothing(name)
    say(f"{count} {'visit' if count == 1 else 'visits'} to {name} forgotten")


def _nothing(name: str) -> Complaint:
    return Complaint(f"nothing is remembered of {name}", "unstrip history list", Exit.FALLS_SHORT)


def _name(host: str) -> str:
    from unstrip.hostname import BadHostName, host_name

    try:
        return host_name(host)
    except BadHostName as error:
        raise Complaint(str(error), "unstrip history list") from error
