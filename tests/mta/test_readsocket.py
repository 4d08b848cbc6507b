"""Exim's readsocket: all options in one line, which lets nothing pass when there is trouble."""

from __future__ import annotations

import re
from ipaddress import ip_address

import pytest

from tests.mta.domains import FORGED, NONE, USABLE, A, B, derived, lost
from tests.mta.requests import query, refused
from unstrip.mta.exim import LISTS
from unstrip.mta.readsocket import ReadSocket

SOCKET = ReadSocket()
_PAIR = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


def read(reply: bytes) -> dict[str, str]:
    """The options in a reply, unescaped as Exim does it."""
    text = reply.decode("ascii")
    pairs = _PAIR.findall(text)
    assert " ".join(f'{name}="{value}"' for name, value in pairs) + "\n" == text
    return {name: re.sub(r"\\(.)", r"\1", value) for name, value in pairs}


def told(derivation) -> dict[str, str]:
    return read(query(SOCKET, b"options example.org\n").tell(derivation).data)


def test_every_option_of_the_transport_is_in_the_line():
    assert set(told(derived({A: NONE}))) == {"defer", *LISTS}


def test_without_a_policy_exim_does_as_it_would_anyway():
    found = told(derived({A: NONE}))
    assert found.pop("hosts_try_dane") == found.pop("tls_verify_cert_hostnames") == "*"
    assert not any(found.values())


def test_lists_are_written_as_they_are_once_exim_has_expanded_them():
    found = told(derived({A: USABLE, B: NONE}, mode="enforce"))
    assert found["hosts_avoid_tls"] == r"!^mx1\.example\.org$ : !^mx2\.example\.org$ : *"
    assert found["hosts_avoid_tls_unsigned"] == r"!^mx2\.example\.org$ : *"
    assert found["tls_verify_hosts"] == r"^mx1\.example\.org$ : ^mx2\.example\.org$"


@pytest.mark.parametrize("made", [lost(), derived({A: FORGED})])
def test_where_mail_waits_the_router_is_told_and_the_transport_too(made):
    held_up(query(SOCKET, b"options example.org\n").tell(made).data)


def held_up(reply: bytes) -> None:
    found = read(reply)
    assert found["defer"].startswith(":defer: ")
    assert found["hosts_require_tls"] == found["hosts_avoid_tls"] == "*"
    assert found["hosts_avoid_tls_unsigned"] == "*"


@pytest.mark.parametrize(
    "request_", [b"\n", b"options\n", b"options \n", b"OPTIONS x.org\n", b"x.org\n", b"defer x\n"]
)
def test_what_is_no_question_holds_mail_up_too(request_):
    held_up(refused(SOCKET, request_).data)


def test_a_reason_cannot_break_out_of_its_quotes():
    words = '" hosts_require_tls="" \\'
    found = read(SOCKET.failed(words).data)
    assert found["hosts_require_tls"] == "*"
    assert found["defer"].count('"') == words.count('"')


def test_a_colon_in_an_address_does_not_end_it():
    from unstrip.mta.exim import expanded

    listed = expanded((str(ip_address("2001:db8::1")),))
    assert listed == "^2001::db8::::1$"


def test_a_domain_is_asked_about_in_one_line():
    (request,) = SOCKET.requests("example.org")
    assert query(SOCKET, request).hop.host == "example.org"
