"""The STARTTLS Everywhere list: what is in it, what it asks, and every mistake named by its key."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unstrip.policy import Level, Policy
from unstrip.policy.starttls_everywhere import (
    LONGEST,
    BadList,
    Listed,
    Mode,
    PolicyList,
    opinion,
    parse,
)

MADE = datetime(2026, 11, 20, 12, tzinfo=UTC)
EXPIRES = MADE + timedelta(days=14)
NOW = MADE + timedelta(days=2)
PIN = bytes(range(32))
ENFORCED = {"mode": "enforce", "mxs": ["mx.example.org", ".example.net"]}
TESTED = {"mode": "testing", "mxs": ["mx.example.com"]}


def written(**changes: object) -> bytes:
    """A list as JSON; keys with None are left out."""
    keys = {
        "timestamp": MADE.isoformat(),
        "expires": EXPIRES.isoformat(),
        "version": "0.1",
        "author": "Example",
        "policy-aliases": {"shared": ENFORCED},
        "policies": {"example.org": ENFORCED, "example.com": TESTED},
    }
    keys |= {key.replace("_", "-"): value for key, value in changes.items()}
    return json.dumps({key: value for key, value in keys.items() if value is not None}).encode()


def listed(value: object, **changes: object) -> Listed:
    """What is read of one policy."""
    return parse(written(policies={"example.org": value}, **changes)).policies["example.org"]


def pinset(*hashes: str) -> dict[str, object]:
    return {"set": {"static-spki-hashes": list(hashes)}}


def refused(body: bytes) -> str:
    with pytest.raises(BadList) as error:
        parse(body)
    assert str(error.value).isprintable()
    return str(error.value)


# What is in it


def test_a_list_is_read_whole():
    assert parse(written()) == PolicyList(
        MADE,
        EXPIRES,
        {
            "example.org": Listed(Mode.ENFORCE, ("mx.example.org", ".example.net")),
            "example.com": Listed(Mode.TESTING, ("mx.example.com",)),
        },
        "Example",
    )


@pytest.mark.parametrize(
    "moment",
    [
        "2026-11-20T12:00:00Z",
        "2026-11-20T12:00:00.000000000+00:00",
        "2026-11-20T04:00:00-08:00",
        int(MADE.timestamp()),
    ],
)
def test_a_moment_is_rfc_3339_or_seconds_since_1970(moment):
    found = parse(written(timestamp=moment, expires=moment))
    assert (found.timestamp, found.expires) == (MADE, MADE)


def test_an_alias_stands_for_the_policy_of_that_name():
    assert listed({"policy-alias": "shared"}) == listed(ENFORCED)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Example.ORG", "example.org"),
        ("b\u00fccher.example", "xn--bcher-kva.example"),
        ("example.org.", "example.org"),
    ],
)
def test_names_become_a_labels_in_lower_case(name, label):
    found = parse(written(policies={name: {"mode": "testing", "mxs": [f".{name}", name]}}))
    assert found.policies == {label: Listed(Mode.TESTING, (f".{label}", label))}


def test_keys_of_older_lists_are_passed_over_where_they_make_no_difference():
    older = {
        "mta-sts": True,
        "min-tls-version": "TLSv1.2",
        "report": ["https://x/"],
        "tls-report": 1,
    }
    assert listed({**ENFORCED, **older}, pinsets={}) == listed(ENFORCED)


def test_an_author_may_be_missing_and_a_name_may_stand_twice():
    assert parse(written(author=None)).author == ""
    assert listed({"mode": "enforce", "mxs": ["a.example", "A.example"]}).mxs == ("a.example",)


def test_a_key_that_stands_twice_and_says_the_same_harms_nobody():
    twice = b'{"policies": {"example.org": {"mode": "enforce", "mxs": ["a.example"]},'
    twice += b'"example.org": {"mode": "enforce", "mxs": ["a.example"]}},'
    rest = written(policies=None).removeprefix(b"{")
    assert set(parse(twice + rest).policies) == {"example.org"}


# Pins


def test_a_pin_is_the_hashes_of_its_pinset():
    sets = pinset(f"sha256/{b64encode(PIN).decode()}", f"sha256/{b64encode(bytes(32)).decode()}")
    assert listed({**ENFORCED, "pin": "set"}, pinsets=sets).pins == (PIN.hex(), "00" * 32)


def test_of_a_pinset_the_hashes_count_that_are_understood():
    sets = pinset(f"sha1/{b64encode(PIN[:20]).decode()}", f"sha256/{b64encode(PIN).decode()}")
    assert listed({**ENFORCED, "pin": "set"}, pinsets=sets).pins == (PIN.hex(),)


@pytest.mark.parametrize(
    "hash_",
    [
        f"sha1/{b64encode(PIN[:20]).decode()}",
        f"sha256/{b64encode(PIN[:31]).decode()}",
        f"SHA256/{b64encode(PIN).decode()}",
        b64encode(PIN).decode(),
        "sha256/!",
        "sha256/\u00e9",
        "sha256/",
        "",
    ],
)
def test_a_pin_that_is_not_understood_is_refused_and_never_passed_over(hash_):
    body = written(policies={"a.example": {**ENFORCED, "pin": "set"}}, pinsets=pinset(hash_))
    assert refused(body).startswith("policies: a.example: pin: none of pinset 'set' is 'sha256/'")


def test_a_pinset_that_nobody_uses_may_have_other_hashes():
    assert listed(ENFORCED, pinsets=pinset("sha1/x")).pins == ()


# What is refused


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"timestamp": None}, "missing required field 'timestamp'"),
        ({"expires": None}, "missing required field 'expires'"),
        ({"version": None}, "missing required field 'version'"),
        ({"policies": None}, "missing required field 'policies'"),
        ({"policy_aliases": None}, "missing required field 'policy-aliases'"),
        ({"version": "0.2"}, "'version'"),
        ({"version": 0.1}, "'version'"),
        ({"nonsense": 1}, "unknown field 'nonsense'"),
        ({"author": 1}, "'author'"),
        ({"timestamp": "2026-11-20T12:00:00"}, "'timestamp'"),
        ({"timestamp": "yesterday"}, "'timestamp'"),
        ({"expires": -1}, "'expires'"),
        ({"expires": True}, "'expires'"),
        ({"expires": 1e9}, "'expires'"),
        ({"expires": 10**30}, "'expires'"),
        ({"expires": "9999-12-31T23:59:59-12:00"}, "expires: out of all time"),
        ({"policies": []}, "'policies'"),
        ({"policies": {"a.example": 1}}, "'policies[...]'"),
        ({"policies": {"a.example": {}}}, "policies: a.example: .*'mode'"),
        ({"policies": {"a.example": {**ENFORCED, "more": 1}}}, "policies: a.example: .*'more'"),
        ({"policies": {"a.example": {**ENFORCED, "mode": "none"}}}, "a.example: .*'none'.*'mode'"),
        ({"policies": {"a.example": {**ENFORCED, "mxs": []}}}, "a.example: .*'mxs'"),
        ({"policies": {"a.example": {**ENFORCED, "mxs": "mx.example"}}}, "a.example: .*'mxs'"),
        ({"policies": {"a.example": {**ENFORCED, "mxs": [1]}}}, "a.example: .*'mxs[0]'"),
        ({"policies": {"a.example": {"policy-alias": "no\x1b"}}}, r"policy-alias: .* 'no\x1b'"),
        ({"policies": {"a.example": {"policy-alias": "shared", "mode": "testing"}}}, "'mode'"),
        ({"policies": {"a.example": {**ENFORCED, "pin": "eff"}}}, "pin: there is no pinset 'eff'"),
        ({"policies": {"a.example": {**ENFORCED, "min-tls-version": "TLSv1.3"}}}, "'TLSv1.3'"),
        ({"policies": {"a.example": ENFORCED, "A.example": TESTED}}, "'a.example' is there twice"),
        ({"policy_aliases": {"x": {"policy-alias": "shared"}}}, "policy-aliases: x: "),
        ({"policy_aliases": {"x": {"mode": "enforce"}}}, "policy-aliases: x: .*'mxs'"),
        ({"pinsets": {"x": {}}}, "pinsets: x: .*'static-spki-hashes'"),
        ({"pinsets": {"x": {"static-spki-hashes": [1]}}}, "pinsets: x: "),
    ],
)
def test_a_mistake_is_named_by_its_key(changes, words):
    said = refused(written(**changes))
    for part in words.split(".*"):
        assert part in said


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..example", "a..example", "*.example", "a b", "a@b.example", "a\x1b.example"),
        *("192.0.2.1", "2001:db8::1", "1.2", "x" * 64, "a\n", f"{'a.' * 200}b"),
        "\u00fc" * 1_000_000,
    ],
)
def test_what_is_no_name_is_refused_as_domain_and_as_mx(name):
    assert "is no name" in refused(written(policies={name: ENFORCED}))
    for mx in (name, f".{name}"):
        said = refused(written(policies={"a.example": {"mode": "enforce", "mxs": [mx]}}))
        assert said.startswith("policies: a.example: mxs: ")
        assert said.endswith("is no name")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"null", "Expected 'object'"),
        (b"[]", "Expected 'object'"),
        (b"\xff\xfe", "not UTF-8"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b"[" * 10_000_000, "brackets in brackets"),
        (b'{"policies":' * 800_000, "brackets in brackets"),
        (b"1" * 10_000_000, "not JSON"),
        (written(author="\ud800"), "half a character"),
        (written(policies={"\ud800.example": ENFORCED}), "half a character"),
        (written(policies={"a.example": {"mode": "\udfff", "mxs": ["a"]}}), "half a character"),
        (b'["\\ud83d\\ude00", "\\\\ud83d"]', "Expected 'object'"),
        (b'{"a": 1, "a": 2}', "'a' is there twice, and differs"),
        (b" " * (LONGEST + 1), f"{LONGEST + 1} bytes are too long for a list"),
    ],
)
def test_what_is_no_list_is_refused(body, words):
    assert words in refused(body)


def test_a_list_of_the_greatest_length_is_read():
    entry = b'"domain-%07d.example": {"mode": "enforce", "mxs": ["mx.example"]}'
    start = written(policies=None).removesuffix(b"}") + b', "policies": {'
    count = (LONGEST - len(start) - 2) // (len(entry % 0) + 1)
    body = start + b",".join(entry % number for number in range(count)) + b"}}"
    assert LONGEST - 100 < len(body) <= LONGEST
    assert len(parse(body).policies) == count > 200_000


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_KEYS = st.sampled_from(
    ["timestamp", "expires", "version", "author", "policies", "policy_aliases", "pinsets"]
)
_POLICY = st.dictionaries(
    st.sampled_from(["mode", "mxs", "pin", "policy-alias", "min-tls-version", "mta-sts"]), _JSON
)


@given(st.dictionaries(_KEYS, _JSON), st.dictionaries(st.text(), _POLICY | _JSON))
def test_no_list_raises_anything_else(changes, policies):
    try:
        found = parse(written(**{"policies": policies, **changes}))
    except BadList as error:
        assert str(error).isprintable()  # noqa: PT017  # either will do
    else:
        assert isinstance(found, PolicyList)


@given(st.binary())
def test_no_bytes_raise_anything_else(body):
    with pytest.raises(BadList):
        parse(body)


# What it asks


def asked(host: str, domain: str = "example.org", now: datetime = NOW, **changes: object):
    return opinion(parse(written(**changes)), domain, host, now)


def test_a_host_in_the_list_has_to_prove_its_name():
    assert asked("mx.example.org") == Policy(
        "starttls-everywhere",
        Level.AUTHENTICATED,
        "mode enforce, mxs mx.example.org, .example.net",
        attests=True,
        enforced=True,
        expires=EXPIRES,
        webpki=True,
        rule="the format of STARTTLS Everywhere: docs/howto/policy-list.md",
    )


def test_a_host_that_is_not_in_the_list_is_not_used():
    found = asked("mx.example.com")
    assert found.refuses == "MX mx.example.com is not in the list"
    assert (found.level, found.enforced) == (Level.AUTHENTICATED, True)


def test_what_is_in_testing_is_told_and_not_enforced():
    assert not asked("mx.example.com", "example.com").enforced
    other = asked("mx.example.net", "example.com")
    assert (other.enforced, bool(other.refuses)) == (False, True)


def test_pins_go_along():
    sets = pinset(f"sha256/{b64encode(PIN).decode()}")
    policies = {"example.org": {**ENFORCED, "pin": "set"}}
    assert asked("mx.example.org", policies=policies, pinsets=sets).pins == (PIN.hex(),)


@pytest.mark.parametrize(
    "host", ["mx.example.org", "MX.Example.Org.", "a.example.net", "A.EXAMPLE.NET"]
)
def test_a_host_is_allowed_by_its_name_or_by_one_label_before_a_suffix(host):
    assert asked(host).refuses == ""


@pytest.mark.parametrize(
    "host",
    [
        "a.mx.example.org",
        "example.org",
        "example.net",
        ".example.net",
        "a.b.example.net",
        "net",
        "",
    ],
)
def test_a_suffix_is_one_label_and_a_name_is_no_suffix(host):
    assert asked(host).refuses


@pytest.mark.parametrize("domain", ["a.example.org", "org", "example.net", ""])
def test_a_domain_is_itself_and_nothing_below_or_above_it(domain):
    assert asked("mx.example.org", domain) is None


@pytest.mark.parametrize("domain", ["EXAMPLE.org", "example.org."])
def test_case_and_a_final_dot_make_no_difference(domain):
    assert asked("mx.example.org", domain) == asked("mx.example.org")


def test_a_list_that_expired_says_nothing():
    last = EXPIRES - timedelta(seconds=1)
    assert asked("mx.example.org", now=last) is not None
    assert asked("mx.example.org", now=EXPIRES) is None
    assert parse(written()).expired(EXPIRES)
    assert not parse(written()).expired(last)


def test_a_clock_that_was_set_back_ends_no_list():
    assert asked("mx.example.org", now=MADE - timedelta(days=400)) is not None
