"""How a policy is explained: exit codes, what is shortened, what is left out."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.mta.domains import (
    FORGED,
    GONE,
    NONE,
    PIN,
    UNUSABLE,
    USABLE,
    A,
    B,
    derived,
    listed,
    lost,
    override,
    patient,
    rules,
)
from tests.policy.answering import N, U, failure
from unstrip.derivation import Derivation
from unstrip.faces.cli.explanation import (
    exit_of,
    explanation,
    lines,
    outcome,
    relayed,
    summary,
)
from unstrip.faces.cli.report import WIDTH
from unstrip.faces.cli.speech import Exit
from unstrip.io.inquiry import Asked, Inquired
from unstrip.mta.decision import decision
from unstrip.policy.questions import (
    Status,
)

UNCERTAIN = failure(Status.TIMEOUT)


def shown(derivation: Derivation, *asked: Asked, alarms: tuple[str, ...] = ()) -> str:
    """The explanation, its lines as one where they were wrapped."""
    text = "\n".join(lines(explanation(Inquired(derivation, asked, alarms))))
    return text.replace("\n    ", " ")


@pytest.mark.parametrize(
    ("derivation", "expected"),
    [
        (derived({A: USABLE, B: USABLE}), Exit.MEETS),
        (derived({A: NONE}, mode="enforce"), Exit.MEETS),
        (derived({A: UNUSABLE}), Exit.MEETS),
        (derived({A: NONE}, beliefs=listed(A)), Exit.MEETS),
        (derived({A: NONE}, beliefs=rules(f"{A} encrypt")), Exit.MEETS),
        (derived({A: FORGED, B: USABLE}), Exit.MEETS),
        (derived({A: GONE, B: USABLE}), Exit.MEETS),
        (derived({A: NONE}), Exit.FALLS_SHORT),
        (derived({A: USABLE, B: NONE}), Exit.FALLS_SHORT),
        (derived({A: NONE}, N, mode="testing"), Exit.FALLS_SHORT),
        (derived({A: NONE}, beliefs=rules(f"{A} may")), Exit.FALLS_SHORT),
        (derived({A: FORGED, B: NONE}), Exit.FALLS_SHORT),
        (derived({A: NONE}, U), Exit.UNKNOWN),
        (derived({A: NONE}, record=UNCERTAIN), Exit.UNKNOWN),
        (derived({A: FORGED}), Exit.UNKNOWN),
        (derived({A: GONE}), Exit.UNKNOWN),
        (derived({A: NONE}, mode="enforce", mx=[B]), Exit.UNKNOWN),
        (derived({}), Exit.MEETS),
        (lost(), Exit.UNKNOWN),
    ],
)
def test_the_exit_code_says_whether_every_server_is_protected(derivation, expected):
    assert exit_of(derivation) is expected
    assert shown(derivation).endswith(f"exit {expected.value}")


@pytest.mark.parametrize(("host", "expected"), [(USABLE, Exit.UNKNOWN), (NONE, Exit.FALLS_SHORT)])
def test_servers_that_nobody_looked_at_may_be_without_protection(host, expected):
    whole = derived({A: host})
    whole = replace(whole, route=replace(whole.route, left_out=10))
    assert exit_of(whole) is expected
    assert "servers: the first 1 server of 11, named by MX (secure)" in shown(whole)


def test_where_nobody_was_asked_that_is_said():
    assert "nobody: what is known holds" in shown(derived({A: NONE}))


def test_alarms_come_last():
    text = shown(derived({A: NONE}), alarms=("example.org: the policy went from enforce to none",))
    assert "alarms\n  example.org: the policy went from enforce to none" in text
    assert "alarms" not in shown(derived({A: NONE}))


def test_an_unsigned_route_is_said_to_prove_nothing():
    text = shown(derived({A: NONE}, N, beliefs=rules(f"{A} verify")))
    assert "only an unsigned answer of DNS says" in text


def test_each_opinion_is_there_with_its_rule_and_its_end():
    text = shown(derived({A: USABLE, B: NONE}, mode="enforce", mx=[A]))
    assert f"dane: verify: 1 TLSA record at _25._tcp.{A} (RFC 7672, 2.2)" in text
    assert "until 2026-11-28 12:00 UTC (RFC 8461, 4.2)" in text
    assert f"so: not to be used: {B} is none of the policy's hosts: {A} (RFC 8461, 4.1)" in text


@pytest.mark.parametrize(
    ("derivation", "words"),
    [
        (derived({A: NONE}), "not every server is protected by a policy"),
        (
            derived({A: NONE, B: NONE}, mode="enforce", mx=[A]),
            "every server that may be used is protected by a policy; 1 of 2 servers is not to be",
        ),
        (derived({A: USABLE, B: USABLE}), "every server is protected by a policy"),
        (derived({}), "it takes no mail: there is nothing to protect"),
        (derived({A: FORGED}), "nothing can be sent now: DANE could not be looked up"),
    ],
)
def test_the_last_line_says_what_it_comes_to(derivation, words):
    assert outcome(explanation(Inquired(derivation))).startswith(words)


def test_a_server_that_dane_keeps_from_being_used_is_said_to_be_so_once():
    text = shown(derived({A: FORGED, B: USABLE}))
    assert "dane: not to be used: DANE could not be looked up" in text
    assert "so: not to be used: DANE could not be looked up" in text
    assert "dane: may" not in text


def test_a_pin_is_said_to_be_one_that_has_to_be_met():
    text = shown(derived({A: NONE}, beliefs=rules(f"{A} verify {PIN}")))
    assert "so: its key has to be one that you have pinned; verify, by local" in text


def test_what_the_table_says_of_host_and_domain_is_told_apart():
    text = shown(derived({A: NONE}, beliefs=rules(f"{A} encrypt", "* verify")))
    assert f"local: encrypt: {A} require encrypt, for {A} (rule 1)" in text
    assert "local: verify: * require verify, for example.org (rule 2)" in text


def test_several_domains_are_counted():
    blank, line = summary([Exit.MEETS, Exit.UNKNOWN, Exit.FALLS_SHORT, Exit.MEETS])
    assert not blank
    assert re.fullmatch("2 of 4 domains protected, 1 not, 1 not found out +exit 1", line)


def test_only_what_is_to_be_pasted_is_longer_than_a_terminal():
    text = "\n".join(lines(explanation(Inquired(derived({A: USABLE, B: NONE}, mode="enforce")))))
    long = [line for line in text.splitlines() if len(line) > WIDTH]
    assert all(line.startswith(("  found: ", "  hosts_", "  tls_")) for line in long)


def test_the_operators_last_word_is_told_with_whom_it_overrides():
    found = derived({A: FORGED, B: USABLE}, mode="enforce", beliefs=override("* encrypt"))
    text = shown(found)
    assert "so: encrypt, by rule 1 of your own table alone, which overrides dane" in text
    assert "dane (not to be used), mta-sts (verify)" in text
    assert "dane (verify), mta-sts (verify)" in text
    assert exit_of(found) is Exit.MEETS
    freed = derived({A: NONE}, beliefs=override("* may"))
    assert "so: may, by rule 1 of your own table alone\n" in shown(freed)
    assert exit_of(freed) is Exit.FALLS_SHORT


def test_a_rule_that_overrides_nobody_here_says_so():
    text = shown(derived({A: NONE}, N, mode="enforce", beliefs=override(f"{A} may")))
    assert f"local: may: {A} require may; it overrides nobody here (rule 1)" in text


def test_what_holds_for_servers_that_could_not_be_found_out_is_told():
    found = lost(override("* encrypt"))
    text = shown(found)
    assert "whichever its servers are\n  local: encrypt" in text
    assert "its servers could not be found out" in text
    assert exit_of(found) is Exit.UNKNOWN


def test_it_is_told_which_rule_has_mail_wait_and_for_what():
    text = shown(derived({A: NONE}, record=UNCERTAIN, beliefs=patient()))
    assert "so: not to be used: rule 1 of the table has mail wait: example.org may have" in text


def test_what_a_daemon_says_cannot_move_the_terminal():
    told = decision(derived({A: NONE}, mode="enforce"))
    nasty = replace(told.postfix, text="may\x1b[31m", because="\u202e", words=("\x07",))
    text = "\n".join(lines(relayed(replace(told, postfix=nasty), "http://127.0.0.1:1")))
    assert "may\\x1b[31m" in text
    assert "\\u202e" in text
    assert text.replace("\n", "").isprintable()
