"""The store in PostgreSQL: for many machines that are to know the same.

To import it takes psycopg. A connection that made any trouble is given up, which undoes what was
under way, and the next call makes a new one. Every wait ends, whatever becomes of the server.

What is kept is worth no more than the way to it: to another machine that is TLS with a certificate
which proves its name, unless the URL or the environment says otherwise.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable
from functools import cache
from typing import Any

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from unstrip.hostname import host_name, is_address
from unstrip.io.store.database import PATIENCE, Database, Row, StoreError, Value
from unstrip.io.trust import anchors

_LOCK = 0x756E73747270  # "unstrp": of all that one database has in it, ours
_SESSION = (
    f"set lock_timeout = '{PATIENCE}s'; set statement_timeout = '{2 * PATIENCE}s';"
    # who stops half way does not keep the others out for ever
    f" set idle_in_transaction_session_timeout = '{2 * PATIENCE}s';"
    # nor does a machine that is gone: what it has claimed is free after some seconds
    f" set tcp_keepalives_idle = {2 * PATIENCE}; set tcp_keepalives_interval = {PATIENCE};"
    " set tcp_keepalives_count = 3"
)
_DEFAULTS: dict[str, Any] = {"connect_timeout": PATIENCE, "application_name": "unstrip"}
_MISREAD = (
    "the URL of the store cannot be understood; write @ / # : in a password as %40 %2F %23 %3A"
)
_TROUBLE = (psycopg.Error, OSError, ValueError)


class PostgresqlDatabase(Database):
    """A database of a server, all of which is ours.

    Raises: StoreError, here and from every method.
    """

    BYTES, NUMBERED = "bytea", "bigint generated always as identity primary key"

    def __init__(self, url: str) -> None:
        super().__init__()
        try:
            self._settings: dict[str, Any] = conninfo_to_dict(url)
            _check(self._settings)
        except (psycopg.Error, ValueError):  # which quotes it, password and all
            raise StoreError(_MISREAD) from None
        self.place = _place(self._settings)
        self._connection: _Connection | None = None
        self.version()

    def rows(self, statement: str, *values: Value) -> list[Row]:
        """Run a statement and return its rows."""
        with self.turn:
            try:
                return self._execute(statement, values).fetchall()
            except _TROUBLE as error:
                raise self.failed(error) from error

    def run(self, statement: str, *values: Value) -> int:
        """Run a statement and return how many rows it changed."""
        with self.turn:
            try:
                return self._execute(statement, values).rowcount
            except _TROUBLE as error:
                raise self.failed(error) from error

    def run_each(self, statement: str, values: Iterable[Row]) -> None:
        """Run a statement once for each row of values, without waiting for each answer."""
        with self.turn:
            try:
                with self._connected().cursor() as cursor:
                    cursor.executemany(_in_its_words(statement), values)
            except BaseException as error:
                self.close()
                if isinstance(error, _TROUBLE):
                    raise self.failed(error) from error
                raise

    def version(self) -> int:
        """Return the version of the schema, 0 where there is none yet."""
        # asked of pg_class, as by itself the function may answer as of before the lock was had
        if not self.rows("select 1 from pg_class where oid = to_regclass('schema_version')"):
            return 0
        return int(self.rows("select coalesce(max(version), 0) from schema_version")[0][0])

    def set_version(self, version: int) -> None:
        """Say which version of the schema this is now."""
        self.run("create table if not exists schema_version (version integer not null)")
        self.run("delete from schema_version")
        self.run("insert into schema_version (version) values (?)", version)

    def begin(self) -> None:
        """Begin a transaction, once no other is under way in any process.

        It sees what others have committed up to each statement, whatever is the server's default:
        else it would see what was there before it had the lock.
        """
        # both in one message: a way to the server and back is what costs
        self.run(f"begin isolation level read committed; select pg_advisory_xact_lock({_LOCK})")

    def roll_back(self) -> None:
        """Undo what was done since the beginning."""
        self.close()

    def claim(self, key: int) -> bool:
        """Have a claim, if nobody else has it, until it is taken back or the connection ends."""
        return bool(self.rows("select pg_try_advisory_lock(?)", key)[0][0])

    def unclaim(self, key: int) -> None:
        """Take a claim back."""
        self.rows("select pg_advisory_unlock(?)", key)

    def close(self) -> None:
        """Close the connection; another one is made when it is needed."""
        with self.turn:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _execute(self, statement: str, values: tuple[Value, ...]) -> psycopg.Cursor[Row]:
        try:
            return self._connected().execute(_in_its_words(statement), values)
        except BaseException:  # also an interrupt: the answer to one may be mistaken for the next
            self.close()
            raise

    def _connected(self) -> _Connection:
        if self._connection is None:
            settings = _DEFAULTS | _verified(self._settings) | self._settings
            self._connection = _Connection.connect(make_conninfo("", **settings), autocommit=True)
            self._connection.execute(_SESSION)
        return self._connection


class _Connection(psycopg.Connection[Row]):
    """A connection that waits for an answer for some seconds, and not for ever."""

    def wait(self, gen: PQGen[Any], interval: float = 0.1, timeout: float | None = None) -> Any:  # noqa: ANN401  # as psycopg has it
        return super().wait(gen, interval, timeout or 3 * PATIENCE)


@cache
def _in_its_words(statement: str) -> str:
    return statement.replace("?", "%s")


def _check(settings: dict[str, Any]) -> None:
    """Refuse what is a piece of a password: libpq takes an `@` or a `/` in one for its end.

    Raises: ValueError.
    """
    for host in _each(settings, "host"):
        if host and not host.startswith("/"):
            host_name(host)
    for address in _each(settings, "hostaddr"):
        ipaddress.ip_address(address or "::")
    for port in _each(settings, "port"):
        int(port or 0)
    if set("@/") & set(settings.get("dbname", "")):
        raise ValueError("no name of a database")


def _each(settings: dict[str, Any], name: str) -> list[str]:
    return str(settings.get(name, "")).split(",")


def _setting(settings: dict[str, Any], name: str) -> str:
    """Return what the URL says, else the environment, as libpq does."""
    return str(settings.get(name) or os.environ.get(f"PG{name.upper()}", ""))


def _place(settings: dict[str, Any]) -> str:
    host = _setting(settings, "host") or _setting(settings, "hostaddr")
    port = f":{settings['port']}" if "port" in settings else ""
    return f"postgresql://{host}{port}/{settings.get('dbname', '')}"


def _verified(settings: dict[str, Any]) -> dict[str, str]:
    """Return what makes sure that it is the server, where libpq would take whoever answers."""
    hosts = [_setting(settings, name) for name in ("host", "hostaddr")]
    here = all(_is_here(host) for host in ",".join(hosts).split(","))
    if _setting(settings, "sslmode") or (here and not _setting(settings, "service")):
        return {}
    return {"sslmode": "verify-full", "sslrootcert": anchors().source}


def _is_here(host: str) -> bool:
    """Tell whether it is this machine: by a socket in a folder, or by an address that loops."""
    if host in ("", "localhost") or host.startswith("/"):
        return True
    return is_address(host) and ipaddress.ip_address(host).is_loopback
