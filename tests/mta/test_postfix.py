"""What Postfix is told: each case of the table of merges, and a grammar that it can always read."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.mta.domains import (
    DOMAIN,
    FORGED,
    GONE,
    NONE,
    NOW,
    PIN,
    SILENT,
    UNUSABLE,
    USABLE,
    A,
    B,
    C,
    at_record,
    both,
    derived,
    from_answers,
    listed,
    lost,
    override,
    patient,
    published,
    rules,
)
from tests.policy.answering import N, S, U, failure, found, nothing
from tests.verdict.scenes import upgraded
from unstrip.derivation import Beliefs, Derivation, Sought, derive
from unstrip.mta.postfix import Answer, Lookup, answer
from unstrip.policy import local
from unstrip.policy.dane import Domain, Host, Route, Standing
from unstrip.policy.questions import Dns, Kind, Mx, Status

PAIRS = ":".join(["AB"] * 32)
WHOLE = f"secure match={DOMAIN}:.{DOMAIN} servername=hostname"  # Postfix's own secure, in full
SECURE = f"secure match={A}:{B} servername=hostname"


def told(derivation: Derivation, *, reporting: bool = False) -> Answer:
    return answer(derivation, reporting=reporting)


def text(*of: object, reporting: bool = False, **more: object) -> str:
    """The answer in a word where there is no policy."""
    found = told(derived(*of, **more), reporting=reporting)
    return found.text if found.lookup is Lookup.FOUND else found.lookup.name


# The table of merges


def test_all_mx_with_dane_and_a_policy_are_for_dane():
    assert text({A: USABLE, B: USABLE}, mode="enforce") == "dane-only"


def test_all_mx_with_dane_are_for_dane():
    assert text({A: USABLE, B: USABLE}) == "dane-only"


def test_of_an_mx_that_nobody_looked_at_postfix_finds_out_by_itself_whether_it_has_tlsa():
    whole = derived({A: USABLE, B: USABLE})
    more = told(replace(whole, route=replace(whole.route, left_out=1)))
    assert more.text == "dane"
    assert more.because.endswith("nobody looked at the other servers")


def test_an_insecure_mx_with_tlsa_and_a_policy_is_held_to_the_policy():
    assert text({A: USABLE, B: NONE}, N, mode="enforce") == SECURE


def test_an_insecure_mx_with_tlsa_is_for_dane_as_far_as_that_goes():
    found = told(derived({A: USABLE, B: NONE}, N))
    assert found.text == "dane"
    assert any("insecure_mx_policy" in words for words in found.words)


def test_of_several_mx_with_a_policy_only_those_with_tlsa_are_used():
    assert text({A: USABLE, B: NONE}, mode="enforce") == "dane-only"


def test_of_several_mx_without_a_policy_those_with_tlsa_have_to_meet_it():
    assert text({A: USABLE, B: NONE}) == "dane"


def test_where_all_tlsa_is_unusable_the_policy_holds():
    assert text({A: UNUSABLE, B: UNUSABLE}, mode="enforce") == SECURE


def test_where_all_tlsa_is_unusable_tls_is_due_all_the_same():
    assert text({A: UNUSABLE, B: UNUSABLE}) == "encrypt"


def test_where_some_tlsa_is_unusable_postfix_tells_by_itself():
    assert text({A: UNUSABLE, B: NONE}) == "dane"


@pytest.mark.parametrize("tlsa", [FORGED, SILENT, failure(Status.TIMEOUT)])
@pytest.mark.parametrize("mode", ["", "enforce"])
def test_mail_waits_where_tlsa_cannot_be_looked_up(tlsa, mode):
    found = told(derived({A: tlsa}, mode=mode))
    assert found.lookup is Lookup.TEMP
    assert "DANE could not be looked up" in found.text


def test_mail_waits_where_the_mx_cannot_be_looked_up():
    found = told(lost())
    assert found.lookup is Lookup.TEMP
    assert "signature expired" in found.text


def test_an_mx_whose_tlsa_fails_is_left_to_postfix_beside_one_with_tlsa():
    assert text({A: FORGED, B: USABLE}) == "dane-only"


def test_an_mx_whose_tlsa_fails_is_left_to_postfix_beside_one_without():
    assert text({A: FORGED, B: NONE}) == "dane"


def test_an_mx_whose_tlsa_fails_is_left_out_of_the_names_of_a_policy():
    found = told(derived({A: FORGED, B: NONE}, mode="enforce"), reporting=True)
    assert found.text.startswith(f"secure match={B} servername=hostname ")
    assert f"mx_host_pattern={B}" in found.text
    assert f"mx_host_pattern={A}" not in found.text


def test_an_mx_whose_tlsa_fails_is_left_out_by_name_where_tls_is_due():
    found = told(derived({A: FORGED, B: NONE}, beliefs=rules("* encrypt")))
    assert found.text == f"secure match={B} servername=hostname"
    assert A in found.words[0]


def test_a_policy_alone_is_told_by_its_own_names_in_its_order():
    patterns = [B, "*.mail.example.org", A]
    found = text({A: NONE, C: NONE}, mode="enforce", mx=patterns)
    assert found == f"secure match={B}:.mail.example.org:{A} servername=hostname"


def test_a_star_that_would_mean_too_much_to_postfix_is_told_by_the_servers():
    deep = "a.b.example.org"
    found = text({A: NONE, deep: NONE}, mode="enforce", mx=["*.example.org"])
    assert found == f"secure match={A} servername=hostname"
    assert text({deep: NONE}, mode="enforce", mx=["*.example.org"]) == "TEMP"


def test_a_policy_that_names_no_server_is_told_so_that_postfix_can_report_it():
    told_to_3_10 = text({A: NONE}, mode="enforce", mx=[B], reporting=True)
    assert told_to_3_10.startswith(f"secure match={B} ")


def test_a_policy_that_names_no_server_holds_mail_up_where_it_cannot_be_reported():
    found = told(derived({A: NONE}, mode="enforce", mx=[B]))
    assert found.lookup is Lookup.TEMP
    assert A in found.text


def test_a_policy_holds_where_no_server_was_found():
    answers = {Dns(DOMAIN, Kind.MX): nothing(N, Status.NXDOMAIN), **published("enforce", [A])}
    assert told(from_answers(answers)).text == f"secure match={A} servername=hostname"


def test_a_tested_policy_is_for_reports():
    found = text({A: NONE}, mode="testing", reporting=True)
    assert found.startswith(f"may policy_type=sts policy_domain={DOMAIN} mx_host_pattern={A} ")
    assert "match=" not in found


def test_a_tested_policy_is_nothing_to_a_postfix_that_does_not_report():
    assert text({A: NONE}, mode="testing") == "NOTFOUND"


def test_a_tested_policy_does_not_keep_postfix_from_dane_where_we_cannot_check_it():
    assert text({A: NONE}, U, mode="testing", reporting=True).startswith("dane policy_type=sts ")


def test_a_tested_policy_is_reported_where_something_else_wants_tls():
    found = text({A: NONE}, mode="testing", reporting=True, beliefs=rules("* encrypt"))
    assert found.startswith("encrypt policy_type=sts ")


@pytest.mark.parametrize("mode", ["", "none"])
@pytest.mark.parametrize("security", [S, N, U])
def test_without_a_policy_postfix_does_as_it_is_set_to(mode, security):
    assert text({A: NONE}, security, mode=mode, reporting=True) == "NOTFOUND"


def test_a_null_mx_has_no_policy():
    answers = {Dns(DOMAIN, Kind.MX): found(Mx(0, "")), **published("", ())}
    assert told(from_answers(answers)).lookup is Lookup.NOTFOUND


def test_a_policy_that_may_be_kept_from_us_is_said_to_be_missing():
    found = told(derived({A: NONE}, record=failure(Status.TIMEOUT)))
    assert found.lookup is Lookup.NOTFOUND
    assert "could not be found out" in found.words[0]


def test_dane_that_was_not_checked_is_said_to_be_missing():
    assert "not checked" in told(derived({A: NONE}, U)).words[0]


def test_a_server_without_address_does_not_count():
    assert text({A: USABLE, B: GONE}) == "dane-only"
    assert text({A: UNUSABLE, B: GONE}) == "encrypt"
    assert text({A: GONE}) == "NOTFOUND"
    assert text({A: FORGED, B: GONE}) == "TEMP"


# The list, the operator's table


def test_a_signed_list_is_told_by_the_servers_that_it_lets_pass():
    found = derived({A: NONE, B: NONE, C: NONE}, beliefs=listed(A, ".mail.example.org"))
    assert told(found).text == f"secure match={A}:{C} servername=hostname"


def test_a_signed_list_that_lets_no_server_pass_holds_mail_up():
    assert text({A: NONE}, beliefs=listed(B)) == "TEMP"


def test_a_tested_list_is_no_policy():
    assert text({A: NONE}, beliefs=listed(A, mode="testing")) == "NOTFOUND"


def test_a_rule_for_one_server_holds_for_all():
    found = told(derived({A: NONE, B: NONE}, beliefs=rules(f"{A} verify")))
    assert found.text == SECURE
    assert found.words == (f"{B} is held to its name as well",)
    assert found.because == f"{A}: by your own table"


def test_names_of_an_unsigned_answer_are_said_to_be_so():
    found = told(derived({A: NONE}, N, beliefs=rules(f"{DOMAIN} verify")))
    assert found.text == f"secure match={A} servername=hostname"
    assert "unsigned" in found.words[0]


def test_a_rule_that_wants_tls_is_told_so():
    assert text({A: NONE, B: NONE}, beliefs=rules(f"{A} encrypt")) == "encrypt"


def test_dane_does_for_a_server_what_a_rule_wants_of_it():
    assert text({A: USABLE}, beliefs=rules("* encrypt")) == "dane-only"


@pytest.mark.parametrize("rule", [f"{DOMAIN} encrypt", "* verify"])
def test_where_dane_would_let_another_mx_pass_in_clear_a_rule_is_told_by_names(rule):
    found = told(derived({A: USABLE}, N, beliefs=rules(rule)))
    assert found.text == f"secure match={A} servername=hostname"
    assert any("certificates have to be valid" in words for words in found.words)


def test_a_rule_for_a_server_without_tlsa_leaves_it_out_beside_one_with():
    assert text({A: USABLE, B: NONE}, beliefs=rules(f"{B} encrypt")) == "dane-only"


@pytest.mark.parametrize("rule", ["* encrypt", f"{B} encrypt"])
def test_tlsa_behind_an_insecure_mx_gives_way_to_names_and_not_to_tls_alone(rule):
    found = told(derived({A: USABLE, B: NONE}, N, beliefs=rules(rule)))
    assert found.text == SECURE
    assert A in found.words[0]


def test_what_was_seen_of_a_server_with_tlsa_does_not_keep_postfix_from_dane():
    seen = Beliefs(visits=lambda _: (upgraded(),))
    assert text({A: USABLE}, N, beliefs=seen) == "dane"
    assert text({A: USABLE, B: NONE}, N, beliefs=seen) == SECURE


def test_pins_go_before_all_else():
    found = derived({A: USABLE, B: NONE}, mode="enforce", beliefs=rules(f"{A} verify {PIN}"))
    assert told(found).text == "fingerprint match=" + ":".join(["AB"] * 32)
    assert told(found).words[1] == f"{B} is held to these keys as well"


def test_several_pins_are_told_apart():
    found = text({A: NONE}, beliefs=rules(f"{A} verify {PIN}", f"{DOMAIN} verify {'cd' * 32}"))
    assert found.count("|") == 1


def test_a_list_and_a_policy_let_only_those_pass_who_are_in_both():
    beliefs = both(rules(f"{A} verify"), listed(A))
    found = told(derived({A: NONE, B: NONE}, mode="enforce", beliefs=beliefs))
    assert found.text == f"secure match={A} servername=hostname"


# A grammar that Postfix can always read


def test_reports_have_the_whole_policy_in_its_order():
    found = text({C: NONE}, mode="enforce", mx=["*.mail.example.org", A], reporting=True)
    assert found == (
        f"secure match=.mail.example.org:{A} servername=hostname"
        f" policy_type=sts policy_domain={DOMAIN}"
        f" mx_host_pattern=*.mail.example.org mx_host_pattern={A}"
        " { policy_string = version: STSv1 } { policy_string = mode: enforce }"
        f" {{ policy_string = mx: *.mail.example.org }} {{ policy_string = mx: {A} }}"
        " { policy_string = max_age: 604800 }"
    )


@pytest.mark.parametrize("line", ["x: {", "x: }", "x: {a}", "x: na\u00efve", "x: a\u2028b"])
def test_a_line_that_would_break_the_reply_is_left_out(line):
    found = text({A: NONE}, mode="enforce", more=f"{line}\ny: kept\n", reporting=True)
    assert re.findall(r"policy_string = (?!v|m)(.*?) }", found) == ["y: kept"]
    assert found.isascii()


@pytest.mark.parametrize("pattern", ["192.0.2.1", "*.192.0.2.1"])
def test_no_address_is_matched(pattern):
    found = text({A: NONE}, mode="enforce", mx=[pattern, A], reporting=True)
    assert found.startswith(f"secure match={A} servername=hostname ")
    assert f"mx_host_pattern={pattern}" not in found


STRANGE = ["a b.example.org", "a:b.example.org", "{a}.example.org", "a=b.example.org", "-:.", ""]


@pytest.mark.parametrize("host", STRANGE)
def test_a_name_that_is_none_gets_into_no_reply(host):
    found = derived({host or "*": GONE, A: FORGED, B: NONE}, mode="enforce", mx=["*.example.org"])
    assert told(found).text == f"secure match={B} servername=hostname"


def test_no_match_is_empty():
    assert text({A: NONE}, mode="enforce", mx=["192.0.2.1"]) == "TEMP"
    answers = {Dns(DOMAIN, Kind.MX): found(Mx(0, "")), **published("enforce", ["192.0.2.1"])}
    assert told(from_answers(answers)).lookup is Lookup.TEMP


def test_a_policy_of_very_many_names_is_told_by_the_servers_that_it_lets_pass():
    patterns = [f"{n}.example.org" for n in range(2000)] + [B]
    found = text({A: NONE, B: NONE}, mode="enforce", mx=patterns, reporting=True)
    assert found.startswith(f"secure match={B} servername=hostname ")
    assert len(found) < 100_000


def test_a_tested_policy_of_very_many_names_holds_no_mail_up():
    patterns = [f"{n}.ex" for n in range(5000)]
    found = text({A: NONE}, mode="testing", mx=patterns, reporting=True)
    assert found == f"may policy_type=sts policy_domain={DOMAIN}"


def test_a_policy_that_is_too_long_for_a_reply_is_reported_without_its_lines():
    more = "".join(f"x{n}: {'y' * 5}\n" for n in range(4000))
    found = text({A: NONE}, mode="enforce", more=more, reporting=True)
    assert found.endswith(f"mx_host_pattern={A}")
    assert "policy_type=sts" in found


def test_a_reason_is_one_that_postfix_can_log():
    record = failure(Status.SERVFAIL, words="\x1b[31m\n" + "x" * 1000)
    found = told(derived({A: record}))
    assert found.lookup is Lookup.TEMP
    assert found.text.isprintable()
    assert len(found.text) < 250


# The operator's last word, and first contact

UNKNOWN = failure(Status.TIMEOUT)


@pytest.mark.parametrize(
    ("derivation", "expected"),
    [
        (derived({A: USABLE}, beliefs=override(f"{DOMAIN} may")), "may"),
        (derived({A: USABLE, B: USABLE}, beliefs=override("* encrypt")), "encrypt"),
        (derived({A: FORGED}, beliefs=override(f"{DOMAIN} encrypt")), "encrypt"),
        (derived({A: NONE}, N, mode="enforce", mx=[B], beliefs=override("* may")), "may"),
        (derived({A: NONE}, N, mode="testing", beliefs=override("* may")), "may"),
        (derived({A: NONE}, N, mode="testing", beliefs=override("* encrypt")), "encrypt"),
        (derived({A: NONE}, record=UNKNOWN, beliefs=override("* may")), "may"),
        (
            derived({A: NONE}, N, mode="enforce", mx=[B], beliefs=override("* verify")),
            f"secure match={A} servername=hostname",
        ),
        (derived({A: USABLE}, beliefs=override(f"* verify {PIN}")), f"fingerprint match={PAIRS}"),
        (derived({A: USABLE, B: GONE}, beliefs=override(f"{A} may", f"{B} encrypt")), "encrypt"),
        (lost(override("* may")), "may"),
        (lost(override("* encrypt")), "encrypt"),
        (lost(override("* verify")), WHOLE),
        (lost(override(f"* verify {PIN}")), f"fingerprint match={PAIRS}"),
    ],
)
@pytest.mark.parametrize("reporting", [True, False])
def test_the_operators_last_word_is_told_and_nothing_that_would_raise_it(
    derivation, expected, reporting
):
    found = told(derivation, reporting=reporting)
    assert (found.lookup, found.text) == (Lookup.FOUND, expected)
    assert "rule" in found.rule
    assert any("of your own table overrides" in words for words in found.words)


def test_it_is_said_whom_the_last_word_overrides():
    found = told(derived({A: USABLE}, mode="enforce", beliefs=override("* may")))
    words = f"{A}: rule 1 of your own table overrides dane (verify), mta-sts (verify)"
    assert words in found.words
    assert told(lost(override("* may"))).words[-1] == (
        f"{DOMAIN}: rule 1 of your own table overrides a failed look-up"
        " (without it mail would wait, for server failure (bogus): signature expired)"
    )


def test_the_last_word_on_a_host_that_anybody_could_name_lowers_nothing():
    found = text({A: NONE}, N, mode="enforce", beliefs=override(f"{A} may"))
    assert found == f"secure match={A} servername=hostname"


@pytest.mark.parametrize(
    ("other", "more", "expected"),
    [(USABLE, {}, "dane"), (NONE, {}, "NOTFOUND"), (NONE, {"mode": "enforce"}, SECURE)],
)
def test_one_level_for_all_cannot_tell_what_is_overridden_for_one_server(other, more, expected):
    derivation = derived({A: UNUSABLE, B: other}, beliefs=override(f"{A} may"), **more)
    found = told(derivation)
    assert (found.text or found.lookup.name) == expected
    assert any("one level for all cannot tell" in words for words in found.words)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("example.org encrypt", "encrypt"),
        ("example.org verify", WHOLE),
        (f"example.org verify {PIN}", f"fingerprint match={PAIRS}"),
        ("example.org may", "NOTFOUND"),
        ("mx1.example.org verify", "NOTFOUND"),
    ],
)
@pytest.mark.parametrize("answers", [nothing(status=Status.NXDOMAIN), found(Mx(0, ""))])
def test_a_rule_about_a_domain_is_told_although_none_of_its_servers_is_known(
    answers, rule, expected
):
    derivation = from_answers({Dns(DOMAIN, Kind.MX): answers, **published("", ())}, rules(rule))
    reply = told(derivation)
    assert (reply.text or reply.lookup.name) == expected


def test_a_policy_goes_before_the_name_of_the_domain_where_no_server_is_known():
    answers = {Dns(DOMAIN, Kind.MX): nothing(status=Status.NXDOMAIN), **published("enforce", [A])}
    found = told(from_answers(answers, rules(f"{DOMAIN} verify")))
    assert found.text == f"secure match={A} servername=hostname"


def test_a_rule_that_is_not_the_last_word_does_not_help_a_domain_that_is_lost():
    assert told(lost(rules(f"{DOMAIN} encrypt"))).lookup is Lookup.TEMP


def test_mail_waits_for_a_first_contact_and_it_is_said_by_which_rule_and_for_what():
    found = told(derived({A: NONE}, record=UNKNOWN, beliefs=patient()))
    assert (found.lookup, found.rule) == (Lookup.TEMP, "rule 1")
    assert found.text.startswith("rule 1 of the table has mail wait")
    assert "its TXT record: no answer" in found.text


def test_mail_that_dane_protects_does_not_wait_for_a_first_contact():
    assert text({A: USABLE}, record=UNKNOWN, beliefs=patient()) == "dane-only"
    assert text({A: USABLE, B: NONE}, record=UNKNOWN, beliefs=patient()) == "dane-only"


LEVELS = {"may", "encrypt", "dane", "dane-only", "secure", "fingerprint"}
ATTRIBUTES = {
    "match",
    "servername",
    "policy_type",
    "policy_domain",
    "policy_string",
    "mx_host_pattern",
}


def attributes(reply: str) -> list[tuple[str, str]]:
    """Read a reply as Postfix does, or fail."""
    level, _, rest = reply.partition(" ")
    assert level in LEVELS
    words = re.findall(r"\{ [^{}]* \}|[^ {}]+", rest)
    assert " ".join(words) == rest
    pairs = [word.strip("{} ").partition("=") for word in words]
    assert all(equals and value.strip() for _, equals, value in pairs)
    return [(name.strip(), value.strip()) for name, _, value in pairs]


@given(
    tlsa=st.lists(st.sampled_from([USABLE, UNUSABLE, NONE, FORGED, GONE]), min_size=1, max_size=3),
    security=st.sampled_from([S, N]),
    mode=st.sampled_from(["", "enforce", "testing", "none"]),
    mx=st.lists(
        st.sampled_from([A, B, "*.mail.example.org", "192.0.2.1"]), min_size=1, unique=True
    ),
    more=st.text(alphabet="{}= :ax\u00e9", max_size=12).map(lambda s: f"more: x{s}\n"),
    table=st.lists(
        st.sampled_from([f"{A} encrypt", f"{B} verify", f"{C} verify {PIN}", f"{DOMAIN} encrypt"])
    ),
    believing=st.sampled_from([rules, override]),
    reporting=st.booleans(),
)
def test_whatever_is_derived_postfix_can_read_it_and_its_user_is_told_why(
    tlsa, table, believing, reporting, **domain
):
    hosts = dict(zip((A, B, C), tlsa, strict=False))
    found = told(derived(hosts, beliefs=believing(*table), **domain), reporting=reporting)
    assert found.because
    assert found.rule
    assert (found.lookup is Lookup.NOTFOUND) is (not found.text)
    if found.lookup is not Lookup.FOUND:
        return
    names = [name for name, _ in attributes(found.text)]
    assert set(names) <= ATTRIBUTES
    told_apart = {"policy_domain", "policy_string", "mx_host_pattern"} & set(names)
    assert ("policy_type" in names) is bool(told_apart)
    assert reporting or not told_apart
    assert ("match" in names) is found.text.startswith(("secure", "fingerprint"))


STRENGTH = ["may", "encrypt", "verify"]


@given(
    tlsa=st.lists(st.sampled_from([USABLE, UNUSABLE, NONE, FORGED]), min_size=1, max_size=3),
    security=st.sampled_from([S, N]),
    mode=st.sampled_from(["", "enforce", "testing"]),
    table=st.lists(st.sampled_from([f"{A} encrypt", f"{B} verify", f"{DOMAIN} encrypt"])),
)
def test_no_server_that_is_used_gets_less_than_was_decided(tlsa, security, mode, table):
    hosts = dict(zip((A, B, C), tlsa, strict=False))
    derivation = derived(hosts, security, mode=mode, beliefs=rules(*table))
    found = told(derivation)
    for server in derivation.destinations:
        got = given_by(found, server.endpoint.host, hosts[server.endpoint.host])
        if server.decision.refuses:
            assert got is None
        elif got is not None:
            assert STRENGTH.index(got) >= STRENGTH.index(server.decision.level.value)


def given_by(found: Answer, host: str, tlsa: object) -> str | None:
    """What a Postfix that does DANE holds a host to, None if it does not use it."""
    level = found.text.partition(" ")[0] if found.lookup is Lookup.FOUND else ""
    if found.lookup is Lookup.TEMP:
        return None
    if level == "secure":
        return "verify" if host in found.text else None
    if level.startswith("dane"):
        by_dane = {id(USABLE): "verify", id(FORGED): None, id(UNUSABLE): "encrypt", id(NONE): "may"}
        got = by_dane[id(tlsa)]
        return got if got == "verify" or level == "dane" else None
    return "encrypt" if level == "encrypt" else "may"


def test_an_address_that_has_to_prove_its_name_can_prove_none():
    """With an address to match, Postfix would match nothing: mail waits, and it is said why."""
    route = Domain("192.0.2.1", Route.ITSELF, S, (Host("192.0.2.1", 25, Standing.ABSENT),), 300)
    found = answer(derive(Sought(), route, rules("192.0.2.1 verify"), NOW), reporting=False)
    assert (found.lookup, found.text) == (Lookup.TEMP, "no server of 192.0.2.1 is known by name")
    found = answer(derive(Sought(), route, rules("192.0.2.1 encrypt"), NOW), reporting=False)
    assert (found.lookup, found.text) == (Lookup.FOUND, "encrypt")


@pytest.mark.parametrize("reporting", [False, True])
@pytest.mark.parametrize("require", ["may", "encrypt"])
def test_one_server_may_be_overridden_and_the_other_still_has_to_wait(require, reporting):
    first = override(f"{A} {require}").table.rule
    beliefs = Beliefs(table=local.Table((*first, *patient().table.rule)))
    found = told(derived({A: NONE, B: NONE}, record=UNKNOWN, beliefs=beliefs), reporting=reporting)
    assert found.text == f"secure match={A} servername=hostname"
    assert f"only by names can {B} be left out" in found.words
    assert found.because == f"{B} has to be passed over"
    assert found.rule == "rule 2"


STRANGE = ("::ffff:10.0.0.1", "2001:db8:0::1", "*.evil.example", "a/b.evil.example")


@pytest.mark.parametrize("name", STRANGE)
@pytest.mark.parametrize(
    "beliefs",
    [rules(f"{DOMAIN} verify"), rules("* encrypt"), override(f"{DOMAIN} verify"), listed(A)],
)
def test_mail_waits_where_an_mx_cannot_be_told_and_something_would_have_to_be(name, beliefs):
    found = told(derived({name: NONE}, N, beliefs=beliefs))
    assert found.lookup is Lookup.TEMP
    assert found.text


@pytest.mark.parametrize("name", STRANGE)
def test_an_mx_that_cannot_be_told_does_not_count_where_nothing_would_have_to_be(name):
    assert told(derived({name: NONE}, N)).lookup is Lookup.NOTFOUND
    beside = derived({A: NONE, name: NONE}, N, beliefs=rules("* verify"))
    assert told(beside).text == f"secure match={A} servername=hostname"


NO_SERVER = [nothing(status=Status.NXDOMAIN), found(Mx(0, ""))]


@pytest.mark.parametrize("answers", NO_SERVER)
def test_a_signed_list_holds_although_somebody_says_that_there_is_no_server(answers):
    derivation = from_answers({Dns(DOMAIN, Kind.MX): answers, **published("", ())}, listed(A))
    assert told(derivation).lookup is Lookup.TEMP


@pytest.mark.parametrize("answers", NO_SERVER)
def test_so_does_what_a_damaged_store_may_have_known(answers):
    beliefs = Beliefs(lost=lambda _: "the store was damaged")
    found = told(from_answers({Dns(DOMAIN, Kind.MX): answers, **at_record(UNKNOWN)}, beliefs))
    assert (found.lookup, found.text) == (Lookup.TEMP, "the store was damaged")


@pytest.mark.parametrize("answers", NO_SERVER)
def test_where_nobody_has_a_say_there_is_no_policy_without_a_server(answers):
    derivation = from_answers({Dns(DOMAIN, Kind.MX): answers, **published("", ())})
    assert told(derivation).lookup is Lookup.NOTFOUND
