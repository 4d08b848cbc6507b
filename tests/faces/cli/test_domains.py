"""What the report says of domains and policies."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.policy.answering import N, S, U, addresses, bogus, found, nothing
from tests.verdict.scenes import (
    MAY,
    NOW,
    VERIFY,
    heard,
    judged,
    refused,
    unheard,
    untrusted,
    upgraded,
    visited,
)
from unstrip.derivation import Beliefs, Derivation, Sought, derive
from unstrip.evidence import from_json, to_json
from unstrip.faces.cli.domains import about, column, dane_words, route_words, sts_words, summary
from unstrip.faces.cli.record import DomainRecord, domain_record
from unstrip.faces.cli.report import Told, lines, rows_of
from unstrip.faces.cli.speech import Exit
from unstrip.io.check import Checked
from unstrip.io.domain import DomainChecked, ServiceChecked
from unstrip.io.inquiry import Inquired, Inquiry
from unstrip.policy import Decision, Level, Policy, decide
from unstrip.policy.dane import Domain, Host, Route, Standing
from unstrip.policy.mta_sts import Known, Mode, StsPolicy, Trouble
from unstrip.policy.questions import Dns, Kind, Mx, Security, Status
from unstrip.tlsa import Match, Tlsa, TlsaSet

DANE = Policy("dane", Level.AUTHENTICATED, attests=True)
STS = Policy("mta-sts", Level.AUTHENTICATED, webpki=True)
TESTED = replace(STS, enforced=False)
HOST = Host("mx.example.org", 25, Standing.ABSENT)


def of(decision: Decision, evidence=None) -> Checked:
    evidence = evidence or upgraded()
    return Checked(visited(evidence), evidence, (), judged(evidence, decision))


def derivation(route: Domain, sought: Sought = Sought(), sts: Known | None = None) -> Derivation:  # noqa: B008  # a frozen value
    return derive(sought, route, Beliefs(), NOW, sts)


def service(route: Domain, *servers: Checked, sts: Known | None = None) -> ServiceChecked:
    return ServiceChecked(Inquired(derivation(route, sts=sts)), servers)


def named(*hosts: Host, security: Security = Security.SECURE) -> Domain:
    return Domain("example.org", Route.NAMED, security, hosts)


FAILED = Domain("example.org", Route.FAILED, Security.BOGUS, words="server failure (bogus)")
NO_MAIL = Domain("example.org", Route.NOWHERE, Security.SECURE, words="null MX (RFC 7505)")


# The column


def test_the_column_names_the_policies_and_says_whether_they_are_met():
    assert column(of(decide([DANE], NOW))) == "dane met"
    assert column(of(decide([DANE], NOW), refused())) == "dane not met"


def test_what_the_command_line_asked_for_is_no_policy():
    assert column(of(decide([Policy("default", Level.AUTHENTICATED)], NOW))) == "-"


def test_a_policy_that_is_only_tested_is_told_as_such():
    assert column(of(decide([TESTED], NOW))) == "mta-sts testing met"
    assert column(of(decide([STS], NOW))) == "mta-sts enforce met"


HISTORY = Policy("history", Level.ENCRYPT, attests=True)
LOCAL = Policy("local", Level.AUTHENTICATED)
LOOKED_UP_IN_VAIN = Policy("dane", Level.MAY, refuses="no answer", rule="RFC 7672, 2.1.2")
UNLISTED = replace(STS, refuses="it is not listed")
DEFAULT = Policy("default", Level.AUTHENTICATED)
GONE = unheard(ConnectionRefusedError())


@pytest.mark.parametrize(
    ("policies", "evidence", "words"),
    [
        ([DEFAULT, HISTORY], upgraded(untrusted()), "history met"),
        ([DEFAULT, HISTORY], refused(), "history not met"),
        ([HISTORY, TESTED], upgraded(untrusted()), "history met, mta-sts testing not met"),
        ([LOOKED_UP_IN_VAIN, STS], upgraded(), "dane failed, mta-sts enforce met"),
        ([UNLISTED], upgraded(), "mta-sts enforce not met"),
        ([DANE, TESTED], GONE, "dane not seen, mta-sts testing not seen"),
        ([DANE], heard("S: 421 later"), "dane not seen"),
        ([LOOKED_UP_IN_VAIN], GONE, "dane failed"),
        ([LOCAL, replace(LOCAL, pins=("ab" * 32,))], upgraded(), "local not met"),
    ],
)
def test_each_policy_is_judged_by_itself(policies, evidence, words):
    assert column(of(decide(policies, NOW), evidence)) == words


def test_records_and_an_unsigned_name_are_judged_apart_from_what_the_operator_wants():
    tlsa = TlsaSet((Tlsa(3, 1, 1, bytes(32)),), ("mx.example.org",))
    records = replace(DANE, tlsa=tlsa)
    held = upgraded(replace(untrusted(), dane=Match(tlsa.records[0])))
    assert column(of(decide([LOCAL, records], NOW, named=False), held)) == (
        "local not met, dane met"
    )
    unheld = of(decide([records, STS], NOW, named=False))  # the WebPKI goes before them
    assert column(unheld) == "dane not seen, mta-sts enforce met"


# The sentences


@pytest.mark.parametrize(
    ("route", "words"),
    [
        (named(HOST), "1 server, named by MX (secure)"),
        (named(HOST, HOST, security=N), "2 servers, named by MX (insecure)"),
        (
            replace(named(HOST, HOST), left_out=10),
            "the first 2 servers of 12, named by MX (secure)",
        ),
        (
            replace(named(), route=Route.ITSELF),
            "no MX: the domain is its own server (RFC 5321, 5.1)",
        ),
        (NO_MAIL, "it takes no mail (null MX, RFC 7505; secure)"),
        (
            replace(named(), route=Route.MISSING, words="no MX, and no address (RFC 5321, 5.1)"),
            "MX: there is no such domain: no MX, and no address (RFC 5321, 5.1)",
        ),
        (FAILED, "MX: it could not be found out: server failure (bogus)"),
    ],
)
def test_how_the_servers_were_found_is_told(route, words):
    assert route_words(derivation(route)) == words


def test_a_service_is_named_by_srv():
    sought = Sought("_imap._tcp", "imap")
    assert route_words(derivation(named(HOST), sought)) == "1 server, named by SRV (secure)"


@pytest.mark.parametrize(
    ("standings", "words"),
    [
        ([Standing.ABSENT], "none"),
        ([Standing.AUTHENTICATED, Standing.ABSENT], "records to be met at 1 of 2"),
        (
            [Standing.ENCRYPTED, Standing.FAILED],
            "no usable record at 1 of 2, look-up failed at 1 of 2",
        ),
        ([Standing.UNCHECKED], "not checked: install \\x1b unbound"),
    ],
)
def test_what_dane_says_of_all_servers_is_told(standings, words):
    hosts = [Host("mx", 25, each, words="install \x1b unbound") for each in standings]
    assert dane_words(named(*hosts)) == words


KNOWN = Known("example.org", StsPolicy(Mode.ENFORCE, 86400, ("mx.example.org",)), "1", NOW)


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (Known("example.org"), "none"),
        (KNOWN, "mode enforce, mx mx.example.org, until 2026-11-22"),
        (replace(KNOWN, fetched=NOW - timedelta(days=9)), "none"),
        (
            replace(KNOWN, fetch=Trouble(NOW, "HTTP status \x1b", certain=True)),
            "mode enforce, mx mx.example.org, until 2026-11-22; HTTP status \\x1b",
        ),
        (Known("x", record=Trouble(NOW, "timeout", certain=False)), "timeout"),
    ],
)
def test_which_policy_is_known_is_told(known, words):
    assert sts_words(known, NOW) == words


def test_the_summary_says_it_all_and_an_alarm_too():
    inquired = Inquired(derivation(named(HOST), sts=KNOWN), alarms=("it went to none",))
    assert list(summary(ServiceChecked(inquired, ()))) == [
        "example.org, mail: 1 server, named by MX (secure)",
        "dane: none",
        "mta-sts: mode enforce, mx mx.example.org, until 2026-11-22",
        "alarm: it went to none",
    ]


# Rows and records


def domain(*services: ServiceChecked) -> DomainChecked:
    return DomainChecked("example.org", services)


def test_each_server_has_its_row():
    rows = rows_of(domain(service(named(HOST), of(VERIFY), of(MAY)), service(NO_MAIL)))
    assert [row.exit for row in rows] == [Exit.MEETS, Exit.MEETS]


@pytest.mark.parametrize(
    ("route", "advice"),
    [
        (FAILED, "send nothing there"),
        (replace(FAILED, security=Security.UNCHECKED), "whether the resolver answers"),
        (replace(FAILED, route=Route.MISSING), "check the spelling"),
    ],
    ids=["forged", "no answer", "missing"],
)
def test_a_domain_without_any_server_could_not_be_told_and_has_a_row_with_what_to_do(route, advice):
    (row,) = rows_of(domain(service(route)))
    assert row.exit is Exit.UNKNOWN
    assert row.cells[0] == "unknown"
    assert row.details[0] == f"  example.org, mail: {route.route.value}"
    assert advice in " ".join(row.details)


def test_servers_that_nobody_looked_at_have_a_row_together():
    many = replace(named(HOST), left_out=10, words="only the first 50 are used")
    seen, others = rows_of(domain(service(many, of(VERIFY))))
    assert (seen.exit, others.exit) == (Exit.MEETS, Exit.UNKNOWN)
    assert others.cells[:3] == ("unknown", "example.org", "smtp")
    assert others.details[0] == "  example.org, mail: only the first 50 are used"
    assert domain_record(domain(service(many, of(VERIFY)))).exit == Exit.UNKNOWN.value


def test_a_domain_that_takes_no_mail_is_in_order():
    (row,) = rows_of(domain(service(NO_MAIL)))
    assert (row.cells[0], row.exit, row.details) == ("none", Exit.MEETS, ())


def test_that_it_takes_none_is_not_believed_beside_a_policy_that_names_servers():
    (row,) = rows_of(domain(service(NO_MAIL, sts=KNOWN)))
    assert (row.cells[0], row.exit) == ("unknown", Exit.UNKNOWN)
    assert "its MTA-STS policy names servers" in " ".join(row.details)


def srv(route: Domain, name: str = "_imap._tcp") -> ServiceChecked:
    return ServiceChecked(Inquired(derivation(route, Sought(name, "imap"))), ())


def test_what_could_not_be_found_out_for_one_reason_is_told_once():
    silent = replace(FAILED, security=Security.UNCHECKED, words="no answer: \x1b")
    whole = domain(service(silent), srv(silent), srv(silent, "_imaps._tcp"))
    (row,) = rows_of(whole)
    assert row.cells[:3] == ("unknown", "example.org", "-")
    assert list(about(whole)) == [
        "example.org, mail and 2 other services: it could not be found out: no answer: \\x1b"
    ]


def test_what_failed_for_two_reasons_is_told_twice():
    whole = domain(service(FAILED), srv(replace(FAILED, words="no answer")))
    assert len(rows_of(whole)) == 2
    assert sum("could not be found out" in line for line in about(whole)) == 2


def test_a_service_that_could_not_be_found_out_is_not_passed_over_for_the_others():
    rows = rows_of(domain(service(named(HOST), of(VERIFY)), service(FAILED)))
    assert [row.exit for row in rows] == [Exit.MEETS, Exit.UNKNOWN]


def test_what_is_known_stands_above_the_table():
    rows = rows_of(domain(service(named(HOST), of(VERIFY))))
    said = list(lines([Told(rows, ("dane: none",))], "required: verify"))
    assert said[:3] == ["required: verify", "  dane: none", ""]


@pytest.mark.parametrize(
    ("services", "code"),
    [
        ([service(named(HOST), of(VERIFY))], 0),
        ([service(named(HOST), of(VERIFY, refused()))], 1),
        ([service(named(HOST), of(VERIFY)), service(FAILED)], 4),
        ([service(NO_MAIL)], 0),
    ],
)
def test_the_record_has_the_exit_code_of_the_report(services, code):
    made = domain_record(domain(*services))
    assert made.exit == code
    assert [one.service for one in made.services] == ["mail"] * len(services)
    assert isinstance(made, DomainRecord)


# With an inquiry


def test_an_unchecked_answer_names_what_to_install():
    async def ask(question: Dns):
        if question.kind is Kind.MX:
            return replace(found(Mx(10, "mx.example.org"), security=U), words="install unbound")
        return addresses("mx.example.org", U).get(question, nothing(U))

    inquired = asyncio.run(Inquiry(ask, lambda _: None, Beliefs()).mail("example.org"))
    assert "dane: not checked: install unbound" in list(summary(ServiceChecked(inquired, ())))


def test_a_forged_answer_is_no_missing_domain():
    async def ask(question: Dns):
        return bogus() if question.kind is Kind.MX else nothing(S, Status.NXDOMAIN)

    inquired = asyncio.run(Inquiry(ask, lambda _: None, Beliefs()).mail("example.org"))
    assert ServiceChecked(inquired, ()).failed


def test_where_the_route_is_unproven_another_certificate_is_not_the_advice():
    decision = decide([Policy("default", Level.AUTHENTICATED)], NOW, named=False)
    (row,) = rows_of(domain(service(named(HOST), of(decision))))
    said = " ".join(" ".join(row.details).split())
    assert "unstrip publish" in said
    assert "--server-name" not in said
    assert "`--require encrypt` asks for less" in said


@pytest.mark.parametrize(("policy", "helps"), [(LOCAL, False), (HISTORY, True)])
def test_that_one_could_ask_for_less_is_said_only_where_it_helps(policy, helps):
    decision = decide([DEFAULT, policy], NOW, named=False)
    (row,) = rows_of(domain(service(named(HOST), of(decision))))
    assert "unstrip publish" in " ".join(row.details)
    assert ("--require encrypt" in " ".join(row.details)) is helps


def test_the_record_has_what_is_known_of_the_policies():
    made = domain_record(domain(service(named(HOST), of(VERIFY), sts=KNOWN)))
    (mail,) = made.services
    assert (mail.security, mail.dane, mail.mode) == (Security.SECURE, (HOST,), Mode.ENFORCE)
    assert mail.sts == KNOWN
    assert from_json(DomainRecord, to_json(made)) == made


def test_the_record_has_the_trouble_and_whose_fault_it_is():
    trouble = Trouble(NOW, "HTTP status 404", certain=True)
    made = domain_record(
        domain(service(named(HOST), of(VERIFY), sts=Known("example.org", fetch=trouble)))
    )
    (mail,) = made.services
    assert (mail.mode, mail.sts.fetch) == (None, trouble)
    assert "the domain's own fault" in mail.notes[0]
