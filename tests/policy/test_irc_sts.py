"""IRC's strict transport security: what counts where, and that nothing said in clear loosens."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verdict.scenes import HOST, NOW, days_ago, heard, shaken, untrusted
from unstrip.evidence import Endpoint, Evidence, Failure
from unstrip.policy import Level, Policy, decide
from unstrip.policy.irc_sts import hint, opinion, said
from unstrip.trouble import Trouble

IRC = Endpoint(HOST, 6667, "irc")
IRCS = Endpoint(HOST, 6697, "irc", implicit=True)
ASK = "C: CAP LS 302"
MONTH = "sts=duration=2592000"


def implicit(listed: str, **fields) -> Evidence:
    """A visit with TLS from the first byte."""
    return heard(ASK, f"S: :irc CAP * LS :{listed}", endpoint=IRCS, **fields)


def clear(listed: str) -> Evidence:
    """A visit that stays in clear, since no `tls` is listed."""
    return heard(ASK, f"S: :irc CAP * LS :{listed}", endpoint=IRC)


def upgraded(before: str, inside: str, **fields) -> Evidence:
    """A visit that goes from the one list to the other."""
    lines = (ASK, f"S: :irc CAP * LS :tls {before}", "C: STARTTLS", "S: :irc 670 * :go", "<TLS>")
    return heard(*lines, ASK, f"S: :irc CAP * LS :{inside}", endpoint=IRC, **fields)


def holds(*visits: Evidence, now: datetime = NOW) -> bool:
    return opinion(visits, now) is not None


def test_a_duration_inside_tls_asks_for_tls_with_a_valid_certificate_until_it_is_over():
    found = opinion([days_ago(1, implicit(f"multi-prefix {MONTH} sasl"))], NOW)
    text = "sts=duration=2592000, listed inside TLS on 2026-11-20"
    assert found == Policy(
        "irc-sts",
        Level.AUTHENTICATED,
        text,
        attests=True,
        expires=NOW + timedelta(days=29),
        rule="IRCv3, strict transport security",
    )


def test_a_connection_that_was_upgraded_is_as_good():
    assert holds(upgraded("sts=port=6697", MONTH))


def test_no_visit_asks_for_nothing():
    assert not holds()
    assert not holds(implicit("sasl"))
    assert not holds(heard("<EOF>", endpoint=IRC))


@pytest.mark.parametrize(
    "visit",
    [
        clear(MONTH),
        clear("sts=duration=2592000,port=6697"),
        upgraded(MONTH, "sasl"),
        implicit(MONTH, handshake=untrusted()),
        implicit(MONTH, handshake=shaken(webpki=None)),
        implicit(MONTH, failure=Failure(Trouble.ENDED, "connection closed")),
    ],
    ids=["in clear", "with a port", "before TLS", "unknown issuer", "unjudged", "broken off"],
)
def test_a_duration_counts_only_where_the_host_itself_has_said_it(visit):
    assert not holds(visit)


def test_a_port_alone_makes_no_policy():
    assert not holds(clear("sts=port=6697"), implicit("sts=port=6697"))


def test_the_newest_duration_counts_whatever_the_order_of_the_visits():
    old, new = days_ago(9, implicit(MONTH)), days_ago(3, implicit("sts=duration=432000"))
    for visits in ([old, new], [new, old]):
        found = opinion(visits, NOW)
        assert found is not None
        assert found.expires == NOW + timedelta(days=2)


def test_it_is_over_on_the_second():
    visit = days_ago(30, implicit(MONTH))
    assert not holds(visit)
    assert holds(visit, now=NOW - timedelta(seconds=1))


def test_zero_inside_tls_releases():
    assert not holds(days_ago(2, implicit(MONTH)), days_ago(1, implicit("sts=duration=0")))


@pytest.mark.parametrize(
    "later",
    [
        clear("sts=duration=0"),
        clear("sasl"),
        upgraded("sts=duration=0", "sasl"),
        implicit("sasl"),
        implicit("sts=port=6697"),
        implicit("sts"),
        implicit("sts=duration=0", handshake=untrusted()),
        implicit("sts=duration=0", failure=Failure(Trouble.ENDED, "connection closed")),
        implicit("sts=duration=0,duration=0"),
        implicit("sts=duration=0 sts=duration=0"),
        implicit("sts=duration=-1"),
    ],
)
def test_nothing_else_releases(later):
    assert holds(days_ago(2, implicit(MONTH)), days_ago(1, later))


def test_a_release_from_before_the_clock_was_set_back_waits_for_its_time():
    visits = [days_ago(1, implicit(MONTH)), days_ago(-5, implicit("sts=duration=0"))]
    assert holds(*visits)
    assert not holds(*visits, now=NOW + timedelta(days=5))


def test_of_a_release_and_a_duration_at_the_same_time_the_stricter_counts():
    assert holds(implicit("sts=duration=0"), implicit(MONTH))
    assert holds(implicit(MONTH), implicit("sts=duration=0"))


@pytest.mark.parametrize(
    "value",
    [
        *("", "duration", "duration=", "duration=x", "duration=-1", "duration=+1", "duration=1.5"),
        *("duration= 60", "duration=0x10", "duration=1_0", "duration=\u0661", "duration=60=60"),
        *("duration=4294967296", "duration=" + "9" * 400, "DURATION=60", "duration=60;port=1"),
        *("duration=60,duration=60", "duration=60,duration", "duration=0,duration=60"),
    ],
)
def test_a_duration_that_is_none_makes_no_policy(value):
    visit = implicit("sasl")
    listed = (f"sts={value}",)  # as the client would have it, blanks and all
    assert not holds(replace(visit, upgrade=replace(visit.upgrade, inside=listed)))


@pytest.mark.parametrize(
    "listed",
    [f"{MONTH} {MONTH}", f"sts {MONTH}", f"draft/{MONTH}", f"-{MONTH}", "STS=duration=60"],
)
def test_a_capability_that_is_there_twice_or_is_another_one_makes_no_policy(listed):
    assert not holds(implicit(listed))


def test_keys_that_are_unknown_are_passed_over_even_twice():
    assert holds(implicit("sts=unknown,duration=31536000,foo=bar,foo=bar,,port=0"))


def test_the_longest_duration_has_32_bits():
    found = opinion([implicit("sts=duration=4294967295")], NOW)
    assert found is not None
    assert found.expires == NOW + timedelta(seconds=2**32 - 1)


@pytest.mark.parametrize(
    "keys", ["duration=60,preload", "preload,duration=60", "preload=0,duration=60"]
)
def test_preload_is_noted_whatever_it_is_set_to(keys):
    found = opinion([implicit(f"sts={keys}")], NOW)
    assert found is not None
    assert found.text.startswith("sts=duration=60,preload, listed")


@pytest.mark.parametrize(
    ("visit", "seconds"),
    [
        (implicit(MONTH), 2592000),
        (upgraded("sts=port=6697", "sts=duration=60"), 60),
        (implicit("sts=duration=0"), 0),
        (implicit("sts=duration=x"), None),
        (implicit("sasl"), None),
        (implicit(MONTH, handshake=untrusted()), None),
        (implicit(MONTH, failure=Failure(Trouble.ENDED, "connection closed")), None),
        (clear(MONTH), None),
        (heard("<EOF>", endpoint=IRC), None),
    ],
)
def test_what_has_to_be_remembered_is_what_counts(visit, seconds):
    assert said(visit) == seconds


@pytest.mark.parametrize(
    ("visit", "port"),
    [
        (clear("sts=port=6697"), 6697),
        (clear("sts=duration=60,port=6697"), 6697),
        (upgraded("sts=port=6697", "sts=port=1"), 6697),
        (implicit("sts=port=6697"), None),  # there is TLS already
        (clear("sasl"), None),
        (clear("sts"), None),
        (clear("sts=port=0"), None),
        (clear("sts=port=65536"), None),
        (clear("sts=port=6697,port=6698"), None),
        (clear("sts=port=6697 sts=port=6698"), None),
        (heard("<EOF>", endpoint=IRC), None),
    ],
)
def test_the_hint_is_the_port_that_the_list_in_clear_names(visit, port):
    assert hint(visit) == port


KEYS = st.sampled_from(["duration", "port", "preload", "", "x"]) | st.text()
VALUES = st.integers(-(2**34), 2**34).map(str) | st.text()
TOKENS = st.builds("=".join, st.tuples(KEYS, VALUES)) | KEYS
WORDS = st.lists(TOKENS).map(",".join).map("sts={}".format) | st.text()
LISTS = st.lists(WORDS, max_size=4).map(tuple)
IN_CLEAR, INSIDE = clear("sasl"), implicit("sasl")


def listing(visit: Evidence, field: str, listed: tuple[str, ...]) -> Evidence:
    return replace(visit, upgrade=replace(visit.upgrade, **{field: listed}))


@given(LISTS)
def test_whatever_is_listed_comes_to_a_policy_or_to_none(listed):
    found = opinion([listing(INSIDE, "inside", listed)], NOW)
    if found is not None:
        assert found.expires > NOW
        assert found.text.isascii()
        assert found.text.isprintable()


@given(LISTS)
def test_whatever_is_listed_in_clear_comes_to_a_port_or_to_none(listed):
    port = hint(listing(IN_CLEAR, "offered", listed))
    assert port is None or 0 < port < 65536


@given(LISTS, LISTS, st.floats(-300, 300))
def test_nothing_that_is_said_in_clear_changes_what_was_said_inside(inside, outside, age):
    visit = listing(INSIDE, "inside", inside)
    stranger = days_ago(age, listing(IN_CLEAR, "offered", outside))
    assert opinion([visit, stranger], NOW) == opinion([visit], NOW)


def test_a_decision_made_of_it_attests_that_there_is_tls():
    decision = decide([opinion([implicit(MONTH)], NOW)], NOW)
    assert decision.level is Level.AUTHENTICATED
    assert [policy.source for policy in decision.attested] == ["irc-sts"]
