"""Alarms in words; most of them are tried where the command is."""

from __future__ import annotations

from dataclasses import replace

from tests.tlsrpt.days import DAY, DOMAIN, MX
from tests.tlsrpt.told import SENDER, days_before
from unstrip.faces.cli.report_alarms import WatchRecord, lines
from unstrip.tlsrpt.alarms import Alarm, Alarming
from unstrip.tlsrpt.overview import Cause
from unstrip.tlsrpt.values import PolicyType

NEW = Alarm(
    Alarming.NEW, DAY, (SENDER,), Cause("tlsa-invalid", PolicyType.TLSA, MX, MX), 1, signed=False
)


def told(*alarms: Alarm) -> list[str]:
    return list(lines(WatchRecord(DOMAIN, days_before(2), DAY, bool(alarms), alarms)))


def test_an_alarm_is_what_happened_then_its_figures_then_what_to_do():
    assert told(NEW) == [
        "example.org, 2026-11-19 to 2026-11-21: 1 alarm",
        "",
        "  new failure: tlsa-invalid at mx.example.org, DANE of mx.example.org",
        "    met 1 time since 2026-11-21, told by sender.example",
        "    to do: unstrip publish example.org shows the TLSA records that fit",
        "    only unsigned reports say so, which anyone can send",
    ]


def test_what_nobody_knows_how_to_mend_says_nothing_to_do():
    strange = replace(NEW, cause=replace(NEW.cause, result="made-up"), signed=True)
    assert len(told(strange)) == 4


def test_of_many_alarms_the_first_of_each_kind_are_told_and_the_others_counted():
    silent = Alarm(Alarming.VANISHED, DAY, (SENDER,))
    found = told(*(replace(NEW, times=times) for times in range(60)), silent)
    assert found[0].endswith(": 61 alarms")
    assert sum("tlsa-invalid" in line for line in found) == 20
    assert "  new failure: 40 more, --json has all of them" in found
    assert "  sender vanished: sender.example" in found
