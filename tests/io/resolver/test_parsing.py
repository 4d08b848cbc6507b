"""One record that makes no sense, or too many: what becomes of the message, and of mail."""

from __future__ import annotations

import struct

import dns.message
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.io.resolver.nameserver import NO_TEST, SOA, asked, name_server, reply
from unstrip.io.resolver import reading
from unstrip.io.resolver.exchange import ask
from unstrip.io.resolver.parsing import LARGEST, MOST, Garbled, parsed
from unstrip.io.resolver.stub import Stub
from unstrip.policy import Level
from unstrip.policy.dane import DANE, Standing, opinion, server
from unstrip.policy.questions import Dns, Kind, Security, Status
from unstrip.tlsa import Tlsa, unusable

HOST = "mx.example.org"
QUESTION = Dns(f"_25._tcp.{HOST}", Kind.TLSA)
ANSWER, AUTHORITY, ADDITIONAL = 6, 8, 10  # where the header counts them
GOOD, SHORT = bytes([3, 1, 1, *range(32)]), bytes([3, 1, 1, 0xAB, 0xCD])
OTHER = b"\5other\7example\0"
OPT = struct.pack("!BHHIH", 0, dns.rdatatype.OPT, 1232, 0, 0)
OPTIONS = struct.pack("!BHHIH", 0, dns.rdatatype.OPT, 1232, 0, 4100) + b"\xff\0\0\0" * 1025
BAD_OPT = struct.pack("!BHHIH", 0, dns.rdatatype.OPT, 1232, 0, 3) + b"\0\1\0"


def record(data, kind="TLSA", *, name=b"\xc0\x0c", rdclass=1, ttl=60, length=None):
    """A record as it crosses the wire; the name is the one that was asked for."""
    size = len(data) if length is None else length
    return name + struct.pack("!HHIH", dns.rdatatype.from_text(kind), rdclass, ttl, size) + data


def head(query, **sections):
    """The beginning of a response: that many records of each section follow."""
    message = dns.message.make_response(query, recursion_available=True)
    message.use_edns(False)
    wire = bytearray(message.to_wire())
    for section, count in sections.items():
        at = {"answer": ANSWER, "authority": AUTHORITY, "additional": ADDITIONAL}[section]
        wire[at : at + 2] = count.to_bytes(2, "big")
    return bytes(wire)


def response(*datas, question=QUESTION, more=b"", **sections):
    """A response with these TLSA records in its answer, and whatever comes behind them."""
    body = b"".join(record(data) for data in datas)
    return head(ask(question), **{"answer": len(datas), **sections}) + body + more


def records(wire, question=QUESTION):
    found = reading.answer(parsed(wire), question)
    assert found.status is Status.FOUND
    return found.records


def test_a_digest_of_the_wrong_length_is_kept_and_cannot_be_used():
    (bad,) = records(response(SHORT))
    assert bad == Tlsa(3, 1, 1, b"\xab\xcd")
    assert unusable(bad) == "a digest of 2 bytes, not 32"


@pytest.mark.parametrize("datas", [(SHORT, GOOD), (GOOD, SHORT), (SHORT, GOOD, SHORT, b"")])
def test_the_others_are_read_as_if_it_were_not_there(datas):
    found = records(response(*datas))
    assert set(found) == {Tlsa(*(data or b"\xff" * 3)[:3], data[3:]) for data in datas}
    assert [one for one in found if not unusable(one)] == [Tlsa(3, 1, 1, bytes(range(32)))]


@pytest.mark.parametrize("size", [0, 1, 2])
def test_one_that_is_too_short_to_say_what_it_is_cannot_be_used(size):
    (bad,) = records(response(bytes([3, 1])[:size]))
    assert (bad.matching, bad.data) == (255, b"")
    assert unusable(bad)


def test_none_is_lost_at_the_end_of_an_alias():
    target = b"\3end\7example\0"
    alias = record(target, "CNAME", ttl=30)
    wire = head(ask(QUESTION), answer=3) + alias
    wire += record(SHORT, name=target) + record(GOOD, name=target)
    found = reading.answer(parsed(wire), QUESTION)
    assert len(found.records) == 2
    assert (found.canonical, found.ttl) == ("end.example", 30)


def test_one_of_another_name_is_passed_over_as_ever():
    wire = head(ask(QUESTION), answer=2) + record(GOOD) + record(SHORT, name=OTHER)
    assert records(wire) == (Tlsa(3, 1, 1, bytes(range(32))),)


def test_the_shortest_ttl_counts():
    wire = head(ask(QUESTION), answer=2) + record(GOOD) + record(SHORT, ttl=7)
    assert reading.answer(parsed(wire), QUESTION).ttl == 7


def test_as_many_as_there_may_be_are_that_many():
    many = [bytes([3, 1, 1]) + number.to_bytes(2, "big") for number in range(MOST)]
    assert len(records(response(*many))) == MOST


ADDRESS = Dns(HOST, Kind.A)
SPOILT = {
    "a record cut short": response(SHORT, answer=2, more=record(GOOD)[:-1]),
    "a record longer than the message": response(answer=1, more=record(SHORT, length=9)),
    "a record that is not there": response(SHORT, answer=2),
    "a record that is not there in the next section": response(SHORT, authority=1),
    "a bad alias": response(SHORT, answer=2, more=record(b"\xc0", "CNAME")),
    "a bad address": head(ask(ADDRESS), answer=1) + record(b"\1\2", "A"),
    "a bad SOA": response(SHORT, authority=1, more=record(b"\1\2", "SOA")),
    "a bad option": response(SHORT, additional=1, more=BAD_OPT),
    "options twice": response(SHORT, additional=2, more=OPT + OPT),
    "bytes behind the message": response(SHORT, more=b"more"),
    "a name that leads to itself": response(answer=1, more=record(SHORT, name=b"\xc0\x2d")),
    "no header": response(SHORT)[:11],
    "options in the answer": response(SHORT, answer=2, more=OPT),
    "options of a host": response(SHORT, additional=1, more=b"\xc0\x0c" + OPT[1:]),
    "more options than anybody reads": response(SHORT, additional=1, more=OPTIONS),
}


@pytest.mark.parametrize("wire", SPOILT.values(), ids=SPOILT)
def test_any_other_damage_spoils_the_message(wire):
    with pytest.raises(Garbled, match="bytes that are no DNS message"):
        parsed(wire)


UNREAD = {
    "in the authority section": response(GOOD, authority=1, more=record(SHORT)),
    "in the additional section": response(GOOD, additional=1, more=record(SHORT)),
    "of another kind": response(GOOD, answer=2, more=record(b"\1\2", "A")),
    "of another class": response(GOOD, answer=2, more=record(SHORT, rdclass=3)),
    "of no kind": response(GOOD, answer=2, more=record(SHORT, "TYPE0")),
}


@pytest.mark.parametrize("wire", UNREAD.values(), ids=UNREAD)
def test_what_nobody_reads_may_hold_anything(wire):
    assert records(wire) == (Tlsa(3, 1, 1, bytes(range(32))),)


def test_an_answer_to_no_question_is_malformed():
    wire = bytes([0, 0, 0x81, 0, 0, 0, 0, 1, 0, 0, 0, 0]) + record(GOOD, name=OTHER)
    assert reading.answer(parsed(wire), QUESTION).status is Status.MALFORMED


def test_a_message_in_good_order_is_read_as_the_library_reads_it():
    data = f"{QUESTION.name}. 60 IN TLSA 3 1 1 {'ab' * 32}"
    message = reply(ask(QUESTION), data, ede=9, authority=(SOA,), rcode="BADVERS")
    ours, theirs = parsed(message.to_wire()), dns.message.from_wire(message.to_wire())
    assert (ours.head.id, ours.head.question) == (theirs.id, theirs.question)
    assert (ours.head.flags, ours.head.ednsflags) == (theirs.flags, theirs.ednsflags)
    assert (ours.head.rcode(), ours.head.options) == (theirs.rcode(), theirs.options)
    for entry, rrset in zip(
        (*ours.answer, ours.soa), theirs.answer + theirs.authority, strict=True
    ):
        assert (entry.name, entry.kind, entry.ttl) == (rrset.name, rrset.rdtype, rrset.ttl)
        assert entry.data == rrset[0]


# More than anybody needs


@pytest.mark.parametrize("section", ["answer", "authority", "additional"])
def test_a_message_of_more_records_than_anybody_needs_is_not_read(section):
    with pytest.raises(Garbled, match=f"a message of {MOST + 1} records, more than {MOST}"):
        parsed(head(ask(QUESTION), **{section: MOST + 1}))


def test_the_records_of_all_sections_count_together():
    with pytest.raises(Garbled, match=f"a message of {MOST + 2} records"):
        parsed(head(ask(QUESTION), answer=MOST, authority=1, additional=1))


def test_a_message_of_more_bytes_than_anybody_needs_is_not_read():
    filled = LARGEST - len(response(b""))
    assert len(records(response(bytes(filled)))) == 1
    with pytest.raises(Garbled, match=f"a message of {LARGEST + 1} bytes, more than {LARGEST}"):
        parsed(response(bytes(filled + 1)))


def test_a_message_of_more_than_one_question_is_not_read():  # RFC 9619, 4
    with pytest.raises(Garbled, match="a message of 65535 questions"):
        parsed(response(GOOD)[:4] + b"\xff\xff" + response(GOOD)[6:])


def test_names_that_take_long_to_be_told_apart_are_not_compared(monkeypatch):
    """The library keeps records by a hash of their names that is easy to hit with any number."""
    names = [
        bytes([4, 128 + a, 255 - 9 * a, 128 + b, 255 - 9 * b]) for a in range(12) for b in range(12)
    ]
    wire = head(ask(ADDRESS), answer=len(names))
    wire += b"".join(record(bytes(4), "A", name=name + b"\xc0\x0c") for name in names)
    assert len({hash(entry.name) for entry in parsed(wire).answer}) == 1
    compared = []
    honest = dns.name.Name.fullcompare
    monkeypatch.setattr(
        dns.name.Name, "fullcompare", lambda *both: compared.append(both) or honest(*both)
    )
    assert reading.answer(parsed(wire), ADDRESS).status is Status.NO_DATA
    assert len(compared) < len(names)


@given(st.lists(st.binary(max_size=80), min_size=1, max_size=8), st.binary(max_size=4))
def test_whatever_is_in_the_records_all_of_them_are_there(datas, more):
    if more:
        with pytest.raises(Garbled):
            parsed(response(*datas, more=more))
    found = records(response(*datas))
    assert {one.data for one in found} == {data[3:] for data in datas}
    assert len(found) == len({data.ljust(3, b"\xff") for data in datas})


@given(st.binary(max_size=300))
def test_whatever_comes_is_a_message_or_said_to_be_none(noise):
    for wire in (noise, response(SHORT, answer=2, more=noise)):
        try:
            message = parsed(wire)
        except Garbled:
            continue
        assert len(message.answer) <= 2


# What it comes to, over the wire


def looked_at(*datas):
    """What DANE says of a server whose TLSA records are these, by a resolver that validates."""

    def script(call):
        question = call.query.question[0]
        if question.rdtype == dns.rdatatype.TLSA:
            wire = bytearray(head(call.query, answer=len(datas)) + b"".join(map(record, datas)))
            wire[3] |= 0x20  # the AD bit
            call.say(bytes(wire))
        else:
            found = [f"{HOST}. 60 IN A 192.0.2.1"] if question.rdtype == dns.rdatatype.A else []
            call.say(call.reply(*found, authentic=True))

    with name_server(script, trusted=True) as there:
        stub, source = Stub([there.server], NO_TEST), server(HOST, 25, DANE)
        wanted = next(source)
        try:
            while True:
                wanted = source.send(asked(stub, wanted))
        except StopIteration as stop:
            assert {"tcp"} & set(there.ways) == set()
            return stop.value


def test_a_server_is_authenticated_by_the_record_that_is_right():
    host = looked_at(SHORT, GOOD)
    assert host.standing is Standing.AUTHENTICATED
    assert host.records == (Tlsa(3, 1, 1, bytes(range(32))),)
    assert host.words == "unusable: 3 1 1 abcd: a digest of 2 bytes, not 32"


@pytest.mark.parametrize("datas", [(SHORT,), (b"",), (SHORT, b"\3", bytes([2, 0, 2]))])
def test_a_server_whose_records_all_make_no_sense_has_tls(datas):  # RFC 7672, 2.2
    host = looked_at(*datas)
    assert (host.standing, len(host.published)) == (Standing.ENCRYPTED, len(datas))
    assert opinion(host).level is Level.ENCRYPT


def test_what_it_vouches_for_is_as_secure_with_a_bad_record_in_it():
    def script(call):
        wire = bytearray(head(call.query, answer=1) + record(SHORT))
        wire[3] |= 0x20
        call.say(bytes(wire))

    with name_server(script, trusted=True) as there:
        found = asked(Stub([there.server], NO_TEST), QUESTION)
    assert (found.status, found.security) == (Status.FOUND, Security.SECURE)
