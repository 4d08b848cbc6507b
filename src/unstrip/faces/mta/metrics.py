"""What is counted, for Prometheus.

Nothing is counted here: what there is has its number where it happens, and is read when somebody
asks. What each means: docs/reference/metrics.md, which is made of this file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING

from unstrip.faces.mta.http import PAGE, Page
from unstrip.faces.mta.reception import NONE, Reception
from unstrip.faces.mta.server import Service
from unstrip.faces.mta.watch import Watch
from unstrip.io.store.keeper import Keeper
from unstrip.io.store.tended import Operation
from unstrip.io.tlsrpt.collector import Collector
from unstrip.mta.tongue import FAILED, NOTHING, REFUSED

if TYPE_CHECKING:  # 2 MB, which a daemon that is never asked does without
    from prometheus_client.metrics_core import Metric

Rows = Iterator[tuple[tuple[str, ...], float]]
_WITHOUT_LEVEL = (NOTHING, FAILED, REFUSED, PAGE)


@dataclass(slots=True)
class Tally:
    """What the daemon knows of itself.

    Attributes: watch; services: by what is spoken there; reloads: how many there were, by what came
        of them; believed: when the configuration was read that is in force, in seconds of Unix;
        store: what is remembered, by that configuration; collector: of datagrams, where there is
        one; reception: of reports, likewise.
    """

    watch: Watch
    services: Mapping[str, Service] = field(default_factory=dict)
    reloads: dict[str, int] = field(default_factory=lambda: {"done": 0, "failed": 0})
    believed: float = 0.0
    store: Keeper | None = None
    collector: Collector | None = None
    reception: Reception | None = None


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
        from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

        of_kind = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily}[self.kind]
        family = of_kind(self.name, self.words, labels=self.labels)
        for labels, value in self.rows(tally):
            family.add_metric(labels, value)
        return family  # type: ignore[no-any-return]


def _answers(tally: Tally) -> Rows:
    for speaks, service in tally.services.items():
        for said, count in sorted(service.desk.answers.items()):
            kind, level = (said, "") if said in _WITHOUT_LEVEL else ("policy", said)
            yield (speaks, kind, level), count


def _each(read: Callable[[Service], float]) -> Callable[[Tally], Rows]:
    def rows(tally: Tally) -> Rows:
        return (((speaks,), read(service)) for speaks, service in tally.services.items())

    return rows


def _questions(tally: Tally) -> Rows:
    return iter(sorted(tally.watch.questions.items()))


def _turns(tally: Tally) -> Rows:
    return (((outcome,), count) for outcome, count in sorted(tally.watch.turns.items()))


def _alarms(tally: Tally) -> Rows:
    return (((of,), count) for of, count in tally.watch.alarms.items())


def _store_failures(tally: Tally) -> Rows:
    failures = tally.store.tended.failures if tally.store else {}
    return (((each.value,), failures.get(each, 0)) for each in Operation)


def _store(read: Callable[[Keeper], float]) -> Callable[[Tally], Rows]:
    def rows(tally: Tally) -> Rows:
        yield (), read(tally.store) if tally.store else 0

    return rows


def _lost(store: Keeper) -> float:
    return store.tended.lost.timestamp() if store.tended.lost else 0


def _reloads(tally: Tally) -> Rows:
    return (((outcome,), count) for outcome, count in tally.reloads.items())


def _believed(tally: Tally) -> Rows:
    yield (), tally.believed


def _counted(tally: Tally) -> Rows:
    yield (), tally.collector.counted if tally.collector else 0


def _uncounted(tally: Tally) -> Rows:
    uncounted = tally.collector.uncounted if tally.collector else {"length": 0, "room": 0}
    return (((why,), count) for why, count in sorted(uncounted.items()))


def _waiting(tally: Tally) -> Rows:
    yield (), tally.collector.waiting if tally.collector else 0


def _reports(tally: Tally) -> Rows:
    outcomes = tally.reception.outcomes if tally.reception else NONE
    return (((outcome,), count) for outcome, count in sorted(outcomes.items()))


def _posting(tally: Tally) -> Rows:
    yield (), len(tally.reception.posts.connections) if tally.reception else 0


def _version(_: Tally) -> Rows:
    yield (version("unstrip"),), 1


_SPEAKS = ("speaks",)
MEASURES = (
    Measure(
        "unstrip_answers",
        "counter",
        ("speaks", "kind", "level"),
        "replies to whole requests: policy, with the level that was told (dane-only, secure, ...);"
        " none; temp, where mail has to wait; perm, for what makes no sense; page",
        _answers,
    ),
    Measure(
        "unstrip_cache_hits",
        "counter",
        _SPEAKS,
        "replies that were ready",
        _each(lambda service: service.desk.hits),
    ),
    Measure(
        "unstrip_cache_misses",
        "counter",
        _SPEAKS,
        "replies that had to be made, of what the store has or of what was looked up",
        _each(lambda service: service.desk.misses),
    ),
    Measure(
        "unstrip_cache_entries",
        "gauge",
        _SPEAKS,
        "replies that are kept ready, within serve.limits.memory",
        _each(lambda service: service.desk.entries),
    ),
    Measure(
        "unstrip_lookups",
        "counter",
        _SPEAKS,
        "next hops that were looked up, in the store or out there",
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
        "clients who could not be understood, and were left; over exim and http they have an answer"
        " that says so, of the kind perm, but for an endless line",
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
        ("of", "outcome", "dnssec"),
        "questions to dns and, for policies, over https, by what came of them: an HTTP status, or"
        " what RFC 8460 calls the failure; of dns also what DNSSEC says: not checked is nobody whom"
        " we believe",
        _questions,
    ),
    Measure(
        "unstrip_turns",
        "counter",
        ("outcome",),
        "looks for a policy: first of all daemons that share the store; shared, since another had"
        " looked meanwhile; taken-over from one who was gone; late, for another was still at it;"
        " free, where there are too many at a time or the store failed",
        _turns,
    ),
    Measure(
        "unstrip_alarms",
        "counter",
        ("of",),
        "what somebody should look at: a policy with a weaker mode, another mx, or a shorter"
        " max_age; a list that could not be had, or is over; dnssec, where the resolver is not"
        " believed any more; a store that was damaged, replaced, or left without something that"
        " was found out",
        _alarms,
    ),
    Measure(
        "unstrip_store_failures",
        "counter",
        ("operation",),
        "how often the store failed: to be read, to be written, or to tell several daemons apart"
        " that look for the same (claim); what is known to have to wait fails without being tried",
        _store_failures,
    ),
    Measure(
        "unstrip_store_rescues",
        "counter",
        (),
        "how often a damaged store was moved aside, and what could be read of it carried over",
        _store(lambda store: store.tended.rescues),
    ),
    Measure(
        "unstrip_store_unsaved",
        "gauge",
        (),
        "domains of which something was found out that could not be written yet",
        _store(lambda store: store.unsaved),
    ),
    Measure(
        "unstrip_store_lost_seconds",
        "gauge",
        (),
        "when policies may have been lost with a damaged store, in seconds of Unix; 0 if none were,"
        " or that is over",
        _store(_lost),
    ),
    Measure(
        "unstrip_reloads",
        "counter",
        ("outcome",),
        "how often the configuration was read again; after failed, the one before holds",
        _reloads,
    ),
    Measure(
        "unstrip_believed_timestamp_seconds",
        "gauge",
        (),
        "when the configuration in force was read, with its table and list, in seconds of Unix",
        _believed,
    ),
    Measure(
        "unstrip_tlsrpt_counted",
        "counter",
        (),
        "datagrams of tlsrpt that are in the ledger",
        _counted,
    ),
    Measure(
        "unstrip_tlsrpt_uncounted",
        "counter",
        ("why",),
        "datagrams of tlsrpt that never will be: room where the spool was full, length, form,"
        " version, policy or name where they make no sense, spool where the disk has lost some",
        _uncounted,
    ),
    Measure(
        "unstrip_tlsrpt_spool_bytes",
        "gauge",
        (),
        "room that the spool takes on the disk",
        _waiting,
    ),
    Measure(
        "unstrip_reports_posted",
        "counter",
        ("outcome",),
        "TLS reports that were posted: taken, duplicate, failed where they could not be kept (the"
        " log says why), and else why they were refused",
        _reports,
    ),
    Measure(
        "unstrip_reports_posting",
        "gauge",
        (),
        "who is posting a report",
        _posting,
    ),
    Measure("unstrip_build_info", "gauge", ("version",), "1, with our version", _version),
)


class Metrics:
    """All of it, and what Prometheus's client knows of our process."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def collect(self) -> Iterator[Metric]:
        """Yield each with its values."""
        return (measure.family(self._tally) for measure in MEASURES)

    def page(self) -> Page:
        """Return what Prometheus reads."""
        from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
        from prometheus_client.exposition import CONTENT_TYPE_LATEST

        registry = CollectorRegistry()
        registry.register(self)
        ProcessCollector(registry=registry)
        return Page(generate_latest(registry), CONTENT_TYPE_LATEST)
