"""How fast it is known what should happen to a domain's mail: kept, found out anew, and per host.

``make bench`` calls this after run.py. DNS is real and signed, the policies come by HTTPS, and all
of it runs on another core than whoever is measured: see world.py. Each round takes every figure
once, in turn, our cold decisions beside those of a rival, each with an Unbound whose cache is
empty.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

import rival
from figures import BELOW, OVER, Figure, figure_table, positive, progress, table
from native import HERE, NoFigure, Unavailable, compile_tools, running_server, told, two_cores
from rival import Cold
from world import DOMAINS, HOSTS, World, running_world

OURS, ALONE = "unstrip", "unstrip, MTA-STS alone"
KEPT_TARGET = 100_000.0  # decisions a second of one core
# postfix-tlspol 1.13.0 came to so many cold decisions a second on a machine where the rival took
# so many seconds of CPU for one; how much of that the rival takes here says what this machine is
TLSPOL_RATE, RIVAL_COST = 269.0, 0.00272


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept, per second of CPU: whole decisions, and what the store alone returns."""

    decisions: float
    bodies: float


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds that one host takes on average: what is asked of DNS, and the check as a whole."""

    dns_cpu: float
    dns_wall: float
    cpu: float
    wall: float


@dataclass(frozen=True, slots=True)
class Checks:
    """What checks take, with our resolver's cache empty and with everything in it."""

    cold: Cost
    warm: Cost


@dataclass(slots=True)
class Report:
    """All rounds, and what could not be had: ``missing`` is excused, ``broken`` is not."""

    cold: dict[str, list[Cold]] = field(default_factory=dict)
    kept: list[Kept] = field(default_factory=list)
    checks: list[Checks] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def good(self) -> bool:
        """Whether everything that could be measured is where it should be."""
        verdicts = {figure.verdict for figure in figures(self)}
        return not self.broken and verdicts.isdisjoint({BELOW, OVER})


# ---- measuring ----


@dataclass(frozen=True, slots=True)
class Bench:
    """What every measurement needs; `rival` is None where it cannot be had."""

    world: World
    port: int
    concurrency: int
    rival: Path | None

    def client(self, mode: str, dns: int, store: Path) -> list[str]:
        """Return the command of our client."""
        command = [sys.executable, str(HERE / "policy_client.py"), mode, "--dns", str(dns)]
        command += ["--ca-file", str(self.world.ca), "--store", str(store)]
        return [*command, "--port", str(self.port), "--concurrency", str(self.concurrency)]


def take_round(bench: Bench, number: int, report: Report) -> None:
    """Take every figure once; what comes to none is said, and does not end the others."""
    store = bench.world.home / f"store-{number}"
    for name, measure in _measurements(bench, store, report).items():
        progress(f"round {number}: {name}")
        try:
            with bench.world.resolver() as server:
                measure(server.dns)
        except NoFigure as error:
            report.broken.append(f"{name}, round {number}: {error}")
    progress("")


def _measurements(bench: Bench, store: Path, report: Report) -> dict[str, Callable[[int], None]]:
    """What is measured in a round, each given the port of an Unbound of its own."""
    other = store.with_suffix(".alone")
    measured: dict[str, Callable[[int], None]] = {
        OURS: lambda dns: _keep(report, OURS, told(Cold, bench.client("cold", dns, store))),
        ALONE: lambda dns: _keep(report, ALONE, told(Cold, bench.client("alone", dns, other))),
        "kept": lambda dns: report.kept.append(told(Kept, bench.client("kept", dns, store))),
        "check": lambda dns: report.checks.append(_checks(bench, dns, store)),
    }
    if (python := bench.rival) is not None:
        measured[rival.NAME] = lambda dns: _keep(
            report, rival.NAME, rival.cold(python, bench.world, dns, bench.concurrency)
        )
    return measured


def _keep(report: Report, name: str, result: Cold) -> None:
    if result.lost:
        report.broken.append(f"{name}: {result.lost} of {DOMAINS} decisions were lost")
    report.cold.setdefault(name, []).append(result)


def _checks(bench: Bench, dns: int, store: Path) -> Checks:
    found = told(dict, bench.client("check", dns, store))
    return Checks(Cost(**found["cold"]), Cost(**found["warm"]))


# ---- saying it ----


def figures(report: Report) -> list[Figure]:
    """The figures that have a target."""
    found = []
    if report.kept:
        rates = [each.decisions for each in report.kept]
        found.append(Figure("kept, decisions per CPU s", median(rates), KEPT_TARGET, least=True))
        found.append(Figure("of the store alone", median(each.bodies for each in report.kept)))
    if OURS in report.cold:
        rate = median(each.per_second for each in report.cold[OURS])
        found.append(Figure("cold, decisions per s", rate, target(report), least=True))
    return found


def target(report: Report) -> float | None:
    """What postfix-tlspol would come to on this machine, None where nothing tells."""
    here = report.cold.get(rival.NAME)
    if not here:
        return None
    return TLSPOL_RATE * RIVAL_COST / median(each.cpu / DOMAINS for each in here)


def cold_table(report: Report) -> str:
    """The cold decisions as text."""
    head = ("cold", "per s", "CPU us each", "peak MB", "lost", "of the rival's", "range")
    return table([(*head, ""), *(_cold_row(name, report) for name in report.cold)])


def _cold_row(name: str, report: Report) -> tuple[str, ...]:
    rows, others = report.cold[name], report.cold.get(rival.NAME, [])
    measured = (
        name,
        f"{median(row.per_second for row in rows):,.0f}",
        f"{1e6 * median(row.cpu for row in rows) / DOMAINS:,.0f}",
        f"{median(row.peak_rss for row in rows) / 1e6:.1f}",
        f"{sum(row.lost for row in rows):,}",
    )
    if len(rows) != len(others):  # then they would not be of the same rounds
        return (*measured, "", "", "")
    ratios = [ours.per_second / it.per_second for ours, it in zip(rows, others, strict=True)]
    return (*measured, f"{median(ratios):.2f}", f"{min(ratios):.2f}-{max(ratios):.2f}", "")


def check_table(report: Report) -> str:
    """What DNS takes of a check, as text."""
    head = ("check of a host", "DNS, CPU ms", "of all", "share", "DNS, wall ms", "of all", "share")
    rows = [
        _check_row("our resolver's cache empty", [each.cold for each in report.checks]),
        _check_row("everything in it", [each.warm for each in report.checks]),
    ]
    return table([(*head, ""), *rows])


def _check_row(name: str, costs: Sequence[Cost]) -> tuple[str, ...]:
    parts = (
        [(cost.dns_cpu, cost.cpu) for cost in costs],
        [(cost.dns_wall, cost.wall) for cost in costs],
    )
    cells: list[str] = [name]
    for part in parts:
        dns, whole = median(dns for dns, _ in part), median(whole for _, whole in part)
        share = median(dns / whole for dns, whole in part)
        cells += [f"{1000 * dns:.2f}", f"{1000 * whole:.2f}", f"{100 * share:.0f} %"]
    return (*cells, "")


def method(rounds: int, concurrency: int) -> str:
    """What was done, in three lines."""
    cores = "on another core" if two_cores() else "on the same core, there is one"
    return (
        f"{rounds} x everything in turn: {DOMAINS:,} domains with two MX and MTA-STS,"
        f" {concurrency:,} at once, and {HOSTS:,} hosts\none by one; signed zones by NSD and an"
        f" Unbound that knows nothing, policies by HTTPS, the\nservers {cores}; medians"
    )


def show(report: Report, rounds: int, concurrency: int) -> None:
    """Print the report."""
    parts = [method(rounds, concurrency)] if report.cold else []
    if report.cold:
        parts.append(cold_table(report))
    if found := figures(report):
        parts.append(figure_table(found, "decisions"))
    if report.checks:
        parts.append(check_table(report))
    remarks = [f"missing: {words}" for words in report.missing]
    remarks += [f"no figure: {words}" for words in report.broken]
    if remarks:
        parts.append("\n".join(remarks))
    print("\n\n".join(parts))


def as_json(report: Report) -> str:
    """The report with every round in it."""
    found = [{**asdict(figure), "verdict": figure.verdict} for figure in figures(report)]
    return json.dumps({**asdict(report), "figures": found}, indent=2)


# ---- the command ----


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=positive, default=5)
    parser.add_argument("--concurrency", type=positive, default=50, help="domains at once")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round here as well")
    parser.add_argument("--build", type=Path, metavar="DIR", help="keep the built programs here")
    parser.add_argument("--strict", action="store_true", help="exit 1 if a target is not met")
    return parser.parse_args(argv)


def run(options: argparse.Namespace) -> Report:
    """Take every figure that can be taken here."""
    report = Report()
    python: Path | None = None
    try:
        python = rival.environment()
    except Unavailable as error:
        report.missing.append(f"the rival's cold decisions: {error}")
    with ExitStack() as stack:
        world = stack.enter_context(running_world())
        tools = compile_tools(options.build or world.home / "build")
        port = stack.enter_context(running_server(tools, world.mail))
        bench = Bench(world, port, options.concurrency, python)
        for number in range(1, options.rounds + 1):
            take_round(bench, number, report)
    return report


def main(argv: Sequence[str] | None = None) -> int:
    """Run the bench; 1 if it is strict and something is not as good as it should be."""
    options = arguments(argv)
    try:
        report = run(options)
    except Unavailable as error:
        print(f"bench: error: {error}\nbench: hint: {error.hint}", file=sys.stderr)
        return 2
    show(report, options.rounds, options.concurrency)
    if options.json:
        options.json.write_text(as_json(report) + "\n")
    return 1 if options.strict and not report.good() else 0


if __name__ == "__main__":
    sys.exit(main())
