"""The store in PostgreSQL: whatever becomes of connection, server or who else uses it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg
import pytest

from tests.interop.servers import free_ports, issue, postgresql, public_directory
from tests.verdict.scenes import SMTP, upgraded
from unstrip.io.store import Store, StoreError, open_store
from unstrip.io.store import postgresql as module
from unstrip.policy.mta_sts import Known, Mode, StsPolicy

POLICY = StsPolicy(Mode.ENFORCE, 604800, ("mx.example.org",))
needs_server = pytest.mark.interop


@pytest.fixture
def shared(database: str) -> Iterator[Store]:
    with closing(open_store(database)) as opened:
        yield opened


def own_process(store: Store) -> int:
    return int(store._database.rows("select pg_backend_pid()")[0][0])


def other(database: str) -> psycopg.Connection:
    return psycopg.connect(database, autocommit=True)


def end(database: str, store: Store) -> None:
    """Have the server end the store's connection."""
    process = own_process(store)
    with other(database) as connection:
        connection.execute("select pg_terminate_backend(%s, 5000)", (process,))


# -- connections -----------------------------------------------------------------------


@needs_server
def test_a_lost_connection_is_an_error_and_the_next_call_makes_another(database, shared):
    shared.remember(None, Known("example.org", POLICY))
    end(database, shared)
    with pytest.raises(StoreError, match=re.escape(shared._database.place)):
        shared.known("example.org")
    assert shared.known("example.org").policy == POLICY


@needs_server
def test_of_a_transaction_whose_connection_is_lost_nothing_is_left(database, shared):
    def half():
        with shared._database.transaction():
            shared._database.run("insert into policy (domain, known, kept) values ('x', '', 0)")
            end(database, shared)
            shared._database.run("insert into policy (domain, known, kept) values ('y', '', 0)")

    with pytest.raises(StoreError):
        half()
    assert shared._database.rows("select * from policy") == []


@needs_server
def test_a_server_that_has_ended_is_an_error_until_it_is_back():
    with public_directory() as directory:
        certificates = issue(directory / "certificates")
        with postgresql(directory, certificates) as server:
            url = f"postgresql://postgres@127.0.0.1:{server.postgresql}/postgres"
            store = open_store(url)
            store.keep(upgraded())
        for _ in range(2):
            with pytest.raises(StoreError):
                store.visits(SMTP)
        with postgresql(directory, certificates, server):  # the same port, but with nothing in it
            with pytest.raises(StoreError, match="visit"):
                store.visits(SMTP)
            with closing(open_store(url)) as another:
                assert another.visits(SMTP) == ()
            store.keep(upgraded())
            assert store.visits(SMTP) == (upgraded(),)
        store.close()


def test_nobody_there_is_an_error():
    began = time.monotonic()
    with pytest.raises(StoreError, match="cannot be used"):
        open_store(f"postgresql://127.0.0.1:{free_ports(1)[0]}/unstrip")
    assert time.monotonic() - began < 10


@contextmanager
def frozen(process: int) -> Iterator[None]:
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


@needs_server
def test_a_server_that_no_longer_answers_is_an_error_after_some_seconds(shared, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    began = time.monotonic()
    with frozen(own_process(shared)), pytest.raises(StoreError):
        shared.known("example.org")
    assert time.monotonic() - began < 10
    assert shared.known("example.org") is None


# -- who else uses it ------------------------------------------------------------------

HALF = """
import sys, time
from unstrip.io.store import open_store
store = open_store(sys.argv[1])
with store._database.transaction():
    store._database.run("delete from policy")
    print("half way", flush=True)
    time.sleep(60)
"""


@needs_server
def test_who_is_killed_in_a_transaction_leaves_nothing_and_holds_up_nobody(database, shared):
    kept = shared.remember(None, Known("example.org", POLICY))
    command = [sys.executable, "-c", HALF, database]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other_process:
        assert other_process.stdout.readline() == "half way\n"
        assert shared.known("example.org") == kept
        other_process.send_signal(signal.SIGKILL)
    began = time.monotonic()
    shared.remember(None, Known("example.net", POLICY))
    assert time.monotonic() - began < 5
    assert len(shared.domains()) == 2


KEEPER = """
import sys
from datetime import UTC, datetime, timedelta
from unstrip.io.store import open_store
from unstrip.policy.mta_sts import Known, Mode, StsPolicy
name, store = sys.argv[2], open_store(sys.argv[1])
policy = StsPolicy(Mode.ENFORCE, 604800, (f"{name}.example.org",))
for n in range(50):
    at = datetime(2026, 11, 22, tzinfo=UTC) + timedelta(minutes=n)
    base = store.known("both.example")
    store.remember(base, Known("both.example", policy, f"{name}{n}", at, at))
    store.remember(None, Known(f"{name}{n}.example", policy, "", at, at))
"""


@needs_server
def test_two_processes_share_it_and_neither_loses_what_it_kept(database, shared):
    keepers = [
        subprocess.Popen([sys.executable, "-c", KEEPER, database, name]) for name in ("a", "b")
    ]
    assert [keeper.wait(60) for keeper in keepers] == [0, 0]
    assert shared.known("both.example").id in ("a49", "b49")
    assert len(shared.domains()) == 101


@needs_server
def test_who_stops_in_a_transaction_is_ended_by_the_server(shared):
    assert shared._database.rows("show idle_in_transaction_session_timeout") == [("10s",)]


@needs_server
def test_a_transaction_sees_what_was_committed_before_it_had_the_lock(database):
    with other(database) as connection:
        name = database.rpartition("/")[2]
        connection.execute(
            f"alter database {name} set default_transaction_isolation = 'serializable'"
        )
    with closing(open_store(database)) as store, store._database.transaction():
        assert store._database.rows("show transaction_isolation") == [("read committed",)]


@needs_server
def test_a_server_that_lets_nobody_write_is_an_error(database, shared):
    with other(database) as connection:
        name = database.rpartition("/")[2]
        connection.execute(f"alter database {name} set default_transaction_read_only = on")
    with closing(open_store(database)) as store:
        with pytest.raises(StoreError, match="read-only"):
            store.remember(None, Known("example.org", POLICY))
        assert store.domains() == ()


# -- passwords, and the way there ------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:secret@127.0.0.1:1/unstrip",
        "postgresql://127.0.0.1:1/unstrip?user=me&password=secret",
        "postgresql://me:secret@127.0.0.1:none/unstrip",
        "postgresql://me:secret@[::1/unstrip",
        "postgresql://me:secret@127.0.0.1:1/unstrip?nonsense=secret",
        "postgresql://me:secret%zz@127.0.0.1:1/unstrip",
    ],
)
def test_no_password_is_told(url):
    with pytest.raises(StoreError) as caught:
        open_store(url)
    assert "secret" not in str(caught.value)
    assert "secret" not in str(caught.value.__cause__)


PASSWORD = "s3cret"


@pytest.mark.parametrize(
    "rest",
    [
        "s3cret@x@db.example/x",  # all after the first @ is a host
        "s3cret@/x@127.0.0.1/x",
        "x/s3cret@127.0.0.1/x",  # "me" is a host, and the port is no number
        "1/s3cret@127.0.0.1/x",  # nor is that a database
        "@s3cret@127.0.0.1/x",
        "s3cret/x",
    ],
)
def test_a_password_that_is_not_escaped_is_neither_told_nor_looked_up(rest):
    with pytest.raises(StoreError, match="write @ / # : in a password as %40 %2F %23 %3A") as error:
        open_store(f"postgresql://me:{rest}")
    assert PASSWORD not in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:///x",
        "postgresql://me:%40%2F%23%3A@%2Frun%2Fpostgresql/x",
        "postgresql://a.example:1,b.example:2/x",
        "postgresql://[::1]:5432/x?hostaddr=::1",
        "postgresql://my_host,/x",
    ],
)
def test_whatever_names_a_server_is_understood(url):
    module._check(module.conninfo_to_dict(url))


@pytest.mark.parametrize(
    ("host", "verified"),
    [
        ("", False),
        ("localhost", False),
        ("127.0.0.9", False),
        ("%2Frun%2Fpostgresql", False),
        ("[::1]", False),
        ("192.0.2.1", True),
        ("db.example.org", True),
        ("localhost,db.example.org", True),
        ("localhost.example.org", True),
    ],
)
def test_to_another_machine_the_way_is_protected_unless_it_is_said_otherwise(
    host, verified, monkeypatch
):
    def chosen(query: str = "") -> bool:
        url = f"postgresql://{host}/unstrip{query}"
        return module._verified(module.conninfo_to_dict(url)).get("sslmode") == "verify-full"

    assert chosen() is verified
    assert chosen("?hostaddr=192.0.2.1")
    assert chosen("?service=elsewhere")
    assert not chosen("?sslmode=disable")
    monkeypatch.setenv("PGSSLMODE", "require")
    assert not chosen()


@needs_server
def test_a_server_that_does_not_prove_its_name_is_an_error(database, server, tmp_path, monkeypatch):
    """As to another machine: the certificate is in order, but of no authority that we know."""
    monkeypatch.setattr(module, "_is_here", lambda _: False)
    with pytest.raises(StoreError, match="certificate"):
        open_store(database)
