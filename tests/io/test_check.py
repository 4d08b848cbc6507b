"""One check, whole: what is asked for, how far it looks, and what it keeps."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import count
from typing import Any

import pytest

from tests.conftest import SERVER, Pki
from tests.faces.servers import refuses, smtp
from tests.io.hostile import Peer, Server, honest, serving
from tests.verdict.scenes import steadily, stripped, upgraded
from unstrip.derivation import derive_one
from unstrip.evidence import Endpoint, Evidence
from unstrip.io import check as checks
from unstrip.io.check import Checked, Plan, check
from unstrip.io.session import Terms
from unstrip.io.store import Store, StoreError, open_store
from unstrip.policy import Decision, Level, Policy, local
from unstrip.upgrade import Asking, Manner, Outcome
from unstrip.verdict import Code, Standing

MAY, VERIFY = Policy("default", Level.MAY), Policy("default", Level.AUTHENTICATED)


@pytest.fixture
def past(tmp_path) -> Iterator[Store]:
    with closing(open_store(tmp_path / "store.sqlite3")) as store:
        yield store


def plan_for(pki: Pki, requirement: Policy = VERIFY, **others: Any) -> Plan:
    others.setdefault("implicit_port", 1)  # nobody is there
    terms = Terms(timeout=5.0, connect_to="127.0.0.1", roots=pki.roots)
    return Plan(terms, requirement, **others)


def checked(server: Server, plan: Plan, name: str = "smtp", *, implicit: bool = False) -> Checked:
    endpoint = Endpoint(SERVER, server.port, name, implicit)
    return asyncio.run(check(endpoint, plan))


# -- servers ---------------------------------------------------------------------------


def only_in_lower_case(request: bytes) -> bytes:
    return b"220 go" if request == b"starttls\r\n" else b"502 5.5.1 no"


def masks_canaries(request: bytes) -> bytes:
    return b"220 go" if request.upper() == b"STARTTLS\r\n" else b"500 unknown: XXXXXXXXXX"


# -- what is insisted on ---------------------------------------------------------------

ENDPOINT = Endpoint(SERVER, 25, "smtp")


def decision_for(endpoint: Endpoint, plan: Plan, earlier: tuple[Evidence, ...] = ()) -> Decision:
    now = datetime.now(UTC)
    beliefs = replace(plan.beliefs, visits=lambda _: earlier)
    return derive_one(endpoint, None, beliefs, now).required(plan.requirement, now)


TABLE = local.parse('[[rule]]\nhost = "*.example.org"\nrequire = "encrypt"\nport = 25\n')


def test_without_table_and_history_the_requirement_decides(pki):
    assert decision_for(ENDPOINT, plan_for(pki, MAY)).level is Level.MAY


def test_a_rule_of_the_table_raises_the_requirement(pki):
    decision = decision_for(ENDPOINT, plan_for(pki, MAY, table=TABLE))
    assert decision.level is Level.ENCRYPT
    assert decision.why() == "local"


def test_a_rule_for_another_port_does_not(pki):
    endpoint = replace(ENDPOINT, port=587)
    assert decision_for(endpoint, plan_for(pki, MAY, table=TABLE)).level is Level.MAY


def test_a_rule_of_the_table_does_not_lower_the_requirement(pki):
    decision = decision_for(ENDPOINT, plan_for(pki, VERIFY, table=TABLE))
    assert decision.level is Level.AUTHENTICATED


def test_earlier_visits_raise_the_requirement(pki):
    now = decision_for(ENDPOINT, plan_for(pki, MAY, table=TABLE), steadily(upgraded()))
    assert now.level is Level.AUTHENTICATED
    assert now.why() == "history"
    assert now.attested


@pytest.mark.parametrize(
    ("requirement", "probe", "insisted"),
    [(MAY, False, False), (MAY, True, True), (VERIFY, False, True)],
)
def test_tls_is_asked_for_anyway_where_it_is_wanted_or_looked_into(
    requirement, probe, insisted, pki
):
    with serving(partial(smtp, pki=pki, offer=False, grant=refuses)) as server:
        came = checked(server, plan_for(pki, requirement, probe=probe))
    assert came.evidence.insisted is insisted
    ended = Outcome.REFUSED if insisted else Outcome.NOT_OFFERED
    assert came.evidence.upgrade.outcome is ended


# -- what comes of it ------------------------------------------------------------------


@pytest.mark.parametrize("name", ["smtp", "imap", "pop3"])
@pytest.mark.parametrize("implicit", [False, True], ids=["upgraded", "implicit"])
def test_an_honest_server_meets_every_requirement(name, implicit, pki):
    with serving(partial(honest, pki, name, implicit=implicit)) as server:
        came = checked(server, plan_for(pki), name, implicit=implicit)
        assert came.endpoint == Endpoint(SERVER, server.port, name, implicit)
    assert came.verdict.code is Code.TLS_OK_AUTHENTICATED
    assert came.verdict.standing is Standing.MEETS
    assert came.beside == ()


def test_the_requirement_stands_in_the_verdict(pki):
    with serving(partial(smtp, pki=pki, offer=False)) as server:
        requirement = Policy("command line", Level.MAY)
        came = checked(server, plan_for(pki, requirement))
    assert came.verdict.decision.because == (requirement,)
    assert came.verdict.meets


# -- looking further -------------------------------------------------------------------


def test_a_probe_asks_in_each_manner_and_at_the_implicit_port(pki):
    with (
        serving(partial(honest, pki, "smtp")) as server,
        serving(partial(honest, pki, "smtp", implicit=True)) as door,
    ):
        came = checked(server, plan_for(pki, probe=True, implicit_port=door.port))
        *probes, last = came.beside
        assert [probe.manner for probe in probes] == list(Manner)
        assert {probe.endpoint for probe in probes} == {came.endpoint}
        assert last.endpoint == Endpoint(SERVER, door.port, "smtp", implicit=True)
    assert last.secured
    assert came.verdict.code is Code.TLS_OK_AUTHENTICATED
    assert not any(finding.code.tampering for finding in came.verdict.findings)


def test_an_implicit_port_has_nothing_further_to_look_at(pki):
    with serving(partial(honest, pki, "imap", implicit=True)) as server:
        came = checked(server, plan_for(pki, probe=True), "imap", implicit=True)
    assert came.beside == ()
    assert len(server.peers) == 1


@pytest.mark.parametrize("greeting", [b"421 4.3.2 too busy", b"450 4.7.1 too many connections"])
def test_a_busy_server_is_left_alone(greeting, pki):
    with serving(partial(smtp, pki=pki, greeting=greeting)) as server:
        came = checked(server, plan_for(pki, probe=True))
    assert came.verdict.code is Code.RATE_LIMITED
    assert came.beside == ()
    assert len(server.peers) == 1


def test_a_server_that_is_not_there_is_not_looked_for_again(pki):
    with serving(partial(smtp, pki=pki)) as server:
        endpoint = Endpoint(SERVER, server.port, "smtp")
    came = asyncio.run(check(endpoint, plan_for(pki, probe=True)))
    assert came.verdict.code is Code.UNREACHABLE
    assert came.beside == ()


def test_a_probe_takes_no_longer_than_its_own_limit(monkeypatch, pki):
    monkeypatch.setattr(checks, "PROBE_TIMEOUT", 0.1)
    visits = count()

    def silent_later(peer: Peer) -> None:
        if next(visits) == 0:
            smtp(peer, pki, grant=refuses)
        else:
            peer.wait()

    with serving(silent_later) as server:
        came = checked(server, plan_for(pki, probe=True, implicit_port=server.port))
    assert all(probe.failure is not None for probe in came.beside)


@pytest.mark.parametrize(
    ("grant", "code"),
    [
        (only_in_lower_case, Code.REQUEST_FILTERED),
        (masks_canaries, Code.COMMAND_MASKED),
        (refuses, Code.REJECTED_AFTER_OFFER),
        (lambda request: b"500 unknown: XXXXXXXX", Code.COMMAND_MASKED),
    ],
    ids=["case", "canary", "refused", "echo"],
)
def test_what_the_probes_show_names_the_verdict(grant, code, pki):
    with serving(partial(smtp, pki=pki, grant=grant)) as server:
        assert checked(server, plan_for(pki, probe=True)).verdict.code is code


@pytest.mark.parametrize("first", [True, False])
def test_an_offer_that_comes_and_goes_is_seen(first, pki):
    visits = count(int(first))

    def flickers(peer: Peer) -> None:
        smtp(peer, pki, offer=next(visits) % 2 == 1, grant=refuses)

    with serving(flickers) as server:
        assert checked(server, plan_for(pki, probe=True)).verdict.code is Code.OFFER_REMOVED


def test_what_is_not_offered_and_works_all_the_same_is_hidden(pki):
    with serving(partial(smtp, pki=pki, offer=False)) as server:
        came = checked(server, plan_for(pki, MAY, probe=True))
    assert came.verdict.code is Code.OFFER_HIDDEN
    assert came.verdict.confidence == 0.97


def test_the_terms_hold_for_probes_too(pki):
    plan = plan_for(pki, probe=True)
    plan = replace(plan, terms=replace(plan.terms, ask=Asking(helo="probe.example.org")))
    with serving(partial(smtp, pki=pki, grant=refuses)) as server:
        checked(server, plan)
    assert len(server.heard) >= 5
    assert all(heard.startswith(b"EHLO probe.example.org\r\n") for heard in server.heard)


# -- other vantages --------------------------------------------------------------------


def seen_elsewhere(endpoint: Endpoint) -> Evidence:
    return replace(upgraded(), endpoint=endpoint)


def test_what_another_vantage_saw_of_the_same_endpoint_counts(pki):
    with serving(partial(smtp, pki=pki, offer=False, grant=refuses)) as server:
        other = seen_elsewhere(Endpoint(SERVER, server.port, "smtp"))
        assert checked(server, plan_for(pki, elsewhere=(other,))).verdict.code is Code.OFFER_REMOVED


@pytest.mark.parametrize("what", ["host", "port"])
def test_what_it_saw_of_others_does_not(what, pki):
    with serving(partial(smtp, pki=pki, offer=False, grant=refuses)) as server:
        changed = {"host": "other.example.org"} if what == "host" else {"port": 26}
        endpoint = replace(Endpoint(SERVER, server.port, "smtp"), **changed)
        plan = plan_for(pki, elsewhere=(seen_elsewhere(endpoint),))
        assert checked(server, plan).verdict.code is Code.OFFER_ABSENT_UNEXPLAINED


# -- history ---------------------------------------------------------------------------


def test_the_attempt_is_kept_and_its_probes_are_not(pki, past):
    with serving(partial(smtp, pki=pki, grant=refuses)) as server:
        came = checked(server, plan_for(pki, probe=True, store=past))
    assert past.visits(came.endpoint) == (came.evidence,)


def test_an_honest_visit_makes_a_later_stripped_one_tampering(pki, past):
    plan = plan_for(pki, MAY, store=past)
    with serving(partial(honest, pki, "smtp")) as server:
        assert checked(server, plan).verdict.standing is Standing.MEETS
        server.script = partial(smtp, pki=pki, offer=False, grant=refuses)
        came = checked(server, plan)
    assert came.verdict.code is Code.OFFER_REMOVED
    assert came.verdict.standing is Standing.TAMPERED
    assert came.verdict.decision.level is Level.ENCRYPT
    assert [visit.secured for visit in past.visits(came.endpoint)] == [True, False]


def test_a_visit_does_not_count_against_itself(pki, past):
    with serving(partial(smtp, pki=pki, offer=False, grant=refuses)) as server:
        plan = plan_for(pki, store=past)
        codes = [checked(server, plan).verdict.code for _ in range(4)]
    assert codes == [Code.OFFER_ABSENT_UNEXPLAINED] * 4


def test_what_was_not_reached_is_not_kept(pki, past):
    with serving(partial(smtp, pki=pki)) as server:
        endpoint = Endpoint(SERVER, server.port, "smtp")
    asyncio.run(check(endpoint, plan_for(pki, store=past)))
    assert past.remembered() == ()


def test_a_store_that_cannot_be_used_ends_the_check(pki, past):
    past.close()
    with serving(partial(honest, pki, "smtp")) as server:
        with pytest.raises(StoreError):
            checked(server, plan_for(pki, store=past))
        assert server.peers == []  # nothing was said before


def test_a_visit_in_clear_asks_for_nothing_the_next_time(pki):
    assert decision_for(ENDPOINT, plan_for(pki, MAY), (stripped(),)).level is Level.MAY
