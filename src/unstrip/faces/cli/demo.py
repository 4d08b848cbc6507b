"""`unstrip demo`: our own servers on loopback, honest and behind tricks, and the real check.

Each scene says what stands between client and server, and which verdict is the right one; the
demo is a success only if every verdict is.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from unstrip.faces.cli.progress import progress
from unstrip.faces.cli.speech import Exit, paint, say

if TYPE_CHECKING:
    from unstrip.evidence import Endpoint
    from unstrip.io.check import Checked, Plan
    from unstrip.lab.authority import Authority, Flaw

_TIMEOUT = 2.0  # seconds: everything is on this machine, and silence has to be waited for
_SHOWN = "offer masked, as some firewalls do"  # the scene whose evidence is shown in full
_NEXT = """\
what to try next
  unstrip check smtp://YOUR-SERVER imaps://YOUR-SERVER --probe --transcript
  unstrip check --help        all that can be asked; `--json` gives the evidence whole
  unstrip lab --list          the tricks, to try your own clients and servers against"""


@dataclass(frozen=True, slots=True)
class Scene:
    """One thing to show.

    Attributes:
        words: what stands between client and server.
        protocol: what is spoken.
        right: the code of the right verdict.
        trick: what the middlebox does; None without one.
        implicit: check the port with implicit TLS.
        offer: the server offers TLS.
        flaw: what is wrong with the server's certificate.
        visited: there was an honest visit before.
        probe: look further.
    """

    words: str
    protocol: str
    right: str
    trick: str | None = None
    implicit: bool = False
    offer: bool = True
    flaw: Flaw | None = None
    visited: bool = False
    probe: bool = False


def scenes() -> tuple[Scene, ...]:
    """Return the scenes, the honest ones first."""
    from unstrip.lab.authority import Flaw
    from unstrip.protocols import REGISTRY

    honest = "TLS_OK_AUTHENTICATED"
    return (
        *(Scene("nothing", protocol, honest) for protocol in REGISTRY),
        Scene("nothing, implicit TLS", "imap", honest, implicit=True),
        Scene("a box that only passes on", "smtp", honest, "pass"),
        Scene("nothing, certificate expired", "smtp", "TLS_OK_UNAUTHENTICATED", flaw=Flaw.EXPIRED),
        Scene("nothing, no TLS offered", "pop3", "OFFER_ABSENT_UNEXPLAINED", offer=False),
        Scene("offer removed, never seen before", "smtp", "OFFER_HIDDEN", "remove-offer"),
        Scene("offer removed, seen before", "imap", "OFFER_REMOVED", "remove-offer", visited=True),
        Scene("offer removed now and then", "smtp", "OFFER_REMOVED", "flicker", probe=True),
        Scene(_SHOWN, "smtp", "OFFER_MASKED", "mask-offer"),
        Scene("request masked on its way", "smtp", "COMMAND_MASKED", "mask-verb"),
        Scene("question for capabilities refused", "smtp", "OFFER_HIDDEN", "refuse-hello"),
        Scene("refused after the offer", "imap", "REJECTED_AFTER_OFFER", "refuse"),
        Scene("a success that is none", "smtp", "BOGUS_ANSWER", "bogus-success"),
        Scene("silence after the request", "pop3", "SILENT_AFTER_REQUEST", "silence"),
        Scene("reset at the request", "imap", "RESET_AT_UPGRADE", "reset"),
        Scene("plaintext behind the go-ahead", "smtp", "PLAINTEXT_INJECTED", "inject"),
        Scene("half a line of it", "pop3", "PLAINTEXT_INJECTED", "inject-fragment"),
        Scene("plaintext in TLS's place", "smtp", "PLAINTEXT_INSTEAD_OF_TLS", "clear-answer"),
        Scene("logged in before logging in", "imap", "STATE_SPOOFED", "spoof-state"),
        Scene("the same, on FTP", "ftp", "STATE_SPOOFED", "spoof-state"),
        Scene("offer cut out of XML", "xmpp-client", "OFFER_HIDDEN", "remove-offer"),
        Scene("a capability bit cleared", "mysql", "OFFER_HIDDEN", "remove-offer"),
        Scene(
            "yes made no, seen before", "postgresql", "OFFER_REMOVED", "flip-answer", visited=True
        ),
        Scene("yes made no, never seen before", "ldap", "REJECTED_AFTER_OFFER", "flip-answer"),
        Scene("a login spliced in", "ldap", "PLAINTEXT_INJECTED", "inject"),
        Scene("an answer before the question", "imap", "STATE_SPOOFED", "early-ok"),
        Scene("another certificate", "imap", "TLS_INTERCEPTED", "own-certificate", visited=True),
        Scene("spliced into another port", "pop3", "DESYNC_GREETING_IN_TLS", "greet-inside"),
    )


@click.command()
@click.option("--json", is_flag=True, help="One JSON object a scene, with all the evidence.")
def demo(*, json: bool) -> None:
    """Show what the check says of honest servers, and of the same behind tricks.

    Everything runs on this machine, and ends by itself. Exit code 0 if every verdict is right.
    """
    from unstrip.io.asyncio import run

    sys.exit(run(lambda: _demo(json=json)))


async def _demo(*, json: bool) -> Exit:
    from unstrip.evidence import to_json
    from unstrip.faces.cli.record import record
    from unstrip.lab.authority import Authority

    shown = scenes()
    seen: list[Checked] = []
    with Authority() as authority, progress(len(shown), "playing") as advance:
        for scene in shown:
            seen.append(await play(scene, authority))
            if json:
                say(to_json({"scene": scene.words, "check": record(seen[-1])}))
            advance()
    if not json:
        for line in _report(shown, seen):
            say(line)
    right = all(_right(scene, checked) for scene, checked in zip(shown, seen, strict=True))
    return Exit.MEETS if right else Exit.FALLS_SHORT


async def play(scene: Scene, authority: Authority) -> Checked:
    """Set one scene up, check it, and take it down again."""
    from unstrip.io.check import check
    from unstrip.io.store import open_store
    from unstrip.lab.servers import serve

    context = authority.context("localhost", flaw=scene.flaw)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serve(scene.protocol, context, offer=scene.offer))
        door = await stack.enter_async_context(serve(scene.protocol, context, implicit=True))
        plan = _plan(scene, authority, door.port)
        if scene.visited:
            directory = stack.enter_context(TemporaryDirectory(prefix="unstrip-demo-"))
            store = stack.enter_context(closing(open_store(Path(directory) / "store")))
            plan = replace(plan, store=store)
        port = door.port if scene.implicit else server.port
        if scene.visited:
            async with _box("pass", scene, server.port, door.port) as port:
                await check(_endpoint(scene, port), plan)
        if scene.trick:
            box = _box(scene.trick, scene, server.port, door.port, port if scene.visited else 0)
            port = await stack.enter_async_context(box)
        return await check(_endpoint(scene, port), plan)


@asynccontextmanager
async def _box(trick: str, scene: Scene, to: int, door: int, port: int = 0) -> AsyncIterator[int]:
    """Play `trick` before the server; the port to come to is what is given."""
    from unstrip.lab.middlebox import middlebox

    here = "127.0.0.1"
    playing = middlebox(
        trick,
        scene.protocol,
        upstream=(here, to),
        listen=(here, port),
        implicit_upstream=(here, door),
    )
    async with playing as box:
        yield box.port


def _endpoint(scene: Scene, port: int) -> Endpoint:
    from unstrip.evidence import Endpoint

    return Endpoint("localhost", port, scene.protocol, scene.implicit)


def _plan(scene: Scene, authority: Authority, door: int) -> Plan:
    from unstrip.io.check import Plan
    from unstrip.io.session import Terms
    from unstrip.io.trust import anchors
    from unstrip.policy import Level, Policy

    return Plan(
        Terms(timeout=_TIMEOUT, connect_to="127.0.0.1", roots=anchors(authority.ca_file)),
        Policy("default", Level.AUTHENTICATED),
        probe=scene.probe,
        implicit_port=door,
    )


def _report(shown: tuple[Scene, ...], seen: list[Checked]) -> Iterator[str]:
    from unstrip.faces.cli.report import row

    pairs = list(zip(shown, seen, strict=True))
    heading = f"{'between us and the server':<36}{'protocol':<15}{'verdict':<32}"
    yield f"  {heading}wiretap  attacker  later"
    for scene, checked in pairs:
        exposure = checked.verdict.exposure
        verdict = f"{checked.verdict.code.value} {checked.verdict.confidence:.2f}"
        mark = "" if _right(scene, checked) else paint(f"   should be {scene.right}", "red")
        yield (
            f"  {scene.words:<36}{scene.protocol:<15}{verdict:<32}{exposure.wiretap.value:<9}"
            f"{exposure.attacker.value:<10}{exposure.later.value}{mark}"
        )
    right = sum(_right(*pair) for pair in pairs)
    yield f"\n{right} of {len(pairs)} verdicts are the right ones\n"
    yield f"one of them in full: {_SHOWN}"
    for scene, checked in pairs:
        if scene.words == _SHOWN:
            yield from row(checked, transcript=True).details
    yield f"\n{_NEXT}"


def _right(scene: Scene, checked: Checked) -> bool:
    return checked.verdict.code.value == scene.right
