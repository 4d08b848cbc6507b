"""What is believed is told in one line, and what somebody should know of his rules in more."""

from __future__ import annotations

from pathlib import Path

import pytest

from unstrip.faces.mta.creed import asked, profess
from unstrip.faces.mta.log import Log
from unstrip.io.configuration import ResolverSettings, parse
from unstrip.policy import local

RULE = '[[rule]]\nhost = "{}"\nrequire = "may"\n'


def professed(text: str, table: str = "") -> list[str]:
    lines: list[str] = []
    profess(Log(lines.append), parse(text, Path("/etc/unstrip")), local.parse(table))
    return [line.partition("Z ")[2].strip() for line in lines]


def test_it_is_one_line_where_all_is_plain():
    text = 'store = "s"\npolicy = "policy.toml"\n[resolver]\nservers = ["192.0.2.1"]\n'
    (line,) = professed(text, RULE.format("a.example"))
    assert line == (
        "info believes rules=1 table=/etc/unstrip/policy.toml store=/etc/unstrip/s"
        " resolver='192.0.2.1, and tries whether it validates'"
    )


def test_no_table_is_said_and_no_password():
    (line,) = professed('store = "postgresql://unstrip:secret@db.example.org/unstrip"')
    assert "rules=0 table=none store='a database of PostgreSQL'" in line


def test_a_list_is_named():
    (line,) = professed('store = "s"\n[list]\nkey = "k"\nurl = "https://list.example/l.json"')
    assert line.endswith(" list=https://list.example/l.json")


def test_rules_that_override_or_never_count_are_warned_of():
    last = RULE + "override = true\n"
    rules = last.format("a.example") + RULE.format("b.example") + last.format("b.example")
    overriding, idle = professed('store = "s"', rules)[1:]
    words = "all other policies are overridden by rule 1: a.example require may"
    assert overriding == f"warning overriding words='{words}'"
    assert idle == "warning idle words='rule 3 never counts, for rule 2 fits all that it fits'"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            ResolverSettings(servers=("127.0.0.1@53", "192.0.2.1"), trusted=("192.0.2.1",)),
            "127.0.0.1, 192.0.2.1 (trusted), and tries whether it validates",
        ),
        (ResolverSettings(servers=("127.0.0.1",), validates="", fails=""), "127.0.0.1"),
        (
            ResolverSettings(backend="libunbound"),
            "the name servers of the Internet, and checks DNSSEC itself",
        ),
    ],
)
def test_it_is_said_who_is_asked_and_who_checks(settings, words):
    assert asked(settings) == words
