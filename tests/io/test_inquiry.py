"""Asking the world: once at a time, remembered, and never looser for whatever goes wrong."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.policy.answering import N, U, addresses, bogus, failure, found, nothing, page, text
from tests.policy.test_dane import DOMAIN, GOOD, MX1, MX2, PKIX, TARGET, dane, mx, srv, tlsa
from tests.verdict.scenes import upgraded
from unstrip.derivation import Beliefs, Derivation, Sought
from unstrip.evidence import Endpoint
from unstrip.io import inquiry
from unstrip.io.addresses import Unresolved
from unstrip.io.inquiry import Inquiry
from unstrip.io.store import StoreError, open_store
from unstrip.policy import Level, local
from unstrip.policy.dane import Route, Standing
from unstrip.policy.mta_sts import PATH, Mode
from unstrip.policy.questions import (
    Address,
    Dns,
    Https,
    HttpsFailure,
    Kind,
    ResultType,
    Security,
    Srv,
    Status,
)

RECORD, WEB = f"_mta-sts.{DOMAIN}", f"mta-sts.{DOMAIN}"
ANNOUNCED, POLICY = Dns(RECORD, Kind.TXT), Https(WEB, PATH)
BLOCKED = HttpsFailure(ResultType.STS_POLICY_FETCH_ERROR, "connection refused")
PLAIN = Beliefs()


def sts(mode="enforce", *patterns, id_=b"1"):
    lines = "".join(f"mx: {pattern}\n" for pattern in patterns or (MX1,))
    body = f"version: STSv1\nmode: {mode}\nmax_age: 604800\n{lines}".encode()
    return {**text(RECORD, b"v=STSv1; id=" + id_), **page(WEB, PATH, body)}


class World:
    """A world that answers from a dictionary; while it is held up, nobody gets an answer.

    Attributes: told: the answers; asked: every question so far.
    """

    def __init__(self, *answers):
        self.told = {ANNOUNCED: nothing(N)}
        self.asked = []
        self._silent = set()
        self._open = asyncio.Event()
        self._open.set()
        self.say(*answers)

    def say(self, *answers):
        """From now on, answer so."""
        for each in answers:
            self.told |= each

    def fall_silent(self):
        """From now on, no look-up comes to anything."""
        for question in self.told:
            lost = BLOCKED if isinstance(question, Https) else failure(Status.TIMEOUT)
            self.told[question] = lost

    def keep_silent(self, *questions):
        """From now on, these have no answer at all."""
        self._silent |= set(questions)

    def hold_up(self):
        self._open.clear()

    def go_on(self):
        self._open.set()

    async def answer(self, question):
        self.asked.append(question)
        await self._open.wait()
        await (asyncio.Event().wait() if question in self._silent else asyncio.sleep(0))
        return self.told[question]

    def inquiry(self, beliefs=PLAIN, memory=None, distrust="", **how):
        return Inquiry(self.answer, self.answer, beliefs, memory, distrust, **how)


SIGNED = [mx(MX1), dane(MX1)]
UNSIGNED = [mx(MX1, security=N), addresses(MX1, N)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.sqlite3"


@pytest.fixture
def store(path):
    with closing(open_store(path)) as opened:
        yield opened


@pytest.fixture
def clock(monkeypatch):
    """A clock that can be set."""

    class Clock:
        ahead = timedelta()

        def now(self):
            return datetime.now(UTC) + self.ahead

    set_to = Clock()
    monkeypatch.setattr(inquiry, "_now", set_to.now)
    return set_to


def level(made: Derivation) -> Level:
    (host,) = made.destinations
    assert not host.decision.refuses
    return host.decision.level


def wish(require: str) -> Beliefs:
    return Beliefs(local.parse(f'[[rule]]\nhost = "*"\nrequire = "{require}"'))


# -- what is found out -----------------------------------------------------------------


def test_dns_and_the_web_are_asked_and_every_question_is_kept_with_its_answer():
    world = World(*UNSIGNED, sts())
    came = asyncio.run(world.inquiry().mail(DOMAIN))
    assert level(came.derivation) is Level.AUTHENTICATED
    assert {one.question: one.answer for one in came.asked} == {
        question: world.told[question] for question in world.asked
    }
    assert len(came.asked) == len(world.asked)
    assert came.asked[0].question == Dns(DOMAIN, Kind.MX)
    assert [one.question for one in came.asked[-2:]] == [ANNOUNCED, POLICY]
    assert all(0 <= one.seconds < 5 for one in came.asked)
    assert came.alarms == ()


def test_a_service_is_asked_for_by_its_srv_records_and_nothing_else():
    name = "_xmpp-client._tcp"
    world = World(srv(Srv(0, 0, 5222, TARGET), security=N), addresses(TARGET, N))
    came = asyncio.run(world.inquiry().service(DOMAIN, Sought(name, "xmpp-client")))
    (host,) = came.derivation.destinations
    assert (host.endpoint.host, host.endpoint.port) == (TARGET, 5222)
    assert [one.question for one in came.asked] == world.asked
    assert ANNOUNCED not in world.asked


SMTP, IMAP = Endpoint(MX1, 25, "smtp"), Endpoint(MX1, 25, "imap")


@pytest.mark.parametrize(
    ("endpoint", "standing"), [(SMTP, Standing.ENCRYPTED), (IMAP, Standing.AUTHENTICATED)]
)
def test_a_server_that_the_user_named_is_asked_for_with_the_usages_of_its_protocol(
    endpoint, standing
):  # RFC 7672, 3.1.3
    world = World(addresses(MX1), tlsa(MX1, PKIX))
    host = asyncio.run(world.inquiry().server(endpoint))
    assert host.dane.standing is standing
    assert host.decision.vouched


def test_where_nobody_could_be_believed_nobody_is_asked_and_it_says_why():
    world = World()
    host = asyncio.run(world.inquiry(wish("verify"), distrust="install unbound").server(SMTP))
    assert (host.dane.standing, host.dane.words) == (Standing.UNCHECKED, "install unbound")
    assert host.dane.ttl > 0
    assert (host.decision.level, world.asked) == (Level.AUTHENTICATED, [])


def test_an_address_has_no_records_to_ask_for():
    world = World()
    host = asyncio.run(world.inquiry(wish("encrypt")).server(Endpoint("192.0.2.1", 25, "smtp")))
    assert (host.dane, host.decision.level, world.asked) == (None, Level.ENCRYPT, [])


def smart_host(*patterns):
    """A server that mail goes through: a policy of its own, and no MX that anybody asks for."""
    lines = "".join(f"mx: {pattern}\n" for pattern in patterns)
    body = f"version: STSv1\nmode: enforce\nmax_age: 604800\n{lines}".encode()
    return [text(f"_mta-sts.{MX1}", b"v=STSv1; id=1"), page(f"mta-sts.{MX1}", PATH, body)]


def test_a_server_that_mail_goes_through_is_its_own_policy_domain(store):  # RFC 8461, 3.4
    world = World(addresses(MX1, N), *smart_host(MX1))
    made = asyncio.run(world.inquiry(memory=store).next_hop(MX1, 587))
    (host,) = made.destinations
    assert (host.endpoint.host, host.endpoint.port) == (MX1, 587)
    assert level(made) is Level.AUTHENTICATED
    assert (host.named, made.waits, made.domain) == (True, "", MX1)
    assert not [question for question in world.asked if Kind.MX is getattr(question, "kind", None)]
    assert store.known(MX1).policy.mx == (MX1,)


def test_a_server_that_mail_goes_through_is_held_to_its_records_at_that_port():
    world = World(
        addresses(MX1), tlsa(MX1, GOOD, port=587), {Dns(f"_mta-sts.{MX1}", Kind.TXT): nothing(N)}
    )
    (host,) = asyncio.run(world.inquiry().next_hop(MX1, 587)).destinations
    assert host.dane.standing is Standing.AUTHENTICATED
    world.say(tlsa(MX1, port=587, answer=bogus()))
    assert "DANE could not be looked up" in asyncio.run(world.inquiry().next_hop(MX1, 587)).waits


def test_where_nobody_could_be_believed_a_server_that_mail_goes_through_still_has_its_policy():
    world = World(*smart_host(MX1))
    made = asyncio.run(world.inquiry(distrust="install unbound").next_hop(MX1))
    assert level(made) is Level.AUTHENTICATED
    assert (made.destinations[0].dane.standing, made.checked) == (Standing.UNCHECKED, False)


def test_a_server_that_is_not_in_its_own_policy_is_not_used():
    world = World(addresses(MX1, N), *smart_host(MX2))
    assert "none of the policy's hosts" in asyncio.run(world.inquiry().next_hop(MX1)).waits


def test_what_is_wrong_with_what_is_believed_is_told_with_all_mail():
    world = World(*SIGNED)
    inquired = asyncio.run(world.inquiry(alarms=("list: it expired",)).mail(DOMAIN))
    assert inquired.alarms == ("list: it expired",)


@pytest.mark.parametrize("distrust", ["", "install unbound"])
def test_mail_through_an_address_has_no_policy_but_the_users_own(distrust):
    for require, expected in (("may", Level.MAY), ("encrypt", Level.ENCRYPT)):
        world = World()
        made = asyncio.run(world.inquiry(wish(require), None, distrust).next_hop("192.0.2.1"))
        assert (level(made), made.waits, world.asked) == (expected, "", [])


def test_the_port_to_which_a_domains_mail_goes_is_where_its_records_are(store):
    world = World(mx(MX1), addresses(MX1), tlsa(MX1, GOOD, port=2525), sts("none"))
    for _ in range(2):
        made = asyncio.run(world.inquiry(memory=store).decided(DOMAIN, 2525))
        assert made.destinations[0].endpoint.port == 2525
        assert level(made) is Level.AUTHENTICATED
    world.say(tlsa(MX1))
    assert level(decided(world, store)[0]) is Level.MAY


def test_addresses_come_from_where_the_policies_come_from():
    both = addresses(MX1, six=found(Address("2001:db8::1")))
    assert asyncio.run(World(both).inquiry().addresses(MX1)) == ["2001:db8::1", "192.0.2.1"]
    one = addresses(MX1, six=failure())
    assert asyncio.run(World(one).inquiry().addresses(MX1)) == ["192.0.2.1"]


@pytest.mark.parametrize("answer", [bogus(), failure(Status.TIMEOUT), nothing()])
def test_a_host_without_an_address_is_not_to_be_reached(answer):
    world = World({Dns(MX1, Kind.A): answer, Dns(MX1, Kind.AAAA): nothing()})
    with pytest.raises(Unresolved) as error:
        asyncio.run(world.inquiry().addresses(MX1))
    assert str(error.value) == f"{MX1} has no address: {answer.said()}"


# -- at the same time ------------------------------------------------------------------


def test_whoever_looks_for_a_policy_at_the_same_time_gets_the_same_answer(store):
    world = World(*SIGNED, sts())
    asks = world.inquiry(memory=store)

    async def many():
        return await asyncio.gather(*(asks.mail(DOMAIN, again=True) for _ in range(50)))

    came = asyncio.run(many())
    assert {one.derivation.sts for one in came} == {came[0].derivation.sts}
    assert (world.asked.count(ANNOUNCED), world.asked.count(POLICY)) == (1, 1)
    assert all(ANNOUNCED in [asked.question for asked in one.asked] for one in came)


def test_policies_of_several_domains_are_looked_for_each_by_itself():
    others = [f"d{n}.example" for n in range(5)]
    answers = [{Dns(f"_mta-sts.{other}", Kind.TXT): nothing(N)} for other in others]
    world = World(*answers)
    asks = world.inquiry()

    async def all_of_them():
        return await asyncio.gather(*map(asks.look, others))

    assert [one.known.domain for one in asyncio.run(all_of_them())] == others


@pytest.mark.parametrize("given_up", [[0], [1], [0, 1, 2]])
def test_who_gives_up_leaves_the_others_their_answer_and_the_store_its_policy(store, given_up):
    world = World(*SIGNED, sts())
    asks = world.inquiry(memory=store)

    async def some_give_up():
        world.hold_up()
        tasks = [asyncio.create_task(asks.look(DOMAIN)) for _ in range(3)]
        await asyncio.sleep(0.01)
        for place in given_up:
            tasks[place].cancel()
        await asyncio.sleep(0.01)
        world.go_on()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.01)
        return ends

    ends = asyncio.run(some_give_up())
    for place, end in enumerate(ends):
        if place in given_up:
            assert isinstance(end, asyncio.CancelledError)
        else:
            assert end.known.policy.mode is Mode.ENFORCE
    assert store.known(DOMAIN).policy.mode is Mode.ENFORCE
    assert world.asked.count(ANNOUNCED) == 1


# -- in time ---------------------------------------------------------------------------

OVER = "the 0.05 seconds for all questions are over"


def in_time(world, **how):
    return asyncio.run(asyncio.wait_for(world.inquiry(timeout=0.05, **how).mail(DOMAIN), 5))


def test_hosts_whose_addresses_nobody_gives_away_do_not_cost_their_time_one_after_another():
    hosts = [f"mx{number}.{DOMAIN}" for number in range(50)]
    world = World(mx(*hosts), *map(addresses, hosts))
    world.keep_silent(*(Dns(host, kind) for host in hosts for kind in (Kind.A, Kind.AAAA)))
    made = in_time(world).derivation
    assert [each.dane.standing for each in made.destinations] == [Standing.FAILED] * 50
    assert OVER in made.waits
    assert len(world.asked) < len(hosts)  # when the time was over, nobody was asked any more


def test_the_hosts_that_were_reached_in_time_are_used_and_the_others_are_not():
    world = World(mx(MX1, MX2), dane(MX1), dane(MX2))
    world.keep_silent(Dns(f"_25._tcp.{MX2}", Kind.TLSA))
    first, second = in_time(world).derivation.destinations
    assert (first.decision.level, first.decision.refuses) == (Level.AUTHENTICATED, "")
    assert second.dane.standing is Standing.FAILED
    assert OVER in second.decision.refuses


def test_what_is_asked_when_the_time_is_over_is_not_asked_of_anybody():
    world = World(mx(MX1), dane(MX1))
    world.keep_silent(Dns(MX1, Kind.A))
    made = in_time(world)
    assert made.derivation.waits
    assert Dns(f"_25._tcp.{MX1}", Kind.TLSA) not in world.asked
    assert made.derivation.expires - made.derivation.at == timedelta(seconds=5)


def test_a_domain_whose_mx_nobody_gives_away_waits():
    world = World(mx(MX1))
    world.keep_silent(Dns(DOMAIN, Kind.MX))
    made = in_time(world).derivation
    assert (made.route.route, made.route.security) == (Route.FAILED, Security.UNCHECKED)
    assert OVER in made.waits


@pytest.mark.parametrize("lost", [ANNOUNCED, POLICY])
def test_a_policy_that_is_not_found_out_in_time_may_be_there(lost):
    world = World(*UNSIGNED, sts())
    world.keep_silent(lost)
    made = in_time(world).derivation
    assert made.sts.uncertain(made.at)
    assert OVER in (made.sts.record or made.sts.fetch).words


def test_a_policy_that_is_known_holds_when_there_is_no_time_to_look(store):
    world = World(*UNSIGNED, sts())
    asyncio.run(world.inquiry(memory=store).mail(DOMAIN))
    world.say(sts(id_=b"2"))
    world.keep_silent(POLICY)
    made = asyncio.run(world.inquiry(memory=store, timeout=0.05).mail(DOMAIN, again=True))
    assert level(made.derivation) is Level.AUTHENTICATED


def test_no_record_is_asked_for_before_it_is_known_that_it_may_be():  # RFC 7672, 2.2.2
    world = World(mx(MX1, MX2), addresses(MX1, N), addresses(MX2, N))
    asyncio.run(world.inquiry().mail(DOMAIN))
    kinds = [question.kind for question in world.asked if isinstance(question, Dns)]
    assert Kind.TLSA not in kinds
    assert len(world.asked) == len(set(world.asked))


# -- remembered ------------------------------------------------------------------------


def test_a_policy_is_looked_for_again_when_it_is_time_and_not_before(store, clock):
    world = World(*UNSIGNED, sts())
    asyncio.run(world.inquiry(memory=store).mail(DOMAIN))
    world.say(sts(id_=b"2"))
    for ahead, times in ((0, 1), (200, 1), (400, 2), (500, 2)):
        clock.ahead = timedelta(seconds=ahead)
        made = asyncio.run(world.inquiry(memory=store).mail(DOMAIN)).derivation
        assert level(made) is Level.AUTHENTICATED
        assert world.asked.count(ANNOUNCED) == times
    assert store.known(DOMAIN).id == "2"


def test_before_mail_is_given_up_it_is_looked_for_at_once(store):  # RFC 8461, 5.1
    world = World(*UNSIGNED, sts("enforce", MX2))
    before = asyncio.run(world.inquiry(memory=store).mail(DOMAIN)).derivation
    assert before.waits
    world.say(sts("enforce", MX1, id_=b"2"))
    assert asyncio.run(world.inquiry(memory=store).mail(DOMAIN)).derivation.waits
    after = asyncio.run(world.inquiry(memory=store).mail(DOMAIN, again=True)).derivation
    assert level(after) is Level.AUTHENTICATED


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (sts("none", id_=b"2"), "the policy went from enforce to none"),
        (sts("testing", id_=b"2"), "the policy went from enforce to testing"),
        (sts("enforce", MX1, "*.evil.example", id_=b"2"), "new in the policy: mx *.evil.example"),
    ],
)
def test_what_an_attacker_would_have_liked_is_told_once(store, changed, words):  # P-03
    world, noted = World(*UNSIGNED, sts()), []
    asks = world.inquiry(memory=store, note=lambda _of, told: noted.append(told))
    assert asyncio.run(asks.mail(DOMAIN)).alarms == ()
    world.say(changed)
    (alarm,) = asyncio.run(asks.mail(DOMAIN, again=True)).alarms
    assert alarm == f"{DOMAIN}: {words}"
    assert asyncio.run(asks.mail(DOMAIN, again=True)).alarms == ()
    assert noted == [alarm]


# -- whatever fails --------------------------------------------------------------------


@pytest.mark.parametrize("answers", [SIGNED, UNSIGNED], ids=["signed", "unsigned"])
def test_when_the_world_falls_silent_nothing_loosens(store, clock, answers):
    world = World(*answers, sts())
    before = asyncio.run(world.inquiry(memory=store).decided(DOMAIN))
    assert level(before) is Level.AUTHENTICATED
    world.fall_silent()
    for ahead in (0, 60, 400, 4000, 100_000):
        clock.ahead = timedelta(seconds=ahead)
        now = asyncio.run(world.inquiry(memory=store).decided(DOMAIN))
        assert now.waits or now.destinations == before.destinations
        assert now.sts.in_force(clock.now()).mode is Mode.ENFORCE
    assert now.route.route is Route.FAILED


@pytest.mark.parametrize(
    "lost", [{ANNOUNCED: failure()}, {ANNOUNCED: nothing(N)}, {POLICY: BLOCKED}]
)
def test_a_policy_outlives_its_record_and_its_host(store, clock, lost):
    world = World(*UNSIGNED, sts())
    asyncio.run(world.inquiry(memory=store).mail(DOMAIN))
    world.say(sts(id_=b"2"), lost)
    for days in (1, 6):
        clock.ahead = timedelta(days=days)
        made = asyncio.run(world.inquiry(memory=store).mail(DOMAIN, again=True)).derivation
        assert level(made) is Level.AUTHENTICATED


@pytest.mark.parametrize("back", [timedelta(minutes=10), timedelta(days=400)])
def test_a_clock_that_is_set_back_loosens_nothing_and_makes_nothing_last(store, clock, back):
    world = World(*UNSIGNED, sts())
    before = asyncio.run(world.inquiry(memory=store).decided(DOMAIN))
    clock.ahead = -back
    asked = len(world.asked)
    now = asyncio.run(world.inquiry(memory=store).decided(DOMAIN))
    assert level(now) is level(before)
    assert len(world.asked) > asked
    world.fall_silent()
    later = asyncio.run(world.inquiry(memory=store).mail(DOMAIN))
    assert later.derivation.waits
    assert later.derivation.sts.in_force(clock.now()).mode is Mode.ENFORCE


def test_what_goes_wrong_in_here_is_an_error_and_no_answer():
    async def breaks(_question):
        raise ZeroDivisionError

    for ask, fetch in ((breaks, World(sts()).answer), (World(*SIGNED, sts()).answer, breaks)):
        with pytest.raises(ZeroDivisionError):
            asyncio.run(Inquiry(ask, fetch, PLAIN).mail(DOMAIN))


# -- the store -------------------------------------------------------------------------


class Slow:
    """A memory that gives no answer until it is told to."""

    def __init__(self, store):
        self._store, self.may = store, threading.Event()

    def __getattr__(self, name):
        def late(*arguments):
            assert self.may.wait(20)
            return getattr(self._store, name)(*arguments)

        return late


def test_while_the_store_waits_all_else_goes_on(store):
    world, slow = World(*UNSIGNED, sts()), Slow(store)
    asks = world.inquiry(Beliefs(visits=slow.visits), slow)

    async def within():
        looks = [asyncio.create_task(asks.decided(DOMAIN)) for _ in range(5)]
        looks += [asyncio.create_task(asks.server(SMTP)), asyncio.create_task(asks.look(DOMAIN))]
        await asyncio.sleep(0)
        slow.may.set()  # nobody would come to do it, if the loop waited as well
        return await asyncio.gather(*looks)

    *made, host, looked = asyncio.run(within())
    assert {level(each) for each in made} == {Level.AUTHENTICATED}
    assert (host.endpoint, looked.known.policy.mode) == (SMTP, Mode.ENFORCE)


def test_a_store_that_cannot_be_read_is_an_error_and_not_no_policy(path):
    world = World(*SIGNED, sts())
    store = open_store(path)
    asks = world.inquiry(memory=store)
    store.close()
    for question in (asks.mail, asks.decided, asks.look):
        with pytest.raises(StoreError):
            asyncio.run(question(DOMAIN))


@pytest.mark.parametrize("table", ["policy", "derivation"])
def test_a_store_that_cannot_be_written_is_an_error(path, store, table):
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            f"create trigger full before insert on {table} begin select raise(abort, 'full'); end"
        )
    with pytest.raises(StoreError):
        asyncio.run(World(*SIGNED, sts()).inquiry(memory=store).decided(DOMAIN))


def test_a_history_that_cannot_be_read_is_an_error(path, store):
    other = open_store(path)
    other.close()
    world = World(*SIGNED)
    with pytest.raises(StoreError):
        asyncio.run(world.inquiry(Beliefs(visits=other.visits), store).mail(DOMAIN))


def test_where_a_policy_is_enforced_history_could_not_ask_for_more(store):
    world = World(*UNSIGNED, sts())
    asks = world.inquiry(Beliefs(visits=unreadable), store)
    assert level(asyncio.run(asks.mail(DOMAIN)).derivation) is Level.AUTHENTICATED
    for mode in ("testing", "none"):
        world.say(sts(mode, id_=mode.encode()))
        with pytest.raises(StoreError):
            asyncio.run(asks.mail(DOMAIN, again=True))


def unreadable(_endpoint):
    raise StoreError("unreadable")


# -- what was lost ---------------------------------------------------------------------


def damaged(store, world):
    """What asks with a store that has lost something."""
    store.lose(datetime.now(UTC))
    return world.inquiry(Beliefs(lost=store.lost), store)


@pytest.mark.parametrize("lost", [{ANNOUNCED: failure()}, {POLICY: BLOCKED}])
def test_where_a_policy_may_have_been_lost_mail_waits_until_it_is_told_whether_there_is_one(
    store, lost
):
    world = World(*UNSIGNED, sts())
    world.say(lost)
    asks = damaged(store, world)
    made = asyncio.run(asks.decided(DOMAIN))
    assert "the store was damaged on 20" in made.waits
    assert f"may have known a policy of {DOMAIN}" in made.waits
    world.say(sts())
    again = asyncio.run(asks.mail(DOMAIN, again=True)).derivation
    if POLICY in lost:  # that host is not asked again at once (RFC 8461, 3.3)
        assert again.waits
    else:
        assert level(again) is Level.AUTHENTICATED


def test_a_domain_that_says_that_there_is_none_is_clear_for_good(store):
    world = World(*UNSIGNED)
    asks = damaged(store, world)
    assert level(asyncio.run(asks.mail(DOMAIN)).derivation) is Level.MAY
    world.say({ANNOUNCED: failure()})
    assert level(asyncio.run(asks.mail(DOMAIN, again=True)).derivation) is Level.MAY


def test_a_policy_that_is_still_known_holds_whatever_else_was_lost(store):
    world = World(*UNSIGNED, sts())
    asyncio.run(world.inquiry(memory=store).mail(DOMAIN))
    asks = damaged(store, world)
    world.say({ANNOUNCED: failure()})
    made = asyncio.run(asks.mail(DOMAIN, again=True)).derivation
    assert level(made) is Level.AUTHENTICATED


def test_a_server_that_mail_goes_through_may_have_had_a_policy_as_well(store):
    world = World(addresses(MX1, N), {Dns(f"_mta-sts.{MX1}", Kind.TXT): failure()})
    made = asyncio.run(damaged(store, world).next_hop(MX1))
    assert f"may have known a policy of {MX1}" in made.waits
    store.regain()
    asks = world.inquiry(Beliefs(lost=store.lost), store)
    assert not asyncio.run(asks.next_hop(MX1)).waits


def test_a_clock_that_is_set_back_a_year_neither_ends_a_loss_nor_has_mail_wait_for_ever(
    store, clock
):
    world = World(*UNSIGNED)
    world.say({ANNOUNCED: failure()})
    asks = damaged(store, world)
    clock.ahead = -timedelta(days=365)
    assert asyncio.run(asks.mail(DOMAIN)).derivation.waits
    world.say({ANNOUNCED: nothing(N)})
    clock.ahead = -timedelta(days=364)
    assert level(asyncio.run(asks.mail(DOMAIN)).derivation) is Level.MAY


def test_an_error_that_nobody_waits_for_any_more_is_not_shouted_about(path):
    """A look that everybody gave up may still fail: nobody is there who could be told."""
    world = World(*SIGNED, sts())
    store = open_store(path)
    asks = world.inquiry(memory=store)
    shouted = []

    async def give_up():
        asyncio.get_running_loop().set_exception_handler(lambda _, told: shouted.append(told))
        world.hold_up()
        task = asyncio.create_task(asks.look(DOMAIN))
        await asyncio.sleep(0.01)
        task.cancel()
        store.close()
        world.go_on()
        with suppress(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.01)
        with pytest.raises(StoreError):  # who asks next is told
            await asks.look(DOMAIN)

    asyncio.run(give_up())
    assert shouted == []


# -- decisions from memory -------------------------------------------------------------


def decided(world, store, beliefs=PLAIN):
    """What is decided, and how many questions that took."""
    asked = len(world.asked)
    made = asyncio.run(world.inquiry(beliefs, store).decided(DOMAIN))
    return made, len(world.asked) - asked


async def kept(asks):
    return [made async for made in asks.kept()]


def test_everything_that_is_kept_is_given_page_by_page(store, monkeypatch):
    monkeypatch.setattr(inquiry, "_PAGE", 2)
    world, names = World(*SIGNED, sts()), []
    made, _ = decided(world, store)
    body = store.derived(DOMAIN, made.at)
    for number in range(5):
        names.append(f"d{number}.example")
        other = body.replace(DOMAIN.encode(), names[-1].encode())
        store.keep_derived(names[-1], made.at, made.expires, other, store.era())
    given = asyncio.run(kept(world.inquiry(memory=store)))
    assert [each.domain for each in given] == sorted([DOMAIN, *names])
    assert made in given


def test_what_others_believe_or_cannot_be_read_is_not_given(store, clock):
    world = World(*SIGNED, sts())
    made, _ = decided(world, store)
    assert asyncio.run(kept(world.inquiry(wish("encrypt"), store))) == []
    body = store.derived(DOMAIN, made.at)
    store.keep_derived("broken.example", made.at, made.expires, body[:-5], store.era())
    assert asyncio.run(kept(world.inquiry(memory=store))) == [made]
    clock.ahead = timedelta(seconds=301)
    assert asyncio.run(kept(world.inquiry(memory=store))) == []


def test_without_a_memory_nothing_is_given():
    assert asyncio.run(kept(World().inquiry())) == []


def test_what_was_decided_holds_for_as_long_as_it_says(store, clock):
    world = World(*SIGNED, sts())
    made, questions = decided(world, store)
    assert questions > 0
    assert decided(world, store) == (made, 0)
    clock.ahead = timedelta(seconds=301)
    again, questions = decided(world, store)
    assert questions > 0
    assert again.at > made.at


def test_without_a_store_every_decision_is_asked_for():
    world = World(*SIGNED)
    assert decided(world, None)[1] == decided(world, None)[1] > 0


def test_a_decision_is_gone_when_its_policy_is_released(store):
    world = World(*UNSIGNED, sts())
    decided(world, store)
    store.release(DOMAIN)
    world.say({ANNOUNCED: nothing(N)})
    made, questions = decided(world, store)
    assert (level(made), questions > 0) == (Level.MAY, True)


def test_a_decision_is_not_for_those_who_believe_something_else(store):
    """One store may serve several who have tables of their own."""
    world = World(*SIGNED)
    world.say(mx(MX1, security=N), addresses(MX1, N))
    loose, _ = decided(world, store)
    assert level(loose) is Level.MAY
    for require, expected in (("encrypt", Level.ENCRYPT), ("verify", Level.AUTHENTICATED)):
        made, questions = decided(world, store, wish(require))
        assert (level(made), questions > 0) == (expected, True)
        assert decided(world, store, wish(require))[1] == 0
    assert level(decided(world, store)[0]) is Level.MAY


def test_what_nobody_has_checked_is_not_kept_for_those_who_can(store):
    """Else one machine without a resolver that validates would loosen what others decide."""
    world = World(mx(MX1, security=U))
    assert level(decided(world, store)[0]) is Level.MAY
    world.say(*SIGNED)
    assert level(decided(world, store)[0]) is Level.AUTHENTICATED


def test_what_is_longer_than_anybody_needs_is_not_kept(store):
    """Whoever has mail sent to domains of his own would fill our memory otherwise."""
    hosts = [f"mx{number}.{DOMAIN}" for number in range(50)]
    many = [replace(GOOD, data=bytes([number]) * 32) for number in range(100)]
    world = World(mx(*hosts), *map(addresses, hosts), *(tlsa(host, *many) for host in hosts))
    assert len(decided(world, store)[0].destinations) == 50
    assert decided(world, store)[1] > 50


def test_a_decision_that_cannot_be_read_is_made_anew(path, store):
    """As another version of unstrip may have written it."""
    world = World(*SIGNED)
    made, _ = decided(world, store)
    for body in (b"", b"{}", b"\xff" * 99):
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("update derivation set body = ?", (body,))
        again, questions = decided(world, store)
        assert again.destinations == made.destinations
        assert questions > 0


def test_what_was_seen_of_a_server_counts_at_the_next_decision(store):
    visit = replace(upgraded(), endpoint=SMTP, began=datetime.now(UTC))
    world = World(*UNSIGNED)
    asks = world.inquiry(Beliefs(visits=store.visits, visits_of=store.visits_of), store)
    assert level(asyncio.run(asks.mail(DOMAIN)).derivation) is Level.MAY
    store.keep(visit)
    assert level(asyncio.run(asks.mail(DOMAIN)).derivation) is Level.ENCRYPT


def test_what_was_decided_before_a_server_was_seen_holds_no_more(store):
    visit = replace(upgraded(), endpoint=SMTP, began=datetime.now(UTC))
    world = World(*UNSIGNED)
    seeing = Beliefs(visits=store.visits, visits_of=store.visits_of)
    assert level(decided(world, store, seeing)[0]) is Level.MAY
    store.keep(visit)
    assert level(decided(world, store, seeing)[0]) is Level.ENCRYPT
    store.keep(visit)
    assert decided(world, store, seeing)[1] == 0


def test_records_that_change_are_in_the_next_decision(store, clock):
    world = World(mx(MX1), addresses(MX1), tlsa(MX1))
    assert level(decided(world, store)[0]) is Level.MAY
    world.say(tlsa(MX1, GOOD))
    clock.ahead = timedelta(seconds=301)
    assert level(decided(world, store)[0]) is Level.AUTHENTICATED


def test_what_was_kept_at_a_first_contact_is_not_for_those_who_would_wait(store):
    rule = '[[rule]]\nhost = "*"\nrequire = "may"\n'
    patient = Beliefs(local.parse(f'{rule}unknown = "wait"'))
    world = World(mx(MX1, security=N), addresses(MX1, N), {ANNOUNCED: failure(Status.TIMEOUT)})
    assert decided(world, store, Beliefs(local.parse(rule)))[0].waits == ""
    made, questions = decided(world, store, patient)
    assert made.waits.startswith("rule 1 of the table has mail wait")
    assert questions > 0
    assert decided(world, store, patient) == (made, 0)


def test_a_rule_for_a_port_is_for_mail_to_that_port_though_no_server_is_known():
    rule = f'[[rule]]\nhost = "{DOMAIN}"\nrequire = "encrypt"\noverride = true\nport = 587'
    world = World({Dns(DOMAIN, Kind.MX): failure()})
    inquiry = world.inquiry(Beliefs(local.parse(rule)))
    assert asyncio.run(inquiry.decided(DOMAIN, 587)).waits == ""
    assert asyncio.run(inquiry.decided(DOMAIN)).waits
