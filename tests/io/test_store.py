"""The history of visits: kept whole, never pushed out by an attacker, never silently empty."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from tests.verdict.scenes import (
    IMAP,
    IMAPS,
    SMTP,
    SMTPS,
    heard,
    hidden,
    implicit,
    refused,
    stripped,
    unheard,
    untrusted,
    upgraded,
)
from unstrip.evidence import Evidence, to_json
from unstrip.io.store import DAYS, NEWEST, History, StoreError, default_path
from unstrip.policy import Decision, Level, decide
from unstrip.policy.history import opinion
from unstrip.verdict import Code, judge

TODAY = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "history.sqlite3"


@pytest.fixture
def history(path):
    with closing(History(path)) as store:
        yield store


def ago(evidence: Evidence, *, days: float = 0, minutes: float = 0) -> Evidence:
    """The same, but for the clock of this machine, by which the store prunes."""
    return replace(evidence, began=TODAY - timedelta(days=days, minutes=minutes))


def keep_all(history: History, *visits: Evidence) -> None:
    for visit in visits:
        history.keep(visit)


# -- kept ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "visit",
    [
        upgraded(),
        stripped(),
        hidden(untrusted()),
        refused("454 \\x1b[31m \\xff"),
        heard("S: 220 mx ESMTP", "C: EHLO localhost", "<reset>"),
    ],
    ids=["upgraded", "stripped", "hidden", "refused", "reset"],
)
def test_a_visit_is_kept_whole(history, visit):
    history.keep(visit)
    assert history.visits(SMTP) == (visit,)


def test_visits_come_out_oldest_first_in_whatever_order_they_were_kept(history):
    visits = [ago(upgraded(), minutes=n) for n in range(15)]
    shuffled = visits[:]
    Random(7).shuffle(shuffled)
    keep_all(history, *shuffled)
    assert history.visits(SMTP) == tuple(reversed(visits))


def test_visits_outlast_the_program(path):
    with closing(History(path)) as store:
        store.keep(upgraded())
    with closing(History(path)) as store:
        assert store.visits(SMTP) == (upgraded(),)


def test_an_endpoint_has_only_its_own_visits(history):
    keep_all(history, upgraded(), implicit())
    named = replace(SMTP, server_name="other.example.org")
    history.keep(replace(stripped(), endpoint=named))
    assert history.visits(SMTP) == (upgraded(),)
    assert history.visits(SMTPS) == (implicit(),)
    assert history.visits(named) == (replace(stripped(), endpoint=named),)
    assert history.visits(IMAP) == history.visits(IMAPS) == ()
    assert history.visits(replace(SMTP, port=26)) == ()


@pytest.mark.parametrize(
    "error", [ConnectionRefusedError(), TimeoutError(), OSError(113, "No route to host")]
)
def test_what_was_never_connected_is_not_kept(history, error):
    history.keep(unheard(error))
    assert history.visits(SMTP) == ()
    assert history.remembered() == ()


def test_a_folder_is_made_where_there_is_none(path):
    assert not path.parent.exists()
    History(path).close()
    assert path.is_file()


def test_the_default_path_follows_the_platform(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_path() == tmp_path / "unstrip" / "history.sqlite3"


# -- pruned ----------------------------------------------------------------------------


def test_the_newest_visits_are_kept_and_no_more(history):
    keep_all(history, *(ago(stripped(), minutes=100 - n) for n in range(100)))
    visits = history.visits(SMTP)
    assert len(visits) == NEWEST
    assert visits[-1] == ago(stripped(), minutes=1)


def test_five_hundred_stripped_visits_push_no_honest_one_out(history):
    honest = [ago(upgraded(), days=days) for days in (60, 30, 14, 7)]
    keep_all(history, *honest)
    keep_all(history, *(ago(stripped(), minutes=500 - n) for n in range(500)))
    visits = history.visits(SMTP)
    assert [visit for visit in visits if visit.secured] == honest
    assert opinion(visits).level is Level.AUTHENTICATED
    verdict = judge(opinion_decision(visits), stripped(), visits)
    assert verdict.code is Code.OFFER_REMOVED


def opinion_decision(visits: tuple[Evidence, ...]) -> Decision:
    return decide([opinion(visits)], datetime.now(UTC))


def test_a_sighting_of_the_offer_outlives_stripped_visits_though_it_was_refused(history):
    sighting = ago(refused(), days=3)
    keep_all(history, sighting, *[ago(stripped())] * 50)
    assert sighting in history.visits(SMTP)


def test_refused_visits_push_no_visit_in_tls_of_the_same_day_out(history):
    honest = ago(upgraded(), minutes=600)
    keep_all(history, honest, *(ago(refused(), minutes=500 - n) for n in range(100)))
    assert honest in history.visits(SMTP)


def test_visits_to_an_impostor_push_no_proved_one_of_the_same_day_out(history):
    honest = ago(upgraded(), minutes=600)
    impostor = upgraded(untrusted())
    keep_all(history, honest, *(ago(impostor, minutes=500 - n) for n in range(100)))
    assert honest in history.visits(SMTP)


def test_many_honest_visits_of_one_day_come_down_to_one(history):
    keep_all(history, *(ago(upgraded(), days=9, minutes=300 - n) for n in range(100)))
    keep_all(history, *[ago(stripped())] * NEWEST)
    secured = [visit for visit in history.visits(SMTP) if visit.secured]
    assert secured == [ago(upgraded(), days=9, minutes=201)]


def test_honest_visits_are_kept_for_half_a_year(history):
    old, older = ago(upgraded(), days=DAYS - 5), ago(upgraded(), days=DAYS + 5)
    keep_all(history, older, old, *[ago(stripped())] * NEWEST)
    assert old in history.visits(SMTP)
    assert older not in history.visits(SMTP)


def test_visits_to_one_endpoint_push_none_of_another_out(history):
    history.keep(replace(stripped(), endpoint=IMAP))
    keep_all(history, *[ago(stripped())] * 100)
    assert len(history.visits(IMAP)) == 1


# -- remembered, forgotten -------------------------------------------------------------


def test_what_is_remembered_is_told_endpoint_by_endpoint(history):
    keep_all(history, ago(upgraded(), days=5), ago(stripped()), ago(implicit()))
    starttls, tls = history.remembered()
    assert (starttls.endpoint, starttls.visits, starttls.secured) == (SMTP, 2, 1)
    assert (tls.endpoint, tls.visits, tls.secured) == (SMTPS, 1, 1)
    assert starttls.first == f"{TODAY - timedelta(days=5):%Y-%m-%dT%H:%M:%S}"
    assert starttls.last == f"{TODAY:%Y-%m-%dT%H:%M:%S}"


def test_a_host_is_forgotten_on_all_its_ports(history):
    keep_all(history, upgraded(), upgraded(), implicit())
    assert history.forget(SMTP.host) == 3
    assert history.remembered() == ()


def test_one_port_of_a_host_is_forgotten_alone(history):
    keep_all(history, upgraded(), implicit())
    assert history.forget(SMTP.host, SMTP.port) == 1
    assert [known.endpoint for known in history.remembered()] == [SMTPS]


@pytest.mark.parametrize("host", ["mx.example", "%", "*", "", "MX.EXAMPLE.ORG'--"])
def test_only_the_very_host_is_forgotten(history, host):
    history.keep(upgraded())
    assert history.forget(host) == 0
    assert history.visits(SMTP) == (upgraded(),)


# -- what cannot be used ---------------------------------------------------------------


def test_a_file_that_is_no_database_is_an_error_and_left_as_it_is(path):
    path.parent.mkdir()
    path.write_bytes(b"this is not a database" * 100)
    with pytest.raises(StoreError, match=r"history\.sqlite3"):
        History(path)
    assert path.read_bytes() == b"this is not a database" * 100


def test_a_file_that_is_damaged_inside_is_an_error_and_not_empty(path):
    with closing(History(path)) as store:
        keep_all(store, *[upgraded()] * 15)
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(StoreError), closing(History(path)) as store:
        store.visits(SMTP)


def test_a_file_of_a_later_version_is_an_error(path):
    History(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("pragma user_version = 2")
    with pytest.raises(StoreError, match="another version"):
        History(path)


@pytest.mark.parametrize("evidence", [b"", b"{}", b"\xff", b'{"endpoint": 1}'])
def test_a_visit_that_cannot_be_read_is_an_error_and_not_passed_over(path, evidence):
    with closing(History(path)) as store:
        keep_all(store, upgraded(), upgraded())
        spoil(path, evidence)
        with pytest.raises(StoreError):
            store.visits(SMTP)


def spoil(path: Path, evidence: bytes) -> None:
    """Write something else in the place of the first visit's evidence."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("update visit set evidence = ? where id = 1", (evidence,))


def test_a_folder_in_the_files_place_is_an_error(path):
    path.mkdir(parents=True)
    with pytest.raises(StoreError):
        History(path)


def test_a_file_in_the_folders_place_is_an_error(path):
    path.parent.write_text("in the way")
    with pytest.raises(StoreError):
        History(path)


def test_a_closed_history_is_an_error(path):
    store = History(path)
    store.close()
    for use in (lambda: store.visits(SMTP), lambda: store.keep(upgraded()), store.remembered):
        with pytest.raises(StoreError):
            use()


def test_a_visit_that_could_not_be_written_does_not_hinder_the_next_one(path, history):
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("create trigger full before delete on visit begin select raise(abort, 'x'); end")
    keep_all(history, *[stripped()] * NEWEST)
    with pytest.raises(StoreError):
        history.keep(stripped())  # pruning fails
    with closing(sqlite3.connect(path, timeout=0.5)) as db, db:
        db.execute("drop trigger full")
    history.keep(upgraded())
    assert history.visits(SMTP)[-1] == upgraded()


# -- several processes -----------------------------------------------------------------

VISITOR = """
import sys
from dataclasses import replace
from pathlib import Path
from unstrip.evidence import Evidence, from_json
from unstrip.io.store import History

visit = from_json(Evidence, Path(sys.argv[2]).read_bytes())
endpoint = replace(visit.endpoint, port=int(sys.argv[3]))
print("ready", flush=True)
sys.stdin.readline()
store = History(Path(sys.argv[1]))
for _ in range(15):
    store.keep(replace(visit, endpoint=endpoint))
store.close()
"""


def test_processes_that_write_at_once_lose_nothing(path, tmp_path):
    visit = tmp_path / "visit.json"
    visit.write_bytes(to_json(upgraded()))
    command = [sys.executable, "-c", VISITOR, str(path), str(visit)]
    visitors = [
        subprocess.Popen(
            [*command, str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for port in (1, 2, 3, 4)
    ]
    for visitor in visitors:
        visitor.stdout.readline()
    ends = [visitor.communicate(b"go\n", timeout=60) for visitor in visitors]
    assert [visitor.returncode for visitor in visitors] == [0] * 4, ends
    with closing(History(path)) as store:
        assert [known.visits for known in store.remembered()] == [15] * 4


def test_one_process_reads_what_another_is_writing(path, history):
    with closing(History(path)) as other:
        other.keep(upgraded())
        assert history.visits(SMTP) == (upgraded(),)
        history.keep(stripped())
        assert len(other.visits(SMTP)) == 2
