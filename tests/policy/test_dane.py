"""DANE: what is asked about a server, how much of it is believed, and what it comes to."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.answering import (
    ADDRESS,
    N,
    S,
    U,
    addresses,
    alias,
    answered,
    bogus,
    failure,
    found,
    nothing,
)
from tests.test_certificates import NOW, issue
from unstrip.policy import Level
from unstrip.policy.dane import (
    MOST_HOSTS,
    MOST_RECORDS,
    Host,
    Route,
    Standing,
    following,
    mail,
    opinion,
    server,
    service,
)
from unstrip.policy.questions import (
    Address,
    Alias,
    Dns,
    Kind,
    Mx,
    ResultType,
    Security,
    Srv,
    Status,
)
from unstrip.tlsa import DANE, Tlsa, match

DOMAIN, MX1, MX2 = "example.org", "mx1.example.org", "mx2.example.org"
GOOD, WORSE = Tlsa(3, 1, 1, bytes(32)), Tlsa(3, 1, 1, b"\1" * 32)
TA, PKIX = Tlsa(2, 0, 1, bytes(32)), Tlsa(1, 1, 1, bytes(32))


def mx(*hosts, security=S, canonical=""):
    records = [Mx(10 * n, host) for n, host in enumerate(hosts, 1)]
    return {Dns(DOMAIN, Kind.MX): found(*records, security=security, canonical=canonical)}


def tlsa(host, *records, port=25, security=S, answer=None):
    told = found(*records, security=security) if records else nothing(security)
    return {Dns(f"_{port}._tcp.{host}", Kind.TLSA): answer or told}


def posted(*answers, port=25):
    return answered(mail(DOMAIN, port), {q: a for each in answers for q, a in each.items()})


def level_of(host: Host) -> Level | None:
    said = opinion(host)
    return said.level if said and not said.refuses else None


def only(*answers) -> Host:
    (host,) = posted(*answers).result.hosts
    return host


# One server


def test_a_server_with_records_is_to_be_authenticated_by_them():
    ran = posted(mx(MX1), addresses(MX1), tlsa(MX1, GOOD, TA))
    assert ran.names == (
        f"{DOMAIN} MX", f"{MX1} A", f"{MX1} AAAA", f"_25._tcp.{MX1} TLSA",
    )  # fmt: skip
    assert (ran.result.route, ran.result.security) == (Route.NAMED, Security.SECURE)
    assert ran.result.hosts == (
        Host(
            MX1, 25, Standing.AUTHENTICATED, resistant=True, base=MX1, names=(MX1, DOMAIN),
            records=(GOOD, TA), published=(GOOD, TA), ttl=300,
        ),
    )  # fmt: skip
    assert level_of(ran.result.hosts[0]) is Level.AUTHENTICATED
    assert ran.result.everywhere


@pytest.mark.parametrize(("ttl", "least"), [(60, 60), (900, 300)])
def test_it_holds_for_as_long_as_the_shortest_of_its_answers(ttl, least):
    records = tlsa(MX1, answer=found(GOOD, ttl=ttl))
    assert only(mx(MX1), addresses(MX1), records).ttl == least


@pytest.mark.parametrize(
    "answers",
    [
        [addresses(MX1, six=nothing(ttl=7)), tlsa(MX1, GOOD)],
        [addresses(MX1, six=nothing(ttl=7)), tlsa(MX1)],
        [addresses(MX1, six=replace(failure(), ttl=7)), tlsa(MX1, GOOD)],
        [addresses(MX1), tlsa(MX1, answer=nothing(ttl=7))],
        [addresses(MX1), tlsa(MX1, answer=replace(bogus(), ttl=7))],
        [addresses(MX1, N, six=nothing(N, ttl=7))],
        [
            addresses(MX1, canonical="mail.example.net"),
            tlsa("mail.example.net", answer=nothing(ttl=7)),
            tlsa(MX1, GOOD),
        ],
        [
            addresses(MX1, N, canonical="mail.example.net"),
            {Dns(MX1, Kind.CNAME): found(Alias("mail.example.net"), security=N, ttl=7)},
        ],
        [{Dns(MX1, Kind.A): nothing(ttl=7), Dns(MX1, Kind.AAAA): nothing()}],
    ],
)
def test_every_answer_that_it_rests_on_counts_for_how_long_it_holds(answers):
    assert only(mx(MX1), *answers).ttl == 7


@pytest.mark.parametrize(("name", "security"), [(MX1, U), ("192.0.2.1", S)])
def test_a_server_of_which_nothing_is_asked_holds_as_long_as_the_answer_that_names_it(
    name, security
):
    answer = found(Mx(10, name), security=security, ttl=77)
    assert only({Dns(DOMAIN, Kind.MX): answer}).ttl == 77


def test_what_comes_of_it_judges_a_chain():
    root = issue(common="root", names=(), ca=True, kind="p384")
    leaf = issue(root, names=(DOMAIN,))
    told = only(
        mx(MX1), addresses(MX1), tlsa(MX1, Tlsa(2, 0, 1, hashlib.sha256(root.der).digest()))
    )
    assert match(told.records, (leaf.der, root.der), told.names, NOW).valid


@pytest.mark.parametrize(
    ("security", "answer", "words"),
    [
        (S, nothing(), "no secure TLSA record"),
        (S, nothing(status=Status.NXDOMAIN), "no secure TLSA record"),
        (S, found(GOOD, security=N), "no secure TLSA record"),  # P-08
        (S, nothing(N), "no secure TLSA record"),
        (N, None, "insecure"),
    ],
)
def test_a_server_without_secure_records_has_no_dane(security, answer, words):
    host = only(mx(MX1), addresses(MX1, security), *([tlsa(MX1, answer=answer)] if answer else []))
    assert (host.standing, host.words, host.records) == (Standing.ABSENT, words, ())
    assert (level_of(host), host.result) == (None, None)


def test_no_record_is_asked_for_where_the_address_is_insecure():
    assert posted(mx(MX1), addresses(MX1, N)).names[-1] == f"{MX1} AAAA"


@pytest.mark.parametrize("v4", [N, S])
@pytest.mark.parametrize("v6", [N, S])
def test_one_secure_address_is_enough(v4, v6):
    both = addresses(MX1, v4, six=found(Address(ADDRESS[Kind.AAAA]), security=v6))
    host = only(mx(MX1), both, tlsa(MX1, GOOD))
    assert (host.standing is Standing.AUTHENTICATED) is (S in (v4, v6))


@pytest.mark.parametrize("six", [failure(), failure(Status.TIMEOUT), bogus()])
def test_an_address_that_is_known_is_enough_though_the_other_kind_fails(six):
    assert only(mx(MX1), addresses(MX1, six=six), tlsa(MX1, GOOD)).base == MX1
    assert only(mx(MX1), addresses(MX1, N, six=six)).standing is Standing.ABSENT


FAILURES = [
    (failure(), ResultType.DNSSEC_INVALID),
    (bogus(), ResultType.DNSSEC_INVALID),
    (failure(Status.TIMEOUT), None),
    (failure(Status.MALFORMED), None),
]


@pytest.mark.parametrize(("answer", "result"), FAILURES)
def test_a_server_whose_records_cannot_be_had_is_not_used(answer, result):  # P-06
    host = only(mx(MX1), addresses(MX1), tlsa(MX1, answer=answer))
    assert (host.standing, host.result, level_of(host)) == (Standing.FAILED, result, None)
    assert host.words == f"TLSA of _25._tcp.{MX1}: {answer.said()}"


@pytest.mark.parametrize(("answer", "result"), FAILURES)
def test_a_server_whose_address_cannot_be_had_is_not_used(answer, result):
    for four, six in ((answer, nothing()), (nothing(N), answer), (answer, answer)):
        host = only(mx(MX1), {Dns(MX1, Kind.A): four, Dns(MX1, Kind.AAAA): six})
        assert (host.standing, host.result) == (Standing.FAILED, result)


@pytest.mark.parametrize("status", [Status.NO_DATA, Status.NXDOMAIN])
def test_a_server_without_address_cannot_be_reached(status):
    none = nothing(status=status)
    host = only(mx(MX1), {Dns(MX1, Kind.A): none, Dns(MX1, Kind.AAAA): none})
    assert (host.standing, host.result) == (Standing.UNREACHABLE, None)


@pytest.mark.parametrize(
    "name",
    [
        *("192.0.2.1", "2001:db8::1", "::1", "192.0.2", "mx.1"),
        *("mx one.example", "a..b", "a" * 64, "m\\195x.example"),
    ],
)
def test_what_is_no_host_name_is_not_asked_for(name):
    ran = posted(mx(name))
    assert ran.result.hosts[0].standing is Standing.UNREACHABLE
    assert ran.names == (f"{DOMAIN} MX",)


# Records that cannot be used


@pytest.mark.parametrize(
    "record",
    [
        PKIX,
        Tlsa(0, 0, 1, bytes(32)),
        Tlsa(3, 1, 1, b""),
        Tlsa(3, 1, 9, bytes(32)),
        Tlsa(2, 0, 0, b"x"),
    ],
)
def test_records_that_nobody_can_use_still_say_that_there_is_tls(record):  # P-07
    host = only(mx(MX1), addresses(MX1), tlsa(MX1, record))
    assert (host.standing, level_of(host)) == (Standing.ENCRYPTED, Level.ENCRYPT)
    assert (host.result, host.records, host.published) == (ResultType.TLSA_INVALID, (), (record,))
    assert host.words.startswith(f"unusable: {record.text[:40]}: ")


def test_a_record_that_can_be_used_makes_the_others_unimportant():
    host = only(mx(MX1), addresses(MX1), tlsa(MX1, PKIX, GOOD))
    assert (host.standing, host.records, host.published) == (
        Standing.AUTHENTICATED, (GOOD,), (PKIX, GOOD),
    )  # fmt: skip
    assert "usage 1 is none" in host.words


def test_more_records_than_anybody_needs_are_not_tried():
    many = [Tlsa(3, 1, 1, number.to_bytes(32, "big")) for number in range(1000)]
    host = only(mx(MX1), addresses(MX1), tlsa(MX1, *many))
    assert (host.standing, host.result) == (Standing.FAILED, ResultType.TLSA_INVALID)
    assert host.words == f"1000 TLSA records are more than {MOST_RECORDS}"
    assert level_of(only(mx(MX1), addresses(MX1), tlsa(MX1, *many[:MOST_RECORDS])))


# Aliases

TARGET = "mail.example.net"


def test_the_end_of_a_secure_alias_is_the_base_domain():
    host = only(mx(MX1), addresses(MX1, canonical=TARGET), tlsa(TARGET, GOOD))
    assert (host.base, host.names) == (TARGET, (TARGET, DOMAIN))


def test_where_there_are_no_records_at_the_end_of_an_alias_its_own_name_is_next():
    for at_target in (tlsa(TARGET), tlsa(TARGET, GOOD, security=N)):
        answers = (mx(MX1), addresses(MX1, canonical=TARGET), at_target, tlsa(MX1, WORSE))
        ran = posted(*answers)
        assert ran.names[-2:] == (f"_25._tcp.{TARGET} TLSA", f"_25._tcp.{MX1} TLSA")
        (host,) = ran.result.hosts
        assert (host.base, host.records) == (MX1, (WORSE,))


def test_a_failure_at_the_end_of_an_alias_ends_the_search():
    host = only(mx(MX1), addresses(MX1, canonical=TARGET), tlsa(TARGET, answer=bogus()))
    assert host.standing is Standing.FAILED


def test_a_secure_alias_of_an_insecure_name_is_its_own_base_domain():
    insecure = addresses(MX1, N, canonical=TARGET)
    host = only(mx(MX1), insecure, alias(MX1, TARGET), tlsa(MX1, GOOD))
    assert (host.standing, host.base) == (Standing.AUTHENTICATED, MX1)


def test_an_insecure_alias_has_no_base_domain():
    insecure = addresses(MX1, N, canonical=TARGET)
    assert only(mx(MX1), insecure, alias(MX1, TARGET, N)).standing is Standing.ABSENT


@pytest.mark.parametrize(("answer", "result"), FAILURES)
def test_an_alias_that_cannot_be_had_fails(answer, result):
    insecure = addresses(MX1, N, canonical=TARGET)
    host = only(mx(MX1), insecure, {Dns(MX1, Kind.CNAME): answer})
    assert (host.standing, host.result) == (Standing.FAILED, result)


def test_an_alias_of_the_domain_itself_gives_another_reference_name():
    host = only(mx(MX1, canonical="example.com"), addresses(MX1), tlsa(MX1, GOOD))
    assert host.names == (MX1, DOMAIN, "example.com")


# How one comes to the server


def test_an_insecure_mx_is_not_resistant_and_the_domain_no_reference_name():  # P-11
    ran = posted(mx(MX1, security=N), addresses(MX1), tlsa(MX1, GOOD))
    (host,) = ran.result.hosts
    assert (host.standing, host.resistant, host.names) == (Standing.AUTHENTICATED, False, (MX1,))
    assert not ran.result.everywhere


@pytest.mark.parametrize(("answer", "result"), FAILURES)
def test_a_domain_whose_mx_cannot_be_had_is_to_be_tried_later(answer, result):
    ran = posted({Dns(DOMAIN, Kind.MX): answer})
    assert (ran.result.route, ran.result.result, ran.result.hosts) == (Route.FAILED, result, ())
    assert not ran.result.everywhere


def test_where_nobody_whom_we_believe_has_looked_nothing_else_is_asked():
    answer = found(Mx(10, MX1), Mx(20, MX2), security=U)
    ran = posted({Dns(DOMAIN, Kind.MX): answer})
    assert [host.standing for host in ran.result.hosts] == [Standing.UNCHECKED] * 2
    assert ran.names == (f"{DOMAIN} MX",)


def test_where_nobody_whom_we_believe_has_looked_it_says_what_to_do():
    told = found(Address(ADDRESS[Kind.A]), security=U)
    told = type(told)(Status.FOUND, told.records, U, words="install unbound")
    answers = {Dns(MX1, Kind.A): told, Dns(MX1, Kind.AAAA): nothing(U)}
    host = answered(server(MX1, 25), answers).result
    assert (host.standing, host.words, level_of(host)) == (
        Standing.UNCHECKED,
        "install unbound",
        None,
    )


@pytest.mark.parametrize("security", [S, N])
def test_a_domain_without_mx_is_its_own_server(security):
    ran = posted({Dns(DOMAIN, Kind.MX): nothing(security)}, addresses(DOMAIN), tlsa(DOMAIN, GOOD))
    (host,) = ran.result.hosts
    assert (ran.result.route, host.name, host.names) == (Route.ITSELF, DOMAIN, (DOMAIN,))
    assert host.resistant is (security is S)


@pytest.mark.parametrize("security", [S, N])
@pytest.mark.parametrize("status", [Status.NO_DATA, Status.NXDOMAIN])
def test_a_domain_without_mx_and_without_address_has_no_server(security, status):
    gone = nothing(security, status, ttl=60)
    answers = {Dns(DOMAIN, Kind.A): gone, Dns(DOMAIN, Kind.AAAA): nothing(security)}
    result = posted({Dns(DOMAIN, Kind.MX): nothing(security)}, answers).result
    assert (result.route, result.hosts, result.ttl) == (Route.MISSING, (), 60)
    assert result.words == "no MX, and no address (RFC 5321, 5.1)"
    assert result.security is security


@pytest.mark.parametrize(("answer", "result"), FAILURES)
def test_a_domain_without_mx_whose_address_cannot_be_had_may_have_one(answer, result):
    for four, six in ((answer, nothing()), (nothing(N), answer), (answer, answer)):
        asked = {Dns(DOMAIN, Kind.A): four, Dns(DOMAIN, Kind.AAAA): six}
        ran = posted({Dns(DOMAIN, Kind.MX): nothing()}, asked)
        (host,) = ran.result.hosts
        assert (ran.result.route, host.standing) == (Route.ITSELF, Standing.FAILED)
        assert host.result is result


def test_a_domain_without_mx_that_nobody_whom_we_believe_looked_for_is_its_own_server():
    ran = posted({Dns(DOMAIN, Kind.MX): nothing(U)})
    assert ran.result.route is Route.ITSELF
    assert [host.standing for host in ran.result.hosts] == [Standing.UNCHECKED]


def test_a_null_mx_takes_no_mail():
    assert posted(mx("")).result.route is Route.NOWHERE
    assert posted(mx("", MX1), addresses(MX1), tlsa(MX1, GOOD)).result.route is Route.NAMED


def test_a_domain_that_is_not_there_has_no_servers():
    ran = posted({Dns(DOMAIN, Kind.MX): nothing(status=Status.NXDOMAIN)})
    assert (ran.result.route, ran.result.hosts) == (Route.MISSING, ())
    assert ran.result.words == "no such name (secure)"


def test_servers_come_in_the_order_of_preference_and_each_once():
    answer = found(Mx(20, MX2), Mx(10, MX1), Mx(30, MX1))
    answers = {Dns(DOMAIN, Kind.MX): answer, **addresses(MX1, N), **addresses(MX2, N)}
    assert [host.name for host in answered(mail(DOMAIN), answers).result.hosts] == [MX1, MX2]


def test_servers_beyond_measure_are_left_out():
    names = [f"mx{number}.example.org" for number in range(1000)]
    result = posted(mx(*names, security=U)).result
    assert len(result.hosts) == MOST_HOSTS
    assert result.words == f"of 1000 servers only the first {MOST_HOSTS} are used"
    assert result.left_out == 1000 - MOST_HOSTS


@pytest.mark.parametrize(("count", "left_out"), [(MOST_HOSTS, 0), (MOST_HOSTS + 1, 1)])
def test_what_nobody_looked_at_may_be_without_dane(count, left_out):
    names = [f"mx{number}.example.org" for number in range(count)]
    result = posted(mx(*names), *map(dane, names)).result
    assert (result.left_out, result.everywhere) == (left_out, not left_out)


# A domain as a whole, named after what goes wrong elsewhere


def dane(host):
    return {**addresses(host), **tlsa(host, GOOD)}


NOBODY = {Dns(MX2, Kind.A): nothing(), Dns(MX2, Kind.AAAA): nothing()}


@pytest.mark.parametrize(
    ("answers", "standings", "everywhere"),
    [
        pytest.param(
            [mx(MX1, MX2), dane(MX1), dane(MX2)], "AUTHENTICATED AUTHENTICATED", True, id="all dane"
        ),
        pytest.param(
            [mx(MX1, security=N), dane(MX1)], "AUTHENTICATED", False, id="insecure MX with TLSA"
        ),
        pytest.param(
            [mx(MX1, MX2), dane(MX1), addresses(MX2), tlsa(MX2)],
            "AUTHENTICATED ABSENT", False, id="some MX without TLSA",
        ),
        pytest.param(
            [mx(MX1), addresses(MX1), tlsa(MX1, PKIX)], "ENCRYPTED", False, id="all TLSA unusable"
        ),
        pytest.param(
            [mx(MX1), addresses(MX1, canonical=TARGET), tlsa(TARGET, GOOD)],
            "AUTHENTICATED", True, id="MX is an alias, TLSA at its end",
        ),
        pytest.param([{Dns(DOMAIN, Kind.MX): bogus()}], "", False, id="bogus MX"),
        pytest.param(
            [mx(MX1, MX2), dane(MX1), addresses(MX2), tlsa(MX2, answer=bogus())],
            "AUTHENTICATED FAILED", False, id="bogus TLSA",
        ),
        pytest.param(
            [mx(MX1, MX2), dane(MX1), NOBODY], "AUTHENTICATED UNREACHABLE", True,
            id="an MX without address",
        ),
        pytest.param([mx(MX2), NOBODY], "UNREACHABLE", False, id="nobody to be reached"),
    ],
)  # fmt: skip
def test_whether_a_whole_domain_may_be_held_to_dane(answers, standings, everywhere):
    result = posted(*answers).result
    assert " ".join(host.standing.name for host in result.hosts) == standings
    assert result.everywhere is everywhere


# What follows


@pytest.mark.parametrize(
    ("answer", "hosts"),
    [
        (found(Mx(20, MX2), Mx(10, MX1), Mx(30, MX1)), [MX1, MX2]),
        (found(Srv(2, 0, 1, "b"), Srv(1, 5, 1, "a"), Srv(1, 9, 2, "a")), ["a", "b"]),
        (found(Mx(10, MX1), security=N), [MX1]),
        (found(Mx(10, MX1), security=U), []),
        (found(Mx(10, "")), []),
        (found(Mx(10, "192.0.2.1"), Mx(20, "a..b"), Mx(30, MX1)), [MX1]),
        (found(Address("192.0.2.1")), []),
        (nothing(), []),
        (bogus(), []),
        (failure(Status.TIMEOUT), []),
    ],
)
def test_what_follows_from_an_answer_are_the_addresses_of_its_hosts(answer, hosts):
    expected = [Dns(host, kind) for host in hosts for kind in (Kind.A, Kind.AAAA)]
    assert list(following(answer)) == expected


def test_what_follows_is_what_is_asked():
    names = [f"mx{number}.example.org" for number in range(MOST_HOSTS + 1)]
    told = found(*(Mx(10, name) for name in names), security=N)
    hosts = {q: a for name in names for q, a in addresses(name, N).items()}
    asked = answered(mail(DOMAIN), {Dns(DOMAIN, Kind.MX): told, **hosts}).asked
    assert asked[1:] == following(told)


# Other protocols

XMPP = "_xmpp-client._tcp"


def srv(*records, security=S):
    return {Dns(f"{XMPP}.{DOMAIN}", Kind.SRV): found(*records, security=security)}


def served(*answers):
    told = {q: a for each in answers for q, a in each.items()}
    return answered(service(XMPP, DOMAIN), told)


def test_a_service_is_found_by_srv_and_its_records_at_target_and_port():
    ran = served(
        srv(Srv(0, 0, 5223, TARGET)), addresses(TARGET), tlsa(TARGET, GOOD, PKIX, port=5223)
    )
    (host,) = ran.result.hosts
    assert (host.name, host.port, host.base, host.names) == (TARGET, 5223, TARGET, (TARGET, DOMAIN))
    assert host.records == (GOOD, PKIX)  # RFC 7673: all usages
    assert ran.result.everywhere


def test_an_insecure_srv_is_not_resistant():
    ran = served(
        srv(Srv(0, 0, 1, TARGET), security=N), addresses(TARGET), tlsa(TARGET, GOOD, port=1)
    )
    assert ran.result.hosts[0].names == (TARGET,)
    assert not ran.result.hosts[0].resistant


def test_targets_come_by_priority_and_weight_and_each_port_by_itself():
    records = [Srv(2, 0, 1, "b"), Srv(1, 5, 1, "a"), Srv(1, 9, 2, "a"), Srv(2, 0, 1, "b")]
    ran = served(srv(*records), addresses("a", N), addresses("b", N))
    assert [(h.name, h.port) for h in ran.result.hosts] == [("a", 2), ("a", 1), ("b", 1)]


@pytest.mark.parametrize(
    ("answer", "route"),
    [
        (found(Srv(0, 0, 0, "")), Route.NOWHERE),
        (nothing(), Route.MISSING),
        (nothing(status=Status.NXDOMAIN), Route.MISSING),
        (bogus(), Route.FAILED),
        (failure(Status.TIMEOUT), Route.FAILED),
    ],
)
def test_a_service_that_is_not_there_is_told_from_one_that_cannot_be_found_out(answer, route):
    result = served({Dns(f"{XMPP}.{DOMAIN}", Kind.SRV): answer}).result
    assert (result.route, result.hosts) == (route, ())


def test_a_server_that_the_user_named_is_as_secure_as_that():
    told = {**addresses(MX1, canonical=TARGET), **tlsa(TARGET, PKIX, TA, port=993)}
    host = answered(server(MX1, 993), told).result
    assert (host.resistant, host.base, host.names) == (True, TARGET, (TARGET, MX1))
    assert host.records == (PKIX, TA)
    assert answered(server(MX1, 993, DANE), told).result.records == (TA,)


# Whatever is answered

ANSWERS = st.builds(
    lambda status, security, canonical: type(nothing())(
        status, (), security, canonical, words="words"
    ),
    st.sampled_from(Status),
    st.sampled_from(Security),
    st.sampled_from(["", MX1, TARGET]),
)
RECORDS = {
    Kind.MX: Mx(10, MX1), Kind.A: Address("192.0.2.1"), Kind.AAAA: Address("2001:db8::1"),
    Kind.TLSA: GOOD,
}  # fmt: skip


@given(st.data())
def test_only_what_is_secure_all_along_raises_and_nothing_unclear_is_used(data):
    asked = {}

    def drive():
        source = mail(DOMAIN)
        question = next(source)
        while True:
            answer = data.draw(ANSWERS)
            if answer.status is Status.FOUND and question.kind in RECORDS:
                answer = type(answer)(
                    answer.status, (RECORDS[question.kind],), answer.security, answer.canonical
                )
            asked[question] = answer
            try:
                question = source.send(answer)
            except StopIteration as stop:
                return stop.value

    result = drive()
    for host in result.hosts:
        told = [answer for question, answer in asked.items() if question.kind is Kind.TLSA]
        if level_of(host):
            assert told[-1].secure
            assert not any(answer.failed for answer in told)
        if any(answer.failed for answer in told):
            assert host.standing is Standing.FAILED
        assert host.resistant is (asked[Dns(DOMAIN, Kind.MX)].security is Security.SECURE)
