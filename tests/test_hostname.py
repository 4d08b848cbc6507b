"""Host names in one spelling: what two people write differently is compared as the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unstrip.hostname import BadHostName, host_name, is_address, is_host_name

LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("mx.example.org", "mx.example.org"),
        ("MX.Example.ORG.", "mx.example.org"),
        ("localhost", "localhost"),
        ("b\u00fccher.example", "xn--bcher-kva.example"),
        ("B\u00dcCHER.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("\u4f8b\u3002example", "xn--fsq.example"),  # an ideographic full stop is a dot
        ("_25._tcp.mx.example.org", "_25._tcp.mx.example.org"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:0DB8:0::1", "2001:db8::1"),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
    ],
)
def test_a_name_has_one_spelling(written, name):
    assert host_name(written) == name
    assert host_name(name) == name


@pytest.mark.parametrize(
    "written",
    [
        *(
            "",
            ".",
            "a..b",
            "a..",
            "a" * 250_000,
            "\u00e4" * 30_000,
            ".example.org",
            "a b",
            "a/b",
            "a\0b",
            "a\nb",
            "*.example.org",
            "a@b",
        ),
        *("[::1]", "mx.example.org:25", "a" * 64 + ".example", "a." * 127 + "ab", "\x1b[2J"),
        *("\u202emoc.example", "-\u00fc.example", "\udc80.example", "\u00a0"),
    ],
)
def test_what_is_no_name_is_said_to_be_none_in_words_that_can_be_shown(written):
    with pytest.raises(BadHostName, match="is no host name") as caught:
        host_name(written)
    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 2000


@given(st.lists(LABELS, min_size=1, max_size=4).map(".".join))
def test_the_spelling_does_not_change_when_it_is_spelt_again(name):
    try:
        once = host_name(name)
    except BadHostName:
        assert len(name) > 253
        return
    assert host_name(once) == host_name(name.upper()) == host_name(f"{once}.") == once


@given(st.text(st.characters(), max_size=80))
def test_anything_at_all_is_a_name_or_said_to_be_none(written):
    try:
        name = host_name(written)
    except BadHostName as error:
        words = str(error)
        assert words.isprintable()
        assert words.isascii()
        return
    assert name.isascii()
    assert host_name(name) == name


@pytest.mark.parametrize(
    "text",
    ["192.0.2.1", "127.0.0.1", "::", "::1", "2001:DB8::1", "fe80::1%eth0", "::ffff:192.0.2.1"],
)
def test_an_address_is_told_from_a_name(text):
    assert is_address(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "localhost", "mx.example.org", "1.example", "256.0.0.1", "192.0.2", "192.0.2.1."),
        *("192.0.2.1/32", "192.0.2.01", "[::1]", ":", "1::2::3", "fe80::1%", "2130706433"),
        *(" ::1", "::1\0", "\udc80", "\u0661.\u0661.\u0661.\u0661"),
    ],
)
def test_what_only_looks_like_an_address_is_none(text):
    assert not is_address(text)


@pytest.mark.parametrize("text", ["mx.example.org", "xn--bcher-kva.example", "localhost", "1.mx"])
def test_a_name_in_its_one_spelling_names_a_host(text):
    assert is_host_name(text)


@pytest.mark.parametrize(
    "text", ["192.0.2.1", "2001:db8::1", "127.1", "mx.1", "MX.example.org", "a b", "", "*.example"]
)
def test_what_is_an_address_or_reads_as_one_names_no_host(text):
    assert not is_host_name(text)
