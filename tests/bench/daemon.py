"""How fast the policy daemon answers, and how much memory it takes, beside a rival.

``make bench`` calls this last. Both daemons run on one core and know the same domains by the same
DNS and policy host; the same client asks them from the other core, in turn within each round. What
has no rival is measured of ours alone: the first answers after a start, and memory.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

import full_store
import rival
from figures import BELOW, OVER, Figure, markdown, positive, progress
from native import NoFigure, Unavailable, compile_load, two_cores
from served import Load, Served, ours
from world import DOMAINS, HOSTS, World, domains, hosts, running_world

OURS = "unstrip"
CACHED, ONE, REPORTS, NEGATIVE = (
    "cached, 50 connections",
    "cached, 1 connection",
    "with reports, 50 connections",
    "no policy, 50 connections",
)
REPORTING = "QUERYwithTLSRPT"
STEADY = 1_000_000  # answers, between which memory is looked at
MANY = 100_000  # domains of which something is kept
STARTED = 1_000  # the same, of the store that a daemon starts with
_TRIES = 5  # to have every domain of a daemon known
MB, KB = 1e6, 1e3


@dataclass(frozen=True, slots=True)
class Steady:
    """Resident bytes before and after so many answers."""

    answers: int
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Start:
    """A start with a store that is full: the first answer for each domain, and the second.

    Attributes: ready: seconds until it can be asked.
    """

    ready: float
    first: Load
    second: Load


@dataclass(frozen=True, slots=True)
class Full:
    """Resident bytes: at the start, and when each of the domains was asked about."""

    domains: int
    idle: int
    rss: int
    asked: Load


@dataclass(slots=True)
class Report:
    """All rounds, and what could not be had: ``missing`` is excused, ``broken`` is not."""

    rounds: list[dict[str, dict[str, Load]]] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    steady: Steady | None = None
    full: Full | None = None
    missing: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def good(self) -> bool:
        """Whether everything that could be measured is where it should be."""
        verdicts = {figure.verdict for figure in figures(self)}
        return not self.broken and verdicts.isdisjoint({BELOW, OVER})

    def loads(self, case: str, name: str) -> list[Load]:
        """What one daemon came to in each round, where it was asked."""
        return [each[case][name] for each in self.rounds if name in each.get(case, {})]

    def ratios(self, case: str, of: Callable[[Load], float]) -> list[float]:
        """Ours, of the rival's in the same round."""
        pairs = zip(self.loads(case, OURS), self.loads(case, rival.NAME), strict=False)
        return [of(here) / of(there) for here, there in pairs]


# ---- measuring ----


@dataclass(frozen=True, slots=True)
class Case:
    """One way to ask."""

    name: str
    domains: Sequence[str]
    query: str = "QUERY"
    connections: int = 50

    def ask(self, served: Served, seconds: float) -> Load:
        """Take one figure; what was found earlier is found once more, that none is too old."""
        acquaint(served, self)
        return served.ask(
            self.domains, query=self.query, seconds=seconds, connections=self.connections
        )


CASES = (
    Case(CACHED, domains()),
    Case(NEGATIVE, hosts()),  # next to what it is compared with
    Case(REPORTS, domains(), query=REPORTING),
    Case(ONE, domains(), connections=1),
)


def acquaint(served: Served, case: Case) -> None:
    """Have a daemon know all domains, however it takes to look them up."""
    policies = case.domains == domains()
    for _ in range(_TRIES):
        load = served.ask(case.domains, query=case.query, answers=len(case.domains))
        if (load.found if policies else load.notfound) == len(case.domains):
            return
    raise NoFigure(f"{case.name}: {load.lost + load.notfound} domains do not become known")


@dataclass(frozen=True, slots=True)
class Bench:
    """What every measurement needs; `python` is the rival's, None where it cannot be had."""

    world: World
    dns: int
    load: Path
    seconds: float
    python: Path | None

    @property
    def store(self) -> Path:
        """Where ours has kept what it knows of the domains."""
        return self.world.home / "store.sqlite3"

    @contextmanager
    def both(self) -> Iterator[dict[str, Served]]:
        """Run ours, and the rival if there is one."""
        with ExitStack() as stack:
            running = {OURS: stack.enter_context(self.ours(self.store))}
            if self.python is not None:
                process = stack.enter_context(rival.running(self.python, self.world, self.dns))
                running[rival.NAME] = Served(*process, self.load)
            yield running

    @contextmanager
    def ours(self, store: Path) -> Iterator[Served]:
        """Run ours with a store."""
        with ours(self.world, self.dns, store, self.load) as served:
            yield served


def take_round(bench: Bench, running: dict[str, Served]) -> dict[str, dict[str, Load]]:
    """Ask both in every way, in turn."""
    return {
        case.name: {name: case.ask(served, bench.seconds) for name, served in running.items()}
        for case in CASES
    }


def take_steady(served: Served) -> Steady:
    """Ask for a million answers."""
    before = served.rss()
    load = served.ask(domains(), answers=STEADY)
    return Steady(load.answers, before, served.rss())


def take_start(bench: Bench, number: int) -> Start:
    """Start with a store that is full, and ask for each domain twice."""
    store = bench.world.home / f"start-{number}.sqlite3"
    full_store.fill(store, bench.store, domains(), STARTED)
    names = full_store.names(STARTED)
    with bench.ours(store) as served:
        first, second = (served.ask(names, answers=STARTED) for _ in range(2))
        return Start(served.ready, first, second)


def take_full(bench: Bench) -> Full:
    """Start with a store of very many, each with a policy, and ask for each of them."""
    store = bench.world.home / "full.sqlite3"
    full_store.fill(store, bench.store, domains(), MANY)
    with bench.ours(store) as served:
        idle = served.rss()
        asked = served.ask(full_store.names(MANY), answers=MANY)
        return Full(MANY, idle, served.rss(), asked)


# ---- saying it ----


def figures(report: Report) -> list[Figure]:
    """The figures that have a target, and a few beside them."""
    return [*_of_rounds(report), *_of_ours(report)]


def _of_rounds(report: Report) -> Iterator[Figure]:
    for case in (CACHED, ONE, REPORTS):
        if rates := report.ratios(case, lambda load: load.per_second):
            yield Figure(f"{case}: times the rival's answers", median(rates), 3, least=True)
            costs = report.ratios(case, lambda load: load.cost)
            yield Figure(f"{case}: of the rival's CPU, %", 100 * median(costs), 100 / 3)
    known, none = report.loads(CACHED, OURS), report.loads(NEGATIVE, OURS)
    if known and none:
        share = [n.per_second / k.per_second for n, k in zip(none, known, strict=True)]
        yield Figure("no policy: of the answers with one, %", 100 * median(share), 95, least=True)
        slowest = median(load.p99 for load in known)
        yield Figure("cached, 50 connections: p99, us", slowest, 2000)


def _of_ours(report: Report) -> Iterator[Figure]:
    if report.starts:
        share = [each.first.per_second / each.second.per_second for each in report.starts]
        name = f"after a start, {STARTED:,} domains: of the warm answers, %"
        yield Figure(name, 100 * median(share), 80, least=True)
        costs = [each.first.cost / each.second.cost for each in report.starts]
        yield Figure("and of the CPU of a warm one, %", 100 * median(costs))
        yield Figure("that start, ms", 1000 * median(each.ready for each in report.starts))
    if (full := report.full) is not None:
        yield Figure(f"resident with {full.domains:,} domains, MB", full.rss / MB, 60)
    if (steady := report.steady) is not None:
        looks = f"resident after {DOMAINS + HOSTS} look-ups of its own, MB"
        yield Figure(looks, steady.before / MB)
        more = (steady.after - steady.before) / KB
        yield Figure(f"more after {steady.answers:,} answers, KB", more, 1000)


def figure_rows(report: Report) -> Iterator[tuple[str, ...]]:
    """Rows of what has a target."""
    yield ("figure", "median", "target", "")
    for figure in figures(report):
        limit = "" if figure.limit is None else f"{figure.limit:,.4g}"
        yield (figure.name, f"{figure.value:,.1f}", limit, figure.verdict)


def load_rows(report: Report) -> Iterator[tuple[str, ...]]:
    """Rows of what each daemon came to."""
    yield ("asked", "of", "a second", "CPU us each", "p50 us", "p99 us", "times", "range")
    for case in CASES:
        for name in (OURS, rival.NAME):
            if loads := report.loads(case.name, name):
                ratios = report.ratios(case.name, lambda load: load.per_second)
                yield (case.name, name, *_numbers(loads), *_times(ratios if name == OURS else []))


def _numbers(loads: Sequence[Load]) -> tuple[str, ...]:
    return (
        f"{median(load.per_second for load in loads):,.0f}",
        f"{median(load.cost for load in loads):.1f}",
        f"{median(load.p50 for load in loads):,.0f}",
        f"{median(load.p99 for load in loads):,.0f}",
    )


def _times(ratios: Sequence[float]) -> tuple[str, str]:
    if not ratios:
        return ("", "")
    return (f"{median(ratios):.1f}", f"{min(ratios):.1f} to {max(ratios):.1f}")


def method(report: Report, seconds: float) -> str:
    """What was done, in three lines."""
    cores = "on another core, one alone on the same" if two_cores() else "on the same core"
    return (
        f"{len(report.rounds)} x every case in turn, {seconds:g} s each: {DOMAINS:,} domains with"
        f" MTA-STS and {HOSTS:,} without,\nasked for in turn, one request at a time on each"
        f" connection; 50 who ask are {cores};\nmedians, ratios within each round"
    )


def show(report: Report, seconds: float) -> None:
    """Print the report."""
    parts = [method(report, seconds)]
    if report.rounds:
        parts.append(markdown(list(load_rows(report))))
    if figures(report):
        parts.append(markdown(list(figure_rows(report))))
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
    parser.add_argument("--seconds", type=float, default=1.5, help="of each load")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round here as well")
    parser.add_argument("--build", type=Path, metavar="DIR", help="keep the built program here")
    parser.add_argument("--strict", action="store_true", help="exit 1 if a target is not met")
    return parser.parse_args(argv)


def measure(bench: Bench, rounds: int, report: Report) -> None:
    """Take every figure; what comes to none is said, and does not end the others."""

    def attempt(words: str, take: Callable[[], None]) -> None:
        progress(words)
        try:
            take()
        except NoFigure as error:
            report.broken.append(f"{words}: {error}")

    def steady(served: Served) -> None:
        report.steady = take_steady(served)

    def full() -> None:
        report.full = take_full(bench)

    with bench.both() as running:
        for number in range(1, rounds + 1):
            attempt(f"round {number}", lambda: report.rounds.append(take_round(bench, running)))
        attempt("a million answers", lambda: steady(running[OURS]))
    for number in range(1, rounds + 1):
        attempt(f"start {number}", lambda n=number: report.starts.append(take_start(bench, n)))
    attempt("a hundred thousand domains", full)
    progress("")


def run(options: argparse.Namespace) -> Report:
    """Take every figure that can be taken here."""
    report = Report()
    python: Path | None = None
    try:
        python = rival.environment()
    except Unavailable as error:
        report.missing.append(f"the rival: {error}")
    with ExitStack() as stack:
        world = stack.enter_context(running_world())
        load = compile_load(options.build or world.home / "build")
        server = stack.enter_context(world.resolver())
        measure(Bench(world, server.dns, load, options.seconds, python), options.rounds, report)
    return report


def main(argv: Sequence[str] | None = None) -> int:
    """Run the bench; 1 if it is strict and something is not as good as it should be."""
    options = arguments(argv)
    try:
        report = run(options)
    except Unavailable as error:
        print(f"bench: error: {error}\nbench: hint: {error.hint}", file=sys.stderr)
        return 2
    show(report, options.seconds)
    if options.json:
        options.json.write_text(as_json(report) + "\n")
    return 1 if options.strict and not report.good() else 0


if __name__ == "__main__":
    sys.exit(main())
