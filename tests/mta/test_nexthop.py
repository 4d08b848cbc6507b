"""Next hops: as Postfix writes them, and as nobody should."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unstrip.hostname import host_name
from unstrip.mta.nexthop import BadNextHop, NextHop, next_hop

HOST = "mail.example.org"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("example.org", NextHop("example.org")),
        ("EXAMPLE.Org", NextHop("example.org")),
        ("example.org.", NextHop("example.org")),
        ("bücher.example", NextHop("xn--bcher-kva.example")),
        ("BÜCHER.example", NextHop("xn--bcher-kva.example")),
        ("example.org:2525", NextHop("example.org", 2525)),
        (f"[{HOST}]", NextHop(HOST, direct=True)),
        (f"[{HOST}.]", NextHop(HOST, direct=True)),
        (f"[{HOST}]:587", NextHop(HOST, 587, direct=True)),
        (f"[{HOST}]:submission", NextHop(HOST, 587, direct=True)),
        (f"[{HOST}]:SMTPS", NextHop(HOST, 465, direct=True)),
        (f"[{HOST}]:ssmtp", NextHop(HOST, 465, direct=True)),
        (f"[{HOST}]:urd", NextHop(HOST, 465, direct=True)),
        (f"[{HOST}]:mail", NextHop(HOST, direct=True)),
        (f"[{HOST}]:", NextHop(HOST, direct=True)),
        ("[192.0.2.1]", NextHop("192.0.2.1", direct=True)),
        ("192.0.2.1", NextHop("192.0.2.1", direct=True)),
        ("192.0.2.1:26", NextHop("192.0.2.1", 26, direct=True)),
        ("[IPv6:2001:DB8::1]:25", NextHop("2001:db8::1", direct=True)),
        ("[2001:db8::1]", NextHop("2001:db8::1", direct=True)),
        ("2001:db8::1", NextHop("2001:db8::1", direct=True)),
    ],
)
def test_a_next_hop_is_read_as_postfix_writes_it(key, expected):
    assert next_hop(key.encode()) == expected


@pytest.mark.parametrize("key", ["", ".", ".org", ".b.example.org", "/run/lmtp", "unix:private/x"])
def test_parents_and_sockets_of_this_machine_have_no_policy(key):
    assert next_hop(key.encode()) is None


BAD = [
    b"a b",
    b"example..org",
    b"example.org..",
    b"-" * 64,
    b"a" * 254,
    b"a." * 600,
    b"example.org:0",
    b"example.org:65536",
    b"example.org:nonsense",
    b"example.org:25:25",
    b"inet:example.org:24",
    b":25",
    b"[]",
    b"[example.org",
    b"example.org]",
    b"[[example.org]]",
    b"[example.org]25",
    b"[IPv6:]",
    b"user@example.org",
    b"example.org\n",
    b"\xff.example",
    "\N{SNOWMAN}\N{PILE OF POO}.example".encode(),
    "example.org:２５".encode(),  # noqa: RUF001  # digits of another script are no port
]


@pytest.mark.parametrize("key", BAD)
def test_a_name_that_cannot_be_read_is_an_error_and_not_one_without_a_policy(key):
    with pytest.raises(BadNextHop) as error:
        next_hop(key)
    assert str(error.value).isascii()
    assert str(error.value).isprintable()


@given(st.binary(max_size=80) | st.text(alphabet="aZ0.-_[]:%ü/ 6ipv", max_size=80).map(str.encode))
def test_whatever_comes_is_a_host_name_nothing_or_an_error(key):
    try:
        hop = next_hop(key)
    except BadNextHop:
        return
    if hop is None:
        assert key == b"" or key[:1] in b"./" or key.lower().startswith(b"unix:")
    else:
        assert host_name(hop.host) == hop.host
        assert 0 < hop.port < 65536
        assert next_hop(f"[{hop.host}]:{hop.port}".encode()) == NextHop(hop.host, hop.port, True)


@pytest.mark.parametrize(
    "key",
    ["example.org", "example.org:587", "[mx.example.org]", "[mx.example.org]:587", "[2001:db8::1]"],
)
def test_a_next_hop_is_written_as_it_is_read(key):
    hop = next_hop(key.encode())
    assert hop is not None
    assert hop.key == key
