"""Stores to try: a file, and a database of a real PostgreSQL server; each test gets its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import psycopg
import pytest

from tests.interop.conftest import MODE, a_missing_server_ends_the_test
from tests.interop.servers import PostgresqlServer, issue, postgresql, public_directory
from unstrip.io.store import Store, open_store

NUMBERS = count()


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresqlServer]:
    if MODE == "off":
        pytest.skip("INTEROP=off")
    with a_missing_server_ends_the_test(), public_directory() as directory:
        certificates = issue(directory / "certificates")
        with postgresql(directory, certificates, max_connections="60") as running:
            yield running


@pytest.fixture
def database(server: PostgresqlServer) -> str:
    """The URL of an empty database."""
    name = f"store{next(NUMBERS)}"
    base = f"postgresql://postgres@{server.host}:{server.postgresql}"
    with psycopg.connect(f"{base}/postgres", autocommit=True) as connection:
        connection.execute(f"create database {name}")
    return f"{base}/{name}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where there is no file yet, and no folder for it."""
    return tmp_path / "state" / "store.sqlite3"


@pytest.fixture(params=["path", pytest.param("database", marks=pytest.mark.interop)])
def place(request: pytest.FixtureRequest) -> str:
    """Each of them in turn."""
    return str(request.getfixturevalue(request.param))


@pytest.fixture
def store(place: str) -> Iterator[Store]:
    with closing(open_store(place)) as opened:
        yield opened
