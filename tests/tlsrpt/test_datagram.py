"""The datagrams of libtlsrpt: as a Postfix sends them, and as nobody should."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unstrip.tlsrpt.datagram import LONGEST, BadDatagram, _host_name, read
from unstrip.tlsrpt.values import Applied, Failure, Outcome, PolicyType

RECORD = "v=TLSRPTv1; rua=mailto:tls@example.com"
LINES = ["version: STSv1", "mode: enforce", "mx: *.example.com", "max_age: 86400"]
FAILED = {
    "c": 204,
    "s": "192.0.2.1",
    "n": "mx1.example.com",
    "h": "mx1.example.com\r\nSIZE 1\r\nSTARTTLS",
    "r": "192.0.2.25",
    "f": "certificate has expired",
}
STS = {
    "policy-type": 2,
    "policy-domain": "example.com",
    "policy-string": LINES,
    "mx-host": ["*.example.com"],
    "failure-details": [FAILED],
    "t": 1,
    "f": 1,
}
DANE = {
    "policy-type": 1,
    "policy-domain": "mx1.example.com",
    "policy-string": ["3 1 1 1F85AB"],
    "t": 0,
    "f": 0,
}
NOTHING = {"policy-type": 9, "t": 0, "f": 0}


def datagram(*policies, **other):
    return json.dumps(
        {"dpv": "1", "d": "example.com", "pr": RECORD, "policies": policies} | other
    ).encode()


def test_a_delivery_with_every_kind_of_policy_is_read_whole():
    attempt = read(datagram(STS, DANE, NOTHING))
    assert (attempt.domain, attempt.record) == ("example.com", RECORD)
    failure = Failure(
        "certificate-expired",
        "192.0.2.1",
        "mx1.example.com",
        "mx1.example.com",
        "192.0.2.25",
        "certificate has expired",
    )
    sts = Applied(PolicyType.STS, "example.com", tuple(LINES), ("*.example.com",))
    dane = Applied(PolicyType.TLSA, "mx1.example.com", ("3 1 1 1f85ab",))
    assert attempt.outcomes == (
        Outcome(sts, True, (failure,)),
        Outcome(dane, False),
        Outcome(Applied(PolicyType.NONE), False),
    )


def test_one_without_a_version_is_of_an_early_library():
    told = json.loads(datagram(NOTHING))
    del told["dpv"]
    assert read(json.dumps(told).encode()).domain == "example.com"


def test_names_are_a_labels_in_lower_case():
    assert read(datagram(NOTHING, d="EXAMPLE.com.")).domain == "example.com"


@pytest.mark.parametrize(
    ("code", "result"),
    [
        (201, "starttls-not-supported"),
        (202, "certificate-host-mismatch"),
        (203, "certificate-not-trusted"),
        (204, "certificate-expired"),
        (205, "validation-failure"),
        (301, "sts-policy-fetch-error"),
        (302, "sts-policy-invalid"),
        (303, "sts-webpki-invalid"),
        (304, "tlsa-invalid"),
        (305, "dnssec-invalid"),
        (306, "dane-required"),
    ],
)
def test_each_code_has_its_result_type(code, result):
    (outcome,) = read(datagram(STS | {"failure-details": [{"c": code}]})).outcomes
    assert outcome.failures == (Failure(result),)


def test_a_code_that_is_not_known_is_a_failure_of_the_general_kind():
    (outcome,) = read(datagram(STS | {"failure-details": [{"c": 299}]})).outcomes
    assert outcome.failures == (Failure("validation-failure", reason="code 299"),)


def test_what_others_said_is_cut():
    (outcome,) = read(datagram(STS | {"failure-details": [{"c": 204, "f": "x" * 9999}]})).outcomes
    assert len(outcome.failures[0].reason) == 300


def test_bytes_that_are_no_utf_8_lose_no_delivery():
    data = datagram(STS).replace(b"has expired", b"has \xff\xfe")
    assert read(data).outcomes[0].failures[0].reason == "certificate has \ufffd\ufffd"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"\x00" * 20,
        b'{"d": "example.com"}',
        b"[" * 100_000,
        datagram(),
        datagram(NOTHING, d=""),
        datagram(NOTHING, d="no name"),
        datagram(NOTHING, d=7),
        datagram(NOTHING, dpv="2"),
        datagram(NOTHING, policies="x"),
        datagram({"policy-type": 9}),
        datagram(NOTHING | {"policy-type": 3}),
        datagram(NOTHING | {"f": 2}),
        datagram(NOTHING | {"f": "1"}),
        datagram(NOTHING | {"failure-details": [{}]}),
        datagram(*[NOTHING] * 101),
        datagram(STS | {"policy-string": ["x"] * 101}),
        datagram(*[STS | {"failure-details": [FAILED] * 100}] * 10),
        datagram(NOTHING, d="example.com" + "." * 200_000),
        datagram(NOTHING, d="example.com" + "\u00ad" * 40_000),
        datagram(NOTHING, d="\u00e4" * 40_000),
        b" " * (LONGEST + 1),
    ],
)
def test_what_cannot_be_counted_is_refused(data):
    with pytest.raises(BadDatagram) as refused:
        read(data)
    assert str(refused.value)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 2000


def test_what_is_remembered_of_names_is_short():
    """However many there are, and however long somebody makes them."""
    before = _host_name.cache_info().currsize
    for data in (datagram(NOTHING, d=f"{'h' * 250_000}.example.com"), datagram(NOTHING, d="a b")):
        with pytest.raises(BadDatagram):
            read(data)
    assert _host_name.cache_info().currsize == before


def test_as_many_policies_and_failures_as_a_thousand_are_counted():
    several = [STS | {"failure-details": [FAILED] * 99}] * 10
    assert sum(len(outcome.failures) for outcome in read(datagram(*several)).outcomes) == 990


@given(st.integers(0, 600), st.binary(max_size=6))
def test_a_broken_datagram_is_read_or_refused(at, garbage):
    data = datagram(STS, DANE)
    with suppress(BadDatagram):
        read(data[:at] + garbage + data[at + len(garbage) :])
