"""Policies in the store: none is lost to a failure, or to an older list."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from unstrip.evidence import to_json
from unstrip.io.store import KeptList, StoreError, open_store
from unstrip.policy.mta_sts import Known, Mode, StsPolicy, Trouble
from unstrip.policy.questions import ResultType

DOMAIN = "example.org"
NOW = datetime(2026, 11, 22, 12, 0, 0, 123457, UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def fetched(at: datetime, id_: str = "1", domain: str = DOMAIN) -> Known:
    policy = StsPolicy(Mode.ENFORCE, 604800, ("mx.example.org", "*.example.net"), ("a: b", "ü"))
    return Known(domain, policy, id_, at, looked=at, look=at + HOUR)


def failed(base: Known, at: datetime) -> Known:
    trouble = Trouble(
        at, "refused", certain=False, result=ResultType.STS_POLICY_FETCH_ERROR, id="9"
    )
    return Known(base.domain, base.policy, base.id, base.fetched, at, at + MINUTE, None, trouble)


# -- MTA-STS ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "known", [Known(DOMAIN, looked=NOW), fetched(NOW), failed(fetched(NOW), NOW + HOUR)]
)
def test_what_is_remembered_comes_back_whole(place, known):
    with closing(open_store(place)) as store:
        assert store.known(DOMAIN) is None
        assert store.remember(None, known) == known
    with closing(open_store(place)) as store:
        assert store.known(DOMAIN) == known
        assert store.known(DOMAIN.upper()) is None


def test_what_came_of_the_next_look_takes_its_place(store):
    first = store.remember(None, fetched(NOW))
    second = store.remember(first, failed(first, NOW + HOUR))
    assert store.known(DOMAIN) == second == failed(first, NOW + HOUR)
    assert store.remember(second, fetched(NOW - DAY, "2")) == fetched(NOW - DAY, "2")


def test_a_failure_takes_nothing_from_a_policy_that_another_fetched_meanwhile(store):
    base = store.remember(None, fetched(NOW))
    store.remember(base, fetched(NOW + HOUR, "2"))
    kept = store.remember(base, failed(base, NOW + 2 * HOUR))
    assert kept == store.known(DOMAIN)
    assert (kept.id, kept.fetched, kept.looked) == ("2", NOW + HOUR, NOW + 2 * HOUR)


def test_what_was_released_meanwhile_does_not_come_back_by_a_failure(store):
    base = store.remember(None, fetched(NOW))
    store.release(DOMAIN)
    kept = store.remember(base, failed(base, NOW + HOUR))
    assert kept.policy is store.known(DOMAIN).policy is None


def test_all_domains_are_told_by_name(store):
    names = ["b.example", "a-b.example", "a.example", "ab.example"]
    for name in names:
        store.remember(None, fetched(NOW, domain=name))
    assert [known.domain for known in store.domains()] == sorted(names)
    assert store.domains()[0] == fetched(NOW, domain="a-b.example")


@pytest.mark.parametrize(
    "known", [b"", b"{}", b"\xff", b"[]", b'{"domain": 1}', b'{"domain": "example.com"}']
)
def test_a_policy_that_cannot_be_read_is_an_error_and_stays(store, known):
    base = store.remember(None, fetched(NOW))
    store._database.run("update policy set known = ?", known)
    uses = (
        lambda: store.known(DOMAIN),
        store.domains,
        lambda: store.remember(base, fetched(NOW + HOUR)),
    )
    for use in uses:
        with pytest.raises(StoreError):
            use()
    assert store._database.rows("select known from policy") == [(known,)]
    assert store.release(DOMAIN) == (1, 0)


TROUBLE = '{"domain": "example.org", "fetch": {"words": "", "certain": true, %s}}'
POLICY = '{"domain": "example.org", "policy": {"mode": "enforce", %s}}'


@pytest.mark.parametrize(
    "wrong",
    [
        POLICY % '"mx": ["a"], "max_age": 31557601',
        POLICY % '"mx": ["a"], "max_age": -1',
        POLICY % r'"mx": ["\u001b[31m"], "max_age": 9',
        '{"domain": "example.org", "fetched": "2026-01-01T00:00:00"}',
        '{"domain": "example.org", "look": "9999-12-31T23:59:59Z"}',
        TROUBLE % '"at": "2026-01-01T00:00:00"',
        TROUBLE % '"at": "9999-12-31T23:59:59Z"',
        TROUBLE % '"at": "2026-01-01T00:00:00Z", "times": 0',
    ],
)
def test_values_that_could_not_be_reckoned_with_are_an_error(store, wrong):
    store.remember(None, Known(DOMAIN, looked=NOW))
    store._database.run("update policy set known = ?", wrong.encode())
    for use in (lambda: store.known(DOMAIN), store.domains):
        with pytest.raises(StoreError):
            use()


def test_a_row_that_is_damaged_is_an_error_whatever_is_in_it(path):
    """SQLite keeps values of any kind in any column."""
    with closing(open_store(path)) as store:
        for name in (DOMAIN, "a.example"):
            store.remember(None, Known(name, looked=NOW))
        store.keep_derived("c.example", NOW, NOW + HOUR, b"derived", store.era())
        store._database.run("update policy set domain = 'b', known = 5 where domain = 'a.example'")
        store._database.run("update derivation set body = 'text'")
        with pytest.raises(StoreError):
            store.domains()
        with pytest.raises(StoreError):
            store.derived("c.example", NOW)


# -- lists -----------------------------------------------------------------------------


def listed(at: datetime = NOW, body: bytes = b"first", signer: str = "A") -> KeptList:
    return KeptList(signer, at, body)


def test_a_list_is_kept_whole(store):
    whole = listed(body=bytes(range(256)) * 4096)
    assert store.kept_list("list", "A") is None
    assert store.keep_list("list", "A", whole)
    assert store.kept_list("list", "A") == whole
    assert store.kept_list("other", "A") is None


def test_a_list_gives_way_to_one_made_later_and_never_to_an_older_one(store):
    second = listed(NOW + HOUR, b"second")
    assert store.keep_list("list", "A", listed())
    assert store.keep_list("list", "A", second)
    assert not store.keep_list("list", "A", listed(NOW + HOUR - timedelta(microseconds=1)))
    assert store.kept_list("list", "A") == second
    assert store.keep_list("list", "A", second)
    assert store.keep_list("other", "A", listed())


def test_of_two_lists_made_at_the_same_time_the_first_stays(store):
    """Nobody knows which of them takes back what the other has added."""
    assert store.keep_list("list", "A", listed())
    assert not store.keep_list("list", "A", listed(body=b"second"))
    assert store.kept_list("list", "A") == listed()


def test_the_list_of_another_signer_is_neither_used_nor_compared_nor_lost(store):
    mine, other = listed(), listed(NOW - DAY, b"other", "B")
    assert store.keep_list("list", "A", mine)
    assert store.kept_list("list", "B") is None
    assert store.keep_list("list", "B", other)
    assert store.kept_list("list", "A") == mine
    assert store.kept_list("list", "B") == other
    assert store.kept_list("list", ()) is None


def test_whoever_believes_both_signers_has_the_newer_list_and_goes_not_back(store):
    old, new = listed(NOW - DAY, b"old", "B"), listed()
    store.keep_list("list", "B", old)
    store.keep_list("list", "A", new)
    assert store.kept_list("list", ("A", "B")) == new
    assert not store.keep_list("list", ("A", "B"), listed(NOW - HOUR, b"between", "B"))
    assert store.kept_list("list", "B") == old


def test_the_same_list_may_be_signed_anew_by_another_key(store):
    both = ("A", "B")
    assert store.keep_list("list", both, listed())
    assert store.keep_list("list", both, listed(signer="B"))
    assert store.kept_list("list", "B") == listed(signer="B")
    store.keep_derived(DOMAIN, NOW, NOW + HOUR, b"derived", store.era())
    for signer in both:
        assert store.keep_list("list", both, listed(signer=signer))
    assert store.derived(DOMAIN, NOW)


def test_another_list_releases_what_was_derived_and_the_same_one_does_not(store):
    store.keep_list("list", "A", listed())
    store.keep_derived(DOMAIN, NOW, NOW + HOUR, b"derived", store.era())
    store.keep_list("list", "A", listed())
    store.keep_list("list", "A", listed(NOW - HOUR, b"older"))
    assert store.derived(DOMAIN, NOW)
    store.keep_list("list", "A", listed(NOW + HOUR, b"second"))
    assert store.derived(DOMAIN, NOW) is None


@pytest.mark.parametrize(
    ("made", "body"),
    [("abc", b"x"), (1.5, b"x"), (2**62, b"x"), (-(2**62), b"x"), (1, "text"), (1, 5)],
)
def test_a_list_that_is_damaged_is_an_error_and_never_none(path, made, body):
    """SQLite keeps values of any kind in any column."""
    with closing(open_store(path)) as store:
        store.keep_list("list", "A", listed())
        store._database.run("update policy_list set made = ?, body = ?", made, body)
        with pytest.raises(StoreError):
            store.kept_list("list", "A")
        with pytest.raises(StoreError):
            store.keep_list("list", "A", listed(NOW + HOUR))


def test_the_json_of_a_policy_is_text_that_a_terminal_can_show(store):
    store.remember(None, fetched(NOW))
    assert store._database.rows("select known from policy") == [(to_json(fetched(NOW)),)]
