"""Metrics: all there are, with the numbers that there are, in what Prometheus reads."""

from __future__ import annotations

import asyncio
import re
from contextlib import closing

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.faces.mta.world import PLAIN, STRICT, ask, connected, served, world
from tests.io.store.faults import damage, full
from unstrip.faces.mta.desk import Desk
from unstrip.faces.mta.log import Log
from unstrip.faces.mta.metrics import MEASURES, Metrics, Tally
from unstrip.faces.mta.watch import Watch
from unstrip.io.store.keeper import Keeper
from unstrip.mta.socketmap import Socketmap
from unstrip.policy.mta_sts import Known
from unstrip.policy.questions import Https, HttpsAnswer


def samples(tally: Tally) -> dict[tuple[str, ...], float]:
    """Every value, by its name and the values of its labels, in the order of the labels' names."""
    text = Metrics(tally).page().body.decode()
    found = [each for family in text_string_to_metric_families(text) for each in family.samples]
    return {(s.name, *(s.labels[name] for name in sorted(s.labels))): s.value for s in found}


@pytest.fixture
def tally():
    return Tally(Watch(Log(lambda _: None)))


def test_every_metric_is_there_from_the_start(tally):
    names = {name for name, *_ in samples(tally)}
    plain = {measure.shown for measure in MEASURES if "speaks" not in measure.labels}
    assert plain - {"unstrip_questions_total", "unstrip_turns_total"} <= names
    assert "process_resident_memory_bytes" in names


def test_answers_are_counted_by_what_was_said(tally):
    async def within():
        async with served(Desk(Socketmap(), world().inquiry())) as (service, where, port):
            reader, writer = await connected(where, port)
            for name in (STRICT, STRICT, PLAIN):
                writer.write(ask(name))
                await reader.readuntil(b",")
            tally.services = {"socketmap": service}
            found = samples(tally)
            writer.close()
            return found

    found = asyncio.run(within())
    assert found["unstrip_answers_total", "policy", "secure", "socketmap"] == 2
    assert found["unstrip_answers_total", "none", "", "socketmap"] == 1
    assert found["unstrip_cache_hits_total", "socketmap"] == 1
    assert found["unstrip_cache_misses_total", "socketmap"] == 2
    assert found["unstrip_cache_entries", "socketmap"] == 2
    assert found["unstrip_lookups_total", "socketmap"] == 2
    assert found["unstrip_connections", "socketmap"] == 1
    assert found["unstrip_failures_total", "socketmap"] == 0


def test_questions_and_alarms_are_counted(tally):
    tally.watch.hear(Https("a.example", "/"), HttpsAnswer(200))
    tally.watch.alarm("list", "x")
    tally.reloads["failed"] += 1
    found = samples(tally)
    assert found["unstrip_questions_total", "", "https", "2xx"] == 1
    assert found["unstrip_alarms_total", "list"] == 1
    assert found["unstrip_alarms_total", "mode"] == 0
    assert found["unstrip_reloads_total", "failed"] == 1


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.name)
def test_names_are_as_prometheus_wants_them(measure):
    assert re.fullmatch("unstrip(_[a-z]+)+", measure.name)
    assert not measure.name.endswith(("_total", "_count", "_sum", "_bucket"))
    assert measure.kind in {"counter", "gauge"}
    assert measure.words
    assert "." not in measure.words[-1]
    assert all(re.fullmatch("[a-z]+", label) for label in measure.labels)
    assert not {"job", "instance", "le", "quantile"} & set(measure.labels)
    in_seconds = "seconds" in measure.words and measure.kind == "gauge"
    assert measure.name.endswith("_seconds") is in_seconds


def test_every_value_is_one_of_a_family_with_help_and_type(tally):
    tally.watch.hear(Https('a"b\\c.example', "/"), HttpsAnswer(200))
    page = Metrics(tally).page()
    assert page.content_type.startswith("text/plain; version=")
    families = list(text_string_to_metric_families(page.body.decode()))
    assert len({family.name for family in families}) == len(families)
    for family in families:
        assert family.documentation
        assert family.type in {"counter", "gauge"}
        assert len({(s.name, *sorted(s.labels.items())) for s in family.samples}) == len(
            family.samples
        )
    assert page.body.endswith(b"\n")


def test_what_becomes_of_the_store_is_counted(tally, tmp_path):
    path = tmp_path / "store.sqlite3"
    with closing(Keeper(path, tally.watch)) as tally.store:
        names = ("rescues_total", "unsaved", "lost_seconds")
        found = samples(tally)
        assert found["unstrip_store_failures_total", "read"] == 0
        assert [found[f"unstrip_store_{name}",] for name in names] == [0, 0, 0]
        with full():
            tally.store.remember(None, Known("a.example"))
        found = samples(tally)
        assert found["unstrip_store_failures_total", "write"] == 1
        assert found["unstrip_store_unsaved",] == 1
        damage(path)
        tally.store.known("b.example")
        found = samples(tally)
        assert found["unstrip_store_rescues_total",] == 1
        assert found["unstrip_store_lost_seconds",] > 1.7e9
        assert found["unstrip_alarms_total", "store"] == 1
