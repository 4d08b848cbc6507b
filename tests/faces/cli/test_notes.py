"""Whose fault it is, what to do, and what others may still do."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.verdict.scenes import NOW, steadily, upgraded
from unstrip.derivation import Beliefs, Sought, derive
from unstrip.faces.cli.notes import notes
from unstrip.policy import local
from unstrip.policy.dane import Domain, Host, Route, Standing
from unstrip.policy.mta_sts import Known, Mode, StsPolicy, Trouble
from unstrip.policy.questions import Security
from unstrip.tlsa import Tlsa

DOMAIN, MX, SECOND = "example.org", "mx.example.org", "mx2.example.org"
RECORD = Tlsa(3, 1, 1, bytes(32))
FREE = Host(MX, 25, Standing.ABSENT, resistant=True)
SAFE = replace(
    FREE, standing=Standing.AUTHENTICATED, base=MX, names=(MX,), records=(RECORD,), ttl=60
)
NOBODY = Known(DOMAIN)
ENFORCED = Known(DOMAIN, StsPolicy(Mode.ENFORCE, 86400, (MX,)), "1", NOW)
TESTED = replace(ENFORCED, policy=StsPolicy(Mode.TESTING, 86400, (MX,)))
STATUS = Trouble(NOW, "HTTP status 404", certain=True)
TIMEOUT = Trouble(NOW, "no answer", certain=False)
GOES_IN_CLEAR = "other senders may still go in clear"


def told(
    *hosts: Host, sts: Known | None = NOBODY, beliefs: Beliefs | None = None, **route: object
) -> str:
    found = replace(Domain(DOMAIN, Route.NAMED, Security.SECURE, hosts), **route)
    return "\n".join(notes(derive(Sought(), found, beliefs or Beliefs(), NOW, sts)))


# Trouble


@pytest.mark.parametrize(
    ("known", "what"),
    [(replace(NOBODY, fetch=STATUS), "policy"), (replace(NOBODY, record=STATUS), "record")],
    ids=["policy", "record"],
)
def test_what_the_domain_itself_has_wrong_is_its_fault(known, what):
    first, second = told(FREE, sts=known).splitlines()
    assert first == (
        f"the MTA-STS {what} cannot be used, by the domain's own fault: none holds;"
        " to do: tell its operator"
    )
    assert second.startswith("no policy is enforced: ")


@pytest.mark.parametrize("place", ["record", "fetch"])
def test_what_somebody_may_keep_from_us_is_told_and_not_called_absent(place):
    text = told(FREE, sts=replace(NOBODY, **{place: TIMEOUT}))
    assert text.startswith("there may be an MTA-STS policy that somebody keeps from us; to do: ")
    assert GOES_IN_CLEAR not in text


@pytest.mark.parametrize(
    ("trouble", "advice"), [(STATUS, "tell its operator"), (TIMEOUT, "repeat")]
)
def test_a_policy_that_is_known_holds_whatever_becomes_of_it(trouble, advice):
    text = told(FREE, sts=replace(ENFORCED, fetch=trouble))
    assert text.startswith("the MTA-STS policy that is known holds all the same; to do: " + advice)
    assert GOES_IN_CLEAR not in text


def test_one_that_is_over_does_not_hold():
    over = replace(ENFORCED, fetched=NOW - timedelta(days=9), fetch=TIMEOUT)
    assert "there may be an MTA-STS policy" in told(FREE, sts=over)


# What others may do


def test_where_nothing_is_published_others_may_go_in_clear():
    assert told(FREE) == (
        f"no policy is published: {GOES_IN_CLEAR}; `unstrip publish example.org` says what would"
        " change that"
    )


def test_what_only_we_know_is_nothing_that_is_published():
    table = local.parse('[[rule]]\nhost = "*"\nrequire = "verify"\n')
    ours = Beliefs(table, visits=lambda _: steadily(upgraded()))
    assert "no policy is published" in told(FREE, beliefs=ours)


def test_a_policy_that_is_only_tested_is_not_enforced():
    assert told(FREE, sts=TESTED).startswith("no policy is enforced: ")


def test_the_servers_without_a_policy_are_named_where_others_have_one():
    text = told(SAFE, replace(FREE, name=SECOND))
    assert text.startswith(f"no policy is published for {SECOND}: ")


@pytest.mark.parametrize(
    ("host", "sts"),
    [
        (SAFE, NOBODY),
        (replace(SAFE, standing=Standing.ENCRYPTED), NOBODY),
        (FREE, ENFORCED),
        (replace(FREE, standing=Standing.FAILED), NOBODY),
        (replace(FREE, standing=Standing.UNREACHABLE), NOBODY),
        (replace(FREE, standing=Standing.UNCHECKED), NOBODY),
    ],
    ids=["records", "unusable records", "enforced", "not to be used", "no address", "not checked"],
)
def test_where_there_is_one_or_nobody_knows_nothing_is_said(host, sts):
    assert told(host, sts=sts) == ""


def test_of_servers_that_could_not_be_found_out_there_is_nothing_to_add():
    assert told(route=Route.FAILED, sts=replace(NOBODY, record=TIMEOUT)) == ""


def test_other_services_than_mail_have_no_policies_of_that_kind():
    found = Domain(DOMAIN, Route.NAMED, Security.SECURE, (FREE,))
    assert list(notes(derive(Sought("_imap._tcp", "imap"), found, Beliefs(), NOW))) == []
