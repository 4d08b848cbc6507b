"""Asking servers in turn, and what DNSSEC says."""

from __future__ import annotations

import asyncio
import socket

import pytest

from tests.io.resolver.nameserver import (
    LOCALHOST,
    NO_TEST,
    SOA,
    Changing,
    address,
    after,
    asked,
    name_server,
    silent,
    validating,
)
from unstrip.io.resolver.servers import Server
from unstrip.io.resolver.stub import Stub
from unstrip.io.resolver.trust import SelfTest, Standing
from unstrip.policy.questions import Address, Dns, Kind, Security, Status

GOOD, BAD = "good.example", "bad.example"
TEST = SelfTest(Dns(GOOD, Kind.A), Dns(BAD, Kind.A))
SHORT = (0.2, 0.2)


def stub(*there, test=TEST, waits=SHORT, **how):
    return Stub([found.server for found in there], test, waits=waits, **how)


def validator(script=address):
    return name_server(validating(GOOD, BAD, script))


def authentic(call):
    call.say(call.reply("mx.example.org. 60 IN A 192.0.2.1", authentic=True))


def forged(call):
    if call.checked:
        call.say(call.reply(rcode="SERVFAIL"))
    else:
        address(call)


def says(*records, **other):
    return lambda call: call.say(call.reply(*records, **other))


def nobody():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((LOCALHOST, 0))
        return Server(LOCALHOST, sock.getsockname()[1])


# What one that validates says


def test_what_it_vouches_for_is_secure():
    with validator(authentic) as there:
        found = asked(stub(there))
    assert found.records == (Address("192.0.2.1"),)
    assert found.security is Security.SECURE
    assert found.words == ""


def test_what_it_does_not_vouch_for_is_insecure():
    with validator(address) as there:
        assert asked(stub(there)).security is Security.INSECURE


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("rcode", ["NOERROR", "NXDOMAIN"])
def test_that_nothing_is_there_can_be_vouched_for_too(rcode, signed):
    with validator(says(rcode=rcode, authority=(SOA,), authentic=signed)) as there:
        found = asked(stub(there))
    assert found.status is (Status.NXDOMAIN if rcode == "NXDOMAIN" else Status.NO_DATA)
    assert found.security is (Security.SECURE if signed else Security.INSECURE)


def test_an_answer_that_it_gives_only_unchecked_is_bogus():
    with validator(forged) as there:
        found = asked(stub(there))
    assert found.status is Status.SERVFAIL
    assert found.security is Security.BOGUS
    assert found.records == ()


def test_an_answer_that_it_has_neither_way_is_a_server_failure():
    with validator(says(rcode="SERVFAIL")) as there:
        found = asked(stub(there))
    assert (found.status, found.security) == (Status.SERVFAIL, Security.UNCHECKED)


def test_one_that_falls_silent_when_it_is_asked_unchecked_is_a_server_failure_or_a_timeout():
    def half(call):
        if call.checked:
            call.say(call.reply(rcode="SERVFAIL"))

    with validator(half) as there:
        found = asked(stub(there))
    assert found.failed
    assert found.security is Security.UNCHECKED


@pytest.mark.parametrize("rcode", ["SERVFAIL", "NOERROR"])
@pytest.mark.parametrize("code", [6, 7, 12])
def test_what_it_calls_bogus_is_bogus_whatever_else_it_says(code, rcode):
    script = says("mx.example.org. 60 IN A 192.0.2.66", rcode=rcode, ede=code)
    with validator(script) as there:
        found = asked(stub(there))
        assert len([call for call in there.calls if not call.checked]) <= 1  # of the self-test
    assert (found.status, found.security) == (Status.SERVFAIL, Security.BOGUS)
    assert f"EDE {code}" in found.words
    assert found.records == ()


def test_another_extended_error_is_not_bogus():
    with validator(says(rcode="SERVFAIL", ede=22)) as there:
        found = asked(stub(there))
    assert found.security is Security.UNCHECKED
    assert "EDE 22" in found.words


def test_a_refusal_is_not_bogus():
    with validator(says(rcode="REFUSED")) as there:
        found = asked(stub(there))
        assert all(call.checked or BAD in str(call.query.question[0]) for call in there.calls)
    assert (found.status, found.security) == (Status.SERVFAIL, Security.UNCHECKED)


# Whom to believe


def test_without_a_self_test_one_on_this_machine_is_believed():
    with name_server(authentic) as there:
        assert asked(stub(there, test=NO_TEST)).security is Security.SECURE


def test_one_that_does_not_validate_is_not_believed_and_the_answer_says_what_to_install():
    with name_server(authentic) as there:  # says AD to everything
        found = asked(stub(there))
    assert found.status is Status.FOUND
    assert found.security is Security.UNCHECKED
    assert "bad.example has wrong signatures" in found.words
    assert "install unbound" in found.words


def test_who_makes_one_stop_validating_turns_no_dane_off():
    tampered = False

    def script(call):
        (authentic if tampered else validating(GOOD, BAD, authentic))(call)

    with name_server(script) as there, name_server(authentic) as never:
        resolver = stub(there, never)
        assert asked(resolver).security is Security.SECURE
        tampered = True
        for trust in resolver.trust.values():
            trust._until = float("-inf")  # an hour later
        found = asked(resolver)
    assert found.failed
    assert found.status is Status.DISTRUSTED
    assert "though it did" in found.words


def test_what_is_not_vouched_for_by_one_that_has_just_stopped_validating_is_not_believed():
    script = Changing(validating(GOOD, BAD, authentic))

    with name_server(script) as there:
        resolver = stub(there)
        assert asked(resolver).security is Security.SECURE
        script.script = address  # as unbound without its trust anchor
        for trust in resolver.trust.values():
            trust._fresh = float("-inf")  # a minute later
        found = asked(resolver)
        tried = [call for call in there.calls if GOOD in str(call.query.question[0].name)]
        assert asked(resolver).status is Status.DISTRUSTED
    assert found.status is Status.DISTRUSTED
    assert "good.example is signed, and it does not say so, though it did" in found.words
    assert len(tried) == 2


def test_one_that_still_validates_is_asked_for_a_proof_once_and_its_answer_counts():
    with validator(address) as there:
        resolver = stub(there)
        asked(resolver)
        before = len(there.calls)
        for trust in resolver.trust.values():
            trust._fresh = float("-inf")
        found = [asked(resolver).security for _ in range(3)]
        assert len(there.calls) == before + 3 + 3  # with two names, one of them unchecked as well
    assert found == [Security.INSECURE] * 3


def test_who_takes_the_place_of_another_knows_which_of_its_servers_validated():
    script = Changing(validating(GOOD, BAD, authentic))

    with name_server(script) as there, validator(address) as other:
        before = stub(there)
        asked(before)
        script.script = address
        after = stub(there, other)
        after.follow(before)
        assert asked(stub(there)).security is Security.UNCHECKED  # as if it had never validated
        asked(after)
    standings = [trust.known.standing for trust in after.trust.values()]
    assert standings == [Standing.LOST, Standing.PROVED]


def test_who_silences_the_names_of_the_self_test_does_not_get_an_unchecked_answer():
    def slow(call):
        if "example.org" not in str(call.query.question[0].name):
            return
        call.say(call.reply("mx.example.org. 9999 IN A 192.0.2.1", authentic=True))

    with name_server(slow) as there:
        found = asked(stub(there))
    assert found.failed
    assert found.records == ()
    assert f"{there.server}: whether it validates could not be found out: trying" in found.words
    assert found.ttl <= 60


class Elsewhere(Server):
    """A server that passes for another machine's."""

    __slots__ = ()

    @property
    def distrust(self):
        return "" if self.trusted else f"{self} is another machine"


def elsewhere(there, *, trusted=False):
    return Elsewhere(there.server.address, there.server.port, trusted)


def test_one_on_another_machine_is_not_believed_and_not_even_tried():
    with validator(authentic) as there:
        found = asked(Stub([elsewhere(there)], TEST, waits=SHORT))
        assert len(there.calls) == 1
    assert found.security is Security.UNCHECKED
    assert "is another machine; install unbound" in found.words


def test_one_on_another_machine_that_is_declared_trusted_is_tried_and_believed():
    with validator(authentic) as there:
        found = asked(Stub([elsewhere(there, trusted=True)], TEST, waits=SHORT))
        assert len(there.calls) == 4  # with two names, one of them unchecked as well
    assert found.security is Security.SECURE


# Several servers


def test_the_next_server_is_asked_where_one_is_silent():
    with name_server(silent) as first, name_server(address) as second:
        found = asked(stub(first, second, test=NO_TEST))
    assert found.status is Status.FOUND


def test_the_next_server_is_asked_where_nobody_is():
    with name_server(address) as second:
        found = asked(Stub([nobody(), second.server], NO_TEST, waits=SHORT))
    assert found.status is Status.FOUND


def test_a_server_that_was_slow_once_is_asked_again():
    calls = []

    def second_time(call):
        calls.append(call)
        if len(calls) > 1:
            address(call)

    with name_server(second_time) as there:
        assert asked(stub(there, test=NO_TEST)).status is Status.FOUND


def test_the_one_that_validates_is_asked_alone_so_that_silencing_it_gains_nothing():
    calls = []

    def dies(call):
        calls.append(call)
        if len(calls) <= 1:
            authentic(call)

    with validator(dies) as first, name_server(authentic) as second:
        resolver = stub(first, second)

        async def twice():
            return [await resolver.ask(Dns("mx.example.org", Kind.A)) for _ in range(2)]

        before, later = asyncio.run(twice())
        assert [c for c in second.calls if "mx" in str(c.query.question[0])] == []
    assert before.security is Security.SECURE
    assert later.status is Status.TIMEOUT


def test_a_server_on_this_machine_that_is_dead_from_the_start_is_not_passed_over():
    with name_server(address) as second:
        servers = [nobody(), elsewhere(second)]
        found = asked(Stub(servers, TEST, waits=SHORT))
    assert found.status is Status.TIMEOUT
    assert "refused" in found.words


def test_where_the_one_on_this_machine_does_not_validate_the_others_are_asked_too():
    with name_server(says(rcode="REFUSED")) as first, name_server(address) as second:
        found = asked(Stub([elsewhere(first), second.server], TEST, waits=SHORT))
    assert found.status is Status.FOUND
    assert found.security is Security.UNCHECKED


def test_what_a_validating_server_refuses_is_asked_of_no_other():
    with validator(forged) as first, validator(authentic) as second:
        found = asked(stub(first, second))
        assert [c for c in second.calls if "mx" in str(c.query.question[0])] == []
    assert found.security is Security.BOGUS


def test_what_a_stranger_calls_bogus_is_asked_of_no_other():
    bogus = says(rcode="SERVFAIL", ede=6)
    with name_server(bogus) as first, name_server(address) as second:
        found = asked(Stub([elsewhere(first), elsewhere(second)], TEST, waits=SHORT))
        assert second.calls == []
    assert found.failed


def test_of_several_failures_the_most_telling_is_the_answer():
    def garbage(call):
        call.say(b"garbage")

    with (
        name_server(silent) as first,
        name_server(garbage) as second,
        name_server(says(rcode="REFUSED")) as third,
    ):
        strangers = [elsewhere(there) for there in (first, second, third)]
        assert asked(Stub(strangers, TEST, waits=SHORT)).status is Status.SERVFAIL
        assert asked(Stub(strangers[:2], TEST, waits=SHORT)).status is Status.MALFORMED
        assert asked(Stub(strangers[:1], TEST, waits=SHORT)).status is Status.TIMEOUT


def test_four_ways_to_have_no_address_are_four_answers():
    scripts = {
        Status.NXDOMAIN: says(rcode="NXDOMAIN", authority=(SOA,)),
        Status.NO_DATA: says(authority=(SOA,)),
        Status.SERVFAIL: says(rcode="SERVFAIL"),
        Status.TIMEOUT: silent,
        Status.MALFORMED: lambda call: call.say(b"garbage"),
    }
    for status, script in scripts.items():
        with validator(script) as there:
            found = asked(stub(there))
        assert found.status is status
        assert found.security is not Security.BOGUS
        assert found.failed is (status not in (Status.NXDOMAIN, Status.NO_DATA))


def test_an_answer_that_comes_too_late_is_a_timeout_that_says_who_was_silent():
    with name_server(after(0.3, address)) as there:
        found = asked(stub(there, test=NO_TEST, waits=[0.1]))
    assert found.status is Status.TIMEOUT
    assert f"{there.server}: no answer in 0.1 seconds" in found.words


def test_a_name_that_cannot_be_is_malformed_and_nobody_is_asked():
    with name_server(address) as there:
        found = asked(stub(there, test=NO_TEST), Dns("a" * 64, Kind.A))
        assert there.calls == []
    assert found.status is Status.MALFORMED


def test_random_capitals_are_used_where_they_are_wanted():
    long = Dns("a" * 40 + ".example.org", Kind.A)
    with name_server(address) as there:
        assert asked(stub(there, test=NO_TEST, mix_case=True), long).status is Status.FOUND
        name = str(there.calls[-1].query.question[0].name)
    assert name not in (name.lower(), name.upper())
