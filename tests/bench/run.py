"""How many verified STARTTLS dialogs a second of client CPU buys: ours beside C, in one run.

``make bench`` calls this. Each round runs every client once, in turn, against one server on
another core, so that a noisy minute hits all of them; what counts is the ratio inside a round.
The server counts the dialogs it has seen whole, and a client that claims more is not believed.

Two more figures need no rival: the CPU time of ``unstrip --help``, and the peak memory of
``unstrip check`` over a thousand targets.
"""

from __future__ import annotations

import argparse
import json
import ssl
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import monotonic, sleep

from figures import BELOW, MET, OVER, Figure, figure_table, positive, progress, table
from native import (
    HERE,
    HOST,
    NAME,
    Certificates,
    NoFigure,
    Result,
    Tally,
    Tools,
    Unavailable,
    compile_tools,
    make_certificates,
    measure,
    run_c_client,
    run_client,
    running_server,
    tally,
    two_cores,
)

TARGETS = {"python bare": 0.90, "python evidence": 0.75}  # of C's dialogs per CPU second
HELP_RUNS = 11
HELP_LIMIT = 150.0  # CPU milliseconds
CHECK_TARGETS = 1000
CHECK_LIMIT = 150.0  # megabytes
SETTLING = 2.0  # seconds the server may need to count a client's last dialogs

MODES = ("bare", "evidence")
PYTHON_CLIENT = HERE / "python_client.py"
UNSTRIP = Path(sys.executable).with_name("unstrip")


@dataclass(frozen=True, slots=True)
class Load:
    """How much is asked of each client."""

    rounds: int
    dialogs: int
    concurrency: int


@dataclass(frozen=True, slots=True)
class Bench:
    """What every measurement needs: the programs, the certificates, the server's port."""

    tools: Tools
    certificates: Certificates
    port: int


@dataclass(frozen=True, slots=True)
class Client:
    """One row of the race."""

    name: str
    run: Callable[[], Result]


@dataclass(frozen=True, slots=True)
class Standing:
    """A client's medians over all rounds, and its ratio to C round by round."""

    name: str
    per_cpu_second: float
    per_second: float
    peak_rss: float
    ratio: float
    lowest: float
    highest: float
    verdict: str


@dataclass(slots=True)
class Report:
    """All that was found, and what could not be: ``missing`` is excused, ``broken`` is not."""

    rounds: dict[str, list[Result]] = field(default_factory=dict)
    standings: list[Standing] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def good(self) -> bool:
        """Whether everything that could be measured is where it should be."""
        verdicts = {row.verdict for row in self.standings} | {row.verdict for row in self.figures}
        return not self.broken and verdicts.isdisjoint({BELOW, OVER})


# ---- the race ----


def line_up(bench: Bench, load: Load, report: Report) -> list[Client]:
    """The clients that are here to run, C first."""
    c_client = Client("C", lambda: _run_c(bench, load))
    if not PYTHON_CLIENT.exists():
        report.missing.append(f"python rows: there is no {PYTHON_CLIENT.name}")
        return [c_client]
    return [c_client, *(_python_client(mode, bench, load) for mode in MODES)]


def _run_c(bench: Bench, load: Load) -> Result:
    return run_c_client(
        bench.tools,
        bench.certificates,
        bench.port,
        dialogs=load.dialogs,
        concurrency=load.concurrency,
    )


def _python_client(mode: str, bench: Bench, load: Load) -> Client:
    command = [sys.executable, str(PYTHON_CLIENT), "--mode", mode]
    command += ["--host", HOST, "--port", str(bench.port)]
    command += ["--ca-file", str(bench.certificates.root), "--name", NAME]
    command += ["--dialogs", str(load.dialogs), "--concurrency", str(load.concurrency)]
    return Client(f"python {mode}", lambda: run_client(command))


def race(clients: Sequence[Client], bench: Bench, rounds: int, report: Report) -> None:
    """Run every client once a round; one that fails is out, and the report says why."""
    running = list(clients)
    for number in range(1, rounds + 1):
        for client in list(running):
            progress(f"round {number} of {rounds}: {client.name}")
            try:
                result = witnessed(client, bench.port)
            except NoFigure as error:
                report.broken.append(f"{client.name}: {error}")
                report.rounds.pop(client.name, None)
                running.remove(client)
            else:
                report.rounds.setdefault(client.name, []).append(result)
    progress("")


def witnessed(client: Client, port: int) -> Result:
    """Run a client and believe it only if nothing failed and the server saw all of it."""
    before = tally(port)
    result = client.run()
    if result.failures or not result.dialogs:
        raise NoFigure(f"{result.failures:,} dialogs failed, {result.dialogs:,} did not")
    seen = _seen_since(before, port, result.dialogs)
    if seen.dialogs != result.dialogs:
        raise NoFigure(f"it claims {result.dialogs:,} dialogs, the server saw {seen.dialogs:,}")
    return result


def _seen_since(before: Tally, port: int, dialogs: int) -> Tally:
    """What the server saw, with a moment's patience: no client waits for 221."""
    deadline = monotonic() + SETTLING
    while True:
        seen = tally(port).since(before)
        if seen.dialogs >= dialogs or monotonic() > deadline:
            return seen
        sleep(0.05)


def standings(rounds: dict[str, list[Result]]) -> list[Standing]:
    """The medians of each client, beside C's of the same round."""
    yardstick = rounds.get("C", [])
    return [_standing(name, results, yardstick) for name, results in rounds.items() if yardstick]


def _standing(name: str, results: list[Result], yardstick: list[Result]) -> Standing:
    ratios = [
        ours.per_cpu_second / c.per_cpu_second for ours, c in zip(results, yardstick, strict=True)
    ]
    ratio = median(ratios)
    return Standing(
        name=name,
        per_cpu_second=median(result.per_cpu_second for result in results),
        per_second=median(result.dialogs / result.wall for result in results),
        peak_rss=median(result.peak_rss for result in results),
        ratio=ratio,
        lowest=min(ratios),
        highest=max(ratios),
        verdict=MET if ratio >= TARGETS.get(name, 0.0) else BELOW,
    )


# ---- the command line's own figures ----


def help_figures(tools: Tools) -> list[Figure]:
    """CPU milliseconds until ``--help`` is printed, and the interpreter's share of them."""
    ours, bare = [], []
    for _ in range(HELP_RUNS):
        ours.append(_cpu_ms(tools, [str(UNSTRIP), "--help"]))
        bare.append(_cpu_ms(tools, [sys.executable, "-c", "pass"]))
    return [
        Figure("unstrip --help, CPU ms", median(ours), HELP_LIMIT),
        Figure("python -c pass, CPU ms", median(bare)),
    ]


def _cpu_ms(tools: Tools, command: Sequence[str]) -> float:
    usage = measure(tools, command)
    if usage.status != 0:
        raise NoFigure(f"{Path(command[0]).name} ends with exit {usage.status}")
    return usage.cpu * 1000


def check_figure(bench: Bench, directory: Path) -> Figure:
    """Peak memory of one ``unstrip check`` over a thousand targets, all of them our server."""
    targets = directory / "targets"
    targets.write_text(f"smtp://{NAME}:{bench.port}\n" * CHECK_TARGETS)
    command = [str(UNSTRIP), "check", f"@{targets}", "--ca-file", str(bench.certificates.root)]
    before = tally(bench.port)
    usage = measure(bench.tools, [*command, "--no-store", "--json"])
    seen = tally(bench.port).since(before).handshakes
    if seen < CHECK_TARGETS:
        raise NoFigure(
            f"exit {usage.status}, and the server saw {seen:,} handshakes for {CHECK_TARGETS:,}"
        )
    return Figure(f"unstrip check @{CHECK_TARGETS:,}, peak MB", usage.peak_rss / 1e6, CHECK_LIMIT)


def command_line_figures(bench: Bench, directory: Path, report: Report) -> None:
    """Measure the installed command, if it is installed."""
    if not UNSTRIP.exists():
        report.missing.append("unstrip --help, unstrip check: not installed beside this python")
        return
    progress("unstrip --help")
    try:
        report.figures += help_figures(bench.tools)
    except NoFigure as error:
        report.broken.append(f"unstrip --help: {error}")
    progress("unstrip check")
    try:
        report.figures.append(check_figure(bench, directory))
    except NoFigure as error:
        report.broken.append(f"unstrip check: {error}")
    progress("")


# ---- saying it ----


def method(load: Load) -> str:
    """What was done, in two lines."""
    cores = "on another core" if two_cores() else "on the same core, there is one"
    return (
        f"{load.rounds} x every client in turn: {load.dialogs:,} SMTP dialogs,"
        f" {load.concurrency:,} at once, each a full verified\nTLS 1.3 handshake (EC P-256, one"
        f" intermediate), the server {cores}; medians"
    )


def _library(results: Sequence[Result]) -> str:
    """The TLS library a client ran on, name and version."""
    return " ".join((results[0].library or ssl.OPENSSL_VERSION).split()[:2])


def library_remarks(rounds: dict[str, list[Result]]) -> list[str]:
    """The clients whose ratio is not about the language alone."""
    if "C" not in rounds:
        return []
    yardstick = _library(rounds["C"])
    others = {name: _library(results) for name, results in rounds.items()}
    return [
        f"{name} runs on {library}, C on {yardstick}: its ratio compares the libraries as well"
        for name, library in others.items()
        if library != yardstick
    ]


def race_table(rows: Sequence[Standing]) -> str:
    """The race as text."""
    head = ("client", "per CPU s", "CPU us each", "per s", "peak MB", "of C", "range", "target", "")
    return table([head, *(_race_row(row) for row in rows)])


def _race_row(row: Standing) -> tuple[str, ...]:
    measured = (
        row.name,
        f"{row.per_cpu_second:,.0f}",
        f"{1e6 / row.per_cpu_second:,.0f}",
        f"{row.per_second:,.0f}",
        f"{row.peak_rss / 1e6:.1f}",
        f"{row.ratio:.2f}",
    )
    if row.name == "C":
        return (*measured, "", "", "")
    spread = f"{row.lowest:.2f}-{row.highest:.2f}"
    return (*measured, spread, f"{TARGETS[row.name]:.2f}", row.verdict)


def show(report: Report, load: Load) -> None:
    """Print the report."""
    parts = [method(load)] if report.rounds else []
    if report.standings:
        parts.append(race_table(report.standings))
    if report.figures:
        parts.append(figure_table(report.figures, "command"))
    remarks = library_remarks(report.rounds)
    remarks += [f"left out: {words}" for words in report.missing]
    remarks += [f"no figure: {words}" for words in report.broken]
    if remarks:
        parts.append("\n".join(remarks))
    print("\n\n".join(parts))


def as_json(report: Report, load: Load) -> str:
    """The report with every round in it."""
    figures = [{**asdict(figure), "verdict": figure.verdict} for figure in report.figures]
    return json.dumps(
        {"load": asdict(load), "targets": TARGETS, **asdict(report), "figures": figures}, indent=2
    )


# ---- the command ----


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=positive, default=5)
    parser.add_argument("--dialogs", type=positive, default=3000, help="of each client, a round")
    parser.add_argument("--concurrency", type=positive, default=50, help="dialogs at once")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round here as well")
    parser.add_argument("--build", type=Path, metavar="DIR", help="keep the built programs here")
    parser.add_argument("--strict", action="store_true", help="exit 1 if a target is not met")
    return parser.parse_args(argv)


def run(load: Load, build: Path | None) -> Report:
    """Take every figure that can be taken here."""
    report = Report()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="bench-")))
        tools = compile_tools(build or directory / "build")
        certificates = make_certificates(directory / "certificates")
        port = stack.enter_context(running_server(tools, certificates))
        bench = Bench(tools, certificates, port)
        race(line_up(bench, load, report), bench, load.rounds, report)
        report.standings = standings(report.rounds)
        command_line_figures(bench, directory, report)
    return report


def main(argv: Sequence[str] | None = None) -> int:
    """Run the bench; 1 if it is strict and something is not as good as it should be."""
    options = arguments(argv)
    load = Load(options.rounds, options.dialogs, options.concurrency)
    try:
        report = run(load, options.build)
    except Unavailable as error:
        print(f"bench: error: {error}\nbench: hint: {error.hint}", file=sys.stderr)
        return 2
    show(report, load)
    if options.json:
        options.json.write_text(as_json(report, load) + "\n")
    return 1 if options.strict and not report.good() else 0


if __name__ == "__main__":
    sys.exit(main())
