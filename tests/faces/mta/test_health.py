"""How it is: what cannot be read is an error, and what else is wrong is said and no more."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime
from http import HTTPStatus

import pytest

from tests.io.store.faults import full
from unstrip.faces.mta.health import Health, health
from unstrip.faces.mta.log import Log
from unstrip.faces.mta.watch import Watch
from unstrip.io.store import StoreError, open_store
from unstrip.io.store.keeper import Keeper
from unstrip.policy.mta_sts import Known


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.sqlite3"


@pytest.fixture
def store(path):
    with closing(Keeper(path, Watch(Log(lambda _: None)))) as opened:
        yield opened


def said(found: Health) -> tuple[HTTPStatus, dict[str, object]]:
    page = found.page()
    return page.status, json.loads(page.body)


def test_while_all_is_well_that_is_all_there_is_to_say(store):
    assert said(health(store)) == (HTTPStatus.OK, {"status": "ok"})


def test_what_cannot_be_written_is_said_and_is_no_reason_not_to_be_asked(store):
    with full():
        store.remember(None, Known("a.example"))
        status, body = said(health(store))
    assert (status, body["status"]) == (HTTPStatus.OK, "ailing")
    assert "cannot be used" in body["ails"][0]
    assert body["ails"][1:] == ["what was found out of 1 domain is not written yet"]


def test_what_else_should_be_looked_at_stands_beside_it(store):
    assert health(store).also("", "not reloaded: x").ails == ("not reloaded: x",)
    assert health(store).also("") == Health()


def test_what_was_lost_is_said_for_as_long_as_it_matters(path, store):
    with closing(open_store(path)) as other:
        other.lose(datetime(2026, 11, 22, tzinfo=UTC))
        store.look()
        assert "damaged on 2026-11-22" in health(store).ails[0]
        assert "unstrip policy forget --lost" in health(store).ails[0]
        other.regain()
        store.look()
    assert health(store) == Health()


def test_what_cannot_be_read_is_an_error_until_it_can(path, store):
    with closing(open_store(path)) as other:
        other._database.run("alter table policy rename to elsewhere")
        with pytest.raises(StoreError):
            store.known("a.example")
        status, body = said(health(store))
        assert status is HTTPStatus.SERVICE_UNAVAILABLE
        assert "cannot be used: no such table" in body["error"]
        other._database.run("alter table elsewhere rename to policy")
    store.known("a.example")
    assert health(store) == Health()
