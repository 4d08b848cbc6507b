"""Whether a policy may be enforced: allowed where reports show it safe, and refused where not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.publication.scene import (
    DOMAIN,
    ENFORCE,
    MX1,
    MX2,
    NONE,
    NOW,
    TESTING,
    chain,
    clear,
    mute,
    notes,
    record,
    visit,
)
from tests.rollout.reported import (
    DANE,
    EXPIRED,
    NOTHING,
    TODAY,
    UNFETCHED,
    against,
    ago,
    judged,
    noted,
    said,
    seen,
    well,
)
from tests.tlsrpt.days import names
from tests.tlsrpt.told import OTHER, SENDER, told
from unstrip.policy.mta_sts import PATH, Mode, parse
from unstrip.policy.mta_sts import Known as Remembered
from unstrip.policy.questions import Https, HttpsFailure, ResultType
from unstrip.publication.modes import day
from unstrip.rollout.noting import snapshot
from unstrip.rollout.values import Effect, Unsigned
from unstrip.tlsrpt.received import Proof
from unstrip.tlsrpt.values import Failure
from unstrip.upgrade import Outcome

ODD = Failure("never-heard-of", host=MX1, reason="\x1b[31m")


def effects(rollout):
    return [each.effect for each in rollout.foreseen]


# -- safe ------------------------------------------------------------------------------------


def test_where_reports_show_that_all_is_well_the_policy_to_enforce_is_printed(scene):
    found = judged(scene, well())
    assert found.safe, against(found)
    assert "mode: enforce" in found.publication.policy
    assert (found.told.sessions, found.told.days, found.lost) == (80, 8, 0)
    assert found.told.senders == found.counted.senders == (OTHER, SENDER)
    assert found.mode is Mode.TESTING


def test_that_the_reports_are_to_be_looked_at_first_is_not_said_by_who_has_done_so(scene):
    assert not any("reports" in o.hint for o in judged(scene, well()).objections if o.hint)
    assert any("unstrip rollout" in o.hint for o in scene.publish(mode=Mode.ENFORCE).objections)


@pytest.mark.parametrize(
    ("told", "effect"),
    [
        (said(2, 3, 2, failure=UNFETCHED), Effect.SPARED),
        (said(2, 3, 2, policy=DANE), Effect.ALREADY),
        (said(2, 3, 2, policy=NOTHING, sender="third.example"), Effect.SPARED),
    ],
    ids=["no policy could be had", "DANE", "a sender without MTA-STS"],
)
def test_what_enforcing_would_not_have_lost_does_not_keep_from_it_but_is_said(scene, told, effect):
    found = judged(scene, (*well(), told))
    assert found.safe, against(found)
    assert effects(found) == [effect]
    assert found.lost == 0


def test_a_failure_beside_a_session_that_succeeded_has_lost_nothing(scene):
    told = said(2, 3)
    told = replace(told, tally=replace(told.tally, failures=((EXPIRED, 3),)))
    found = judged(scene, (*well(), told))
    assert found.safe
    assert effects(found) == [Effect.SPARED]


def test_tlsa_records_are_kept_and_never_brought_in_beside_it(scene):
    assert "TLSA" not in {each.kind for each in judged(scene, well()).publication.records}
    scene.tlsa = {host: [record(scene.chains[host])] for host in (MX1, MX2)}
    found = judged(scene, well()).publication
    assert [each.kind for each in found.unchanged].count("TLSA") == 2


# -- refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [EXPIRED, ODD, Failure(""), None], ids=str)
def test_a_failure_that_would_have_lost_mail_is_refused_known_or_not(scene, failure):
    found = judged(scene, (*well(), said(0, 7, 3, failure=failure)))
    (words,) = against(found)
    assert words.startswith("refused: 3 of 90 sessions would not have been delivered, by what")
    assert words.endswith(f"; only {SENDER} tells of it")
    assert effects(found) == [Effect.LOST]
    assert "mode: testing" in found.publication.policy


def test_a_sender_that_knows_the_policy_would_have_heeded_it_where_it_found_none(scene):
    found = judged(scene, (*well(), said(0, 0, 2, policy=NOTHING, sender=OTHER)))
    assert found.lost == 2
    assert not found.safe


def test_of_a_session_that_failed_for_several_reasons_one_is_counted(scene):
    told = said(0, 0, 4)
    reasons = ((EXPIRED, 3), (Failure("certificate-host-mismatch", host=MX1), 3), (UNFETCHED, 2))
    found = judged(scene, (*well(), replace(told, tally=replace(told.tally, failures=reasons))))
    assert found.lost == 4
    assert sorted(map(str, effects(found))) == sorted(
        map(str, [Effect.LOST, Effect.LOST, Effect.SPARED])
    )


def test_what_is_failed_and_explained_in_part_is_lost_as_far_as_it_is_not(scene):
    told = said(0, 0, 5, failure=None)
    told = replace(told, tally=replace(told.tally, failures=((UNFETCHED, 2),)))
    assert judged(scene, (*well(), told)).lost == 3


def test_failures_that_nobody_signed_refuse_and_successes_do_not_allow(scene):
    bare = [replace(one, proof=Proof.HTTPS) for one in well()]
    assert against(judged(scene, bare))[0].startswith("not found out: too little was reported")
    told = (*well(), said(0, 0, 1, proof=Proof.NONE))
    (words,) = against(judged(scene, told))
    assert "; no signature proves any of it" in words


def test_what_unsigned_reports_may_do_is_the_owners_choice(scene):
    told = (*well(), said(0, 0, 1, proof=Proof.NONE))
    assert judged(scene, told, unsigned=Unsigned.IGNORE).safe
    bare = [replace(one, proof=Proof.HTTPS) for one in well()]
    assert judged(scene, bare, unsigned=Unsigned.TRUST).safe
    assert not judged(scene, told, unsigned=Unsigned.TRUST).safe


@given(base=st.lists(told, max_size=4), more=st.lists(told, max_size=4), good=st.booleans())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_report_that_anyone_could_have_sent_makes_a_step_safe(scene, base, more, good):
    base = (*(well() if good else ()), *(replace(one, day=ago(3)) for one in base))
    forged = tuple(replace(one, day=ago(2), proof=Proof.NONE) for one in more)
    assert judged(scene, base).safe or not judged(scene, (*base, *forged)).safe


TRAILS = ([], [noted(20, seen(MX1, MX2, key="old")), noted(12, seen(MX1, MX2, key="new"))])


@given(
    more=st.lists(st.tuples(names, told, st.integers(0, 29)), max_size=8),
    trail=st.sampled_from(TRAILS),
    trusted=st.booleans(),
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_that_one_domain_signs_makes_a_step_safe(scene, more, trail, trusted):
    """However many names there are below it; two senders are asked for."""
    stranger = [
        replace(one, day=ago(day), submitter=f"{name}.evil.example", proof=Proof.DKIM)
        for name, one, day in more
    ]
    praise = [replace(one, submitter=f"{one.submitter}.evil.example") for one in well(range(1, 20))]
    allowed = ("evil.example",) if trusted else ()
    assert not judged(scene, (*stranger, *praise), trail, trusted=allowed).safe
    unsigned = [replace(one, submitter="a.example", proof=Proof.HTTPS) for one in praise]
    assert not judged(scene, (*stranger, *praise, *unsigned), trail, trusted=allowed).safe


def test_it_is_said_whose_word_it_is_unless_they_are_named_by_the_operator(scene):
    found = judged(scene, well())
    assert any("rests on the word of whoever" in o.words for o in found.objections)
    assert found.counted.senders == (OTHER, SENDER)
    named = judged(scene, well(), trusted=(OTHER, SENDER))
    assert named.safe
    assert not any("rests on the word of" in o.words for o in named.objections)


def test_only_the_praise_of_who_is_trusted_counts(scene):
    (words,) = against(judged(scene, well(), trusted=(OTHER, "third.example")))
    assert "1 of 2 senders" in words


def test_the_failures_of_who_is_not_trusted_do_count(scene):
    told = (*well(), said(0, 0, 1, sender="third.example"))
    assert not judged(scene, told, trusted=(OTHER, SENDER)).safe


def test_one_who_alone_tells_of_failures_is_named_and_can_be_left_out(scene):
    told = (*well(), said(0, 0, 1, sender="a.evil.example"))
    (words,) = against(judged(scene, told))
    assert words.endswith("; only a.evil.example tells of it")
    assert any("--without a.evil.example" in o.hint for o in judged(scene, told).objections)
    found = judged(scene, told, without=("evil.example",))
    assert found.safe
    assert found.without == ("evil.example",)
    assert found.told.senders == (OTHER, SENDER)


def test_failures_that_several_tell_of_are_not_put_to_one(scene):
    told = (*well(), *(said(0, 0, 1, sender=sender) for sender in (SENDER, OTHER)))
    assert not any("only " in words for words in against(judged(scene, told)))


def test_failures_of_more_kinds_than_are_told_apart_still_count(scene):
    many = tuple((Failure("odd", host=f"mx{n}.example"), 1) for n in range(1100))
    flood = said(0, 0, 1100)
    flood = replace(flood, tally=replace(flood.tally, failures=many))
    found = judged(scene, (*well(), flood))
    assert found.lost == 1100
    assert len(found.foreseen) <= 1001
    assert not found.safe


def test_too_few_reports_are_not_found_out(scene):
    (words,) = against(judged(scene, ()))
    assert words == (
        "not found out: too little was reported to tell: 0 of 7 days, 0 of 2 senders, "
        "0 of 20 sessions"
    )


def test_reports_of_other_days_do_not_count(scene):
    assert judged(scene, well(range(31, 50))).told.reports == 0


def test_hosts_that_do_not_match_today_are_refused_whatever_was_reported(scene):
    scene.shows(MX2, chain(scene.pki, "elsewhere.example"))
    found = judged(scene, well())
    assert any("the certificate of mx2" in words for words in against(found))
    scene.visits = {MX2: (clear(MX2, Outcome.NOT_OFFERED),)}
    assert any("leads to no TLS" in words for words in against(judged(scene, well())))


def test_an_mx_host_that_the_policy_does_not_name_is_refused(scene):
    scene.policy = scene.policy.replace("mx: mx2.example.org\r\n", "")
    assert any("not in the policy" in words for words in against(judged(scene, well())))


# -- mended ----------------------------------------------------------------------------------


def test_what_was_mended_since_and_not_met_again_is_said_and_does_not_refuse(scene):
    trail = [noted(20, seen(MX1, MX2, key="old")), noted(12, seen(MX1, MX2, key="new"))]
    found = judged(scene, (*well(), said(15, 7, 3)), trail)
    assert found.safe, against(found)
    (each,) = found.foreseen
    assert each.effect is Effect.MENDED
    assert each.why.startswith(f"{MX1} shows another certificate since ")
    assert found.lost == 0


def test_what_was_met_by_who_has_not_reported_since_is_not_mended(scene):
    trail = [noted(20, seen(MX1, MX2, key="old")), noted(12, seen(MX1, MX2, key="new"))]
    failed = said(15, 7, 3, sender="third.example")
    assert not judged(scene, (*well(), failed), trail).safe
    assert judged(scene, (*well(), failed, said(2, 1, sender="third.example")), trail).safe


def test_who_is_not_trusted_may_still_say_that_it_is_mended(scene):
    trail = [noted(20, seen(MX1, MX2, key="old")), noted(12, seen(MX1, MX2, key="new"))]
    told = [said(15, 7, 3, sender="third.example"), said(2, 1, sender="third.example")]
    assert judged(scene, (*well(), *told), trail, trusted=(OTHER, SENDER)).safe


def test_an_address_that_is_mute_since_mends_nothing(scene):
    good, bad = scene.chains[MX1], chain(scene.pki, MX1, days=-20)
    here, there = (visit(scene.pki, MX1, c, f"192.0.2.{n}") for n, c in ((1, good), (2, bad)))

    def look(*visits):
        scene.visits = {MX1: visits}
        return snapshot(scene.seen)

    trail = [noted(20, look(here, there)), noted(12, look(here, mute(MX1, "192.0.2.2")))]
    found = judged(scene, (*well(), said(15, 7, 300)), trail)
    assert effects(found) == [Effect.LOST]


def test_what_was_met_after_the_change_is_not_mended(scene):
    trail = [noted(20, seen(MX1, MX2, key="old")), noted(12, seen(MX1, MX2, key="new"))]
    scene_now = (*well(), said(15, 7, 3), said(0, 0, 1))
    assert not judged(scene, scene_now, trail).safe


def test_what_was_published_on_the_day_of_a_failure_stands_beside_it(scene):
    trail = [noted(15, seen(MX1, MX2, key="cd", policy_id="7", mode=Mode.TESTING))]
    found = judged(scene, (*well(), said(15, 7, 3)), trail)
    assert found.foreseen[0].met.published.startswith("policy 7, mode testing; mx mx1.example.org")


# -- other modes -----------------------------------------------------------------------------


@pytest.mark.parametrize("policy", [None, NONE])
def test_without_a_policy_testing_comes_first(scene, policy):
    scene.policy = policy
    found = judged(scene, well())
    assert any("it has not been tested" in words for words in against(found))
    assert "mode: testing" in found.publication.policy
    assert not any("too little" in words for words in against(found))


def test_a_policy_that_is_enforced_needs_no_reports_and_is_told_of_mail_that_is_lost(scene):
    scene.policy = ENFORCE
    assert judged(scene, ()).safe
    found = judged(scene, (said(0, 1, 1),))
    (words,) = against(found)
    assert words.startswith("refused: 1 of 2 sessions were not delivered, by what others report")
    assert found.mode is Mode.ENFORCE


def test_a_domain_without_mail_is_refused(scene):
    scene.hosts = ()
    assert not judged(scene, well()).safe


# -- our own visits --------------------------------------------------------------------------


def test_our_own_earlier_visits_without_tls_are_noted(scene):
    earlier = replace(clear(MX1, Outcome.NOT_OFFERED), began=NOW - timedelta(days=2))
    found = judged(scene, well(), visits=(earlier,))
    assert found.safe
    told = [o.words for o in found.objections]
    assert any(f"1 of our own 1 visits to {MX1} found no TLS" in words for words in told)
    assert f"{ago(2)}" in " ".join(told)


def test_the_endings_and_the_domain_are_told(scene):
    found = judged(scene, well())
    assert [ending.host for ending in found.endings] == [MX1, MX2]
    assert found.domain == DOMAIN
    assert notes(found.publication)


# -- what could not be fetched -----------------------------------------------------------------


def unfetched(scene, result=ResultType.STS_POLICY_FETCH_ERROR):
    failed = HttpsFailure(result, "it did not work")
    scene.answers = {Https(f"mta-sts.{DOMAIN}", PATH): failed}
    return scene


def test_a_policy_that_is_only_remembered_is_not_known_to_be_safe(scene):
    fetched = NOW - timedelta(hours=3)
    scene.held = Remembered(DOMAIN, parse(TESTING.encode()), "1", fetched)
    found = judged(unfetched(scene), well())
    (words,) = against(found)
    assert words.startswith("not found out: the policy cannot be fetched now; ")
    assert words.endswith(f"what is remembered of {day(fetched)} says testing")
    assert "mode: enforce" not in found.publication.policy


def test_of_a_policy_that_is_announced_and_cannot_be_had_none_is_printed(scene):
    found = judged(unfetched(scene), well())
    assert not found.safe
    assert (found.mode, found.publication.policy, found.publication.records) == (None, "", ())


# -- hints -------------------------------------------------------------------------------------


def hints(rollout):
    return " ".join(objection.hint for objection in rollout.objections)


def test_what_was_mended_before_the_trail_begins_can_be_left_out(scene):
    found = judged(scene, (*well(), said(10, 0, 3)))
    assert f"if it was mended before {TODAY}, where the trail begins: --since {ago(9)}" in hints(
        found
    )
    known = judged(scene, (*well(), said(10, 0, 3)), [noted(20, seen(MX1, MX2))])
    assert "--since" not in hints(known)


def test_where_no_report_is_signed_it_says_how_they_count(scene):
    unsigned = [replace(one, proof=Proof.HTTPS) for one in well()]
    assert "--unsigned trust" in hints(judged(scene, unsigned))
    assert "--unsigned trust" not in hints(judged(scene, (*unsigned, *well(range(1, 3)))))
    assert "--unsigned trust" not in hints(judged(scene, ()))
