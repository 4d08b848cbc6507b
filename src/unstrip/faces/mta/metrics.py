"""What is counted, for Prometheus.

Nothing is counted here: what there is has its number where it happens, and is read when somebody
asks. What each means: docs/reference/metrics.md, which is made of this file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from unstrip.faces.mta.http import Page
from unstrip.faces.mta.server import Service
from unstrip.faces.mta.watch import Watch

Rows = Iterator[tuple[tuple[str, ...], float]]
_FAMILIES: dict[str, Any] = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily}


@dataclass(slots=True)
class Tally:
    """What the daemon knows of itself.

    Attributes: watch; services: by what is spoken there; reloads: how many there were, by what came
        of them; believed: when the configuration was read that is in force, in seconds of Unix.
    """

    watch: Watch
    services: Mapping[str, Service] = field(default_factory=dict)
    reloads: dict[str, int] = field(default_factory=lambda: {"done": 0, "failed": 0})
    believed: float = 0.0


@dataclass(frozen=True, slots=True)
class Measure:
    """One metric.

    Attributes: name; kind: "counter" or "gauge"; labels; words: what it is; rows: its values, each
        with those of the labels.
    """

    name: str
    kind: str
    labels: tuple[str, ...]
    words: str
    rows: Callable[[Tally], Rows]

    @property
    def shown(self) -> str:
        """The name as Prometheus has it."""
        return f"{self.name}_total" if self.kind == "counter" else self.name

    def family(self, tally: Tally) -> Metric:
        """Return it with its values."""
        family = _FAMILIES[self.kind](self.name, self.words, labels=self.labels)
        for labels, value in self.rows(tally):
            family.add_metric(labels, value)
        return family  # type: ignore[no-any-return]


def _answers(tally: Tally) -> Rows:
    for speaks, service in tally.services.items():
        for kind, count in sorted(service.desk.answers.items()):
            yield (speaks, kind), count


def _each(read: Callable[[Service], float]) -> Callable[[Tally], Rows]:
    def rows(tally: Tally) -> Rows:
        return (((speaks,), read(service)) for speaks, service in tally.services.items())

    return rows


def _questions(tally: Tally) -> Rows:
    return iter(sorted(tally.watch.questions.items()))


def _alarms(tally: Tally) -> Rows:
    yield (), tally.watch.alarms


def _reloads(tally: Tally) -> Rows:
    return (((outcome,), count) for outcome, count in tally.reloads.items())


def _believed(tally: Tally) -> Rows:
    yield (), tally.believed


def _version(_: Tally) -> Rows:
    yield (version("unstrip"),), 1


_SPEAKS = ("speaks",)
MEASURES = (
    Measure(
        "unstrip_answers",
        "counter",
        ("speaks", "kind"),
        "replies to whole requests, by what was said: a level (dane-only, secure, ...), policy for"
        " Exim, none, temp where mail has to wait, perm for what makes no sense, page",
        _answers,
    ),
    Measure(
        "unstrip_lookups",
        "counter",
        _SPEAKS,
        "next hops that were looked up; what exceeds them in answers was ready",
        _each(lambda service: service.desk.looks),
    ),
    Measure(
        "unstrip_late",
        "counter",
        _SPEAKS,
        "look-ups that took so long that mail has to wait for them",
        _each(lambda service: service.desk.late),
    ),
    Measure(
        "unstrip_failures",
        "counter",
        _SPEAKS,
        "look-ups that failed in here, as where the store cannot be read; the log says why",
        _each(lambda service: service.desk.failures),
    ),
    Measure(
        "unstrip_connections",
        "gauge",
        _SPEAKS,
        "clients that are connected",
        _each(lambda service: len(service.connections)),
    ),
    Measure(
        "unstrip_turned_away",
        "counter",
        _SPEAKS,
        "clients who came when there were too many",
        _each(lambda service: service.turned_away),
    ),
    Measure(
        "unstrip_garbled",
        "counter",
        _SPEAKS,
        "clients who could not be understood",
        _each(lambda service: service.garbled),
    ),
    Measure(
        "unstrip_cut_off",
        "counter",
        _SPEAKS,
        "clients who did nothing for too long",
        _each(lambda service: service.cut_off),
    ),
    Measure(
        "unstrip_questions",
        "counter",
        ("of", "outcome"),
        "questions to dns and, for policies, over https, by what came of them",
        _questions,
    ),
    Measure(
        "unstrip_alarms",
        "counter",
        (),
        "policies that became weaker, or name other servers, and lists that could not be had",
        _alarms,
    ),
    Measure(
        "unstrip_reloads",
        "counter",
        ("outcome",),
        "how often the configuration was read again; after failed, the one before holds",
        _reloads,
    ),
    Measure(
        "unstrip_believed_since_seconds",
        "gauge",
        (),
        "when the configuration in force was read, with its table and list, in seconds of Unix",
        _believed,
    ),
    Measure("unstrip_build", "gauge", ("version",), "1, with our version", _version),
)


class Metrics(Collector):
    """All of it, and what Prometheus's client knows of our process."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield each with its values."""
        return (measure.family(self._tally) for measure in MEASURES)

    def page(self) -> Page:
        """Return what Prometheus reads."""
        return Page(generate_latest(self._registry), CONTENT_TYPE_LATEST)
