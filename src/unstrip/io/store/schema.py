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
_LEDGER_DOMAIN = """
create table ledger_domain (
    day text not null, domain text not null, record {bytes} not null, primary key (day, domain)
)
"""
_LEDGER_POLICY = """
create table ledger_policy (
    day text not null, domain text not null, policy {bytes} not null, body {bytes} not null,
    succeeded bigint not null, failed bigint not null, primary key (day, domain, policy)
)
"""
_LEDGER_FAILURE = """
create table ledger_failure (
    day text not null, domain text not null, policy {bytes} not null, failure {bytes} not null,
    body {bytes} not null, sessions bigint not null, primary key (day, domain, policy, failure)
)
"""
_LEDGER_SPOOL = """
create table ledger_spool (segment text primary key, day text not null, taken bigint not null)
"""
_OUTGOING = """
create table outgoing (
    day text not null, domain text not null, uri text not null, due bigint not null,
    tries integer not null, state text not null, words {bytes} not null,
    primary key (day, domain, uri)
)
"""
_OUTGOING_INDEX = "create index outgoing_due on outgoing (state, due)"
_OUTGOING_DAY = "create table outgoing_day (day text primary key)"
_RECEIVED = """
create table received (
    name text primary key, said text not null, source text not null, day text not null,
    domain text not null, proved integer not null, taken bigint not null, size bigint not null,
    body {bytes} not null
)
"""
_RECEIVED_DAY = "create index received_day on received (day, said)"
_RECEIVED_TAKEN = "create index received_taken on received (proved, taken)"
_REFUSED = """
create table refused (
    day text not null, kind text not null, seen bigint not null, primary key (day, kind)
)
"""
_TRAIL = """
create table trail (
    id {numbered}, domain text not null, first bigint not null, last bigint not null,
    body {bytes} not null
)
"""
_TRAIL_DOMAIN = "create index trail_domain on trail (domain, id)"

# what each version added, in what both databases have in common of SQL
_STEPS = (
    (_VISIT, _VISIT_INDEX),
    (_POLICY, _LIST, _DERIVATION, _DERIVATION_INDEX),
    ("drop table policy_list", _SIGNED_LIST),  # whose it was is not known: it is to come again
    (_LOSS, _CLEAR),
    (_ERA, "insert into era (number) values (0)"),
    (_LEDGER_DOMAIN, _LEDGER_POLICY, _LEDGER_FAILURE, _LEDGER_SPOOL),
    (_OUTGOING, _OUTGOING_INDEX, _OUTGOING_DAY),
    (_RECEIVED, _RECEIVED_DAY, _RECEIVED_TAKEN, _REFUSED),
    (_TRAIL, _TRAIL_DOMAIN),
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
