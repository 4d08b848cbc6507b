"""tcp_table: a line each, coded both ways, and never more than Postfix reads."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

import pytest

from tests.mta.domains import NONE, A, derived, listed, lost
from tests.mta.requests import query, refused
from tests.policy.answering import N
from unstrip.mta.nexthop import NextHop
from unstrip.mta.tcp_table import LONGEST, TcpTable

TABLE, MODERN = TcpTable(), TcpTable(reporting=True)
MANY = [f"mx{number}.{'long-' * 10}.example.org" for number in range(40)]


def told(tongue: TcpTable, derivation) -> bytes:
    return query(tongue, b"get example.org\n").tell(derivation).data


def test_a_policy_is_told_with_its_blanks_coded():
    assert told(TABLE, derived({A: NONE}, mode="enforce")) == (
        b"200 secure%20match=mx1.example.org%20servername=hostname\n"
    )


def test_what_is_not_there_is_500_and_what_failed_is_400():
    assert told(TABLE, derived({A: NONE})) == b"500 no%20policy%20is%20in%20force\n"
    assert told(TABLE, lost()).startswith(b"400 ")
    assert TABLE.failed("50 % of\nit").data == b"400 50%20%25%20of%20it\n"


@pytest.mark.parametrize(
    ("key", "hop"),
    [
        (b"%5Bmail.example.org%5D:587", NextHop("mail.example.org", 587, direct=True)),
        (b"[mail.example.org]", NextHop("mail.example.org", direct=True)),
        (b"b%C3%BCcher.example", NextHop("xn--bcher-kva.example")),
        (b"%65xample%2eorg", NextHop("example.org")),
    ],
)
def test_a_key_is_decoded(key, hop):
    assert query(TABLE, b"get %b\n" % key).hop == hop


@pytest.mark.parametrize(
    "request_",
    [
        b"get \n",
        b"get\n",
        b"\n",
        b"GET example.org\n",
        b"get a b\n",
        b"get example.org\r\n",
        b"get 100%\n",
        b"get %4\n",
        b"get %zz\n",
        b"get \xff\n",
    ],
)
def test_a_line_that_is_no_question_is_400(request_):
    assert refused(TABLE, request_).data.startswith(b"400 ")


@pytest.mark.parametrize("request_", [b"get %00\n", b"get %0a%0d\n", b"get a%20b\n", b"get %ff\n"])
def test_a_key_that_is_no_next_hop_is_400(request_):
    assert refused(TABLE, request_).data.startswith(b"400 ")


def test_nothing_can_be_put():
    assert refused(TABLE, b"put example.org x\n").data.startswith(b"500 ")


def test_reports_are_told_where_they_fit_and_left_out_where_not():
    short = told(MODERN, derived({A: NONE}, mode="enforce"))
    assert b"%20policy_type=sts%20" in short
    assert unquote_to_bytes(short).startswith(b"200 secure match=mx1.example.org ")
    long = told(MODERN, derived({A: NONE}, mode="enforce", mx=[A, *MANY]))
    assert long.startswith(b"200 secure%20match=")
    assert b"policy_type" not in long


def test_an_answer_that_fits_into_no_line_is_400():
    hosts = [name.replace(".", f".{'longer-' * 8}.", 1) for name in MANY]
    made = derived(dict.fromkeys(hosts, NONE), N, mode="enforce")
    for tongue in (TABLE, MODERN):
        reply = told(tongue, made)
        assert reply.startswith(b"400 ")
        assert len(reply) <= LONGEST


@pytest.mark.parametrize("mx", [[A], [A, *MANY]])
def test_a_reply_is_one_line_of_what_may_be_in_it(mx):
    for tongue in (TABLE, MODERN):
        for made in (derived({A: NONE}, mode="enforce", mx=mx), derived({A: NONE}), lost()):
            reply = told(tongue, made)
            assert re.fullmatch(rb"[245]00 (?:[!-$&-~]|%[0-9A-F]{2})+\n", reply)
            assert len(reply) <= LONGEST


def test_a_list_is_told_as_a_policy_is():
    assert b"200 secure" in told(TABLE, derived({A: NONE}, N, beliefs=listed(A)))


def test_a_domain_is_asked_about_in_one_line():
    (request,) = TABLE.requests("mx_1.example.org")
    assert query(TABLE, request).hop == NextHop("mx_1.example.org")
