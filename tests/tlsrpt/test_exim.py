"""Exim's main log: the lines are those of Exim 4.96, as it wrote them in front of real servers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from unstrip.tlsrpt.exim import LONGEST, Log

AT, LATER = "2026-11-22 10:52:48", "2026-11-22 11:22:48"
ID = "1xV5Bg-0007JN-1a"
TLS = "X=TLS1.3:ECDHE_SECP256R1__ECDSA_SECP256R1_SHA256__AES_256_GCM:256"
C = 'K C="250- 269 byte chunk, total 269\\\\n250 OK id=1xV5Bg-0007JQ-1d"'
THERE = "b@example.org R=there T=smtp"
HERE = "H=mx1.example.org [192.0.2.1]"
NO_TLS = "a TLS session is required, but the server did not offer TLS support"
FAILED = "TLS session: (certificate verification failed): certificate invalid"
UNDER_DANE = f"DANE attempt failed; TLS connection to mx1.example.org [192.0.2.1]: {FAILED}"


def read(*lines: str):
    log = Log()
    return [each for line in lines for each in log.read(line)]


def one(*words: str):
    """The only session of one message."""
    (found,) = read(*(f"{AT} {ID} {each}" for each in words))
    return found


# One line


@pytest.mark.parametrize(
    ("verified", "by_dane", "by_webpki"),
    [
        ("yes", None, ()),
        ("dane", (), None),
        ("no", None, (("certificate-not-trusted", "CV=no"),)),
    ],
)
def test_a_delivery_inside_tls_tells_what_the_certificate_proved(verified, by_dane, by_webpki):
    session = one(f"=> {THERE} {HERE} {TLS} CV={verified} {C}").session
    assert session.broken is None
    assert session.by_dane == by_dane
    told = session.by_webpki
    assert (told and tuple((result.value, why) for result, why in told)) == by_webpki


def test_a_certificate_of_which_nothing_is_logged_is_not_judged():
    session = one(f"=> {THERE} {HERE} {TLS} {C}").session
    assert (session.broken, session.by_dane, session.by_webpki) == (None, None, None)


def test_a_delivery_without_tls_was_in_clear():
    result, _ = one(f"=> {THERE} {HERE} {C}").session.broken
    assert result.value == "starttls-not-supported"


@pytest.mark.parametrize(
    ("reason", "result"),
    [
        (NO_TLS, "starttls-not-supported"),
        (
            "a TLS session is required, but an attempt to start TLS failed",
            "starttls-not-supported",
        ),
        (FAILED, "certificate-not-trusted"),
        ("TLS session: (SSL_connect): certificate has expired", "certificate-expired"),
        (
            "TLS session: TLS certificate verification failed: cert name mismatch",
            "certificate-host-mismatch",
        ),
        ("TLS session: (gnutls_handshake): Handshake failed", "validation-failure"),
    ],
)
@pytest.mark.parametrize("flag", ["== b@example.org R=there T=smtp defer (-37)", f"** {THERE}"])
def test_what_waits_or_fails_tells_why_there_was_no_tls(flag, reason, result):
    broken = one(f"{flag} {HERE}: {reason}").session.broken
    assert (broken[0].value, broken[1]) == (result, reason)


@pytest.mark.parametrize(
    ("line", "result"),
    [
        (f"** {THERE}: DANE error: mx1.example.org lookup not DNSSEC", "dane-required"),
        (f"** {THERE} {HERE}: DANE error: tlsa lookup FAIL", "dane-required"),
        (f"== {THERE} defer (-36) {HERE}: DANE error: tlsa lookup DEFER", "dnssec-invalid"),
    ],
)
def test_what_was_wrong_with_dane_is_told_under_dane_alone(line, result):
    session = one(line).session
    assert session.host == "mx1.example.org"
    assert session.broken is session.by_webpki is None
    assert [told.value for told, _ in session.by_dane] == [result]


@pytest.mark.parametrize(
    "line",
    [
        f"== {THERE} defer (-44) {HERE}: SMTP error from remote mail server: 451 Later",
        f"== {THERE} defer (111): Connection refused",
        f"== {THERE} defer (-53): retry time not reached for any host for 'example.org'",
        "== b@example.org R=there defer (-32): lookup of host failed in there router",
        "=> b <b@example.org> R=local_user T=maildir_home",
        f"=> {THERE} H=mx1.example.org [192.0.2.1]* {TLS} CV=yes {C}",
        f"=> {THERE} H=mx1.example.org [192.0.2.1]:25* {TLS} CV=yes {C}",
        "<= a@sender.example U=root P=local S=269 X=TLS1.3:A:256 CV=no",
        "H=mx1.example.org [192.0.2.1] Connection refused",
        "Completed",
        "Frozen",
    ],
)
def test_what_tells_nothing_of_tls_or_of_a_session_is_passed_over(line):
    assert read(f"{AT} {ID} {line}") == []


def test_what_was_refused_inside_tls_was_inside_tls():
    session = one(f"** {THERE} {HERE} {TLS} CV=yes: SMTP error after RCPT TO: 550 No").session
    assert session.by_webpki == ()


# What else is in a line


def test_every_field_that_can_be_logged_may_be_there():
    line = (
        f"{AT}.186 +0100 [31155] {ID} => b@example.org F=<a@sender.example> P=<a@sender.example> "
        f"R=there T=smtp S=269 H=MX1.example.org [2001:db8::1]:25 I=[192.0.2.9]:46914 DS {TLS} "
        f'CV=yes DN="O=trustme v1.2.1,OU=Testing: X" SNI="x" L K {C} QT=0.038s DT=0.004s'
    )
    (found,) = read(line)
    assert found.at == datetime(2026, 11, 22, 9, 52, 48, tzinfo=UTC)
    assert found.domain == "example.org"
    session = found.session
    assert session.host == "mx1.example.org"
    assert (session.sending_ip, session.receiving_ip) == ("192.0.2.9", "2001:db8::1")


def test_an_address_that_was_made_of_another_is_where_it_went():
    assert one(f"=> b@Example.ORG <c@example.net> R=a T=smtp {HERE} {C}").domain == "example.org"


@pytest.mark.parametrize(
    "line",
    [
        f'=> "b H=evil [192.0.2.66] X=TLS CV=yes"@example.org R=there T=smtp {HERE} {C}',
        f'=> b@example.org F=<"x H=evil [192.0.2.66] X=A CV=dane"@e.example> R=a {HERE} {C}',
        f'=> b@example.org <"x H=evil [192.0.2.66] X=A CV=dane"@e.example> R=a {HERE} {C}',
    ],
)
def test_an_address_in_quotes_could_say_anything_and_is_passed_over(line):
    assert read(f"{AT} {ID} {line}") == []


@pytest.mark.parametrize("words", [' DN="CN=x X=A CV=dane"', ' C="250 X=A CV=dane"'])
def test_the_words_of_a_server_are_no_fields(words):
    assert one(f"=> {THERE} {HERE}{words} {C}").session.broken is not None


@pytest.mark.parametrize(
    "line",
    [
        "",
        "\0\xff",
        "2026-13-40 10:52:48 " + ID + " => x",
        f"0001-01-01 00:00:00 {ID} => {THERE} {HERE} {C}",
        f"{AT} exim user lost privilege for using -C option",
        f"{AT} {ID} => b@.. R=there T=smtp {HERE} {C}",
        f"{AT} {ID} => {THERE} {HERE} {'x' * LONGEST}",
    ],
)
def test_what_is_no_line_of_a_session_is_passed_over(line):
    assert read(line) == []


# Lines that belong together


def test_a_session_with_several_recipients_of_a_domain_is_one():
    lines = [
        f"=> {THERE} {HERE} {TLS} CV=yes {C}",
        f"-> c@example.org R=there T=smtp {HERE} {TLS} CV=yes {C}",
        f"-> d@example.net R=there T=smtp {HERE} {TLS} CV=yes {C}",
    ]
    found = read(*(f"{AT} {ID} {line}" for line in lines))
    assert [each.domain for each in found] == ["example.org", "example.net"]


def test_an_attempt_half_an_hour_later_is_another_session():
    line = f"{ID} == {THERE} defer (-38) {HERE}: {NO_TLS}"
    assert len(read(f"{AT} {line}", f"{AT} {line}", f"{LATER} {line}")) == 2


def test_a_server_tried_in_vain_belongs_to_whom_the_message_went_to():
    lines = [
        f"H=mx2.example.org [192.0.2.2]: {NO_TLS}",
        f"=> {THERE} {HERE} {TLS} CV=yes {C}",
    ]
    found = read(*(f"{AT} {ID} {line}" for line in lines))
    assert [each.session.host for each in found] == ["mx2.example.org", "mx1.example.org"]
    assert [each.session.broken is None for each in found] == [False, True]


def test_a_server_tried_in_vain_and_named_at_the_end_is_one_session():
    found = one(f"{HERE}: {NO_TLS}", f"== {THERE} defer (-38) {HERE}: {NO_TLS}")
    assert found.session.broken[1] == NO_TLS


def test_a_server_tried_in_vain_is_not_told_of_again_at_the_next_attempt():
    lines = [
        f"{AT} {ID} H=mx2.example.org [192.0.2.2]: {NO_TLS}",
        f"{AT} {ID} == {THERE} defer (-38) {HERE}: {NO_TLS}",
        f"{LATER} {ID} => {THERE} {HERE} {TLS} CV=yes {C}",
    ]
    assert [each.session.host[:3] for each in read(*lines)] == ["mx2", "mx1", "mx1"]


def test_what_went_on_in_clear_says_why():
    found = one(
        f"{FAILED}: delivering unencrypted to {HERE} (not in hosts_require_tls)",
        f"=> {THERE} {HERE} {C}",
    )
    assert (found.session.broken[0].value, found.session.broken[1]) == (
        "certificate-not-trusted",
        FAILED,
    )


def test_a_certificate_that_does_not_meet_the_records_is_a_failure_of_dane():
    session = one(UNDER_DANE, f"== {THERE} defer (-37) {HERE}: {FAILED}").session
    assert [result.value for result, _ in session.by_dane] == ["validation-failure"]
    assert session.broken is None


def test_messages_are_told_apart():
    other = "1xV5Bg-0007JZ-23"
    lines = [f"{AT} {other} {HERE}: {NO_TLS}", f"{AT} {ID} => {THERE} {HERE} {TLS} CV=yes {C}"]
    (found,) = read(*lines)
    assert found.session.broken is None


def test_what_is_remembered_has_an_end():
    log = Log()
    for number in range(10_050):
        log.read(f"{AT} {number:06}-000000-00 {HERE}: {NO_TLS}")
        log.read(f"{AT} {number:06}-000001-00 => {THERE} {HERE} {C}")
    assert len(log._tried) == len(log._told) == 10_000  # there is nothing to be seen of it
