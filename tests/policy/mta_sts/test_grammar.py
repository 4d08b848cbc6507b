"""MTA-STS: the grammar of RFC 8461, and what it lets pass."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unstrip.policy.mta_sts import (
    LONGEST,
    BadPolicy,
    BadRecord,
    Mode,
    StsPolicy,
    parse,
    record_id,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
WEEK = 604800
EXAMPLE = (  # RFC 8461, 3.2
    b"version: STSv1\nmode: enforce\nmx: mail.example.com\nmx: *.example.net\n"
    b"mx: backupmx.example.com\nmax_age: 604800\n"
)
PLAIN = b"version: STSv1\nmode: enforce\nmx: mx.example.com\nmax_age: 604800\n"


# The record


@pytest.mark.parametrize(
    ("record", "id_"),
    [
        (b"v=STSv1; id=20160831085700Z;", "20160831085700Z"),  # RFC 8461, 3.1
        (b"v=STSv1; id=20160831085700Z", "20160831085700Z"),
        (b"v=STSv1;id=1", "1"),
        (b"v=STSv1 \t;\t id=1 ; ", "1"),
        (b"v=STSv1; id=" + b"a" * 32, "a" * 32),
        (b"v=STSv1; ext=what!ever; id=1", "1"),
        (b"v=STSv1; id=1; ext.name_x-1=value:/<>?@~", "1"),
        (b"v=STSv1; id=1; " + b"n" * 32 + b"=v;", "1"),
        (b"v=STSv1; id=1; id=2", "1"),
        (b"v=STSv1; id=1; ID=2", "1"),
    ],
)
def test_a_record_has_an_id(record, id_):
    assert record_id([record]) == id_


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (b"v=STSv1;", "no id"),
        (b"v=STSv1; ext=1", "no id"),
        (b"v=STSv1; ID=1", "no id"),
        (b"v=STSv1; id=", "'id=' is no field"),
        (b"v=STSv1; id", "'id' is no field"),
        (b"v=STSv1; id=2016-08-31", "id '2016-08-31' is not 1 to 32 letters and digits"),
        (b"v=STSv1; id=" + b"a" * 33, "is not 1 to 32"),
        (b"v=STSv1; id=1 2", "'id=1 2' is no field"),
        (b"v=STSv1; id = 1", "'id = 1' is no field"),
        (b"v=STSv1;; id=1", "'' is no field"),
        (b"v=STSv1; id=1;;", "'' is no field"),
        (b"v=STSv1; id=1; _x=1", "'_x=1' is no field"),
        (b"v=STSv1; id=1; x=a=b", "'x=a=b' is no field"),
        (b"v=STSv1; id=1; x=\xc3\xa9", "is no field"),
        (b"v=STSv1; id=1; x=\x1b[2J", r"\\x1b"),
        (b"v=STSv1; id=1\n", "is no field"),
        (b"v=STSv1; id=1; " + b"n" * 33 + b"=v", "is no field"),
        (b"v=STSv1; id=1; x=" + b"y" * 5000, "5017 bytes are too long"),
        (b"v=STSv1;" + b" " * 10_000_000, "too long"),
    ],
)
def test_a_record_that_does_not_follow_the_grammar_says_where(record, words):
    with pytest.raises(BadRecord, match=words):
        record_id([record])


@pytest.mark.parametrize(
    "other",
    [b"v=spf1 -all", b"V=STSv1; id=1", b"v=STSv2; id=1", b"v=STSv12; id=1", b" v=STSv1; id=1", b""],
)
def test_what_does_not_begin_like_a_record_is_none(other):
    assert record_id([other]) is None
    assert record_id([]) is None
    assert record_id([other, b"v=STSv1; id=1"]) == "1"


def test_of_two_records_neither_counts():
    with pytest.raises(BadRecord, match="2 records begin with"):
        record_id([b"v=STSv1; id=1", b"v=STSv1; id=1"])
    with pytest.raises(BadRecord, match="2 records begin with"):
        record_id([b"v=STSv1; id=1", b"v=STSv1; rubbish"])


@given(st.lists(st.binary().map(lambda tail: b"v=STSv1;" + tail), max_size=2))
def test_no_record_raises_anything_else(records):
    found = told(record_id, records)
    assert found is None or found.isprintable()


def told(read, what):
    """What was read, or the words of the one error that there may be."""
    try:
        return read(what)
    except (BadRecord, BadPolicy) as error:
        return str(error)


# The policy


def test_the_example_of_the_rfc_is_read():
    policy = parse(EXAMPLE)
    assert (policy.mode, policy.max_age) == (Mode.ENFORCE, WEEK)
    assert policy.mx == ("mail.example.com", "*.example.net", "backupmx.example.com")
    assert policy.lines == tuple(EXAMPLE.decode().splitlines())


@pytest.mark.parametrize(
    "body",
    [
        PLAIN.replace(b"\n", b"\r\n"),
        PLAIN.removesuffix(b"\n"),
        PLAIN + b"\n\r\n  \n",
        PLAIN.replace(b": ", b":"),
        PLAIN.replace(b": ", b":\t  "),
        PLAIN.replace(b"\n", b" \t\n"),
        PLAIN.replace(b"mode: enforce\n", b"mode: enforce\r\n"),
        PLAIN.replace(b"mx.example.com", b"MX.Example.COM"),
        PLAIN + b"ext: \xc3\xa9 = with ; blanks\n",
        PLAIN + b"mode: none\nmax_age: 1\nversion: STSv2\n",
        PLAIN + b"mode: rubbish\n",
        b"max_age: 604800\nmx: mx.example.com\nmode: enforce\nversion: STSv1",
    ],
)
def test_what_the_grammar_lets_pass_is_the_same_policy(body):
    assert replace(parse(body), lines=()) == replace(parse(PLAIN), lines=())


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "line 1: '' is no field"),
        (b"<!DOCTYPE html>\n<html>", "is no field"),
        (b"\xef\xbb\xbf" + PLAIN, "is no field"),
        (b"\n" + PLAIN, "line 1: '' is no field"),
        (PLAIN.replace(b"mode", b"\nmode"), "line 2: '' is no field"),
        (PLAIN.replace(b"\n", b"\r"), "is no field"),
        (PLAIN.replace(b"mode: enforce\n", b""), "no mode"),
        (PLAIN.replace(b"version: STSv1\n", b""), "no version"),
        (PLAIN.replace(b"max_age: 604800\n", b""), "no max_age"),
        (PLAIN.replace(b"mx: mx.example.com\n", b""), "no mx"),
        (PLAIN.replace(b"mode", b"Mode"), "no mode"),
        (PLAIN.replace(b"mode: ", b"mode "), "line 2: 'mode enforce' is no field"),
        (PLAIN.replace(b"mode:", b" mode:"), "is no field"),
        (PLAIN.replace(b"mode:", b"mode :"), "is no field"),
        (PLAIN.replace(b"STSv1", b"STSv2"), "version 'STSv2' is unknown"),
        (PLAIN.replace(b"enforce", b"Enforce"), "mode 'Enforce' is unknown"),
        (PLAIN.replace(b"enforce", b"report"), "mode 'report' is unknown"),
        (PLAIN.replace(b"enforce", b""), "line 2: 'mode: ' is no field"),
        (PLAIN.replace(b"604800", b"-1"), "max_age '-1' is no number"),
        (PLAIN.replace(b"604800", b"1w"), "max_age '1w' is no number"),
        (PLAIN.replace(b"604800", b"1" * 11), "is no number"),
        (PLAIN.replace(b"604800", "\u0661".encode()), "is no number"),
        (PLAIN.replace(b"mx.example.com", b"*"), r"mx: '\*' is no pattern"),
        (PLAIN.replace(b"mx.example.com", b"*."), "is no pattern"),
        (PLAIN.replace(b"mx.example.com", b"*foo.example.com"), "is no pattern"),
        (PLAIN.replace(b"mx.example.com", b"mx.*.example.com"), "is no pattern"),
        (PLAIN.replace(b"mx.example.com", b"*.*.example.com"), "is no pattern"),
        (PLAIN.replace(b"mx.example.com", b".example.com"), "is no pattern"),
        (PLAIN.replace(b"mx.example.com", b"mx.example.com."), "is no pattern"),
        (PLAIN.replace(b"mx.example.com", b"mx..example.com"), "is no pattern"),
        (PLAIN.replace(b"mx.example.com", b"[192.0.2.1]"), "is no pattern"),
        (PLAIN.replace(b"mx.example.com", b"mx.example.com, b"), "is no pattern"),
        (PLAIN.replace(b"mx.example.com", "m\u00fcller.example".encode()), "is no pattern"),
        (PLAIN.replace(b"mx.example.com", b"a" * 64 + b".example"), "is no pattern"),
        (PLAIN + b"ext: a\x00b\n", "line 5: .* is no field"),
        (PLAIN + b"ext: a\tb\n", "is no field"),
        (PLAIN + b"e" * 33 + b": v\n", "is no field"),
        (PLAIN + b"ext: \xff\n", "not UTF-8"),
        (PLAIN + b"e: " + b"x" * LONGEST, "are too long"),
    ],
)
def test_what_is_no_policy_says_why(body, words):
    with pytest.raises(BadPolicy, match=words):
        parse(body)


def test_a_policy_may_be_just_as_long_as_it_may_be():
    room = LONGEST - len(PLAIN) - len(b"e: ")
    assert parse(PLAIN + b"e: " + b"x" * room).mx == ("mx.example.com",)
    with pytest.raises(BadPolicy, match=f"{LONGEST + 1} bytes are too long"):
        parse(PLAIN + b"e: " + b"x" * (room + 1))


def test_a_policy_of_blanks_takes_no_time():
    with pytest.raises(BadPolicy):
        parse(b"e:" + b" " * (LONGEST - 3) + b"\x01")


def test_a_policy_of_mode_none_needs_no_mx():
    assert parse(b"version: STSv1\nmode: none\nmax_age: 86400\n") == StsPolicy(
        Mode.NONE, 86400, (), ("version: STSv1", "mode: none", "max_age: 86400")
    )


@pytest.mark.parametrize(
    ("age", "seconds"),
    [
        (b"0", 0),
        (b"0000000001", 1),
        (b"31557600", 31557600),
        (b"31557601", 31557600),
        (b"9" * 10, 31557600),
    ],
)
def test_the_age_of_a_policy_is_a_year_at_most(age, seconds):
    assert parse(PLAIN.replace(b"604800", age)).max_age == seconds


def test_an_address_among_the_patterns_is_tolerated_and_fits_nothing():
    policy = parse(PLAIN.replace(b"mode", b"mx: 192.0.2.1\nmode"))
    assert policy.allows("mx.example.com")
    assert not policy.allows("a.192.0.2.1")


@given(st.binary(max_size=300) | st.text().map(str.encode))
def test_no_policy_raises_anything_else(body):
    for each in (body, PLAIN + body):
        found = told(parse, each)
        assert isinstance(found, StsPolicy) or found.isprintable()


NAMES = st.lists(
    st.from_regex("[a-z0-9]([a-z0-9-]{0,5}[a-z0-9])?", fullmatch=True), min_size=1, max_size=4
)


@given(
    st.sampled_from(list(Mode)),
    st.integers(0, 31557600),
    st.lists(st.tuples(st.sampled_from(["", "*."]), NAMES.map(".".join)).map("".join), min_size=1),
    st.sampled_from(["\n", "\r\n"]),
)
def test_what_is_written_by_the_rules_is_read_back(mode, age, mx, end):
    lines = ["version: STSv1", f"mode: {mode.value}", *(f"mx: {p}" for p in mx), f"max_age: {age}"]
    assert parse(end.join(lines).encode()) == StsPolicy(mode, age, tuple(mx), tuple(lines))


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("mail.example.com", True),
        ("MAIL.Example.Com.", True),
        ("backupmx.example.com", True),
        ("a.mail.example.com", False),
        ("example.com", False),
        ("x.example.net", True),
        ("example.net", False),  # P-04
        ("a.b.example.net", False),
        ("x.example.net.evil.example", False),
        ("xexample.net", False),
        (".example.net", False),
        ("*.example.net", False),
        ("", False),
        ("net", False),
    ],
)
def test_a_pattern_fits_one_name_or_exactly_one_label_more(host, allowed):
    assert parse(EXAMPLE).allows(host) is allowed
