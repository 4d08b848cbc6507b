"""What should happen at each server of a domain: every case of the merge, end to end.

Each case goes through the sources as they are: a dictionary answers DNS and the web.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.answering import (
    N,
    S,
    U,
    addresses,
    alias,
    answered,
    bogus,
    failure,
    nothing,
    page,
    text,
)
from tests.policy.test_dane import (
    DOMAIN,
    GOOD,
    MX1,
    MX2,
    PKIX,
    TARGET,
    WORSE,
    XMPP,
    dane,
    mx,
    srv,
    tlsa,
)
from tests.verdict.scenes import NOW, days_ago, judged, shaken, steadily, stripped, upgraded
from unstrip.derivation import (
    Beliefs,
    Derivation,
    Destination,
    Sought,
    derive,
    derive_one,
)
from unstrip.evidence import Endpoint, from_json, to_json
from unstrip.policy import Level, Policy, local
from unstrip.policy.dane import Domain, Host, Route, Standing, mail, server, service
from unstrip.policy.mta_sts import PATH, Known, Mode, StsPolicy, discover
from unstrip.policy.questions import (
    Dns,
    Https,
    HttpsFailure,
    Kind,
    ResultType,
    Security,
    Srv,
    Status,
)
from unstrip.policy.starttls_everywhere import Listed, PolicyList
from unstrip.policy.starttls_everywhere import Mode as ListMode
from unstrip.tlsa import Match
from unstrip.verdict import Code

DAY = timedelta(days=1)
RECORD, WEB = f"_mta-sts.{DOMAIN}", f"mta-sts.{DOMAIN}"
PLAIN = Beliefs()


def sts(mode="enforce", *patterns):
    """The answers about an MTA-STS policy for these MX hosts, both of the domain's by default."""
    lines = "".join(f"mx: {pattern}\n" for pattern in patterns or (MX1, MX2))
    body = f"version: STSv1\nmode: {mode}\nmax_age: 604800\n{lines}".encode()
    return {**text(RECORD, b"v=STSv1; id=1"), **page(WEB, PATH, body)}


def known(mode=Mode.ENFORCE, *, fetched=NOW - DAY):
    """A policy that was fetched before, for the first MX host."""
    return Known(DOMAIN, StsPolicy(mode, 604800, (MX1,)), "1", fetched)


def derived(*answers, beliefs=PLAIN, before=None, now=NOW) -> Derivation:
    """Derive what should happen to the mail of a domain from what the world answers."""
    told = {Dns(RECORD, Kind.TXT): nothing(N), Https(WEB, PATH): REFUSED}
    for each in answers:
        told |= each
    route = answered(mail(DOMAIN), told).result
    policy = answered(discover(DOMAIN, now, before), told).result
    made = derive(Sought(), route, beliefs, now, policy)
    assert from_json(Derivation, to_json(made)) == made
    return made


def say(destination: Destination) -> str:
    """What is insisted on, briefly: "verify by tlsa"."""
    decision = destination.decision
    proof = "pin" if decision.pins else "tlsa" if decision.tlsa else "web"
    words = decision.level.value
    if decision.level is Level.AUTHENTICATED:
        words += f" by {proof}"
    if not decision.vouched:
        words += ", unvouched"
    return f"{words}, refused" if decision.refuses else words


def said(derivation: Derivation) -> str:
    """The same of all servers, in their order."""
    return "; ".join(map(say, derivation.destinations))


def rules(toml: str) -> Beliefs:
    return Beliefs(local.parse(toml))


def rule(host: str, *more: str, require: str = "verify") -> Beliefs:
    lines = ("[[rule]]", f'host = "{host}"', f'require = "{require}"', *more)
    return rules("\n".join(lines))


def listed(mode=ListMode.ENFORCE, *, pins=(), mxs=(MX1,), expires=NOW + DAY) -> Beliefs:
    entry = Listed(mode, mxs, pins)
    return Beliefs(listed=PolicyList(NOW - DAY, expires, {DOMAIN: entry}))


# -- the table of merges ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Case:
    """What the world answers, and what that has to come to, server by server."""

    answers: list
    safe: str
    more: dict = field(default_factory=dict)


OPEN = addresses(MX1, N)  # not signed: no DANE
WITHOUT = {**addresses(MX2), **tlsa(MX2)}  # signed, and no records
UNSIGNED = mx(MX1, security=N)
BOTH = mx(MX1, MX2)
NO_ADDRESS = {Dns(MX2, Kind.A): nothing(), Dns(MX2, Kind.AAAA): nothing()}
BOGUS_TLSA = {**addresses(MX1), **tlsa(MX1, answer=bogus())}
UNUSABLE = {**addresses(MX1), **tlsa(MX1, PKIX)}
ALIASED = {**addresses(MX1, canonical=TARGET), **tlsa(TARGET, GOOD)}
TIMEOUT = {Dns(RECORD, Kind.TXT): failure(Status.TIMEOUT)}
REFUSED = HttpsFailure(ResultType.STS_POLICY_FETCH_ERROR, "connection refused")
BLOCKED = {**text(RECORD, b"v=STSv1; id=2"), Https(WEB, PATH): REFUSED}
TLSA, WEBPKI = "verify by tlsa", "verify by web"
OPPORTUNISTIC = "may, unvouched"

CASES = {
    "all DANE": Case([BOTH, dane(MX1), dane(MX2)], f"{TLSA}; {TLSA}"),
    "all DANE, STS": Case([BOTH, dane(MX1), dane(MX2), sts()], f"{TLSA}; {TLSA}"),
    "all DANE, STS without this host": Case(
        [BOTH, dane(MX1), dane(MX2), sts("enforce", MX1)], f"{TLSA}; {TLSA}"
    ),
    "insecure MX with TLSA, STS": Case([UNSIGNED, dane(MX1), sts()], WEBPKI),
    "insecure MX with TLSA": Case([UNSIGNED, dane(MX1)], f"{TLSA}, unvouched"),
    "insecure MX with TLSA, STS testing": Case(
        [UNSIGNED, dane(MX1), sts("testing")], f"{TLSA}, unvouched"
    ),
    "insecure MX with TLSA, STS without this host": Case(
        [UNSIGNED, dane(MX1), sts("enforce", MX2)], f"{WEBPKI}, unvouched, refused"
    ),
    "insecure MX with unusable TLSA": Case([UNSIGNED, UNUSABLE], "encrypt, unvouched"),
    "insecure MX with bogus TLSA": Case([UNSIGNED, BOGUS_TLSA], "may, unvouched, refused"),
    "some MX without TLSA, STS": Case([BOTH, dane(MX1), WITHOUT, sts()], f"{TLSA}; {WEBPKI}"),
    "some MX without TLSA": Case([BOTH, dane(MX1), WITHOUT], f"{TLSA}; may"),
    "some MX without TLSA, STS without it": Case(
        [BOTH, dane(MX1), WITHOUT, sts("enforce", MX1)], f"{TLSA}; {WEBPKI}, refused"
    ),
    "all TLSA unusable, STS": Case([mx(MX1), UNUSABLE, sts()], WEBPKI),
    "all TLSA unusable": Case([mx(MX1), UNUSABLE], "encrypt"),
    "all TLSA unusable, STS testing": Case([mx(MX1), UNUSABLE, sts("testing")], "encrypt"),
    "CNAME'd MX, TLSA at its end, STS": Case([mx(MX1), ALIASED, sts()], TLSA),
    "CNAME'd MX, TLSA at its end": Case([mx(MX1), ALIASED], TLSA),
    "CNAME'd MX, insecure at its end": Case(
        [mx(MX1), addresses(MX1, N, canonical=TARGET), alias(MX1, TARGET), tlsa(MX1, WORSE)], TLSA
    ),
    "bogus MX, STS": Case([{Dns(DOMAIN, Kind.MX): bogus()}, sts()], ""),
    "MX timeout, STS": Case([{Dns(DOMAIN, Kind.MX): failure(Status.TIMEOUT)}, sts()], ""),
    "bogus TLSA, STS": Case([mx(MX1), BOGUS_TLSA, sts()], f"{WEBPKI}, refused"),
    "bogus TLSA": Case([mx(MX1), BOGUS_TLSA], "may, refused"),
    "bogus TLSA of one, DANE of the other": Case(
        [BOTH, BOGUS_TLSA, dane(MX2)], f"may, refused; {TLSA}"
    ),
    "an MX without address, the other DANE": Case([BOTH, dane(MX1), NO_ADDRESS], f"{TLSA}; may"),
    "STS": Case([UNSIGNED, OPEN, sts()], WEBPKI),
    "STS with a pattern": Case([UNSIGNED, OPEN, sts("enforce", f"*.{DOMAIN}")], WEBPKI),
    "STS without this host": Case(
        [UNSIGNED, OPEN, sts("enforce", f"*.mail.{DOMAIN}")], f"{WEBPKI}, unvouched, refused"
    ),
    "STS testing": Case([UNSIGNED, OPEN, sts("testing")], OPPORTUNISTIC),
    "STS testing without this host": Case([UNSIGNED, OPEN, sts("testing", MX2)], OPPORTUNISTIC),
    "STS none": Case([UNSIGNED, OPEN, sts("none")], OPPORTUNISTIC),
    "STS none, DANE": Case([mx(MX1), dane(MX1), sts("none")], TLSA),
    "no policy": Case([UNSIGNED, OPEN], OPPORTUNISTIC),
    "no policy, signed MX": Case([mx(MX1), OPEN], "may"),
    "no policy, nobody has looked at DNSSEC": Case([mx(MX1, security=U)], OPPORTUNISTIC),
    "STS, nobody has looked at DNSSEC": Case([mx(MX1, security=U), sts()], WEBPKI),
    "no MX: the domain is its own server": Case(
        [{Dns(DOMAIN, Kind.MX): nothing(N)}, addresses(DOMAIN, N)], "may"
    ),
    "no MX, TLSA of the domain itself": Case(
        [{Dns(DOMAIN, Kind.MX): nothing(N)}, dane(DOMAIN)], TLSA
    ),
    "null MX": Case([mx("")], ""),
    "TXT timeout, nothing known": Case([UNSIGNED, OPEN, TIMEOUT], OPPORTUNISTIC),
    "TXT timeout, known": Case([UNSIGNED, OPEN, TIMEOUT], WEBPKI, {"before": known()}),
    "record gone, known": Case([UNSIGNED, OPEN], WEBPKI, {"before": known()}),
    "policy host blocked, nothing known": Case([UNSIGNED, OPEN, BLOCKED], OPPORTUNISTIC),
    "policy host blocked, known": Case([UNSIGNED, OPEN, BLOCKED], WEBPKI, {"before": known()}),
    "policy host blocked, known until now": Case(
        [UNSIGNED, OPEN, BLOCKED], OPPORTUNISTIC, {"before": known(fetched=NOW - 8 * DAY)}
    ),
    "known, and the clock was set back": Case(
        [UNSIGNED, OPEN, TIMEOUT], WEBPKI, {"before": known(fetched=NOW + 30 * DAY)}
    ),
    "known to be in test": Case(
        [UNSIGNED, OPEN, TIMEOUT], OPPORTUNISTIC, {"before": known(Mode.TESTING)}
    ),
    "in a list": Case([UNSIGNED, OPEN], WEBPKI, {"beliefs": listed()}),
    "in a list with a pin": Case(
        [UNSIGNED, OPEN], "verify by pin", {"beliefs": listed(pins=("ab" * 32,))}
    ),
    "in a list in test": Case(
        [UNSIGNED, OPEN], OPPORTUNISTIC, {"beliefs": listed(ListMode.TESTING)}
    ),
    "in a list without this host": Case(
        [UNSIGNED, OPEN], f"{WEBPKI}, unvouched, refused", {"beliefs": listed(mxs=(MX2,))}
    ),
    "in a list whose time is over": Case(
        [UNSIGNED, OPEN], OPPORTUNISTIC, {"beliefs": listed(expires=NOW)}
    ),
    "in a list, DANE": Case([mx(MX1), dane(MX1)], TLSA, {"beliefs": listed(mxs=(MX2,))}),
    "in a list with a pin, DANE": Case(
        [mx(MX1), dane(MX1)], "verify by pin", {"beliefs": listed(pins=("ab" * 32,))}
    ),
    "in a list, STS none": Case([UNSIGNED, OPEN, sts("none")], WEBPKI, {"beliefs": listed()}),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_case_gives_the_safe_answer_server_by_server(case):
    assert said(derived(*case.answers, **case.more)) == case.safe


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_whatever_is_more_than_opportunistic_is_never_met_in_clear(case):
    for destination in derived(*case.answers, **case.more).destinations:
        opportunistic = say(destination) in ("may", OPPORTUNISTIC)
        assert judged(stripped(), destination.decision).meets is opportunistic


@pytest.mark.parametrize(
    ("answers", "beliefs"),
    [([sts("enforce", MX2)], PLAIN), ([], listed(mxs=(MX2,)))],
    ids=["MTA-STS", "list"],
)
def test_who_does_not_name_a_server_does_not_know_what_it_offers(answers, beliefs):
    """That it offers no TLS is then no tampering."""
    (host,) = derived(UNSIGNED, OPEN, *answers, beliefs=beliefs).destinations
    verdict = judged(stripped(), host.decision)
    assert Code.HOST_REFUSED in {finding.code for finding in verdict.findings}
    assert not verdict.code.tampering


# -- whether anything can be sent ------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([{Dns(DOMAIN, Kind.MX): bogus()}], "server failure (bogus): signature expired"),
        ([{Dns(DOMAIN, Kind.MX): failure(Status.TIMEOUT)}, sts()], "no answer (not checked)"),
        ([mx(MX1), BOGUS_TLSA], f"DANE could not be looked up: TLSA of _25._tcp.{MX1}"),
        ([UNSIGNED, OPEN, sts("enforce", MX2)], f"{MX1} is none of the policy's hosts: {MX2}"),
        ([mx(MX2), NO_ADDRESS], f"{MX2} has no address"),
        ([BOTH, BOGUS_TLSA, NO_ADDRESS], "DANE could not be looked up"),
        ([UNSIGNED, {Dns(MX1, Kind.A): failure(), Dns(MX1, Kind.AAAA): nothing()}], "DANE could"),
    ],
    ids=[
        "bogus MX",
        "MX timeout",
        "bogus TLSA",
        "unlisted",
        "no address",
        "one each",
        "address lost",
    ],
)
def test_mail_waits_where_no_server_may_be_used(answers, words):
    assert derived(*answers).waits.startswith(words)


@pytest.mark.parametrize(
    "answers",
    [
        [BOTH, BOGUS_TLSA, dane(MX2)],
        [BOTH, dane(MX1), NO_ADDRESS],
        [UNSIGNED, OPEN],
        [mx("")],
        [mx(MX1), dane(MX1)],
    ],
    ids=["one is good", "one has an address", "no policy", "it takes none", "DANE"],
)
def test_mail_does_not_wait_where_one_may_or_where_there_is_none_to_wait_for(answers):
    assert derived(*answers).waits == ""


def test_a_domain_that_takes_no_mail_is_told_from_one_that_cannot_be_found_out():
    assert derived(mx("")).route.route is Route.NOWHERE
    assert derived({Dns(DOMAIN, Kind.MX): nothing(status=Status.NXDOMAIN)}).route.route is (
        Route.MISSING
    )
    assert derived({Dns(DOMAIN, Kind.MX): bogus()}).route.route is Route.FAILED


# -- the operator, and our own memory --------------------------------------------------

PIN = f'pin = ["sha256:{"ab" * 32}"]'


@pytest.mark.parametrize(
    ("answers", "beliefs", "safe"),
    [
        ([UNSIGNED, OPEN], rule(MX1, require="encrypt"), "encrypt, unvouched"),
        ([UNSIGNED, OPEN], rule(DOMAIN, require="encrypt"), "encrypt, unvouched"),
        ([UNSIGNED, OPEN], rule(DOMAIN), f"{WEBPKI}, unvouched"),
        ([UNSIGNED, OPEN], rule(DOMAIN, PIN), "verify by pin"),
        ([UNSIGNED, OPEN], rule(MX1, PIN), "verify by pin"),
        ([UNSIGNED, OPEN], rule(MX1, "port = 465"), OPPORTUNISTIC),
        ([UNSIGNED, OPEN], rule(MX1, 'protocol = "imap"'), OPPORTUNISTIC),
        ([UNSIGNED, OPEN], rule(MX2), OPPORTUNISTIC),
        ([UNSIGNED, OPEN, sts()], rule(MX1, require="may"), WEBPKI),
        ([mx(MX1), dane(MX1)], rule(DOMAIN, require="may"), TLSA),
        ([mx(MX1), dane(MX1)], rule(DOMAIN, PIN), "verify by pin"),
        ([mx(MX1), OPEN], rule(DOMAIN), WEBPKI),
        ([mx(MX1), BOGUS_TLSA], rule(DOMAIN, require="may"), "may, refused"),
    ],
    ids=[
        "of the host", "of the domain", "of the domain, verified", "of the domain, pinned",
        "of the host, pinned", "of another port", "of another protocol", "of another host",
        "looser than STS", "looser than DANE", "a pin beside DANE", "a signed MX",
        "looser than a failure",
    ],
)  # fmt: skip
def test_a_rule_of_the_operators_may_be_about_the_host_or_the_domain_and_only_raises(
    answers, beliefs, safe
):
    assert said(derived(*answers, beliefs=beliefs)) == safe


def test_of_a_rule_about_the_host_and_one_about_the_domain_the_stricter_counts():
    for one, other in (("may", "encrypt"), ("encrypt", "may")):
        table = "".join(
            f'[[rule]]\nhost = "{host}"\nrequire = "{require}"\n'
            for host, require in ((MX1, one), (DOMAIN, other))
        )
        assert said(derived(mx(MX1), OPEN, beliefs=rules(table))) == "encrypt"


def remembering(host: str, *visits) -> Beliefs:
    return Beliefs(visits=lambda endpoint: visits if endpoint.host == host else ())


@pytest.mark.parametrize(
    ("answers", "visits", "safe"),
    [
        ([mx(MX1), OPEN], [days_ago(3, upgraded())], "encrypt"),
        ([mx(MX1), OPEN], steadily(upgraded()), WEBPKI),
        ([mx(MX1), OPEN], [days_ago(3, stripped())], "may"),
        ([mx(MX1), OPEN], [days_ago(200, upgraded())], "may"),
        ([UNSIGNED, OPEN], steadily(upgraded()), f"{WEBPKI}, unvouched"),
        ([mx(MX1), dane(MX1)], steadily(upgraded()), TLSA),
        ([mx(MX1), UNUSABLE], steadily(upgraded()), WEBPKI),
    ],
    ids=["TLS", "steadily proved", "in clear", "long ago", "unsigned MX", "DANE", "unusable TLSA"],
)
def test_what_was_seen_of_a_host_only_raises(answers, visits, safe):
    assert said(derived(*answers, beliefs=remembering(MX1, *visits))) == safe
    assert said(derived(*answers, beliefs=remembering("elsewhere.example", *visits))) == said(
        derived(*answers)
    )


@pytest.mark.parametrize("answers", [[UNSIGNED, OPEN], [UNSIGNED, dane(MX1)]], ids=["web", "dane"])
def test_mail_over_an_unsigned_mx_does_not_stop_after_good_visits(answers):
    """It was sent to a host that proves to be itself, and goes on being sent to that."""
    (host,) = derived(*answers, beliefs=remembering(MX1, *steadily(upgraded()))).destinations
    proved = shaken(dane=Match(GOOD))
    verdict = judged(upgraded(proved), host.decision)
    assert verdict.meets
    assert not judged(stripped(), host.decision).meets


def test_who_requires_a_proof_of_the_domain_is_not_content_with_an_unsigned_mx():
    verify = Policy("command line", Level.AUTHENTICATED)
    for answers in ([UNSIGNED, OPEN], [UNSIGNED, dane(MX1)]):
        (host,) = derived(*answers).destinations
        required = host.required(verify, NOW)
        assert not judged(upgraded(shaken(dane=Match(GOOD))), required).meets
    (host,) = derived(UNSIGNED, OPEN, sts()).destinations
    assert judged(upgraded(), host.required(verify, NOW)).meets


def test_what_is_required_beside_it_only_raises():
    (host,) = derived(mx(MX1), UNUSABLE).destinations
    for level, least in ((Level.MAY, Level.ENCRYPT), (Level.AUTHENTICATED, Level.AUTHENTICATED)):
        assert host.required(Policy("command line", level), NOW).level is least


# -- the operator's last word ----------------------------------------------------------

LAST = "override = true"
LOST = {Dns(DOMAIN, Kind.MX): bogus()}
NOBODY = {Dns(DOMAIN, Kind.MX): nothing(status=Status.NXDOMAIN)}


@pytest.mark.parametrize(
    ("answers", "beliefs", "safe"),
    [
        ([mx(MX1), dane(MX1)], rule(DOMAIN, LAST, require="may"), "may"),
        ([mx(MX1), dane(MX1)], rule(MX1, LAST, require="encrypt"), "encrypt"),
        ([mx(MX1), dane(MX1)], rule("*", LAST), WEBPKI),
        ([mx(MX1), dane(MX1)], rule("*", LAST, PIN), "verify by pin"),
        ([mx(MX1), BOGUS_TLSA], rule(DOMAIN, LAST, require="may"), "may"),
        ([BOTH, BOGUS_TLSA, dane(MX2)], rule(MX1, LAST, require="may"), f"may; {TLSA}"),
        ([UNSIGNED, OPEN, sts("enforce", MX2)], rule(DOMAIN, LAST, require="may"), OPPORTUNISTIC),
        ([UNSIGNED, OPEN, sts()], rule(DOMAIN, LAST), f"{WEBPKI}, unvouched"),
        ([UNSIGNED, OPEN, sts()], rule(MX1, LAST, require="may"), WEBPKI),
        ([UNSIGNED, dane(MX1)], rule(MX1, LAST, require="may"), f"{TLSA}, unvouched"),
        ([UNSIGNED, OPEN], rule(MX1, LAST), f"{WEBPKI}, unvouched"),
        ([mx(MX1, security=U), sts()], rule(MX1, LAST, require="may"), WEBPKI),
        ([mx(MX1, security=U), sts()], rule(DOMAIN, LAST, require="may"), OPPORTUNISTIC),
        ([mx(MX1), dane(MX1)], rule(MX2, LAST, require="may"), TLSA),
    ],
    ids=[
        "lower than DANE", "of a host that DNSSEC names", "without DANE", "a pin alone",
        "although DANE failed", "of one host of two", "although the policy names another",
        "by the WebPKI alone", "of a host that anybody could name",
        "of such a host with records", "of such a host, which raises",
        "of a host, and nobody has looked at DNSSEC", "of the domain, and nobody has",
        "of another host",
    ],
)  # fmt: skip
def test_the_operators_last_word_is_the_only_one_where_nobody_can_have_brought_it_up(
    answers, beliefs, safe
):
    assert said(derived(*answers, beliefs=beliefs)) == safe


def test_an_srv_that_anybody_could_forge_brings_nobody_to_a_rule_that_lowers():
    """Though the certificate is for the domain, and so the server is the right one."""
    answers = {**srv(Srv(1, 0, 5222, MX1), security=N), **addresses(MX1, N)}
    route = answered(service(XMPP, DOMAIN), answers).result
    freed = rule(MX1, LAST, require="may")
    beliefs = replace(freed, visits=lambda _: steadily(upgraded()))
    (host,) = derive(Sought(XMPP, "xmpp-client"), route, beliefs, NOW).destinations
    assert host.named
    assert host.decision.level is Level.AUTHENTICATED


def test_what_was_seen_of_a_host_gives_way_to_the_last_word_too():
    beliefs = replace(
        remembering(MX1, *steadily(upgraded())), table=rule(MX1, LAST, require="may").table
    )
    assert said(derived(mx(MX1), OPEN, beliefs=beliefs)) == "may"


def test_what_the_sender_requires_is_not_lowered_by_the_operators_last_word():
    (host,) = derived(mx(MX1), dane(MX1), beliefs=rule(DOMAIN, LAST, require="may")).destinations
    required = host.required(Policy("command line", Level.AUTHENTICATED), NOW)
    assert required.level is Level.AUTHENTICATED
    assert [policy.source for policy in required.overridden] == ["dane"]


def test_a_server_that_the_user_named_may_be_freed_by_a_rule_about_it():
    endpoint, beliefs = Endpoint(MX1, 25, "smtp"), rule(MX1, LAST, "port = 25", require="may")
    host = answered(server(MX1, 25), dane(MX1)).result
    assert derive_one(endpoint, host, beliefs, NOW).decision.level is Level.MAY
    assert derive_one(endpoint, host, PLAIN, NOW).decision.level is Level.AUTHENTICATED


@pytest.mark.parametrize(
    ("world", "beliefs", "waits", "level"),
    [
        (LOST, PLAIN, True, None),
        (LOST, rule(DOMAIN, require="encrypt"), True, Level.ENCRYPT),
        (LOST, rule(DOMAIN, LAST, require="encrypt"), False, Level.ENCRYPT),
        (LOST, rule(MX1, LAST, require="encrypt"), True, None),
        (NOBODY, rule(DOMAIN), False, Level.AUTHENTICATED),
        (mx(""), rule("*", require="encrypt"), False, Level.ENCRYPT),
        (NOBODY, PLAIN, False, None),
    ],
)
def test_a_rule_about_the_domain_holds_also_where_none_of_its_servers_is_known(
    world, beliefs, waits, level
):
    made = derived(world, beliefs=beliefs)
    assert made.destinations == ()
    assert bool(made.waits) is waits
    assert (made.unseen.decision.level if made.unseen else None) is level
    assert made.overridden is (bool(made.unseen) and made.unseen.decision.overrides)


def test_a_rule_for_a_port_holds_at_that_port_though_no_server_is_known():
    route = answered(mail(DOMAIN, 587), NOBODY).result
    beliefs = rule(DOMAIN, "port = 587", require="encrypt")
    assert derive(Sought(), route, beliefs, NOW, None, 587).unseen
    assert derive(Sought(), route, beliefs, NOW).unseen is None


def test_what_is_said_of_all_servers_seen_says_nothing_of_those_that_nobody_looked_at():
    hosts = [f"mx{number}.{DOMAIN}" for number in range(60)]
    seen = derived(mx(*hosts), *map(dane, hosts), beliefs=rule(f"*.{DOMAIN}", LAST, require="may"))
    assert all(host.decision.overrides for host in seen.destinations)
    assert not seen.overridden
    every = derived(mx(*hosts), *map(dane, hosts), beliefs=rule("*", LAST, require="may"))
    assert every.overridden


# -- first contact ---------------------------------------------------------------------

PATIENT = rule("*", 'unknown = "wait"', require="may")


@pytest.mark.parametrize(
    ("answers", "failed"),
    [([TIMEOUT], "its TXT record: no answer"), ([BLOCKED], "its policy host: connection refused")],
    ids=["TXT", "policy host"],
)
def test_mail_waits_for_a_first_contact_if_a_rule_says_so(answers, failed):
    words = f"rule 1 of the table has mail wait: {DOMAIN} may have an MTA-STS policy: {failed}"
    assert derived(UNSIGNED, OPEN, *answers, beliefs=PATIENT).waits.startswith(words)
    assert derived(UNSIGNED, OPEN, *answers).waits == ""  # RFC 8461, 5.1


@pytest.mark.parametrize(
    ("answers", "more"),
    [
        ([], {}),
        ([text(RECORD, b"v=STSv1; id=2"), page(WEB, PATH, b"", status=404)], {}),
        ([text(RECORD, b"v=STSv1; id=2"), page(WEB, PATH, b"nonsense")], {}),
        ([TIMEOUT], {"before": known()}),
        ([TIMEOUT], {"before": known(Mode.NONE)}),
    ],
    ids=["no record", "404", "no policy", "known", "known to be none"],
)
def test_mail_does_not_wait_where_it_is_certain_what_there_is(answers, more):
    assert derived(UNSIGNED, OPEN, *answers, beliefs=PATIENT, **more).waits == ""


def test_mail_does_not_wait_for_a_policy_that_would_have_no_say():
    assert said(derived(mx(MX1), dane(MX1), TIMEOUT, beliefs=PATIENT)) == TLSA
    both = derived(BOTH, dane(MX1), WITHOUT, TIMEOUT, beliefs=PATIENT)
    assert said(both) == f"{TLSA}; may, refused"


def test_mail_waits_also_where_none_of_the_servers_is_known():
    assert derived(NOBODY, TIMEOUT, beliefs=PATIENT).waits


def test_what_was_decided_before_does_not_outlast_another_look():
    made = derived(UNSIGNED, OPEN, TIMEOUT, beliefs=PATIENT)
    assert made.expires <= NOW + timedelta(minutes=1)


# -- other services --------------------------------------------------------------------

CLIENT = Sought(XMPP, "xmpp-client")
IMAPS = Sought("_imaps._tcp", "imap", implicit=True)


def imap(*records, security=S):
    (told,) = srv(*records, security=security).values()
    return {Dns(f"_imaps._tcp.{DOMAIN}", Kind.SRV): told}


def served(sought: Sought, *answers, beliefs=PLAIN) -> Derivation:
    told = {question: answer for each in answers for question, answer in each.items()}
    made = derive(sought, answered(service(sought.name, DOMAIN), told).result, beliefs, NOW)
    assert from_json(Derivation, to_json(made)) == made
    return made


AT = Srv(0, 0, 5222, TARGET)
RECORDS = {**addresses(TARGET), **tlsa(TARGET, GOOD, port=5222)}


@pytest.mark.parametrize(
    ("sought", "answers", "safe"),
    [
        (CLIENT, [srv(AT), RECORDS], TLSA),
        (CLIENT, [srv(AT), addresses(TARGET, N)], "may"),
        (CLIENT, [srv(AT, security=N), addresses(TARGET, N)], "may"),
        (CLIENT, [srv(AT, security=N), RECORDS], "encrypt"),
        (IMAPS, [imap(AT), RECORDS], TLSA),
        (IMAPS, [imap(AT, security=N), addresses(TARGET, N)], OPPORTUNISTIC),
        (IMAPS, [imap(AT, security=N), RECORDS], "encrypt, unvouched"),
        (IMAPS, [imap(AT), addresses(TARGET), tlsa(TARGET, answer=bogus(), port=5222)],
         "may, refused"),
        (IMAPS, [imap(Srv(0, 0, 0, ""))], ""),
    ],
    ids=[
        "XMPP, DANE", "XMPP, signed", "XMPP, unsigned", "XMPP, unsigned with TLSA", "IMAP, DANE",
        "IMAP, unsigned", "IMAP, unsigned with TLSA", "IMAP, bogus TLSA", "IMAP, none",
    ],
)  # fmt: skip
def test_a_service_is_protected_by_its_srv_records_and_what_they_lead_to(sought, answers, safe):
    assert said(served(sought, *answers)) == safe


@pytest.mark.parametrize("sought", [CLIENT, IMAPS])
def test_records_of_a_server_that_a_forged_srv_names_do_not_prove_the_domain(sought):
    """Whoever forges the SRV can sign records for a host of his own (RFC 7673, 3)."""
    lead = {CLIENT: srv, IMAPS: imap}[sought](AT, security=N)
    (host,) = served(sought, lead, RECORDS).destinations
    verify = Policy("command line", Level.AUTHENTICATED)
    forged = upgraded(replace(shaken(webpki=None), dane=Match(GOOD)))
    verdict = judged(forged, host.required(verify, NOW))
    assert not verdict.meets
    assert verdict.exposure.attacker.value == "reads"


def test_xmpps_certificate_is_for_the_domain_and_others_for_the_server():
    (host,) = served(CLIENT, srv(AT), RECORDS).destinations
    assert host.endpoint == Endpoint(TARGET, 5222, "xmpp-client", False, DOMAIN)
    (host,) = served(IMAPS, imap(AT), RECORDS).destinations
    assert host.endpoint == Endpoint(TARGET, 5222, "imap", implicit=True)
    own = Srv(0, 0, 5222, DOMAIN)
    (host,) = served(CLIENT, srv(own, security=N), addresses(DOMAIN, N)).destinations
    assert (host.endpoint.server_name, say(host)) == ("", "may")


def test_a_service_that_cannot_be_found_out_waits():
    made = served(CLIENT, {Dns(f"{XMPP}.{DOMAIN}", Kind.SRV): bogus()})
    assert made.waits == "server failure (bogus): signature expired"


def test_lists_and_mta_sts_are_for_mail_alone():
    assert said(served(IMAPS, imap(AT), addresses(TARGET, N), beliefs=listed(mxs=(TARGET,)))) == (
        "may"
    )


# -- a server that the user named ------------------------------------------------------

NAMED = Endpoint(MX1, 993, "imap", implicit=True)


def one(*answers, beliefs=PLAIN, endpoint=NAMED) -> Destination:
    told = {question: answer for each in answers for question, answer in each.items()}
    host = answered(server(endpoint.host, endpoint.port), told).result if told else None
    made = derive_one(endpoint, host, beliefs, NOW)
    assert from_json(Destination, to_json(made)) == made
    return made


def test_a_server_that_the_user_named_is_vouched_for_by_that():
    told = {**addresses(MX1), **tlsa(MX1, GOOD, port=993)}
    assert say(one(told)) == TLSA
    assert say(one(addresses(MX1, N))) == "may"
    assert say(one()) == "may"
    assert say(one(addresses(MX1), tlsa(MX1, port=993, answer=bogus()))) == "may, refused"
    assert say(one(told, beliefs=remembering(MX1, *steadily(upgraded())))) == TLSA
    assert say(one(beliefs=rule(MX1, PIN))) == "verify by pin"


def test_a_name_that_only_this_machine_knows_is_no_reason_to_refuse_it():
    none = {Dns(MX1, Kind.A): nothing(), Dns(MX1, Kind.AAAA): nothing()}
    assert say(one(none)) == "may"


def test_where_nobody_was_asked_nothing_is_lost():
    host = Host(MX1, 993, Standing.UNCHECKED, words="install unbound")
    assert derive_one(NAMED, host, rule(MX1), NOW).decision == one(beliefs=rule(MX1)).decision


IRC = Endpoint(MX1, 6667, "irc")


def test_what_an_irc_server_asked_for_at_another_port_counts_at_this_one():
    visit = upgraded()
    inside = replace(visit.upgrade, inside=("sts=duration=2592000",))
    visit = replace(visit, upgrade=inside, endpoint=replace(IRC, port=6697, implicit=True))
    asked = []

    def visits_of(host, protocol):
        asked.append((host, protocol))
        return (visit,)

    beliefs = Beliefs(visits_of=visits_of)
    assert say(one(endpoint=IRC, beliefs=beliefs)) == WEBPKI
    assert say(one(beliefs=beliefs)) == "may"
    assert asked == [(MX1, "irc")]


# -- how long it holds -----------------------------------------------------------------


def holds(made: Derivation) -> float:
    """For how many seconds."""
    return (made.expires - made.at).total_seconds()


def test_it_holds_for_as_long_as_the_first_of_its_answers():
    assert holds(derived(mx(MX1), dane(MX1))) == 300
    short = {Dns(RECORD, Kind.TXT): nothing(N, ttl=60)}
    assert holds(derived(mx(MX1), dane(MX1), short)) == 60


@pytest.mark.parametrize(
    "answers",
    [
        [{Dns(DOMAIN, Kind.MX): bogus()}],
        [mx(MX1), BOGUS_TLSA],
        [{Dns(DOMAIN, Kind.MX): nothing(status=Status.NXDOMAIN, ttl=0)}],
    ],
    ids=["bogus MX", "bogus TLSA", "no domain"],
)
def test_a_failure_is_soon_looked_at_again_and_not_at_once(answers):
    assert holds(derived(*answers)) == 5


def test_nothing_holds_for_more_than_an_hour():
    forever = {
        question: replace(answer, ttl=2**31 - 1)
        for question, answer in (mx(MX1) | dane(MX1) | {Dns(RECORD, Kind.TXT): nothing(N)}).items()
    }
    assert holds(derived(forever)) == 3600


def test_it_is_over_when_a_policy_is():
    soon = known(fetched=NOW - 7 * DAY + timedelta(seconds=30))
    assert holds(derived(UNSIGNED, OPEN, TIMEOUT, before=soon)) == 30
    assert holds(derived(UNSIGNED, OPEN, beliefs=listed(expires=NOW + timedelta(seconds=20)))) == 20


def test_what_is_over_already_shortens_nothing():
    old = remembering(MX1, days_ago(200, upgraded()))
    assert holds(derived(UNSIGNED, OPEN, beliefs=old)) == 300


def test_a_policy_that_ends_between_two_looks_is_not_in_a_decision_made_later():
    (host,) = derived(UNSIGNED, OPEN, TIMEOUT, before=known()).destinations
    may = Policy("command line", Level.MAY)
    assert host.required(may, NOW).level is Level.AUTHENTICATED
    assert host.required(may, NOW + 8 * DAY).level is Level.MAY


# -- whatever fails --------------------------------------------------------------------

FAULTS = [failure(), failure(Status.TIMEOUT), failure(Status.MALFORMED), bogus()]
WORLDS = {
    "DANE": ([BOTH, dane(MX1), dane(MX2)], {}),
    "DANE and STS": ([BOTH, dane(MX1), WITHOUT, sts()], {"before": known()}),
    "STS": ([UNSIGNED, OPEN, sts()], {"before": known()}),
    "unusable TLSA": ([mx(MX1), UNUSABLE], {}),
    "an alias": ([mx(MX1), ALIASED], {}),
    "half DANE": ([UNSIGNED, dane(MX1)], {}),
    "a last word on a host": (
        [BOTH, dane(MX1), dane(MX2), sts()], {"beliefs": rule(MX1, LAST, require="may")}
    ),
    "first contact": ([BOTH, OPEN, WITHOUT], {"beliefs": PATIENT}),
}  # fmt: skip


@pytest.mark.parametrize("world", WORLDS)
@given(data=st.data())
def test_no_failure_of_a_look_up_loosens_a_decision(world, data):
    answers, more = WORLDS[world]
    told = {Dns(RECORD, Kind.TXT): nothing(N)}
    for each in answers:
        told |= each
    lost = data.draw(st.sets(st.sampled_from(sorted(told, key=str)), min_size=1))
    broken = HttpsFailure(ResultType.STS_POLICY_FETCH_ERROR, "reset")
    spoilt = {
        question: data.draw(st.sampled_from(FAULTS)) if isinstance(question, Dns) else broken
        for question in lost
    }
    before, after = derived(told, **more), derived(told | spoilt, **more)
    strict = {host.endpoint: host.decision for host in before.destinations}
    assert after.waits or after.destinations
    for host in after.destinations:
        was = strict[host.endpoint]
        assert host.decision.refuses or host.decision.level >= was.level
        assert host.decision.refuses or (host.decision.tlsa == was.tlsa)
        assert host.decision.vouched <= was.vouched


@given(
    world=st.sampled_from([*WORLDS]),
    require=st.sampled_from(["may", "encrypt", "verify"]),
    data=st.data(),
)
def test_the_last_word_on_a_domain_is_the_same_whatever_there_is_and_fails(world, require, data):
    answers, more = WORLDS[world]
    told = {Dns(RECORD, Kind.TXT): nothing(N)}
    for each in answers:
        told |= each
    dns = sorted((question for question in told if isinstance(question, Dns)), key=str)
    lost = data.draw(st.sets(st.sampled_from(dns)))
    spoilt = {question: data.draw(st.sampled_from(FAULTS)) for question in lost}
    made = derived(told | spoilt, **more | {"beliefs": rule(DOMAIN, LAST, require=require)})
    assert made.overridden
    assert made.waits == ""
    for host in made.servers:
        assert host.decision.level is Level(require)
        assert (host.decision.refuses, host.decision.tlsa, host.decision.pins) == ("", None, ())


def test_servers_that_nobody_looked_at_are_counted():
    hosts = [f"mx{number}.{DOMAIN}" for number in range(60)]
    made = derived(mx(*hosts), *map(dane, hosts))
    assert (len(made.destinations), made.left_out) == (50, 10)
    assert derived(mx(MX1), dane(MX1)).left_out == 0


@pytest.mark.parametrize(
    ("answers", "seconds"),
    [
        ([mx(MX1), dane(MX1)], 300),
        ([mx(MX1), addresses(MX1, six=nothing(ttl=9)), tlsa(MX1, GOOD)], 9),
        ([mx(MX1), addresses(MX1), tlsa(MX1, answer=nothing(ttl=9))], 9),
        ([mx(MX1, security=U)], 300),
    ],
)
def test_it_holds_no_longer_than_any_answer_about_its_servers(answers, seconds):
    made = derived(*answers)
    assert made.expires - made.at == timedelta(seconds=seconds)


standings = st.sampled_from([each for each in Standing if each is not Standing.FAILED])
forged = st.builds(
    Host,
    name=st.sampled_from([MX1, f"a.{DOMAIN}", f"a.b.{DOMAIN}", "mx.evil.example", DOMAIN]),
    port=st.just(25),
    standing=standings,
    base=st.just("mx.evil.example"),
    names=st.just(("mx.evil.example",)),
    records=st.just((GOOD,)),
)


@given(st.lists(forged, max_size=3), st.sampled_from([Security.INSECURE, Security.UNCHECKED]))
def test_whoever_forges_an_mx_comes_to_nothing_where_a_policy_is_in_force(hosts, security):
    """Not even with TLSA records of his own, or by calling the domain its own server."""
    policy = replace(known(), policy=StsPolicy(Mode.ENFORCE, 604800, (MX1, f"*.{DOMAIN}")))
    route = Domain(DOMAIN, Route.NAMED, security, tuple(hosts))
    for host in derive(Sought(), route, PLAIN, NOW, policy).destinations:
        named = host.endpoint.host in (MX1, f"a.{DOMAIN}")
        assert bool(host.decision.refuses) is not named
        assert (host.decision.level, host.decision.tlsa) == (Level.AUTHENTICATED, None)
        his = upgraded(replace(shaken(webpki=None), dane=Match(GOOD)))
        assert not judged(his, host.decision).meets
