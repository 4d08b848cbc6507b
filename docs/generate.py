"""Writes the pages of docs/reference that are made from the code.

Run `.venv/bin/python docs/generate.py` to write them; with `--check` it writes nothing, and fails
where one is not what it would be.
"""

# ruff: noqa: INP001

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from inspect import cleandoc, getdoc
from pathlib import Path

import click

from unstrip.faces.cli.advice import ADVICE
from unstrip.faces.mta.metrics import MEASURES
from unstrip.lab.dialects import DIALECTS
from unstrip.lab.trick import Trick
from unstrip.lab.tricks import TRICKS
from unstrip.lab.tricks import protocols as playable
from unstrip.program import cli
from unstrip.protocols import REGISTRY, Protocol
from unstrip.upgrade import Listing
from unstrip.verdict import Code

ROOT = Path(__file__).resolve().parent.parent
HERE = ROOT / "docs/reference"
sys.path.append(str(ROOT))  # who was tried is known by the tests
_MADE = "<!-- made by docs/generate.py; change the code, or that script, and run it again -->"


# -- the command line -----------------------------------------------------------------------


def command_line() -> str:
    """Return the page of every command and option."""
    parts = ["# Commands and options", _MADE, "What `--help` says, on one page."]
    for command, context in commands(cli, "unstrip"):
        usage = " ".join(command.collect_usage_pieces(context))
        parts += [f"## {context.command_path}", f"```text\n{context.command_path} {usage}\n```"]
        parts += _prose(command.help or "")
        parts.append("\n".join(_options(command, context)))
        parts += _prose(command.epilog or "")
    parts.append("Exit codes: [exit-codes.md](exit-codes.md).")
    return _page(parts)


def commands(
    command: click.Command, name: str, parent: click.Context | None = None
) -> Iterator[tuple[click.Command, click.Context]]:
    """Yield a command, and everything below it, each with a context."""
    settings = command.context_settings
    context = click.Context(command, info_name=name, parent=parent, **settings)
    yield command, context
    if isinstance(command, click.Group):
        for sub in sorted(command.commands):
            yield from commands(command.commands[sub], sub, context)


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and record[1]:
            yield f"- `{record[0]}`: {' '.join(record[1].split())}"
    if isinstance(command, click.Group):
        for name, sub in sorted(command.commands.items()):
            yield f"- `{name}`: {sub.get_short_help_str(200)}"


def _prose(text: str) -> list[str]:
    """Split click's help into paragraphs; one that is not to be wrapped is shown as it is."""
    parts = [part for part in cleandoc(text).split("\n\n") if part.strip()]
    return [
        f"```text\n{part.removeprefix(chr(8)).strip(chr(10))}\n```"
        if part.startswith("\b")
        else part
        for part in parts
    ]


# -- protocols and tricks -------------------------------------------------------------------


_BOTH_SIDES = """\
Both sides of each are here: the client asks for the upgrade, the server grants it. The server
sides take no mail and let nobody log in; they are for the lab and for tests.

What is not ours, and what each was tried against in the tests: real servers by our client, real
clients by our server. An alias may stand for the protocol, in a URL and after `--protocol`."""

_NONE = "none in Debian"


def protocols() -> str:
    """Return the page of protocols."""
    heads = ("protocol", "defined by", "ports", "implicit TLS", "ALPN", "the offer is listed")
    rows: list[tuple[str, ...]] = [(*heads, "client", "server", "real servers", "real clients")]
    parts = ["# Protocols", _MADE, _BOTH_SIDES]
    details = []
    for name, protocol in REGISTRY.items():
        rows.append((f"[`{name}`](#{name}){_aliases(protocol)}", *_overview(name, protocol)))
        facts = _table(_facts(name, protocol))
        details += [f"## {name}", _specification(protocol), facts]
    return _page([*parts, _table(rows), *details])


def _aliases(protocol: Protocol) -> str:
    return "".join(f", `{alias}`" for alias in protocol.ALIASES)


_LISTED = {
    Listing.DUE: "always",
    Listing.OPTIONAL: "usually",
    Listing.NONE: "never; only asking tells",
}


def _overview(name: str, protocol: Protocol) -> tuple[str, ...]:
    """Return a protocol's row, behind its name."""
    from tests.interop.clients import clients_of
    from tests.interop.rows import servers_of

    sides = (hasattr(protocol, side) for side in ("client", "server"))
    return (
        protocol.DEFINED_BY,
        _ports(protocol.PORTS),
        _ports(protocol.IMPLICIT_PORTS) or "none",
        f"`{protocol.ALPN}`" if protocol.ALPN else "none",
        _LISTED[protocol.LISTING],
        *("yes" if there else "no" for there in sides),
        ", ".join(servers_of(name)) or _NONE,
        ", ".join(clients_of(name)) or _NONE,
    )


def _specification(protocol: Protocol) -> str:
    return (getdoc(protocol) or "").partition("\n\n")[0]


def _facts(name: str, protocol: Protocol) -> list[tuple[str, ...]]:
    """What a protocol's file says of it, and which tricks there are on it."""
    suited = [trick for trick, kind in TRICKS.items() if name in playable(kind)]
    return [
        ("", ""),
        ("offer", f"`{protocol.OFFER}`"),
        ("request", f"`{protocol.VERB}`"),
        ("ports, upgraded in-band", _ports(protocol.PORTS)),
        ("ports, implicit TLS", _ports(protocol.IMPLICIT_PORTS) or "none"),
        ("SRV records of a domain", _services(protocol.SERVICES) or "none"),
        ("ALPN", f"`{protocol.ALPN}`" if protocol.ALPN else "none registered, none sent"),
        ("all the client may say in clear", f"`{_pattern(protocol.IN_CLEAR)}`"),
        ("tricks", ", ".join(f"[`{trick}`](tricks.md#{trick})" for trick in suited)),
    ]


def _ports(ports: dict[str, int]) -> str:
    return ", ".join(f"`{scheme}`: {port}" for scheme, port in ports.items())


def _services(services: dict[str, bool]) -> str:
    return ", ".join(f"`{name}`{' (TLS first)' * first}" for name, first in services.items())


def _pattern(pattern: re.Pattern[bytes]) -> str:
    """Return it in plain text that means the same, whatever bytes it has."""
    written = re.sub(rb"\\?([^ -~])", lambda found: b"\\x%02x" % ord(found[1]), pattern.pattern)
    return written.decode()


def tricks() -> str:
    """Return the page of tricks."""
    rows: list[tuple[str, ...]] = [("trick", "threat", "protocols", "what the middlebox does")]
    parts = ["# Tricks of the lab", _MADE]
    parts.append("How to play them: [howto/lab.md](../howto/lab.md).")
    details = []
    for name, trick in TRICKS.items():
        link = trick.ID if trick.ID == "control" else f"[{trick.ID}](../topics/threats.md)"
        rows.append((f"[`{name}`](#{name})", link, _suited(trick), trick.WHAT))
        details += [f"## {name}", *(getdoc(trick) or "").split("\n\n")]
        details += ["It needs `--implicit-to`."] if trick.SPLICES else []
        details.append(f"- a correct client: {trick.CLIENT}\n- a correct server: {trick.SERVER}")
    parts += [_table(rows), "## By protocol", _table(list(_by_protocol())), *details]
    return _page(parts)


def _suited(trick: type[Trick]) -> str:
    suited = playable(trick)
    return "all" if len(suited) == len(DIALECTS) else ", ".join(suited)


def _by_protocol() -> Iterator[tuple[str, ...]]:
    """Yield each attack there is on each protocol, with the catalogue's number for it there."""
    yield ("protocol", "trick", "threat", "refusals that `--reply` has")
    for protocol, dialect in sorted(DIALECTS.items()):
        for name, trick in TRICKS.items():
            if trick.suits(dialect) and trick.ID != "control":
                codes = ", ".join(f"`{code}`" for code in dialect.WORDS.refusals)
                replies = codes if name == "refuse" else ""
                yield (protocol, f"[`{name}`](#{name})", trick.number(dialect), replies)


# -- verdicts -------------------------------------------------------------------------------

# what each code means, and how sure it usually is
MEANINGS: dict[Code, tuple[str, str]] = {
    Code.PLAINTEXT_INJECTED: (
        "bytes in clear waited behind the go-ahead, where only TLS may be",
        "0.98",
    ),
    Code.STATE_SPOOFED: (
        "before TLS, the peer claimed a state that cannot be, or answered what nobody had asked",
        "0.90",
    ),
    Code.DESYNC_GREETING_IN_TLS: (
        "inside TLS, the server spoke before our first command, or greeted a second time",
        "0.90",
    ),
    Code.TLS_INTERCEPTED: (
        "the certificate is wrong, and the server has a right one, or this one looks made up",
        "0.65 to 0.99",
    ),
    Code.COMMAND_MASKED: (
        "the server echoes X's where our request was: it was overwritten on its way",
        "0.99",
    ),
    Code.REQUEST_FILTERED: (
        "spelt in lower case or cut in two segments the request works, spelt plainly it does not",
        "0.98",
    ),
    Code.OFFER_MASKED: (
        "in the list, a word of X's or stars stands where the offer should, with its length",
        "0.85 to 0.97",
    ),
    Code.OFFER_REMOVED: (
        "the offer is missing, and something outside this transcript knows it to be there",
        "0.50 to 0.99; 0.70 where only policies know, and asking was refused",
    ),
    Code.OFFER_HIDDEN: (
        "the offer is missing, and asking all the same leads to TLS",
        "0.97; 0.70 if the certificate proves nothing",
    ),
    Code.TLS_DOWNGRADED: ("an older TLS version than on an earlier visit", "0.70"),
    Code.BOGUS_ANSWER: ("the request was answered by what no server says to it", "0.80 to 0.90"),
    Code.PLAINTEXT_INSTEAD_OF_TLS: ("the TLS handshake was answered in clear", "0.50"),
    Code.RESET_AT_UPGRADE: (
        "the connection was torn down at the request or in the handshake",
        "0.80",
    ),
    Code.SILENT_AFTER_REQUEST: (
        "everything was answered but the request, or the handshake",
        "0.70",
    ),
    Code.REJECTED_AFTER_OFFER: (
        "TLS is offered, and refused when asked for",
        "0.50; to 0.99 where it was or is granted elsewhere",
    ),
    Code.CAPABILITIES_REFUSED: (
        "the question what the server can do was refused",
        "0.50; 0.60 to 0.99 where it should know the question",
    ),
    Code.TLS_FAILED: ("the two sides could not agree on TLS, or an alert came", "0.90"),
    Code.NEVER_OFFERED: (
        "not offered now, nor on three or more visits over a week or more",
        "0.80",
    ),
    Code.OFFER_ABSENT_UNEXPLAINED: (
        "not offered, and nothing is known that would tell why",
        "0.90",
    ),
    Code.NO_GREETING_IN_TLS: (
        "TLS from the first byte stands, but no greeting came inside it",
        "0.60",
    ),
    Code.PARTLY_IN_CLEAR: (
        "TLS stands, but the server keeps something out of it, such as FTP's data",
        "0.95",
    ),
    Code.PIN_MISMATCH: ("the server's key is none of the pinned ones", "0.99"),
    Code.DANE_MISMATCH: ("the certificate meets none of the server's TLSA records", "0.99"),
    Code.HOST_REFUSED: (
        "a policy does not name this host, or DANE could not be looked up: it is not to be used",
        "0.99",
    ),
    Code.CERTIFICATE_INVALID: ("the certificate does not prove the name asked for", "0.99"),
    Code.RATE_LIMITED: ("the server asks to come back later; this says nothing of TLS", "0.90"),
    Code.SERVICE_REFUSED: ("the greeting was a refusal", "0.90"),
    Code.NAME_UNRESOLVED: ("the name has no address", "0.90"),
    Code.UNREACHABLE: ("there was no connection", "0.90"),
    Code.DEADLINE_PASSED: ("the time was over before anything could be told", "0.90"),
    Code.CONNECTION_RESET: ("the connection was torn down", "0.90"),
    Code.CONNECTION_CLOSED: ("the peer hung up in mid-sentence", "0.90"),
    Code.ENDLESS_ANSWER: ("more was said than any honest peer says", "0.90"),
    Code.NOT_THE_PROTOCOL: ("what was said is not the protocol", "0.90"),
    Code.INCONCLUSIVE: ("no rule has anything to say", "1.00"),
    Code.TLS_OK_UNAUTHENTICATED: ("TLS stands, and whoever answers could be anyone", "1.00"),
    Code.TLS_OK_AUTHENTICATED: ("TLS stands, and the server proved who it is", "1.00"),
    Code.ROUTE_UNPROVEN: (
        "only an unsigned answer of DNS says that this is the right host, whatever it proves",
        "0.99",
    ),
    Code.TESTING_WOULD_FAIL: (
        "a policy that is only tested would not let this pass, were it enforced",
        "0.99",
    ),
    Code.DEVICE_IN_PATH: ("something overwrites words of the server's, not the offer", "0.95"),
    Code.LINE_INSERTED: (
        "an answer is not in the server's own style, or is a known tool's sentence",
        "0.30 to 0.95",
    ),
    Code.ANSWERED_NEARER: ("the refusal came much sooner than other answers do", "0.60"),
    Code.CAPABILITIES_DIFFER: (
        "two lists of one server disagree in what they should agree in",
        "0.40 to 0.50",
    ),
    Code.OFFERED_INSIDE_TLS: ("TLS is offered again inside TLS", "0.50"),
    Code.LOGIN_OFFERED_IN_CLEAR: ("logging in is offered before TLS", "0.90"),
    Code.NO_FORWARD_SECRECY: (
        "whoever gets the server's key one day can read a recording",
        "0.99",
    ),
    Code.CERTIFICATE_EXPIRES_SOON: ("the certificate is valid for less than 14 days", "0.99"),
    Code.KEY_CHANGED: (
        "another key than on the last proven visit, with a valid certificate",
        "0.99",
    ),
}


def _good(code: Code) -> bool:
    return code in (Code.TLS_OK_UNAUTHENTICATED, Code.TLS_OK_AUTHENTICATED)


_CLASSES: tuple[tuple[str, str, Callable[[Code], bool]], ...] = (
    (
        "Tampering found",
        "Somebody or something on the path edits what is said. Exit code 3, whatever was required.",
        lambda code: code.tampering,
    ),
    (
        "Falls short",
        "A server's own fault looks the same. Exit code 1, unless the requirement is met even so.",
        lambda code: not (code.tampering or code.unknown or code.note or _good(code)),
    ),
    (
        "Could not tell",
        "Nothing can be said about TLS. Exit code 4.",
        lambda code: code.unknown,
    ),
    (
        "TLS stands",
        "Exit code 0 where it meets the requirement, else 1.",
        _good,
    ),
    (
        "Notes",
        "They add to what another code says, and never name a verdict.",
        lambda code: code.note,
    ),
)


_ON_VERDICTS = """\
A verdict has the name of its gravest finding; this is the order of gravity. The confidence is how
sure the finding is, from 0 to 1. How they come about:
[topics/how-it-judges.md](../topics/how-it-judges.md)."""


def verdicts() -> str:
    """Return the page of codes, class by class, the gravest first."""
    parts = [
        "# Verdict codes",
        _MADE,
        _ON_VERDICTS,
    ]
    for title, words, belongs in _CLASSES:
        rows: list[tuple[str, ...]] = [("code", "means", "confidence", "what to do")]
        rows += [_verdict_row(code) for code in Code if belongs(code)]
        parts += [f"## {title}", words, _table(rows)]
    return _page(parts)


_STRIPPED = "docs/howto/stripped.md"


def _verdict_row(code: Code) -> tuple[str, ...]:
    means, confidence = MEANINGS[code]
    advice = ADVICE.get(code, "").replace(_STRIPPED, "[howto](../howto/stripped.md)")
    return f"`{code.value}`", means, confidence, advice


# -- metrics --------------------------------------------------------------------------------

_ON_METRICS = """\
What `unstrip serve` says to `GET /metrics`, for Prometheus. `speaks` is what is spoken at a place:
`socketmap`, `tcp-table`, `exim` or `http`. Where it is `tlsrpt` or `reports` nobody asks: what is
told there has metrics of its own, `unstrip_tlsrpt_` and `unstrip_reports_`. Beside these there is
what Prometheus's client knows of a process: `process_resident_memory_bytes`,
`process_cpu_seconds_total` and others.

Worth an alarm: any growth of `unstrip_alarms_total`, `unstrip_failures_total` and
`unstrip_turned_away_total`, reloads that failed, `not checked` among the questions where it was
none, and `temp` among the answers where there was little of it. `GET /healthz` is for whoever
wants one answer: 200 if all is well, 503 with the reason if not."""


def metrics() -> str:
    """Return the page of metrics."""
    rows: list[tuple[str, ...]] = [("metric", "type", "labels", "what it is")]
    for measure in MEASURES:
        labels = ", ".join(f"`{label}`" for label in measure.labels) or "none"
        rows.append((f"`{measure.shown}`", measure.kind, labels, measure.words))
    return _page(["# Metrics", _MADE, _ON_METRICS, _table(rows)])


# -- pages ----------------------------------------------------------------------------------

PAGES: dict[str, Callable[[], str]] = {
    "cli.md": command_line,
    "metrics.md": metrics,
    "protocols.md": protocols,
    "tricks.md": tricks,
    "verdicts.md": verdicts,
}


def _page(parts: Sequence[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    """Return rows as a table, the first one its heading."""
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], re.sub(r"[^|]+", " --- ", lines[0]), *lines[1:]])


def stale() -> list[str]:
    """Return the names of the pages that are not what they would be."""
    return [
        name
        for name, make in PAGES.items()
        if not (HERE / name).exists() or (HERE / name).read_text(encoding="utf-8") != make()
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Write the pages, or check them."""
    parser = argparse.ArgumentParser(description="makes the pages that come from the code")
    parser.add_argument("--check", action="store_true", help="write nothing, fail if one is stale")
    if parser.parse_args(argv).check:
        names = stale()
        for name in names:
            sys.stderr.write(f"docs/reference/{name} is stale: run docs/generate.py\n")
        return 1 if names else 0
    HERE.mkdir(exist_ok=True)
    for name, make in PAGES.items():
        (HERE / name).write_text(make(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
