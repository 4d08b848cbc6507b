"""Socketmap: netstrings to the letter, and no reply that Postfix could not read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.mta.domains import NONE, A, derived, listed, lost
from tests.mta.requests import query, refused, taken
from tests.policy.answering import N
from unstrip.mta.socketmap import LONGEST_QUERY, LONGEST_REPLY, Socketmap
from unstrip.mta.tongue import Garbled, Query

MAP = Socketmap()
ENFORCED = derived({A: NONE}, mode="enforce")
FAR_TOO_MANY = [f"mx{number}.{'long-' * 10}.example.org" for number in range(2500)]


def asked(payload: bytes, tongue: Socketmap = MAP) -> bytes:
    return refused(tongue, netstring(payload)).data


def netstring(payload: bytes) -> bytes:
    return b"%d:%b," % (len(payload), payload)


def read(reply: bytes) -> bytes:
    """The payload of one netstring, and nothing beside it."""
    length, _, rest = reply.partition(b":")
    assert rest[int(length) :] == b","
    return rest[: int(length)]


def test_the_example_of_the_protocol_is_understood():
    (request,) = taken(MAP, b"17:QUERY example.org,")
    assert query(MAP, request).hop.host == "example.org"


def test_a_policy_is_told_as_postfix_reads_it():
    told = query(MAP, netstring(b"QUERY example.org")).tell(ENFORCED)
    assert told.data == b"51:OK secure match=mx1.example.org servername=hostname,"
    assert told.kind == "secure"


def test_what_goes_into_reports_is_told_to_whom_understands_it():
    told = query(MAP, netstring(b"QUERYwithTLSRPT example.org")).tell(ENFORCED)
    assert b" policy_type=sts policy_domain=example.org mx_host_pattern=mx1" in read(told.data)
    assert b"policy_type" not in query(MAP, netstring(b"QUERY example.org")).tell(ENFORCED).data


def test_the_names_of_maps_can_be_others():
    tongue = Socketmap({"postfix": True})
    assert isinstance(tongue.asked(netstring(b"postfix example.org")), Query)
    assert read(asked(b"QUERY example.org", tongue)) == b"PERM no map is named 'QUERY' here"


def test_no_policy_is_not_found_and_never_an_empty_ok():
    nothing = query(MAP, netstring(b"QUERY example.org")).tell(derived({A: NONE}))
    assert nothing.data == b"9:NOTFOUND ,"
    assert asked(b"QUERY .example.org") == b"9:NOTFOUND ,"


def test_a_failure_is_temporary_and_says_why():
    told = query(MAP, netstring(b"QUERY example.org")).tell(lost())
    assert read(told.data).startswith(b"TEMP ")
    assert b"signature expired" in told.data


@pytest.mark.parametrize("payload", [b"", b"QUERY", b"QUERY ", b"query x.org", b"PURGE x", b" x"])
def test_what_is_no_question_is_a_permanent_error(payload):
    assert read(asked(payload)).startswith(b"PERM ")


def test_a_name_of_a_map_cannot_break_out_of_the_reply():
    reply = read(asked(b"\xff\n,4:OK x x.org"))
    assert reply == rb"PERM no map is named '\xff ,4:OK' here"


@pytest.mark.parametrize(
    "said",
    [
        b":QUERY x,",
        b"007:QUERY x,",
        b"07:QUERY x",
        b"+7:QUERY x,",
        b" 7:QUERY x,",
        b"-7:",
        b"7 :QUERY x,",
        b"7:QUERY x;",
        b"7:QUERY xy,",
        b"\xb2:ab,",
        b"10001:",
        b"99999:",
        b"100000",
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01\x02\x00",
    ],
)
def test_what_is_no_netstring_ends_the_connection(said):
    with pytest.raises(Garbled):
        taken(MAP, said)


def test_a_request_that_is_too_long_is_refused_before_it_is_there():
    with pytest.raises(Garbled, match="10000 bytes"):
        MAP.whole(bytearray(b"10001:"))
    longest = netstring(b"QUERY " + b"a" * (LONGEST_QUERY - 6))
    assert taken(MAP, longest) == [longest]
    assert read(refused(MAP, longest).data).startswith(b"TEMP a next hop of ")


@given(st.lists(st.binary(max_size=40), max_size=5), st.integers(1, 9))
def test_any_payloads_come_through_any_cut(payloads, size):
    stream = b"".join(map(netstring, payloads))
    pieces = (stream[place : place + size] for place in range(0, len(stream), size))
    assert taken(MAP, *pieces) == [netstring(payload) for payload in payloads]


def test_a_reply_is_never_longer_than_postfix_takes():
    told = query(MAP, netstring(b"QUERYwithTLSRPT example.org"))
    for made in (
        derived({A: NONE}, mode="enforce", mx=[A, *FAR_TOO_MANY]),
        derived(dict.fromkeys(FAR_TOO_MANY, NONE), N, beliefs=listed(*FAR_TOO_MANY)),
    ):
        assert len(read(told.tell(made).data)) <= LONGEST_REPLY


def test_a_domain_may_be_asked_about_in_each_map():
    tongue = Socketmap({"plain": False, "reporting": True})
    foreseen = tongue.requests("example.org")
    assert foreseen == (netstring(b"plain example.org"), netstring(b"reporting example.org"))
    assert {query(tongue, request).hop.host for request in foreseen} == {"example.org"}
