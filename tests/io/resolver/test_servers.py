"""Which servers are asked, and which could be believed."""

from __future__ import annotations

import pytest

from unstrip.io.resolver.servers import Server, server, system


def write(tmp_path, text):
    path = tmp_path / "resolv.conf"
    path.write_text(text)
    return path


def test_the_system_names_its_servers(tmp_path):
    text = "# a comment\nsearch example.org\nnameserver 192.0.2.1\nnameserver  2001:db8::1 # two\n"
    path = write(tmp_path, text)
    assert system(path=path) == (Server("192.0.2.1"), Server("2001:db8::1"))


def test_those_declared_so_are_trusted(tmp_path):
    path = write(tmp_path, "nameserver 192.0.2.1\nnameserver 192.0.2.2\n")
    assert [s.trusted for s in system(["192.0.2.2"], path)] == [False, True]


@pytest.mark.parametrize(
    "text",
    ["", "nameserver\n", "nameserver dns.example.org\n", "nameserver \x1b[31m\n", "\xff\xfe"],
)
def test_where_none_is_named_it_is_the_one_on_this_machine(tmp_path, text):
    assert system(path=write(tmp_path, text)) == (Server("127.0.0.1"),)


def test_where_there_is_no_such_file_it_is_the_one_on_this_machine(tmp_path):
    assert system(path=tmp_path / "none") == (Server("127.0.0.1"),)


def test_one_that_is_named_twice_is_asked_once_and_a_fourth_not_at_all(tmp_path):
    text = "".join(f"nameserver 192.0.2.{n}\n" for n in (1, 1, 2, 3, 4))
    assert [s.address[-1] for s in system(path=write(tmp_path, text))] == ["1", "2", "3"]


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1"])
def test_one_on_this_machine_could_be_believed(address):
    assert Server(address).distrust == ""


@pytest.mark.parametrize("address", ["192.0.2.1", "::2", "10.0.0.1", "fe80::1%eth0", "0.0.0.0"])  # noqa: S104
def test_one_on_another_machine_is_not_believed_unless_it_is_declared_trusted(address):
    assert "another machine" in Server(address).distrust
    assert Server(address, trusted=True).distrust == ""


@pytest.mark.parametrize("address", ["127.0.0.11", "127.0.0.53", "127.0.0.54"])
def test_one_that_hands_on_what_others_say_is_not_believed_although_it_is_here(address):
    assert "forwards" in Server(address).distrust or "hand on" in Server(address).distrust
    assert Server(address, trusted=True).distrust == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1", Server("192.0.2.1")),
        ("::1@5353", Server("::1", 5353)),
    ],
)
def test_a_server_is_written_as_unbound_writes_it(text, expected):
    assert server(text) == expected


@pytest.mark.parametrize("text", ["", "dns.example", "::1@", "::1@0", "::1@65536", "1.2.3.4:53"])
def test_what_is_no_server_is_a_named_error(text):
    with pytest.raises(ValueError, match="no address of a DNS server"):
        server(text)


def test_a_port_is_shown_where_it_is_another_one():
    assert str(Server("192.0.2.1")) == "192.0.2.1"
    assert str(Server("192.0.2.1", 5353)) == "192.0.2.1 port 5353"
