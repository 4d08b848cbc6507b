"""Metrics: all there are, with the numbers that there are, in what Prometheus reads."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.faces.mta.world import PLAIN, STRICT, ask, connected, served, world
from unstrip.faces.mta.desk import Desk
from unstrip.faces.mta.log import Log
from unstrip.faces.mta.metrics import MEASURES, Metrics, Tally
from unstrip.faces.mta.watch import Watch
from unstrip.mta.socketmap import Socketmap
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
    assert plain - {"unstrip_questions_total"} <= names
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
    assert found["unstrip_answers_total", "secure", "socketmap"] == 2
    assert found["unstrip_answers_total", "none", "socketmap"] == 1
    assert found["unstrip_lookups_total", "socketmap"] == 2
    assert found["unstrip_connections", "socketmap"] == 1
    assert found["unstrip_failures_total", "socketmap"] == 0


def test_questions_and_alarms_are_counted(tally):
    tally.watch.hear(Https("a.example", "/"), HttpsAnswer(200))
    tally.watch.alarm("x")
    tally.reloads["failed"] += 1
    found = samples(tally)
    assert found["unstrip_questions_total", "https", "2xx"] == 1
    assert found["unstrip_alarms_total",] == 1
    assert found["unstrip_reloads_total", "failed"] == 1
