"""What all tongues have in common: no request goes without a reply, and none loosens by failing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.mta.domains import DOMAIN, NONE, A, derived, lost
from tests.mta.requests import query, request, taken
from unstrip.mta.nexthop import NextHop
from unstrip.mta.readsocket import ReadSocket
from unstrip.mta.socketmap import Socketmap
from unstrip.mta.tcp_table import TcpTable
from unstrip.mta.tongue import FAILED, NOTHING, REFUSED, Garbled, Query, Told, line, reason

TONGUES = [Socketmap(), TcpTable(), ReadSocket()]
each = pytest.mark.parametrize("tongue", TONGUES, ids=lambda tongue: type(tongue).__name__)
ENFORCED = derived({A: NONE}, mode="enforce")


@each
def test_a_next_hop_is_asked_for_and_told_of(tongue):
    asked = query(tongue, request(tongue, b"Example.org"))
    assert asked.hop == NextHop(DOMAIN)
    told = asked.tell(ENFORCED)
    assert b"mx1" in told.data
    assert told.kind in {"secure", "verify"}
    assert not told.passing


@each
def test_where_there_is_no_policy_that_is_told(tongue):
    told = query(tongue, request(tongue, b"example.org")).tell(derived({A: NONE}))
    assert (told.kind, told.passing) == (NOTHING, False)
    assert tongue.asked(request(tongue, b".example.org")) == told


@each
def test_what_waits_and_what_cannot_be_read_is_a_failure_that_passes(tongue):
    for told in (
        query(tongue, request(tongue, b"example.org")).tell(lost()),
        tongue.asked(request(tongue, b"[example.org")),
        tongue.failed("no resolver"),
    ):
        assert (told.kind, told.passing) == (FAILED, True)
    assert b"resolver" in told.data


@each
def test_requests_are_found_however_they_come(tongue):
    one, two = request(tongue, b"one.example"), request(tongue, b"two.example")
    stream = one + two + one
    assert taken(tongue, stream) == [one, two, one]
    assert taken(tongue, *(bytes([byte]) for byte in stream)) == [one, two, one]
    for place in range(len(stream)):
        assert taken(tongue, stream[:place], stream[place:]) == [one, two, one]


@each
@given(data=st.data())
def test_mutated_requests_have_a_reply_or_end_the_connection(tongue, data):
    stream = bytearray(request(tongue, b"one.example") + request(tongue, b"[two.example]:587"))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(stream) - 1))
        stream[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    try:
        found = taken(tongue, bytes(stream))
    except Garbled:
        return
    assert bytes(stream).startswith(b"".join(found))
    for one in found:
        asked = tongue.asked(one)
        if isinstance(asked, Query):
            assert asked.tell(ENFORCED).kind in {"secure", "verify"}
        else:
            assert asked.kind in {NOTHING, FAILED, REFUSED}


@each
@given(said=st.binary(max_size=300))
def test_nothing_that_is_said_breaks_a_tongue(tongue, said):
    try:
        found = taken(tongue, said)
    except Garbled:
        return
    assert all(isinstance(tongue.asked(one), Query | Told) for one in found)


def test_a_line_may_be_so_long_and_no_longer():
    assert line(bytearray(b"abc\nd"), 4) == 4
    assert line(bytearray(b"abc"), 4) == 0
    for said in (b"abcd", b"abcd\n"):
        with pytest.raises(Garbled, match="more than 4 bytes"):
            line(bytearray(said), 4)


def test_a_reason_is_one_short_line_that_can_be_shown():
    assert reason("a\r\nb\tc") == "a b c"
    assert reason("\x1b[2J\N{SNOWMAN}") == r"\x1b[2J\u2603"
    assert len(reason("x" * 1000)) < 210
    assert reason("") == "no reason is known"
