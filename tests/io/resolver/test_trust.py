"""Whether a server's word on DNSSEC is believed."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from unstrip.io.resolver.trust import AGAIN, FRESH, RETRY, SelfTest, Standing, Trust, try_out
from unstrip.policy.questions import Address, Dns, DnsAnswer, Kind, Security, Status

GOOD, BAD = Dns("good.example", Kind.A), Dns("bad.example", Kind.A)
TEST = SelfTest(GOOD, BAD)
SECURE = DnsAnswer(Status.FOUND, (Address("192.0.2.1"),), Security.SECURE)
INSECURE = replace(SECURE, security=Security.INSECURE)
BOGUS = DnsAnswer(Status.SERVFAIL, security=Security.BOGUS)
DOWN = DnsAnswer(Status.TIMEOUT, words="no answer")
SERVFAIL = DnsAnswer(Status.SERVFAIL)


class Servant:
    """A server that answers what it is told to."""

    def __init__(self, good=SECURE, bad=BOGUS):
        self.answers = {GOOD: good, BAD: bad}
        self.asked = []

    async def __call__(self, question):
        self.asked.append(question)
        await asyncio.sleep(0)
        return self.answers[question]


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def tried(good=SECURE, bad=BOGUS, test=TEST):
    return asyncio.run(try_out(Servant(good, bad), test))


def test_one_that_tells_signed_from_forged_is_proved():
    assert tried().standing is Standing.PROVED


def test_that_a_signed_name_is_not_there_is_as_good_as_that_it_is():
    nothing = DnsAnswer(Status.NXDOMAIN, security=Security.SECURE)
    assert tried(nothing).standing is Standing.PROVED


@pytest.mark.parametrize(
    ("good", "bad", "words"),
    [
        (INSECURE, BOGUS, "good.example is signed"),
        (INSECURE, INSECURE, "good.example is signed"),
        (SECURE, INSECURE, "bad.example has wrong signatures"),
        (SECURE, SECURE, "bad.example has wrong signatures"),  # says AD to everything
        (SECURE, DnsAnswer(Status.NXDOMAIN), "bad.example has wrong signatures"),
        (DOWN, INSECURE, "bad.example has wrong signatures"),  # whoever keeps the other silent
        (INSECURE, DOWN, "good.example is signed"),
        (SERVFAIL, SECURE, "bad.example has wrong signatures"),
    ],
)
def test_one_that_does_not_is_disproved_and_why_is_said(good, bad, words):
    found = tried(good, bad)
    assert found.standing is Standing.DISPROVED
    assert words in found.words


@pytest.mark.parametrize(
    ("good", "bad"),
    [(DOWN, DOWN), (DOWN, BOGUS), (SECURE, DOWN), (SECURE, SERVFAIL), (BOGUS, BOGUS)],
)
def test_where_a_name_has_no_answer_nothing_is_known(good, bad):
    found = tried(good, bad)
    assert found.standing is Standing.UNKNOWN
    assert "example" in found.words


def test_each_half_of_the_test_can_be_left_out():
    assert tried(INSECURE, test=SelfTest(None, BAD)).standing is Standing.PROVED
    assert tried(SECURE, INSECURE, SelfTest(GOOD, None)).standing is Standing.PROVED
    assert tried(DOWN, DOWN, SelfTest(None, None)).standing is Standing.PROVED


def test_by_default_two_names_of_the_internet_are_used():
    assert SelfTest().validates == Dns("iana.org", Kind.A)
    assert SelfTest().fails == Dns("dnssec-failed.org", Kind.A)


def test_one_that_is_distrusted_is_not_even_tried():
    servant = Servant()
    trust = Trust(servant, TEST, "it is another machine")
    found = asyncio.run(trust.finding())
    assert found.standing is Standing.DISPROVED
    assert found.words == "it is another machine"
    assert servant.asked == []


def test_many_who_ask_at_once_wait_for_one_trial():
    servant = Servant()
    trust = Trust(servant, TEST)

    async def many():
        return await asyncio.gather(*(trust.finding() for _ in range(10)))

    assert {found.standing for found in asyncio.run(many())} == {Standing.PROVED}
    assert len(servant.asked) == 2


def test_who_gives_up_does_not_end_the_trial_for_the_others():
    trust = Trust(Servant(), TEST)

    async def give_up():
        first, second = (asyncio.create_task(trust.finding()) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert asyncio.run(give_up()).standing is Standing.PROVED


def finding(trust):
    return asyncio.run(trust.finding()).standing


def test_one_that_is_proved_is_tried_again_after_an_hour():
    servant, clock = Servant(), Clock()
    trust = Trust(servant, TEST, clock=clock)
    assert finding(trust) is Standing.PROVED
    servant.answers[GOOD] = INSECURE
    clock.now += AGAIN - 1
    assert finding(trust) is Standing.PROVED
    clock.now += 1
    assert finding(trust) is Standing.LOST


def test_one_that_is_not_is_tried_again_soon():
    servant, clock = Servant(INSECURE), Clock()
    trust = Trust(servant, TEST, clock=clock)
    assert finding(trust) is Standing.DISPROVED
    servant.answers[GOOD] = SECURE
    assert finding(trust) is Standing.DISPROVED
    clock.now += RETRY
    assert finding(trust) is Standing.PROVED


def test_silencing_the_names_does_not_take_back_what_is_proved():
    servant, clock = Servant(), Clock()
    trust = Trust(servant, TEST, clock=clock)
    assert finding(trust) is Standing.PROVED
    servant.answers = {GOOD: DOWN, BAD: DOWN}
    for _ in range(3):
        clock.now += AGAIN
        assert finding(trust) is Standing.PROVED


@pytest.mark.parametrize("then", [DOWN, SERVFAIL, INSECURE])
def test_one_that_validated_and_does_no_more_is_lost_until_it_does_again(then):
    servant, clock = Servant(), Clock()
    trust = Trust(servant, TEST, clock=clock)
    assert finding(trust) is Standing.PROVED
    for answers in ({GOOD: DOWN, BAD: INSECURE}, {GOOD: then, BAD: then}):
        servant.answers = answers
        clock.now += AGAIN
        assert finding(trust) is Standing.LOST
    assert "though it did" in asyncio.run(trust.finding()).words
    servant.answers = {GOOD: SECURE, BAD: BOGUS}
    clock.now += RETRY
    assert finding(trust) is Standing.PROVED


# what is not signed, by the word of one that was proved


def borne_out(trust, answer=INSECURE):
    return asyncio.run(trust.borne_out(answer)).standing


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def servant():
    return Servant()


@pytest.fixture
def proved(servant, clock):
    trust = Trust(servant, TEST, clock=clock)
    assert finding(trust) is Standing.PROVED
    servant.asked.clear()
    return trust


def test_an_unsigned_answer_is_believed_for_a_while_after_a_proof_and_then_after_another(
    proved, servant, clock
):
    clock.now += FRESH - 1
    assert borne_out(proved) is Standing.PROVED
    assert servant.asked == []
    clock.now += 1
    assert borne_out(proved) is Standing.PROVED
    assert servant.asked == [GOOD, BAD]
    servant.answers[GOOD] = INSECURE
    clock.now += FRESH
    assert borne_out(proved) is Standing.LOST
    assert proved.known.standing is Standing.LOST


def test_whatever_it_vouches_for_is_a_proof(proved, servant, clock):
    for _ in range(9):
        clock.now += FRESH - 1
        assert borne_out(proved, SECURE) is Standing.PROVED
        assert borne_out(proved) is Standing.PROVED
    assert servant.asked == []


@pytest.mark.parametrize("answer", [DOWN, SERVFAIL, BOGUS])
def test_a_failure_proves_nothing_and_needs_no_proof(proved, servant, clock, answer):
    clock.now += FRESH
    assert borne_out(proved, answer) is Standing.PROVED
    assert servant.asked == []
    borne_out(proved)
    assert servant.asked == [GOOD, BAD]


def test_that_it_vouches_for_something_does_not_put_its_next_trial_off(proved, servant, clock):
    clock.now += AGAIN - 1
    borne_out(proved, SECURE)
    clock.now += 1
    finding(proved)
    assert servant.asked == [GOOD, BAD]


def test_silence_in_the_trial_takes_nothing_back_and_it_is_not_tried_at_each_answer(
    proved, servant, clock
):
    servant.answers = {GOOD: DOWN, BAD: DOWN}
    clock.now += FRESH
    for _ in range(9):
        assert borne_out(proved) is Standing.PROVED
    assert servant.asked == [GOOD, BAD]


def test_many_unsigned_answers_at_once_wait_for_one_trial(proved, servant, clock):
    clock.now += FRESH

    async def many():
        return await asyncio.gather(*(proved.borne_out(INSECURE) for _ in range(10)))

    assert {found.standing for found in asyncio.run(many())} == {Standing.PROVED}
    assert servant.asked == [GOOD, BAD]


def test_who_follows_knows_that_it_was_proved_and_tries_it_all_the_same(proved, servant, clock):
    servant.answers[GOOD] = INSECURE
    after = Trust(servant, TEST, clock=clock)
    after.follow(proved)
    assert finding(after) is Standing.LOST
    assert proved.known.standing is Standing.PROVED
