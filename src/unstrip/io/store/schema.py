"""What the tables are, and how those of earlier versions become them."""

from __future__ import annotations

from itertools import chain

from unstrip.io.store.database import Database, StoreError

_VISIT = """
create table if not exists visit (
    id {numbered},
    host text not null, port integer not null, protocol text not null, implicit integer not null,
    server_name text not null,
    began text not null, telling integer not null, secured integer not null,
    evidence {bytes} not null
)
"""
_VISIT_INDEX = """
create index if not exists visit_endpoint on visit (host, port, protocol, implicit, server_name)
"""
_POLICY = """
create table policy (domain text primary key, known {bytes} not null, kept bigint not null)
"""
_LIST = """
create table policy_list (name text primary key, made bigint not null, body {bytes} not null)
"""
_SIGNED_LIST = """
create table policy_list (
    name text not null, signer text not null, made bigint not null, body {bytes} not null,
    primary key (name, signer)
)
"""
_DERIVATION = """
create table derivation (
    name text primary key, made bigint not null, expires bigint not null, body {bytes} not null
)
"""
_DERIVATION_INDEX = "create index derivation_expires on derivation (expires)"
_LOSS = "create table loss (at bigint not null)"
_CLEAR = "create table clear (domain text primary key)"
_ERA = "create table era (number bigint not null)"

# what each version added, in what both databases have in common of SQL
_STEPS = (
    (_VISIT, _VISIT_INDEX),
    (_POLICY, _LIST, _DERIVATION, _DERIVATION_INDEX),
    ("drop table policy_list", _SIGNED_LIST),  # whose it was is not known: it is to come again
    (_LOSS, _CLEAR),
    (_ERA, "insert into era (number) values (0)"),
)
VERSION = len(_STEPS)


def bring_up_to_date(database: Database) -> None:
    """Make the tables what they are in this version, in one transaction.

    Raises: StoreError: a later version of unstrip has made them into something else.
    """
    if _version(database) == VERSION:
        return
    with database.transaction():
        for statement in chain(*_STEPS[_version(database) :]):  # others may have been here just now
            database.run(statement.format(bytes=database.BYTES, numbered=database.NUMBERED))
        database.set_version(VERSION)


def _version(database: Database) -> int:
    version = database.version()
    if not 0 <= version <= VERSION:
        raise StoreError(f"{database.place} was written by another version of unstrip")
    return version
