"""Claims: one has them at a time, they end with whoever made them, and they hold nothing up."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.io.store.test_postgresql import end
from unstrip.io.store import Store, StoreError, open_store
from unstrip.io.store import postgresql as module
from unstrip.io.store.claims import _key
from unstrip.policy.mta_sts import Known

DOMAIN, OTHER = "example.org", "example.net"
PATIENCE = 20.0  # seconds
needs_server = pytest.mark.interop


@pytest.fixture
def ours(database: str) -> Iterator[Store]:
    with closing(open_store(database)) as opened:
        yield opened


@pytest.fixture
def theirs(database: str) -> Iterator[Store]:
    with closing(open_store(database)) as opened:
        yield opened


def claimed_in_time(store: Store, domain: str = DOMAIN) -> bool:
    """Whether a claim can be had soon."""
    until = time.monotonic() + PATIENCE
    while not store.claim(domain):
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


@needs_server
def test_a_domain_is_claimed_by_one_until_it_is_taken_back(ours, theirs):
    assert ours.claim(DOMAIN)
    assert not theirs.claim(DOMAIN)
    assert theirs.claim(OTHER)
    ours.unclaim(DOMAIN)
    assert theirs.claim(DOMAIN)
    assert not ours.claim(DOMAIN)


@needs_server
def test_who_claims_twice_takes_back_twice(ours, theirs):
    for _ in range(2):
        assert ours.claim(DOMAIN)
    ours.unclaim(DOMAIN)
    assert not theirs.claim(DOMAIN)
    ours.unclaim(DOMAIN)
    assert theirs.claim(DOMAIN)


@needs_server
def test_to_take_back_what_nobody_has_claimed_is_no_trouble(ours, theirs):
    ours.unclaim(DOMAIN)
    assert theirs.claim(DOMAIN)
    ours.unclaim(DOMAIN)
    assert not ours.claim(DOMAIN)


@needs_server
def test_claims_end_with_the_connection(database, ours, theirs):
    assert ours.claim(DOMAIN)
    end(database, ours)
    assert theirs.claim(DOMAIN)
    with pytest.raises(StoreError):
        ours.claim(OTHER)
    assert not ours.claim(DOMAIN)
    assert ours.claim(OTHER)


CLAIMER = """
import sys, time
from unstrip.io.store import open_store
store = open_store(sys.argv[1])
print(store.claim(sys.argv[2]), flush=True)
time.sleep(60)
"""


@needs_server
def test_a_claim_ends_with_the_process_that_is_killed(database, ours):
    command = [sys.executable, "-c", CLAIMER, database, DOMAIN]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "True\n"
        assert not ours.claim(DOMAIN)
        other.send_signal(signal.SIGKILL)
    assert claimed_in_time(ours)


@needs_server
def test_claims_hold_up_nobody_who_reads_or_writes(ours, theirs):
    for domain in (DOMAIN, OTHER):
        assert ours.claim(domain)
    kept = theirs.remember(None, Known(DOMAIN, id="1"))
    assert ours.known(DOMAIN) == theirs.known(DOMAIN) == kept
    assert theirs.release(DOMAIN) == (1, 0)
    assert not theirs.claim(DOMAIN)


@needs_server
def test_a_transaction_that_comes_to_nothing_may_cost_the_claims(ours, theirs):
    """It is undone by giving up the connection; then a domain is looked up twice, and no more."""
    assert ours.claim(DOMAIN)
    with pytest.raises(ZeroDivisionError), ours._database.transaction():
        raise ZeroDivisionError
    assert claimed_in_time(theirs)
    ours.unclaim(DOMAIN)


@needs_server
def test_the_server_finds_out_that_a_machine_is_gone(ours):
    """Claims of one that lost its power end within seconds, and not after two hours."""
    for name, most in (("idle", 15), ("interval", 5), ("count", 3)):
        said = ours._database.rows("select current_setting(?)", f"tcp_keepalives_{name}")
        assert 0 < int(said[0][0]) <= most


@needs_server
def test_a_server_that_is_gone_is_an_error(database, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    with closing(open_store(database)) as store:
        store._database._settings["port"] = "1"
        store._database.close()
        for use in (store.claim, store.unclaim):
            with pytest.raises(StoreError):
                use(DOMAIN)


def test_in_a_file_everybody_may_look(path):
    """Processes of one machine: whoever looks twice there keeps the same."""
    with closing(open_store(path)) as ours, closing(open_store(path)) as theirs:
        assert ours.claim(DOMAIN)
        assert theirs.claim(DOMAIN)
        ours.unclaim(DOMAIN)


def test_no_claim_is_another_lock_of_ours():
    keys = {_key(f"{number}.example") for number in range(1000)}
    assert len(keys) == 1000
    assert all(-(1 << 63) <= key < 0 for key in keys)
    assert module._LOCK > 0
