"""How fast datagrams of TLS reporting are counted, and how many are lost, beside a rival.

``make bench`` calls this after policies.py. Each round runs both collectors, in turn, each with an
empty database. `flow` is a sender who waits where there is no room; in a burst what finds no room
is lost, as with a mail server. A socket that sends has room for some 170 datagrams on Linux,
whoever receives; a Postfix has up to 100 that do.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import monotonic

from collectors import RIVAL, Collector, ours, theirs
from figures import BELOW, OVER, Figure, figure_table, positive, progress, table
from native import HERE, PATIENCE, NoFigure, Unavailable

OURS = "unstrip"
RACE: dict[str, Callable[[Path], AbstractContextManager[Collector]]] = {OURS: ours, RIVAL: theirs}
TARGET = 2.0  # times as many a second as the rival
FLOW, SENDERS = 200_000, 20  # datagrams, sockets
BURSTS = ((1000, 1), (1000, 100), (10_000, 20), (10_000, 100))  # datagrams, sockets
NONE_LOST = (10_000, 100)
DOMAINS = 1000
ATTEMPTS, DAY_DOMAINS, DAY_LIMIT = 10_000_000, 100_000, 200.0  # a day; megabytes
MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one collector. Times in seconds, memory in bytes; lost: in each of BURSTS."""

    wall: float
    cpu: float
    peak_rss: int
    lost: tuple[int, ...]

    @property
    def per_second(self) -> float:
        """Datagrams that were taken in and counted."""
        return FLOW / self.wall


@dataclass(frozen=True, slots=True)
class Day:
    """What one big day took, from the ledger to packed reports."""

    reports: int
    sessions: int
    size: int
    cpu: float
    peak_rss: int


@dataclass(slots=True)
class Report:
    """All that was found, and what could not be: ``missing`` is excused, ``broken`` is not."""

    runs: dict[str, list[Run]] = field(default_factory=dict)
    figures: list[Figure] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def good(self) -> bool:
        """Whether everything that could be measured is where it should be."""
        verdicts = {row.verdict for row in self.figures}
        return not self.broken and verdicts.isdisjoint({BELOW, OVER})


# ---- the race ----


def sender() -> Path:
    """Build the program that sends."""
    source, program = HERE / "datagrams.c", HERE.parents[1] / ".interop" / "bench" / "datagrams"
    if shutil.which("cc") is None:
        raise Unavailable("there is no C compiler", "install one that answers to cc, such as gcc")
    program.parent.mkdir(parents=True, exist_ok=True)
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-o", program, source], check=True)
    return program


def datagrams() -> str:
    """What is told: deliveries to so many domains, one in ten a failure."""
    return "".join(f"{_datagram(number)}\n" for number in range(DOMAINS))


def _datagram(number: int) -> str:
    domain = f"d{number}.example"
    failures = [] if number % 10 else [{"c": 204, "n": f"mx.{domain}", "r": "192.0.2.2", "f": "x"}]
    policy = {
        "policy-type": 2,
        "policy-domain": domain,
        "policy-string": ["version: STSv1", "mode: enforce", f"mx: mx.{domain}", "max_age: 86400"],
        "mx-host": [f"mx.{domain}"],
        "failure-details": failures,
        "t": len(failures),
        "f": len(failures),
    }
    record = f"v=TLSRPTv1; rua=mailto:tls@{domain}"
    return json.dumps({"dpv": "1", "d": domain, "pr": record, "policies": [policy]})


def send(program: Path, to: Collector, many: int, sockets: int, how: str) -> tuple[int, int]:
    """Send; gives how many were, and how many found no room."""
    run = subprocess.run(
        [program, to.socket, str(sockets), str(many), how],
        input=datagrams(),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    if run.returncode:
        raise NoFigure(f"nobody can be told: {run.stderr.strip()}")
    sent, lost, _ = run.stdout.split()
    return int(sent), int(lost)


def race(program: Path, name: str) -> Run:
    """Run one of them once."""
    with TemporaryDirectory() as directory, RACE[name](Path(directory)) as collector:
        began, cpu = monotonic(), collector.cpu()
        send(program, collector, FLOW, SENDERS, "flow")
        if not collector.wait(FLOW):
            raise NoFigure(f"{name} counts {collector.counted()} of {FLOW} datagrams")
        wall, cpu = monotonic() - began, collector.cpu() - cpu
        total, found = FLOW, []
        for many, sockets in BURSTS:
            sent, lost = send(program, collector, many, sockets, "burst")
            total += sent
            found.append(lost)
            if not collector.wait(total):
                raise NoFigure(f"{name} counts {collector.counted()} of {total} datagrams")
        return Run(wall, cpu, collector.peak_rss(), tuple(found))


def run_races(rounds: int, report: Report) -> None:
    """Every collector once a round."""
    try:
        program = sender()
    except Unavailable as error:
        report.missing.append(f"no race of collectors: {error}; {error.hint}")
        return
    for number in range(rounds):
        for name in RACE:
            progress(f"round {number + 1} of {rounds}: {name}")
            try:
                run = race(program, name)
                report.runs.setdefault(name, []).append(run)
            except Unavailable as error:
                report.missing.append(f"{error}; {error.hint}")
            except NoFigure as error:
                report.broken.append(f"{name}: {error}")
    progress("")
    weigh(report)


def weigh(report: Report) -> None:
    """Say what of it has a limit."""
    mine, others = report.runs.get(OURS, []), report.runs.get(RIVAL, [])
    if mine and len(mine) == len(others):
        ratios = [a.per_second / b.per_second for a, b in zip(mine, others, strict=True)]
        named = f"datagrams counted, times those of {RIVAL}"
        report.figures.append(Figure(named, median(ratios), TARGET, least=True))
    if mine:
        lost = [run.lost[BURSTS.index(NONE_LOST)] for run in mine]
        named = "lost of a burst of {:,} from {} sockets".format(*NONE_LOST)
        report.figures.append(Figure(named, max(lost), 0.0))


# ---- the day ----


def run_day(report: Report) -> None:
    """Count and report one big day."""
    progress("a day of ten million deliveries")
    with TemporaryDirectory() as directory:
        command = [sys.executable, str(HERE / "report_day.py"), directory]
        run = subprocess.run(
            [*command, str(ATTEMPTS), str(DAY_DOMAINS)],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
    progress("")
    if run.returncode:
        report.broken.append(f"a day: {run.stderr.strip()[-300:]}")
        return
    day = Day(**json.loads(run.stdout))
    if (day.reports, day.sessions) != (DAY_DOMAINS, ATTEMPTS):
        report.broken.append(f"a day: {day.reports} reports on {day.sessions} deliveries")
    report.figures.append(
        Figure("a day of 10 million deliveries, MB", day.peak_rss / MB, DAY_LIMIT)
    )
    report.figures.append(Figure("its reports, CPU us each", day.cpu / day.reports * MB))


# ---- what is said ----


def told(report: Report) -> str:
    """All of it as text."""
    head = ("datagrams", "a second", "CPU us each", "peak MB")
    bursts = tuple(f"lost {many:,}/{sockets}" for many, sockets in BURSTS)
    rows = [(*head, *bursts, "")]
    for name, runs in report.runs.items():
        lost = (f"{median(run.lost[place] for run in runs):,.0f}" for place in range(len(BURSTS)))
        shown = (
            f"{median(run.per_second for run in runs):,.0f}",
            f"{median(run.cpu for run in runs) / FLOW * MB:,.1f}",
            f"{median(run.peak_rss for run in runs) / MB:,.0f}",
        )
        rows.append((name, *shown, *lost, ""))
    parts = [table(rows)] if report.runs else []
    if report.figures:
        parts.append(figure_table(report.figures, "figure"))
    parts += [f"missing: {words}" for words in report.missing]
    parts += [f"broken: {words}" for words in report.broken]
    return "\n\n".join(parts)


def main(words: Sequence[str] | None = None) -> int:
    """Measure, and say whether all is as it should be."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=positive, default=3)
    parser.add_argument("--json", type=Path, help="where to write all figures")
    parser.add_argument("--no-day", action="store_true", help="leave the big day out")
    options = parser.parse_args(words)
    report = Report()
    run_races(options.rounds, report)
    if not options.no_day:
        run_day(report)
    print(told(report))
    if options.json:
        options.json.write_text(json.dumps(asdict(report), indent=2))
    return 0 if report.good() else 1


if __name__ == "__main__":
    sys.exit(main())
