"""The table of a check fits the terminal, and is one line a server elsewhere."""

from __future__ import annotations

import pytest

from unstrip.faces.cli.table import HEADINGS, table

HOST = "mx1.all-dane-and-sts.example:25"
TLS = "1.3 X25519 AES_256_GCM_SHA384"
POLICY = "local not met, dane met, mta-sts enforce met"
ROW = ("ok", HOST, "smtp", "STARTTLS", TLS, "ok, 89 days left", POLICY, "safe", "reads", "safe")
NOBODY = ("unknown", "mx.example.org:25", "smtp", "broke off", *["-"] * 6)


def row(host: str) -> tuple[str, ...]:
    return (ROW[0], host, *ROW[2:])


def test_where_there_is_room_a_server_has_one_line():
    head, *rows = table([ROW, NOBODY], None)
    assert head.split() == list(HEADINGS)
    assert len(rows) == 2
    assert all(cell in rows[0] for cell in ROW)


def test_a_terminal_that_is_wide_enough_is_used():
    wide = list(table([ROW, NOBODY], None))
    longest = max(map(len, wide))
    assert list(table([ROW, NOBODY], longest)) == wide
    assert list(table([ROW, NOBODY], longest - 1)) != wide


def test_a_narrow_one_has_the_answers_first_and_the_facts_below():
    assert list(table([ROW, NOBODY], 80)) == [
        "  verdict  host                             wiretap  attacker  later",
        "  ok       mx1.all-dane-and-sts.example:25  safe     reads     safe",
        f"    smtp; STARTTLS; TLS {TLS}; certificate ok, 89 days",
        "      left; local not met, dane met, mta-sts enforce met",
        "  unknown  mx.example.org:25                -        -         -",
        "    smtp; broke off",
    ]


@pytest.mark.parametrize("room", [50, 60, 80, 100, 130])
@pytest.mark.parametrize("host", ["a.b:25", HOST, f"{'a' * 20}.{'b' * 25}.example:25"])
def test_no_line_is_wider_than_the_terminal_but_for_a_host_that_is(room, host):
    for line in table([row(host), NOBODY], room):
        assert len(line) <= max(room, len("  unknown  ") + len(host))


def test_a_host_that_is_too_long_is_told_whole_and_the_answers_stay_in_their_columns():
    host = f"{'a' * 60}.example:25"
    head, first, second, *_ = table([row(host)], 80)
    assert first.split() == ["ok", host]
    assert second.split() == ["safe", "reads", "safe"]
    assert second.index("safe") == head.index("wiretap")


def test_no_servers_have_headings_alone():
    assert len(list(table([], None))) == len(list(table([], 40))) == 1
