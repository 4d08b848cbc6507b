"""Taking reports in: what is right is kept once, what is wrong is named and counted."""

from __future__ import annotations

import asyncio
import gzip
from contextlib import closing, suppress
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.io.tlsrpt.signed import SENDER, Names, keys, name, sign
from tests.tlsrpt.letters import (
    COUNTS,
    FILE,
    GZIP,
    NOW,
    SHAPES,
    STS,
    TLSA,
    encoded,
    mail,
    plain_letter,
    policy,
    told,
)
from unstrip.io.store import open_store
from unstrip.io.tlsrpt.intake import Crowded, Fate, Intake, Unknown
from unstrip.io.tlsrpt.verifying import verify
from unstrip.rollout.snapshot import HostSeen, Snapshot
from unstrip.tlsrpt.letter import BadLetter, take
from unstrip.tlsrpt.received import Proof

DAY = date(2026, 11, 20)
LONG_AGO, FAR = date(2018, 1, 1), date(2100, 1, 1)
KEYS = keys(SENDER)


@pytest.fixture
def store(tmp_path):
    with closing(open_store(tmp_path / "store.sqlite3")) as opened:
        yield opened


@pytest.fixture
def intake(store):
    return Intake(store, ("example.org",))


def taken(intake, message, names=None):
    return asyncio.run(intake.mail(message, (names or Names(KEYS)).ask, NOW))


def kept(store):
    return store.received(None, LONG_AGO, FAR)


def refusals(store):
    return {refused.kind: refused.count for refused in store.refused(LONG_AGO, FAR)}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_shapes_of_large_senders_are_kept_with_every_count(store, intake, shape):
    (outcome,) = taken(intake, sign(SHAPES[shape]()))
    assert (outcome.fate, outcome.kind) == (Fate.TAKEN, "")
    found = kept(store)
    assert {(t.day, t.submitter, t.domain, t.proof) for t in found} == {
        (DAY, SENDER, "example.org", Proof.DKIM)
    }
    succeeded, failed = COUNTS[shape]
    assert sum(t.tally.succeeded for t in found) == succeeded
    assert sum(t.tally.failed for t in found) == failed
    assert f"dkim: pass {SENDER}" in outcome.words


def test_what_is_odd_is_said(intake):
    (outcome,) = taken(intake, SHAPES["tlsrpt_reporter"]())
    assert "mx-host is no list" in outcome.words
    assert "contact-info is missing" in outcome.words


def test_a_mail_without_a_signature_is_kept_and_marked(store, intake):
    (outcome,) = taken(intake, plain_letter())
    assert "(dkim: none)" in outcome.words
    assert kept(store)[0].proof is Proof.NONE


def test_a_mail_without_a_signature_is_refused_where_one_is_required(store):
    (outcome,) = taken(Intake(store, strict=True), plain_letter())
    assert (outcome.fate, outcome.kind) == (Fate.REFUSED, "unsigned")
    assert kept(store) == ()
    assert refusals(store) == {"unsigned": 1}


def test_a_forged_signature_is_refused_and_the_next_mail_is_taken(store, intake):
    forged = sign(plain_letter()).replace(b"This is", b"That is")
    (outcome,) = taken(intake, forged)
    assert (outcome.fate, outcome.kind) == (Fate.REFUSED, "dkim")
    assert outcome.words.startswith("dkim: fail: ")
    assert refusals(store) == {"dkim": 1}
    assert taken(intake, sign(plain_letter()))[0].fate is Fate.TAKEN


def test_a_signature_of_somebody_else_is_a_forgery(store, intake):
    by_another = sign(plain_letter(), "evil.example")
    (outcome,) = taken(intake, by_another, Names(keys("evil.example")))
    assert outcome.kind == "dkim"
    assert "it is of evil.example, and the report of sender.example" in outcome.words


def test_a_signature_that_does_not_cover_whom_it_is_about_proves_nothing(store, intake):
    about_another = told(policy(TLSA, 5))
    signed = sign(plain_letter(about_another), covered=("From", "TLS-Report-Submitter"))
    (outcome,) = taken(intake, signed)
    assert "but not of whom it is about" in outcome.words
    assert kept(store)[0].proof is Proof.NONE
    assert taken(Intake(store, strict=True), signed)[0].kind == "unsigned"


def test_a_key_that_cannot_be_looked_up_decides_nothing(store, intake):
    with pytest.raises(Unknown):
        taken(intake, sign(plain_letter()), Names(lost=(name(SENDER),)))
    assert kept(store) == ()
    assert refusals(store) == {}


def test_a_domain_that_does_not_answer_is_asked_once_a_run(intake):
    names = Names(lost=(name(SENDER),))
    for number in range(3):
        with pytest.raises(Unknown):
            taken(intake, sign(plain_letter(report_id=f"{number}")), names)
    assert names.asked == [name(SENDER)]


def test_a_mail_waits_some_days_for_its_key(store, intake):
    def at_last(waited):
        lost = Names(lost=(name(SENDER),))
        return asyncio.run(intake.mail(sign(plain_letter()), lost.ask, NOW, NOW - waited))

    with pytest.raises(Unknown):
        at_last(timedelta(days=4))
    (outcome,) = at_last(timedelta(days=6))
    assert (outcome.fate, outcome.kind) == (Fate.REFUSED, "key")
    assert "for 6 days" in outcome.words


def test_a_duplicate_is_named_and_counted_and_not_kept_again(store, intake):
    taken(intake, sign(plain_letter()))
    before = kept(store)
    (outcome,) = taken(intake, sign(plain_letter()))
    assert (outcome.fate, outcome.kind) == (Fate.DUPLICATE, "duplicate")
    assert kept(store) == before
    assert refusals(store) == {"duplicate": 1}


def test_a_forged_report_keeps_no_honest_one_out(store, intake):
    assert intake.posted(told(policy(STS, 0), **{"contact-info": "x@sender.example"}), NOW)
    (outcome,) = taken(intake, sign(plain_letter()))
    assert outcome.fate is Fate.TAKEN
    assert [t.tally.succeeded for t in kept(store)] == [10]


def test_a_mail_with_several_reports_brings_them_all_but_the_bad_ones(store, intake):
    bodies = [told(name="1"), b"{", told(name="2"), told(name="1")]
    parts = [(GZIP.format(""), encoded(gzip.compress(body))) for body in bodies]
    outcomes = taken(intake, sign(mail(*parts)))
    assert [o.kind for o in outcomes] == ["", "json", "", "duplicate"]
    assert [t.report_id for t in kept(store)] == ["1", "2"]


OTHER = {**STS, "policy-domain": "example.com"}


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (plain_letter(b"{}"), "json"),
        (plain_letter(told(begins="1970-01-01T00:00:00Z")), "date"),
        (plain_letter(told(begins="2100-01-01T00:00:00Z")), "date"),
        (plain_letter(told(policies=[])), "empty"),
        (plain_letter(told(policies=7)), "json"),
        (plain_letter(told(policy(OTHER, 1))), "domain"),
        (plain_letter(told(policy(OTHER, 1)), domain="example.com"), "alien"),
        (plain_letter(told(**{"organization-name": "x" * 5_000_000})), "size"),
        (mail((GZIP.format(""), encoded(gzip.compress(told())[:-9]))), "truncated"),
        (mail((GZIP.format(""), encoded(gzip.compress(b" " * 20_000_000)))), "bomb"),
        (mail((GZIP.format(""), encoded(b"PK\x03\x04"))), "zip"),
        (b"From: a@b.example\r\n\r\nhello", "no-report"),
        (b"", "mail"),
    ],
)
def test_what_is_wrong_is_refused_by_name_and_counted(store, intake, message, kind):
    (outcome,) = taken(intake, message)
    assert (outcome.fate, outcome.kind) == (Fate.REFUSED, kind)
    assert outcome.words.isprintable()
    assert refusals(store) == {kind: 1}
    assert kept(store) == ()


def test_without_domains_all_are_ours(store):
    other = plain_letter(told(policy(OTHER, 1)), domain="example.com")
    assert taken(Intake(store), other)[0].fate is Fate.TAKEN


def test_what_is_below_a_domain_of_ours_is_ours(store, intake):
    body = told(policy({**TLSA, "policy-domain": "mx.example.org"}, 1))
    assert intake.posted(body, NOW).fate is Fate.TAKEN
    alien = told(policy({**TLSA, "policy-domain": "mx.notexample.org"}, 1))
    assert intake.posted(alien, NOW).kind == "alien"


def test_what_is_posted_is_known_by_what_it_says_itself(store, intake):
    assert (
        intake.posted(gzip.compress(told(policy(TLSA, 2), policy(STS, 3))), NOW).fate is Fate.TAKEN
    )
    assert {(t.domain, t.submitter, t.proof) for t in kept(store)} == {
        ("example.org", "sender.example", Proof.HTTPS)
    }


@pytest.mark.parametrize("contact", [None, "", "nobody", "x@192.0.2.1", "@", "x@a b"])
def test_what_does_not_say_who_reports_is_refused(intake, contact):
    outcome = intake.posted(told(**{"contact-info": contact}), NOW)
    assert outcome.kind == "nobody"


def test_a_file_is_known_by_its_name(store, intake):
    bare = told(**{"contact-info": None})
    assert intake.file(gzip.compress(bare), "x.json.gz", NOW).kind == "nobody"
    outcome = intake.file(gzip.compress(bare), FILE, NOW)
    assert (outcome.fate, kept(store)[0].submitter) == (Fate.TAKEN, SENDER)
    assert "(a file)" in outcome.words


def test_where_there_is_no_room_it_has_to_come_later(store, intake, monkeypatch):
    monkeypatch.setattr("unstrip.io.store.received._ROOM", (10, 10_000))
    assert intake.posted(told(), NOW).kind == "crowded"
    with pytest.raises(Crowded, match="no room for more"):
        intake.file(told(), FILE, NOW)
    with pytest.raises(Crowded):
        taken(intake, plain_letter())
    assert taken(intake, sign(plain_letter()))[0].fate is Fate.TAKEN


def test_who_fills_its_room_takes_none_from_others(store, intake, monkeypatch):
    monkeypatch.setattr("unstrip.io.store.received._EACH", (1_000, 1_000))
    names = Names(KEYS, keys("evil.example"))
    for number in range(3):
        evil = plain_letter(told(name=f"{number}"), submitter="evil.example")
        with suppress(Crowded):
            taken(intake, sign(evil, "evil.example"), names)
        intake.posted(told(name=f"p{number}"), NOW, "192.0.2.1")
    assert taken(intake, sign(plain_letter()), names)[0].fate is Fate.TAKEN
    assert intake.posted(told(name="q"), NOW, "192.0.2.1").kind == "crowded"
    assert intake.posted(told(name="q"), NOW, "192.0.2.2").fate is Fate.TAKEN


def test_the_same_report_by_mail_and_posted_counts_once(store, intake):
    body = told(**{"contact-info": "tls@corp.example"})
    taken(intake, sign(plain_letter(body)))
    assert intake.posted(gzip.compress(body), NOW).fate is Fate.DUPLICATE
    other = told(name="2", **{"contact-info": "tls@corp.example"})
    intake.posted(other, NOW)
    assert taken(intake, sign(plain_letter(other)))[0].fate is Fate.TAKEN
    assert [(t.submitter, t.proof) for t in kept(store)] == [(SENDER, Proof.DKIM)] * 2


def test_a_submitter_that_is_not_signed_is_the_signer(store, intake):
    signed = sign(plain_letter(), covered=("From", "Subject", "TLS-Report-Domain"))
    for other in (SENDER, f"a.{SENDER}", f"b.{SENDER}"):
        said = f"TLS-Report-Submitter: {other}".encode()
        taken(intake, signed.replace(f"TLS-Report-Submitter: {SENDER}".encode(), said))
    assert [(t.submitter, t.proof) for t in kept(store)] == [(SENDER, Proof.DKIM)]


NEWS = b"\r\n".join(
    [
        b"From: News <news@sender.example>",
        b"Subject: Report Domain: example.org Submitter: sender.example",
        b"Content-Type: text/plain",
        b"",
        b"You wrote:\r\n--c\r\n\r\n%b\r\n--c--\r\nThanks" % told(),
        b"",
    ]
)


def test_a_body_that_could_be_divided_in_another_way_proves_nothing(store, intake):
    signed = sign(NEWS, covered=("From", "Subject"))
    forged = signed.replace(b"text/plain", b"multipart/mixed; boundary=c")
    (outcome,) = taken(intake, forged)
    assert "of what its parts are" in outcome.words
    assert kept(store)[0].proof is Proof.NONE


def test_a_lone_end_of_line_hides_no_report_from_a_signature(store, intake):
    hidden = [b"X-Note: a", *plain_letter().replace(b"\r\n", b"\n").split(b"\n")]
    signed = sign(b"From: News <news@sender.example>\r\nSubject: x\r\n\r\nBuy\r\n")
    (outcome,) = taken(intake, b"\r".join(hidden) + b"\r\n" + signed)
    assert (outcome.fate, outcome.kind) == (Fate.REFUSED, "mail")


SIGNED = sign(plain_letter())
TO = SIGNED.index(b"To: ")
UNSIGNED = [  # places in fields that no signature covers, and before all of them
    *(0, TO, TO + 2, TO + 4, TO + 9),
    *range(SIGNED.index(b"Date: "), SIGNED.index(b"\r\n\r\n") + 2),
]
PIECES = [
    *(
        b"\r",
        b"\n",
        b"\r\n",
        b"\0",
        b":",
        b" ",
        b";",
        b"X",
        b"{}",
        b"\x0b",
        b"\x85",
        b"\xe2\x80\xa8",
    ),
    *(b"From x", b"From: a@b.example", b"Content-Type: application/tlsrpt+json", b"boundary=c"),
    *(b"Subject: Report Domain: a.example Submitter: b.example", b"TLS-Report-Domain: a.example"),
    b"TLS-Report-Submitter: a.sender.example",
]


def proved(message):
    """Whom a mail is about, who reports, and what, if a signature proves that."""
    try:
        letter = take(message)
        signed = asyncio.run(verify(letter.message, letter.submitter, Names(KEYS).ask))
    except BadLetter:
        return None
    if not (signed.domain and letter.bound(signed.covers)):
        return None
    return letter.domain, letter.submitter, letter.named in signed.covers, letter.reports


@given(st.sampled_from(UNSIGNED), st.lists(st.sampled_from(PIECES), max_size=6).map(b"".join))
def test_nothing_that_is_put_where_it_is_not_signed_changes_what_is_proved(at, put):
    assert proved(SIGNED[:at] + put + SIGNED[at:]) in (None, proved(SIGNED))


def test_what_is_said_of_a_report_is_escaped(intake):
    evil = told(name="\x1b[31m" + "x" * 500, **{"organization-name": "\x1b]0;"})
    assert intake.posted(evil, NOW).words.isprintable()


def test_an_mbox_is_told_as_what_may_have_changed_a_mail(intake):
    box = b"From reports@sender.example Sat Nov 21 00:10:00 2026\n"
    (outcome,) = taken(intake, box + sign(plain_letter()).replace(b"This is", b"That is"))
    assert (outcome.kind, "it was in an mbox" in outcome.words) == ("dkim", True)
    (outcome,) = taken(intake, box + plain_letter() + b"\r\n" + box + plain_letter())
    assert (outcome.kind, "several mails" in outcome.words) == ("mail", True)


@pytest.mark.parametrize(
    ("domains", "host", "about"),
    [
        (("example.org",), "mx.example.org", "example.org"),
        (("example.org", "in.example.org"), "mx.in.example.org", "in.example.org"),
        (("example.org", "example.net"), "mx.example.net", "example.net"),
        (("example.org", "mx.elsewhere.example"), "mx.elsewhere.example", "example.org"),
        ((), "mx.example.org", "mx.example.org"),
    ],
    ids=["below", "nearest", "its own", "by the trail", "not configured"],
)
def test_what_is_of_mail_servers_only_is_about_the_domain_that_has_them(
    store, domains, host, about
):
    there = HostSeen("mx.elsewhere.example", 10, (), ())
    store.note("example.org", NOW, Snapshot(hosts=(there,)))
    report = told(policy(TLSA | {"policy-domain": host}, 5))
    assert Intake(store, domains).posted(report, NOW).fate is Fate.TAKEN
    assert [each.domain for each in kept(store)] == [about]
    assert kept(store)[0].tally.policy.domain == host
