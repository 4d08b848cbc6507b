"""XML in a stream: exact to the byte, bounded, and without what a stream may not have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unstrip.trouble import Ended, ProtocolError, TooLong
from unstrip.wire import CLEAR_BUDGET, Wire
from unstrip.xmlstream import CHILDREN_LIMIT, DEPTH_LIMIT, ELEMENT_LIMIT, Element, XmlStream

ROOT = b"<s:stream xmlns='urn:c' xmlns:s='urn:s' version='1.0'>"
WHOLE = 10**9


def read(heard, bite=WHOLE, *, elements=1):
    """What a stream begins with, from a peer who says this and hangs up, and what is left."""
    wire = Wire(secure=True)
    stream = XmlStream(wire)
    chunks = iter([heard[i : i + bite] for i in range(0, len(heard), bite)])

    def dialog():
        header = yield from stream.header()
        found = [header]
        while len(found) <= elements:
            found += [(yield from stream.element())]
        return tuple(found)

    running = dialog()
    try:
        while True:
            next(running)
            wire.hear(next(chunks, b""))
    except StopIteration as end:
        return end.value, wire.take(wire.waiting) + b"".join(chunks)


def element(heard, bite=WHOLE):
    return read(ROOT + heard, bite)[0][1]


def test_a_header_has_its_name_and_its_attributes():
    (header,), left = read(ROOT + b"<a/>", elements=0)
    assert header == Element("urn:s stream", {"version": "1.0"})
    assert left == b"<a/>"


def test_an_element_has_children_and_words():
    found = element(b"<s:a b='1' c=\"2\">x<d xmlns='urn:d'>y</d>z<e/></s:a>")
    assert found == Element(
        "urn:s a",
        {"b": "1", "c": "2"},
        [Element("urn:d d", {}, [], "y"), Element("urn:c e", {})],
        "xz",
    )
    assert found.local == "a"
    assert found.child("urn:d d").text == "y"
    assert found.child("urn:c d") is None
    assert Element("bare", {}).local == "bare"


ONE_ELEMENT = [
    b"<a/>",
    b"<a></a>",
    b"<a  ></a  >",
    b"<a b='>'/>",
    b'<a b=">" c=\'">\' d="\'>"/>',
    b"<a b='>' c='>>>'>></a>",
    b"<a>it's > that</a>",
    b'<a>"<b c="\'"/>\'</a>',
    b"<a><![CDATA[>]]></a>",
    b"<a><![CDATA[ it's </a> <b c='> ]]></a>",
    b"<a><![CDATA[]]]]><![CDATA[>]]></a>",
    b"<a>&lt;&gt;&amp;&apos;&quot;&#62;&#x3e;</a>",
    b"<a>\xc3\xa4\xe2\x82\xac\xf0\x9f\x94\x92</a>",
    b" \t\r\n<a/>",
]


@pytest.mark.parametrize("bite", [1, 2, 3, 7, WHOLE])
@pytest.mark.parametrize("one", ONE_ELEMENT, ids=bytes.decode)
def test_an_element_ends_at_its_last_bracket_and_leaves_the_rest(one, bite):
    for rest in (b"", b"<b/>", b"'", b">", b"]]>", b"\n", b"\x16\x03\x01"):
        found, left = read(ROOT + one + rest, bite)
        assert found[1].local == "a"
        assert left == rest


@given(st.sampled_from(ONE_ELEMENT), st.binary(max_size=40), st.integers(1, 60))
def test_what_is_behind_an_element_is_never_looked_at(one, rest, bite):
    assert read(ROOT + one + rest, bite)[1] == rest


@pytest.mark.parametrize("bite", [1, WHOLE])
def test_elements_come_one_by_one(bite):
    found, left = read(ROOT + b"<a/> <b></b>\n<c>x</c><d", bite, elements=3)
    assert [one.local for one in found[1:]] == ["a", "b", "c"]
    assert left == b"<d"


def test_words_in_cdata_are_words():
    assert element(b"<a>1<![CDATA[<b>'&amp;]]>2</a>").text == "1<b>'&amp;2"


def test_a_declaration_may_come_first_and_a_byte_order_mark():
    for before in (
        b"<?xml version='1.0'?>",
        b'<?xml version="1.0" encoding="utf-8" ?>\n',
        b"\xef\xbb\xbf",
    ):
        assert read(before + ROOT, elements=0)[0][0].local == "stream"


@pytest.mark.parametrize(
    "heard",
    [
        b"<!-- it's -->",
        b"<!-- > -->",
        b"<a><!----></a>",
        b"<?php it's?>",
        b"<a><?b?></a>",
        b"<?xml version='1.0'?>",
        b"<!DOCTYPE a>",
        b"<![IGNORE[x]]>",
    ],
)
def test_what_no_stream_may_have_ends_it(heard):
    with pytest.raises(ProtocolError) as caught:
        element(heard)
    assert type(caught.value) is ProtocolError


BOMB = b"<!DOCTYPE a [<!ENTITY b '%s'>%s]><a>&k;</a>" % (
    b"lol" * 100,
    b"".join(b"<!ENTITY %c '%s'>" % (98 + n, b"&%c;" % (97 + n) * 100) for n in range(1, 10)),
)


@pytest.mark.parametrize(
    "heard",
    [
        BOMB,
        b"<?xml version='1.0'?>" + BOMB,
        b"<!DOCTYPE a SYSTEM 'http://evil.example/'>",
        b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]>",
        b"<!DOCTYPE a [<!ATTLIST a b CDATA 'c'>]>",
        b"<!DOCTYPE a [<!ENTITY % b 'c'>%b;]>",
    ],
)
@pytest.mark.parametrize("bite", [1, WHOLE])
def test_a_document_type_ends_it_before_any_entity_is_defined(heard, bite):
    with pytest.raises(ProtocolError, match="no stream may have"):
        read(heard, bite, elements=0)


@pytest.mark.parametrize("heard", [b"<a>&b;</a>", b"<a b='&nbsp;'/>", b"<a>&#0;</a>", b"<a>&;</a>"])
def test_an_entity_of_ones_own_is_broken(heard):
    with pytest.raises(ProtocolError, match="not XML"):
        element(heard)


@pytest.mark.parametrize(
    "heard",
    [
        b"<a></b>",
        b"<x:a/>",
        b"<a b='1' b='2'/>",
        b"<a b=c/>",
        b"<a b='1'c='2'/>",
        b"<a>]]></a>",
        b"</a>",
        b">",
        b"< a/>",
        b"<a xmlns:s=''/>",
        b"<a xmlns='urn:c d'><b/>",
        b"+OK>",
        b"words <a/>",
        b"\xc2\xa0<a/>",
        b"<![CDATA[words]]>",
    ],
)
def test_what_is_not_well_formed_is_broken(heard):
    with pytest.raises(ProtocolError) as caught:
        element(heard)
    assert type(caught.value) is ProtocolError
    assert str(caught.value).isascii()


@pytest.mark.parametrize(
    "heard",
    [
        b"<a b='\xe4'/>",
        b"<a>\xff</a>",
        b"<a>\xc0\xbc</a>",
        b"<a>\xed\xa0\x80</a>",
        b"<a>\0</a>",
        b"<a>\x1b[2J</a>",
    ],
)
def test_what_is_not_utf_8_is_broken(heard):
    with pytest.raises(ProtocolError, match="not XML"):
        element(heard)


@pytest.mark.parametrize(
    "heard",
    [
        "<a>".encode("utf-16"),
        "<a>".encode("utf-16-le"),
        "<a>".encode("utf-16-be"),
        b"<?xml version='1.0' encoding='UTF-16'?>",
        b"<?xml version='1.0' encoding='ISO-8859-1'?>",
        b"+ADw-a+AD4->",
    ],
)
def test_another_encoding_is_broken(heard):
    """In UTF-16 a tag would end one byte behind the bracket, or before it."""
    with pytest.raises(ProtocolError):
        read(heard, elements=0)


# Limits


@pytest.mark.parametrize("bite", [1, 1000, WHOLE])
@pytest.mark.parametrize(
    ("before", "again", "behind"),
    [
        (b"<a b='", b"c", b"'/>"),
        (b"<a b='", b">", b"'/>"),
        (b"<a ", b"b='>'", b"/>"),
        (b"<a>", b"c", b"</a>"),
        (b"<a><![CDATA[", b">", b"]]></a>"),
        (b"<a>", b"<b></b>" * 2 + b"c" * 500, b"</a>"),
        (b"", b" ", b"<a/>"),
        (b"<", b"a", b"/>"),
    ],
)
def test_an_element_may_not_be_of_any_length(before, again, behind, bite):
    fitting = (ELEMENT_LIMIT - len(before + behind)) // len(again)
    heard = before + again * fitting + behind
    if b"b='>'" not in heard:
        assert element(heard, bite).local[:1] == "a"
    with pytest.raises(TooLong):
        element(before + again * (fitting + 1000) + behind, bite)


@pytest.mark.parametrize(
    "heard", [b"<a b='" + b">" * 10**7, b"<a>" * 10**6, b"a" * 10**7, b"<" * 10**7]
)
def test_ten_megabytes_are_not_parsed(heard):
    with pytest.raises(ProtocolError) as caught:
        element(heard)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("again", [b">", b"'>'", b"<", b"]]>", b"<!", b'"'])
@pytest.mark.parametrize("before", [b"<a b='", b"<a>", b"<a><![CDATA["])
def test_what_might_end_something_at_each_byte_has_an_end(before, again):
    with pytest.raises(ProtocolError):
        element(before + again * 20_000, 3)


def test_elements_may_not_be_of_any_depth():
    depth = DEPTH_LIMIT - 1
    assert element(b"<a>" * depth + b"</a>" * depth).local == "a"
    with pytest.raises(TooLong, match="deep"):
        element(b"<a>" * (depth + 1) + b"</a>" * (depth + 1))


def test_an_element_may_not_have_any_number_of_children():
    assert len(element(b"<a>" + b"<b/>" * CHILDREN_LIMIT + b"</a>").children) == CHILDREN_LIMIT
    with pytest.raises(TooLong, match=f"more than {CHILDREN_LIMIT} elements"):
        element(b"<a>" + b"<b/>" * (CHILDREN_LIMIT + 1) + b"</a>")


def test_many_attributes_are_bounded_by_the_length_of_their_element():
    many = b" ".join(b"a%d=''" % n for n in range(1000))
    assert len(element(b"<a " + many + b"/>").attributes) == 1000
    with pytest.raises(TooLong):
        element(b"<a " + b" ".join(b"a%d=''" % n for n in range(10_000)) + b"/>")


def swallow(stream, wire, count):
    """Read so many elements, each of which comes when it is waited for."""
    for _ in range(count):
        for _ in stream.element():
            wire.hear(b"<a/>")


def test_elements_without_end_meet_the_budget_before_tls():
    wire = Wire()
    stream = XmlStream(wire)
    wire.hear(ROOT)
    swallow(stream, wire, (CLEAR_BUDGET - len(ROOT)) // 4)
    with pytest.raises(TooLong, match="before TLS"):
        swallow(stream, wire, 2)


# Endings


@pytest.mark.parametrize("heard", [b"</s:stream>", b" </s:stream>\n", b"</s:stream><a/>"])
@pytest.mark.parametrize("bite", [1, WHOLE])
def test_a_stream_that_is_closed_has_ended(heard, bite):
    with pytest.raises(Ended, match="closed"):
        element(heard, bite)


def test_a_stream_that_is_closed_at_once_has_a_header():
    found, _ = read(b"<s:stream xmlns:s='urn:s'/>", elements=0)
    assert found[0].name == "urn:s stream"
    with pytest.raises(Ended):
        read(b"<s:stream xmlns:s='urn:s'/>")


@pytest.mark.parametrize("cut", range(1, 40))
def test_what_is_cut_has_ended(cut):
    whole = ROOT + b"<a b='>'><![CDATA[>]]></a>"
    with pytest.raises(Ended):
        read(whole[:-cut])


# What comes unasked


def interrupted(heard, later=b""):
    """What comes of looking for an interruption where this waits, and this comes later."""
    wire = Wire(secure=True)
    stream = XmlStream(wire)
    wire.hear(ROOT)
    assert list(stream.header()) == []
    if heard:
        wire.hear(heard)
    running = stream.interruption()
    try:
        while True:
            next(running)
            wire.hear(later)
            later = b""
    except StopIteration as end:
        assert not wire.waiting
        return end.value


@pytest.mark.parametrize("blanks", [b"", b" ", b"\r\n \t\n"])
def test_whitespace_is_no_interruption(blanks):
    assert interrupted(blanks) is None


@pytest.mark.parametrize(
    ("heard", "later"), [(b"<a/>", b""), (b"\n<a/>\n<b", b""), (b"<a b='>", b"'/>")]
)
def test_an_element_that_comes_unasked_is_one(heard, later):
    assert interrupted(heard, later).local == "a"


@pytest.mark.parametrize(
    ("heard", "kind"),
    [
        (b"</s:stream>", Ended),
        (b"<a", Ended),
        (b"+OK", ProtocolError),
        (b"<!-- -->", ProtocolError),
        (b"<a>" + b"b" * ELEMENT_LIMIT, TooLong),
    ],
)
def test_an_interruption_that_is_no_element_has_a_name_for_what_it_is(heard, kind):
    with pytest.raises(ProtocolError) as caught:
        interrupted(heard)
    assert type(caught.value) is kind
