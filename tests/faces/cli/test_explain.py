"""`unstrip explain`: the whole derivation, through the command and a name server."""

from __future__ import annotations

import json
import os
import re
import subprocess
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faces.cli.command import SCRIPT, Ran, run, run_on_terminal
from tests.faces.cli.names import (
    DOMAIN,
    HOSTS,
    MX,
    RECORD,
    SECOND,
    TLSA,
    known,
    remember,
    resolving,
)
from tests.io.resolver.nameserver import name_server, silent
from tests.verdict.scenes import days_ago, upgraded
from unstrip.evidence import Endpoint
from unstrip.io.store import default_path, open_store

DANE = (MX, *HOSTS, TLSA)


@pytest.fixture
def explain(home):
    """Run the command against these records."""

    def explained(*words: object, records: tuple[str, ...] = DANE, **more: object) -> Ran:
        with resolving(home, *records, **more) as config:
            return run("explain", *(words or (DOMAIN,)), "--config", config)

    return explained


def test_a_domain_with_dane_is_explained_from_question_to_answer(explain):
    ran = explain()
    assert (ran.code, ran.err) == (0, "")
    for words in (
        f"MX {DOMAIN}: found (secure); 10 mx1.{DOMAIN}, ",
        f"TLSA _25._tcp.mx1.{DOMAIN}: found (secure); 3 1 1 abab",
        f"TXT _mta-sts.{DOMAIN}: no data (secure)",
        "servers: 1 server, named by MX (secure)",
        f"dane: verify: 1 TLSA record at _25._tcp.mx1.{DOMAIN} (RFC 7672, 2.2)",
        "so: it has to meet its TLSA records; verify, by dane",
        "found: dane-only",
        "hosts_avoid_tls = ${if eq{$lookup_dnssec_authenticated}{yes}{}{*}}",
        "every server is protected by a policy",
    ):
        assert words in ran.out
    assert ran.out.splitlines()[-1].endswith("exit 0")


def test_a_name_is_given_as_people_write_it(explain):
    assert explain("EXAMPLE.org.").code == 0


def test_one_server_without_protection_is_told(explain):
    ran = explain(records=(MX, SECOND, *HOSTS, TLSA))
    assert ran.code == 1
    assert "dane: none: no secure TLSA record" in ran.out
    assert "so: TLS if it is offered, for no policy asks for more" in ran.out
    assert "not every server is protected by a policy  " in ran.out
    assert "found: dane\n" in ran.out


def test_what_only_our_own_visits_ask_for_is_no_policy(explain):
    with closing(open_store(default_path())) as store:
        store.keep(replace(days_ago(1, upgraded()), endpoint=Endpoint(f"mx1.{DOMAIN}", 25, "smtp")))
    ran = explain(records=(MX, *HOSTS))
    assert ran.code == 1
    assert "history: encrypt: TLS on 1 earlier visit, last on" in ran.out
    assert "found: encrypt\n" in ran.out
    assert f"mx1.{DOMAIN}: by your own earlier visits" in ran.out
    assert "no policy asks for TLS, only your own earlier visits do" in ran.out
    assert explain(DOMAIN, "--no-store", records=(MX, *HOSTS)).code == 1
    assert explain(records=DANE).code == 0


def test_several_domains_are_explained_in_their_order_and_the_worst_counts(explain, home):
    other = "mail.example.net"
    records = (*DANE, f"{other} MX 10 mx.{other}.", f"mx.{other} A 127.0.0.1")
    (home / "domains.txt").write_text(f"{DOMAIN}  # ours\n\n{other}\nEXAMPLE.org\n")
    ran = explain(f"@{home / 'domains.txt'}", records=records)
    assert ran.code == 1
    assert [line for line in ran.out.splitlines() if line.endswith(": mail")] == [
        f"{DOMAIN}: mail",
        f"{other}: mail",
    ]
    assert re.fullmatch("1 of 2 domains protected, 1 not +exit 1", ran.out.splitlines()[-1])
    told = explain(other, DOMAIN, "--json", records=records).out.splitlines()
    assert [json.loads(line)["domain"] for line in told] == [other, DOMAIN]
    assert explain(DOMAIN, DOMAIN.upper()).out.count("exit 0") == 1


def test_the_line_of_the_page_names_the_domains_that_are_unprotected(home):
    page = (Path(__file__).parents[3] / "docs/howto/policies.md").read_text("utf-8")
    (line,) = re.findall(r"^unstrip .*\| grep.*$", page, re.MULTILINE)
    other, lost = "mail.example.net", "lost.example.net"
    records = (*DANE, f"{other} MX 10 mx.{other}.", f"mx.{other} A 127.0.0.1")
    (home / "domains.txt").write_text(f"{DOMAIN}\n{other}\n{lost}\n")
    with resolving(home, *records, failing=lost) as config:
        (home / "config/unstrip").mkdir(parents=True)
        config.rename(home / "config/unstrip/config.toml")
        ran = subprocess.run(
            ["bash", "-c", line],
            cwd=home,
            env={**os.environ, "PATH": f"{SCRIPT.parent}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    assert ran.stdout == f"{other}\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there is no domain to ask about"),
        ("# nothing\n", "there is no domain to ask about"),
        (f"{DOMAIN}\na..b\n", "line 2: "),
        ("192.0.2.1\n", "line 1: 192.0.2.1 is an address"),
    ],
)
def test_a_file_of_domains_with_a_mistake_is_one(home, text, words):
    (home / "domains.txt").write_text(text)
    ran = run("explain", f"@{home / 'domains.txt'}")
    assert ran.code == 2
    assert words in ran.err


def test_a_file_of_domains_that_cannot_be_read_is_told_in_plain_words(home):
    (home / "latin").write_bytes(b"\xff")
    assert "no such file or directory\n" in run("explain", "@nobody.txt").err
    assert "UTF-8" in run("explain", f"@{home / 'latin'}").err
    assert "Errno" not in run("explain", "@nobody.txt").err


def test_what_is_to_be_pasted_stays_on_one_line_and_all_else_fits_the_terminal(home, monkeypatch):
    remember(known())
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("NO_COLOR", "1")
    with resolving(home, MX, SECOND, *HOSTS) as config:
        ran = run_on_terminal("explain", DOMAIN, "--config", config)
    lines = ran.out.splitlines()
    pasted = [line for line in lines if line.startswith(("  found: ", "  hosts_", "  tls_"))]
    assert f"  found: secure match=mx1.{DOMAIN} servername=hostname" in pasted
    assert any(line.endswith("{ policy_string = max_age: 604800 }") for line in pasted)
    assert max(len(line) for line in lines if line not in pasted) <= 60
    assert lines[-1].endswith("exit 0")


def test_a_known_policy_is_explained_without_asking_for_it(explain):
    remember(known())
    ran = explain(records=(MX, *HOSTS))
    assert ran.code == 0
    assert "TXT _mta-sts" not in ran.out
    assert re.search(r"mta-sts: known from \S+ \S+ UTC, not asked for again until", ran.out)
    assert f"mta-sts: verify: mode enforce, mx mx1.{DOMAIN}, until" in ran.out
    assert f"secure match=mx1.{DOMAIN} servername=hostname" in ran.out
    assert "from Postfix 3.10 on" in ran.out
    assert "policy_type=sts" in ran.out
    assert r"hosts_avoid_tls = !\N^mx1\.example\.org$\N : *" in ran.out


def test_without_the_store_it_is_not_known(explain):
    remember(known())
    assert explain(DOMAIN, "--no-store", records=(MX, *HOSTS)).code == 1


def test_what_is_found_out_is_remembered(explain):
    assert explain().code == 0
    assert f"TXT _mta-sts.{DOMAIN}" not in explain().out


def test_a_server_that_the_policy_does_not_name_is_refused(explain):
    remember(known())
    ran = explain(records=(MX, SECOND, *HOSTS))
    assert ran.code == 0
    assert f"mta-sts: not to be used: mx2.{DOMAIN} is none of the policy's hosts" in ran.out
    assert f"so: not to be used: mx2.{DOMAIN} is none of the policy's hosts" in ran.out
    assert "; 1 of 2 servers is not to be used" in ran.out.splitlines()[-1]


def test_a_tested_policy_protects_nobody(explain):
    remember(known("version: STSv1\nmode: testing\nmx: mx1.example.org\nmax_age: 86400\n"))
    ran = explain(records=(MX, *HOSTS))
    assert ran.code == 1
    assert "mta-sts: verify, if it were enforced: mode testing" in ran.out


def test_a_failed_look_up_of_tlsa_holds_mail_up(explain):
    ran = explain(records=(MX, *HOSTS), failing=f"_25._tcp.mx1.{DOMAIN}")
    assert ran.code == 4
    assert "temporary failure: DANE could not be looked up" in ran.out
    assert "defer: DANE could not be looked up" in ran.out
    assert "nothing can be sent now: DANE could not be looked up" in ran.out


def test_a_failed_look_up_of_the_mx_holds_mail_up(explain):
    ran = explain(failing=DOMAIN)
    assert ran.code == 4
    assert "temporary failure" in ran.out


def test_a_policy_that_cannot_be_fetched_leaves_it_uncertain(explain):
    ran = explain(records=(MX, *HOSTS, RECORD))
    assert ran.code == 4
    assert "there may be a policy that somebody keeps from us" in ran.out
    assert re.search(r"the policy host is not asked again until \S+ \S+ UTC", ran.out)
    assert f"https://mta-sts.{DOMAIN}/.well-known/mta-sts.txt: sts-policy-fetch-error" in ran.out


def test_a_resolver_that_is_silent_is_waited_for_no_longer_than_it_was_said(home):
    with name_server(silent) as server:
        config = home / "config.toml"
        address = f"127.0.0.1@{server.server.port}"
        config.write_text(f'[resolver]\nservers = ["{address}"]\ntimeout = 0.3\n')
        ran = run("explain", DOMAIN, "--config", config, "--no-store")
    assert ran.code == 4
    assert "no answer in 0.3 seconds" in ran.out


def test_a_resolver_that_does_not_validate_checks_no_dane(home):
    with resolving(home, *DANE, secure=False) as config:
        config.write_text(config.read_text().replace("good.example", "worse.example"))
        ran = run("explain", DOMAIN, "--config", config, "--no-store")
    assert ran.code == 4
    assert "dane: not checked: " in ran.out
    assert "install unbound" in ran.out


def test_a_domain_that_takes_no_mail_has_nothing_to_protect(explain):
    ran = explain(records=(f"{DOMAIN} MX 0 .",))
    assert ran.code == 0
    assert "null MX" in ran.out
    assert "it takes no mail: there is nothing to protect" in ran.out


def test_another_service_is_found_by_its_srv_records(explain):
    records = (
        f"_xmpp-client._tcp.{DOMAIN} SRV 5 0 5222 mx1.{DOMAIN}.",
        f"_5222._tcp.mx1.{DOMAIN} TLSA 3 1 1 {'ab' * 32}",
        *HOSTS,
    )
    ran = explain(DOMAIN, "--service", "_xmpp-client._tcp", records=records)
    assert ran.code == 0
    assert f"mx1.{DOMAIN}:5222" in ran.out
    assert "5 0 5222" in ran.out
    assert "Postfix" not in ran.out


def test_an_unknown_service_is_a_mistake():
    ran = run("explain", DOMAIN, "--service", "_gopher._tcp")
    assert ran.code == 2
    assert "_xmpp-client._tcp" in ran.err


@pytest.mark.parametrize("name", ["192.0.2.1", "not a name", "a..b", "::1"])
def test_what_is_no_domain_is_a_mistake(name):
    ran = run("explain", name)
    assert ran.code == 2
    assert "give a domain" in ran.err


def test_everything_is_one_json_object(explain):
    ran = explain(DOMAIN, "--json")
    (line,) = ran.out.splitlines()
    told = json.loads(line)
    assert (told["domain"], told["service"], told["exit"]) == (DOMAIN, "mail", 0)
    assert told["postfix"]["text"] == told["postfix_3_10"]["text"] == "dane-only"
    assert told["exim"]["hosts_avoid_tls_unsigned"] == ["*"]
    assert told["derivation"]["destinations"][0]["decision"]["level"] == "verify"
    assert told["asked"][0]["question"] == {"name": DOMAIN, "kind": "MX"}
    assert told["asked"][0]["answer"]["security"] == "secure"


def test_a_rule_of_the_operator_is_one_of_the_sources(explain, home):
    table = home / "policy.toml"
    table.write_text(f'[[rule]]\nhost = "{DOMAIN}"\nrequire = "verify"\n')
    ran = explain(DOMAIN, "--policy", table, records=(MX, *HOSTS))
    assert ran.code == 0
    assert f"local: verify: {DOMAIN} require verify (rule 1)" in ran.out


def test_what_dns_says_cannot_move_the_terminal(explain):
    nasty = f'_mta-sts.{DOMAIN} TXT "v=STSv1; id=\\027[31m;"'
    ran = explain(records=(MX, *HOSTS, nasty))
    assert "\\x1b[31m" in ran.out
    assert "\x1b" not in ran.out


def test_a_store_that_cannot_be_used_is_no_empty_one(explain):
    ran = explain(DOMAIN, "--store", "/dev/null/store")
    assert ran.code == 4
    assert "--no-store to do without" in ran.err


def test_on_a_terminal_it_is_seen_that_somebody_is_asked(home):
    with resolving(home, *DANE) as config:
        ran = run_on_terminal("explain", DOMAIN, "--config", config, "--no-store")
    assert ran.code == 0
    assert "exit 0" in ran.out
