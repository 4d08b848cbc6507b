"""What the daemon is set to: every key, and what cannot be meant."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest

from unstrip.io.configuration import BadConfiguration, parse
from unstrip.io.serving import (
    LISTEN,
    LimitSettings,
    LogSettings,
    Place,
    ServeSettings,
    SpoolSettings,
)

WHOLE = """
[serve]
maps = ["old"]
reporting-maps = ["new"]
tcp-reports = true

[[serve.listen]]
speaks = "socketmap"
at = "unix:/run/unstrip/s"
owner = "unstrip"
group = "postfix"
mode = "660"

[[serve.listen]]
speaks = "http"
at = "[2001:db8::1]:80"
exposed = true

[serve.limits]
patience = 1
idle = 2
half = 3
unread = 4
stop = 5
waiting = 6
connections = 7
memory = 8

[serve.spool]
folder = "waiting"
limit = 16

[serve.log]
format = "json"
level = "debug"
"""


def served(text: str) -> ServeSettings:
    return parse(text, Path("/etc/unstrip")).serve


def listening(text: str) -> Place:
    return served(f"[[serve.listen]]\n{text}").listen[0]


def test_every_key_is_read():
    found = served(WHOLE)
    assert found == ServeSettings(
        listen=(
            Place("socketmap", "unix:/run/unstrip/s", "unstrip", "postfix", "660"),
            Place("http", "[2001:db8::1]:80", exposed=True),
        ),
        maps=("old",),
        reporting_maps=("new",),
        tcp_reports=True,
        limits=LimitSettings(1, 2, 3, 4, 5, 6, 7, 8),
        spool=SpoolSettings(Path("/etc/unstrip/waiting"), 16),
        log=LogSettings("json", "debug"),
    )
    assert found.listen[0].path == Path("/run/unstrip/s")
    assert found.listen[1].address == ("2001:db8::1", 80)


def test_a_certificate_is_beside_the_configuration():
    found = listening("speaks = 'reports'\nat = '127.0.0.1:1'\nkey = 'k'\ncertificate = '/c'")
    assert (found.certificate, found.key) == (Path("/c"), Path("/etc/unstrip/k"))


def test_without_any_key_it_is_on_loopback():
    assert served("") == ServeSettings()
    assert [place.speaks for place in LISTEN] == ["socketmap", "exim", "http"]
    assert all(ipaddress.ip_address(place.address[0]).is_loopback for place in LISTEN)


@pytest.mark.parametrize(
    "at",
    ["", "127.0.0.1", ":1", "localhost:1", "::1:1", "[127.0.0.1", "127.0.0.1:65536", "127.0.0.1:x"],
)
def test_what_is_no_place_is_an_error_that_says_which(at):
    with pytest.raises(BadConfiguration, match=r"serve\.listen 1: at: .* is neither"):
        listening(f"speaks = 'http'\nat = '{at}'")


@pytest.mark.parametrize("at", ["0.0.0.0:1", "192.0.2.1:1", "[::]:1", "[2001:db8::1]:1"])
def test_beyond_loopback_it_is_only_if_that_is_said(at):
    with pytest.raises(BadConfiguration, match="exposed = true allows it"):
        listening(f"speaks = 'http'\nat = '{at}'")
    assert listening(f"speaks = 'http'\nat = '{at}'\nexposed = true").at == at


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("at = '127.0.0.1:1'", "'speaks' is missing"),
        ("speaks = 'smtp'\nat = '127.0.0.1:1'", "none of socketmap, tcp-table, exim, http"),
        ("speaks = 'exim'\nat = 'unix:s'", "not the whole path"),
        ("speaks = 'exim'\nat = 'unix:'", "not the whole path"),
        (f"speaks = 'exim'\nat = 'unix:/{'a' * 107}'", "at most 107 bytes"),
        ("speaks = 'exim'\nat = 'unix:/s'\nmode = '999'", "mode: '999'"),
        ("speaks = 'exim'\nat = 'unix:/s'\nmode = 432", "mode: expected text"),
        ("speaks = 'exim'\nat = '127.0.0.1:1'\ngroup = 'x'", "group: of no use"),
        ("speaks = 'exim'\nat = '127.0.0.1:1'\nports = 1", "unknown key 'ports'"),
        ("speaks = 'tlsrpt'\nat = '127.0.0.1:1'", "comes to a UNIX socket"),
        ("speaks = 'reports'\nat = '127.0.0.1:1'\nkey = 'k'", "certificate and key: give both"),
        (
            "speaks = 'http'\nat = '127.0.0.1:1'\nkey = 'k'\ncertificate = 'c'",
            "certificate: of no use but with reports",
        ),
    ],
)
def test_a_place_with_a_mistake_is_an_error(text, words):
    with pytest.raises(BadConfiguration, match=words):
        listening(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("listen = []", "no place to listen at"),
        ("maps = ['a b']", "no name of a map"),
        ("maps = ['a:b']", "no name of a map"),
        ("maps = ['x']\nreporting-maps = ['x']", "x is there twice"),
        ("reporting_maps = []", "unknown key 'reporting_maps'"),
        ("[serve.limits]\nidle = 0", "idle: "),
        ("[serve.limits]\nmemory = 100000", "memory: "),
        ("[serve.spool]\nlimit = 8", "limit: "),
        ("[serve.log]\nlevel = 'loud'", "none of debug, info, warning, error"),
    ],
)
def test_a_setting_with_a_mistake_is_an_error(text, words):
    with pytest.raises(BadConfiguration, match=words):
        served(f"[serve]\n{text}")


def test_one_place_is_named_once():
    place = "[[serve.listen]]\nspeaks = 'exim'\nat = '127.0.0.1:{}'\n"
    with pytest.raises(BadConfiguration, match=r"127\.0\.0\.1:1 is there twice"):
        served(place.format(1) * 2)
    assert len(served(place.format(0) * 2).listen) == 2


def test_datagrams_come_to_one_place():
    place = "[[serve.listen]]\nspeaks = 'tlsrpt'\nat = 'unix:/{}'\n"
    assert len(served(place.format("a")).listen) == 1
    with pytest.raises(BadConfiguration, match="more than one place for tlsrpt"):
        served(place.format("a") + place.format("b"))
