"""One question to one server, who may be somebody else."""

from __future__ import annotations

import asyncio
import socket

import dns.flags
import dns.message
import dns.rcode
import pytest
import uvloop

from tests.io.resolver.nameserver import (
    LOCALHOST,
    QUESTION,
    address,
    by_udp,
    name_server,
    reply,
    silent,
)
from unstrip.io.resolver.exchange import BadName, ask, exchange
from unstrip.io.resolver.parsing import MOST, Garbled
from unstrip.io.resolver.servers import Server
from unstrip.policy.questions import Dns, Kind


def run(server, question=QUESTION, **how):
    return asyncio.run(exchange(server, question, **how))


def has_address(answer):
    return [str(entry.data) for entry in answer.answer] == ["192.0.2.1"]


def test_an_honest_answer_comes_by_udp():
    with name_server(address) as there:
        assert has_address(run(there.server))
    assert there.ways == ["udp"]


def test_it_works_under_uvloop_too():
    with name_server(by_udp(lambda call: call.say(b"x"))) as there:
        assert has_address(uvloop.run(exchange(there.server, QUESTION)))
    assert there.ways == ["udp", "tcp"]


def test_the_question_asks_for_the_ad_bit_but_for_no_signatures_and_no_fragments():
    with name_server(address) as there:
        run(there.server)
        run(there.server, unchecked=True)
    first, second = (call.query for call in there.calls)
    assert first.edns == 0
    assert first.payload == 1232
    assert not first.ednsflags & dns.flags.DO
    assert first.flags & dns.flags.RD
    assert first.flags & dns.flags.AD
    assert not first.flags & dns.flags.CD
    assert second.flags & dns.flags.CD


def test_ids_and_ports_are_random():
    ports = set()

    def note(call):
        address(call)

    with name_server(note) as there:
        for _ in range(20):
            run(there.server)
        ids = {call.query.id for call in there.calls}
    assert len(ids) > 15

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind((LOCALHOST, 0))
        listener.settimeout(5)

        async def ask_and_leave():
            for _ in range(20):
                task = asyncio.create_task(
                    exchange(Server(LOCALHOST, listener.getsockname()[1]), QUESTION)
                )
                await asyncio.sleep(0)
                await asyncio.sleep(0.001)
                ports.add(listener.recvfrom(4096)[1][1])
                task.cancel()
                await asyncio.wait({task})

        asyncio.run(ask_and_leave())
    assert len(ports) > 15


def wrong_id(call):
    query = dns.message.from_wire(call.query.to_wire())
    query.id ^= 1
    call.say(reply(query, "mx.example.org. 60 IN A 192.0.2.66"))


def wrong_name(call):
    query = dns.message.make_query("evil.example.org", "A", id=call.query.id)
    call.say(reply(query, "evil.example.org. 60 IN A 192.0.2.66"))


def wrong_kind(call):
    query = dns.message.make_query("mx.example.org", "AAAA", id=call.query.id)
    call.say(reply(query, "mx.example.org. 60 IN AAAA 2001:db8::66"))


def no_question(call):
    answer = call.reply("mx.example.org. 60 IN A 192.0.2.66")
    answer.question = []
    call.say(answer)


def the_question_itself(call):
    call.say(call.query)


def truncated(call):
    answer = call.reply()
    answer.flags |= dns.flags.TC
    call.say(answer)


def cut_in_a_record(call):
    answer = call.reply("mx.example.org. 60 IN A 192.0.2.66")
    answer.flags |= dns.flags.TC
    call.say(answer.to_wire()[:50])


def wrong_rdata(call):
    wire = call.reply("mx.example.org. 60 IN A 192.0.2.66").to_wire()
    call.say(wire.replace(b"\0\4\xc0\0\2\x42", b"\0\3\xc0\0\2"))


FORGED = [
    wrong_id,
    wrong_name,
    wrong_kind,
    no_question,
    the_question_itself,
    cut_in_a_record,
    wrong_rdata,
    lambda call: call.say(b""),
    lambda call: call.say(b"\0"),
    lambda call: call.say(call.query.id.to_bytes(2, "big") + bytes(10)),
    lambda call: call.say(b"\xff" * 4096),
    lambda call: call.say(call.reply().to_wire() + b"more"),
]


@pytest.mark.parametrize("script", [truncated, *FORGED])
def test_what_is_cut_short_or_looks_forged_is_asked_again_by_tcp(script):
    with name_server(by_udp(script)) as there:
        assert has_address(run(there.server))
    assert there.ways == ["udp", "tcp"]
    assert there.calls[0].query.question == there.calls[1].query.question


@pytest.mark.parametrize("script", FORGED)
def test_where_there_is_no_tcp_what_looks_forged_is_no_answer(script):
    with name_server(script, tcp=False) as there, pytest.raises(Garbled):
        run(there.server)


@pytest.mark.parametrize("script", [truncated, *FORGED])
def test_what_looks_forged_by_tcp_too_is_no_answer(script):
    with name_server(script) as there, pytest.raises(Garbled):
        run(there.server)


def test_what_is_cut_short_needs_tcp():
    with name_server(truncated, tcp=False) as there, pytest.raises(ConnectionRefusedError):
        run(there.server)


def test_an_answer_from_another_port_is_not_heard():
    def elsewhere(call):
        call.elsewhere(reply(call.query, "mx.example.org. 60 IN A 192.0.2.66").to_wire())
        address(call)

    with name_server(elsewhere) as there:
        assert has_address(run(there.server))
    assert there.ways == ["udp"]


@pytest.mark.parametrize(
    "said", [b"", b"\0", b"\0\x10", b"\0\x10short", b"\0\0", b"\xff\xff" + b"x" * 70000]
)
def test_a_tcp_connection_that_ends_early_or_says_something_else_is_no_answer(said):
    broken = by_udp(truncated, lambda call: call.elsewhere(said))
    with name_server(broken) as there, pytest.raises((Garbled, ConnectionResetError)):
        run(there.server)


def test_hundreds_of_records_come_by_tcp():
    records = [f"mx.example.org. 60 IN A 10.0.0.{n}" for n in range(MOST - 1)]  # and the options

    def all_of_them(call):
        call.say(call.reply(*records))

    with name_server(by_udp(truncated, all_of_them)) as there:
        answer = run(there.server)
    assert len({str(entry.data) for entry in answer.answer}) == MOST - 1


def test_nobody_there_is_an_error_at_once():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((LOCALHOST, 0))
        port = sock.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        run(Server(LOCALHOST, port))


@pytest.mark.parametrize("rcode", ["FORMERR", "NOTIMP"])
def test_a_server_that_knows_no_edns_is_asked_without_it(rcode):
    def old(call):
        if call.query.edns >= 0:
            answer = reply(call.query, rcode=rcode)
            answer.use_edns(False)
            call.say(answer)
        else:
            address(call)

    with name_server(old) as there:
        assert has_address(run(there.server))
    assert [call.query.edns for call in there.calls] == [0, -1]


def test_a_silent_server_leaves_no_socket_behind():
    async def give_up(server):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await exchange(server, QUESTION)

    with name_server(silent) as there:
        asyncio.run(give_up(there.server))  # a socket left open would be a warning, and so an error


def test_random_capitals_must_come_back_as_they_were_sent():
    long = Dns("a" * 40 + ".example.org", Kind.A)

    def lower(call):
        answer = call.reply()
        answer.question = dns.message.make_query(long.name, "A").question
        call.say(answer)

    with name_server(by_udp(lower, lambda call: call.say(call.reply()))) as there:
        assert run(there.server, long, mix_case=True).head.rcode() == dns.rcode.NOERROR
        assert there.ways == ["udp", "tcp"]
        name = there.calls[0].query.question[0].name.to_text()
        assert name.lower() == f"{long.name}."
        assert name not in (name.lower(), name.upper())
    with name_server(lower) as there, pytest.raises(Garbled, match="spelt otherwise"):
        run(there.server, long, mix_case=True)


@pytest.mark.parametrize("name", ["a" * 64, "a." * 128, "a..b", ".a", "\ud800", "\\999"])
def test_what_is_no_name_is_a_named_error(name):
    with pytest.raises(BadName, match="no such name in DNS"):
        ask(Dns(name, Kind.A))


@pytest.mark.parametrize("name", ["", "_25._tcp.mx.example.org", "a\\032b.example", "*.example"])
def test_odd_names_are_names(name):
    (question,) = ask(Dns(name, Kind.TLSA)).question
    assert question.name.to_text() == f"{name}."
