"""`unstrip check`: every option, every exit code, and no escape of a peer's on a terminal."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from tests.conftest import SERVER
from tests.faces.cli.command import (
    PATIENCE,
    interrupt,
    run,
    run_apart,
    run_on_terminal,
    started,
)
from tests.faces.cli.names import DOMAIN, resolving
from tests.faces.servers import NO_OFFER, refuses, smtp
from tests.interop.servers import can_listen
from tests.io.hostile import Peer, honest, serving
from unstrip.evidence import from_json, to_json
from unstrip.faces.cli.check import check
from unstrip.faces.cli.record import Record
from unstrip.faces.cli.speech import Exit
from unstrip.io.store import default_path, open_store
from unstrip.policy import Level
from unstrip.transcript import Layer, Side, said
from unstrip.upgrade import Manner, Outcome
from unstrip.verdict import Code, Standing

MASKED = NO_OFFER.replace(b"SIZE", b"XXXXXXXA")


@pytest.fixture
def good(pki):
    """An honest SMTP server."""
    with serving(partial(honest, pki, "smtp")) as server:
        yield server


@pytest.fixture
def strict(pki):
    """An SMTP server that neither offers TLS nor grants it."""
    with serving(partial(smtp, pki=pki, offer=False, grant=refuses)) as server:
        yield server


@pytest.fixture
def options(pki):
    """Whom to trust, and where to go whatever the target's name."""
    return ("--ca-file", pki.ca_file, "--connect-to", "127.0.0.1", "--timeout", "5")


@pytest.fixture
def silent():
    """A server that says nothing."""
    with serving(lambda peer: peer.wait()) as server:
        yield server


def target(server, scheme="smtp", host=SERVER):
    return f"{scheme}://{host}:{server.port}"


# -- exit codes ------------------------------------------------------------------------


def test_0_all_meet_the_requirement(good, options):
    ran = run("check", target(good), *options)
    assert ran.code == 0
    assert ran.err == ""
    assert f"{SERVER}:{good.port}" in ran.out
    assert "STARTTLS" in ran.out
    assert re.search(r"safe +safe +safe", ran.out)
    assert "1 of 1" in ran.out
    assert "exit 0" in ran.out


def test_1_some_fall_short(good, strict, options):
    ran = run("check", target(good), target(strict), *options)
    assert ran.code == 1
    assert "OFFER_ABSENT_UNEXPLAINED" in ran.out
    assert re.search(r"reads +reads +reads", ran.out)
    assert "1 of 2" in ran.out
    assert "exit 1" in ran.out


def test_1_a_certificate_that_proves_nothing_falls_short(good, options):
    ran = run("check", target(good, host="other.example.org"), *options)
    assert ran.code == 1
    assert "CERTIFICATE_INVALID" in ran.out
    assert "wrong name" in ran.out


@pytest.mark.parametrize(
    "words",
    [
        ("check",),
        ("check", "--nonsense", "smtp://localhost"),
        ("check", "smtp://localhost", "--require", "perhaps"),
        ("check", "smtp://localhost", "--timeout", "0"),
        ("check", "smtp://localhost", "--timeout", "soon"),
        ("check", "smtp://localhost", "--implicit-port", "70000"),
        ("check", "smtp://localhost", "--ca-file", "/nonexistent.pem"),
        ("check", "smtp://localhost", "--policy", "/nonexistent.toml"),
        ("check", "smtp://localhost", "--vantage", "/nonexistent.json"),
        ("check", "localhost"),
        ("check", "gopher://localhost"),
        ("check", "smtp://"),
        ("check", "localhost", "--protocol", "gopher"),
        ("check", "@/nonexistent.txt"),
        ("check", "smtp://localhost", "--helo", "two words"),
        ("check", "smtp://localhost", "--helo", "line\r\nMAIL FROM:<x>"),
        ("check", "smtp://localhost", "--helo", "bücher.example"),
        ("check", "smtp://localhost", "--helo", ""),
        ("check", "smtp://localhost", "--server-name", "no name"),
        ("check", "smtp://localhost", "--connect-to", "no name"),
        ("check", "smtp://localhost", "--connect-to", "127.0.0.1:25"),
    ],
)
def test_2_what_cannot_be_understood_is_told_with_a_hint(words):
    ran = run(*words)
    assert ran.code == 2
    assert ran.out == ""
    error, *hints = ran.err.splitlines()
    assert error.startswith("unstrip: error: ")
    assert not error.endswith(".")
    assert all(hint.startswith("unstrip: hint: ") for hint in hints)


def test_3_tampering_comes_before_all_else(pki, good, strict, options):
    with serving(partial(smtp, pki=pki, listed=MASKED, grant=refuses)) as masking:
        ran = run("check", *map(target, (good, strict, masking)), "smtp://mx.invalid:1", *options)
    assert ran.code == 3
    assert "OFFER_MASKED" in ran.out
    assert "exit 3" in ran.out
    assert "1 of 4" in ran.out


@pytest.mark.parametrize(
    ("greeting", "code"),
    [
        (b"421 4.3.2 too busy", Code.RATE_LIMITED),
        (b"554 5.3.2 not you", Code.SERVICE_REFUSED),
        (b"SSH-2.0-OpenSSH", Code.NOT_THE_PROTOCOL),
        (b"x" * 10_000, Code.ENDLESS_ANSWER),
    ],
)
def test_4_what_could_not_be_told(greeting, code, pki, options):
    with serving(partial(smtp, pki=pki, greeting=greeting)) as server:
        ran = run("check", target(server), *options)
    assert ran.code == 4
    assert code.value in ran.out
    assert "exit 4" in ran.out


def test_4_nobody_is_there(silent, options):
    closed = target(silent)
    ran = run("check", "smtp://name.invalid", "--timeout", "5")
    assert (ran.code, "NAME_UNRESOLVED" in ran.out) == (4, True)
    ran = run("check", closed, *options, "--timeout", "0.2")
    assert (ran.code, "DEADLINE_PASSED" in ran.out) == (4, True)


def test_4_a_closed_port(pki, options):
    with serving(partial(honest, pki, "smtp")) as server:
        closed = target(server)
    ran = run("check", closed, *options)
    assert (ran.code, "UNREACHABLE" in ran.out) == (4, True)


@pytest.mark.parametrize("number", [1, 3])
def test_130_ctrl_c_ends_it_at_once_with_a_sentence(number, silent, options):
    names = [target(silent, host=f"mx{n}.example.org") for n in range(number)]
    with started("check", *names, *options, "--timeout", "600") as process:
        until = time.monotonic() + PATIENCE
        while not silent.peers and time.monotonic() < until:
            time.sleep(0.01)
        pressed = time.monotonic()
        ran = interrupt(process)
    assert ran.code == 130
    assert ran.err.strip() == "unstrip: error: interrupted"
    assert ran.out == ""
    assert time.monotonic() - pressed < PATIENCE  # and not 600 seconds


def test_the_exit_codes_are_what_each_verdict_says(good, strict, options):
    ran = run("check", target(good), target(strict), "--json", *options)
    by_standing = {record.standing: record.exit for record in ran.records}
    assert by_standing == {Standing.MEETS: 0, Standing.FALLS_SHORT: 1}
    assert ran.code == max(by_standing.values())


# -- the command itself ----------------------------------------------------------------


def test_the_real_command_says_the_same_as_in_the_tests(good, options):
    words = ("check", target(good), "--no-store", *options)
    apart, here = run_apart(*words), run(*words)
    assert apart.code == here.code == 0
    assert apart.err == here.err == ""
    assert apart.out == here.out


def read_nothing_of(*words):
    with started(*words) as process:
        process.stdout.close()
        err = process.stderr.read().decode()
        return process.wait(PATIENCE), err


def test_a_reader_who_has_gone_is_no_reason_for_a_traceback(good, options):
    assert read_nothing_of("check", target(good), "--no-store", *options)[1] == ""


def test_a_reader_who_has_gone_does_not_make_a_good_server_fall_short(good, options):
    code, _ = read_nothing_of("check", target(good), "--no-store", *options)
    assert code == Exit.UNKNOWN


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this machine has no full device")
def test_output_that_cannot_be_written_is_told(good, options):
    with (
        Path("/dev/full").open("wb") as full,
        started("check", target(good), "--no-store", *options, stdout=full) as process,
    ):
        err = process.stderr.read().decode()
        assert process.wait(PATIENCE) == Exit.UNKNOWN
    assert err.startswith("unstrip: error: ")
    assert "Traceback" not in err


@pytest.mark.parametrize("option", [name for one in check.params for name in one.opts])
def test_the_help_lists_every_option(option):
    assert option in run("check", "--help").out or option == "targets"


def test_the_help_tells_every_exit_code():
    words = run("check", "-h").out
    assert all(str(code.value) in words for code in Exit if code is not Exit.INTERRUPTED)


# -- targets ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["smtp", "imap", "pop3"])
@pytest.mark.parametrize("implicit", [False, True], ids=["upgraded", "implicit"])
def test_every_protocol_is_checked_on_both_kinds_of_port(name, implicit, pki, options):
    with serving(partial(honest, pki, name, implicit=implicit)) as server:
        ran = run("check", target(server, f"{name}{'s' * implicit}"), "--json", *options)
    assert ran.record.code is Code.TLS_OK_AUTHENTICATED
    assert ran.record.evidence.endpoint.implicit is implicit


def test_protocol_says_what_a_target_without_scheme_speaks(pki, options):
    with serving(partial(honest, pki, "imap")) as server:
        ran = run("check", f"{SERVER}:{server.port}", "--protocol", "imap", *options)
        assert ran.code == 0
        assert run("check", f"{SERVER}:{server.port}", *options).code == 2


@pytest.mark.skipif(not can_listen("::1"), reason="this machine has no IPv6")
def test_an_ipv6_target_is_written_in_brackets(pki):
    with serving(partial(honest, pki, "smtp"), "::1") as server:
        written = f"[::1]:{server.port}"
        ran = run("check", f"smtp://{written}", "--ca-file", pki.ca_file)
    assert ran.code == 0
    assert written in ran.out


def test_a_name_is_looked_up(good, pki):
    ran = run("check", target(good, host="localhost"), "--json", "--ca-file", pki.ca_file)
    assert ran.record.evidence.address in ("127.0.0.1", "::1")


# -- domains, and what a resolver says of servers --------------------------------------


@pytest.fixture
def nulls(home):
    """The configuration that names a resolver, where example.org takes no mail."""
    with resolving(home, f"{DOMAIN} MX 0 .", "mx.example.org A 127.0.0.1") as config:
        yield config


def test_a_domain_that_takes_no_mail_is_in_order(nulls):
    ran = run("check", DOMAIN, "--config", nulls)
    assert ran.code == 0
    assert "it takes no mail (null MX, RFC 7505; secure)" in ran.out
    assert re.search(r"^  none +example\.org +smtp", ran.out, re.MULTILINE)
    assert "1 takes no mail" in ran.out


def test_a_domain_that_is_not_there_has_perhaps_another_spelling(nulls):
    ran = run("check", "exmaple.org", "--config", nulls)
    assert ran.code == 4
    assert "to do: check the spelling" in ran.out


def test_where_a_resolver_is_configured_a_named_host_has_its_address_from_there_too(
    good, pki, nulls
):
    """One source for policies and addresses; the system knows no such name."""
    words = ("--config", nulls, "--ca-file", pki.ca_file, "--json")
    ran = run("check", target(good, host="mx.example.org"), *words)
    assert ran.record.evidence.address == "127.0.0.1"
    assert ran.record.evidence.secured


def test_a_host_that_the_resolver_does_not_know_is_not_looked_for_elsewhere(good, pki, nulls):
    words = ("--config", nulls, "--ca-file", pki.ca_file)
    ran = run("check", target(good, host="mx2.example.org"), *words)
    assert ran.code == 4
    assert "mx2.example.org has no address: no data (secure)" in " ".join(ran.out.split())


def test_where_dns_does_not_answer_that_is_told_once(tmp_path):
    config = tmp_path / "config.toml"
    config.write_text('[resolver]\nservers = ["127.0.0.1@1"]\ntimeout = 1\n')
    ran = run("check", DOMAIN, "--config", config)
    assert ran.code == 4
    assert ran.out.count("connection refused") == 1
    assert "timeout" not in ran.out
    assert "whether the resolver answers" in ran.out
    assert "0 of 1 in order" in ran.out


# -- files of targets ------------------------------------------------------------------


def test_a_file_holds_a_target_a_line_with_comments(tmp_path, good, strict, options):
    listed = tmp_path / "targets.txt"
    listed.write_text(
        f"# ours\n\n{target(good)}   # the good one\n   {target(strict)}\r\n#{target(good)}\n"
    )
    ran = run("check", f"@{listed}", target(good), "--json", *options)
    ports = sorted(record.evidence.endpoint.port for record in ran.records)
    assert ports == sorted([good.port, strict.port, good.port])


def test_an_error_in_a_file_names_the_line(tmp_path):
    listed = tmp_path / "targets.txt"
    listed.write_text("# first\nsmtp://localhost\n\ngopher://localhost\n")
    ran = run("check", f"@{listed}")
    assert ran.code == 2
    assert f"{listed}, line 4: " in ran.err
    assert "gopher" in ran.err


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", "folder"])
def test_a_file_that_cannot_be_read_is_named(content, tmp_path):
    listed = tmp_path / "Targets.txt"
    if content == "folder":
        listed.mkdir()
    elif content is not None:
        listed.write_bytes(content)
    ran = run("check", f"@{listed}")
    assert ran.code == 2
    assert str(listed) in ran.err


def test_two_hundred_targets_of_one_file_are_all_checked_in_order(tmp_path, pki, options):
    listed = tmp_path / "targets.txt"
    with serving(partial(smtp, pki=pki, offer=False)) as server:
        names = [f"mx{number}.example.org:{server.port}" for number in range(200)]
        listed.write_text("".join(f"smtp://{name}\n" for name in names))
        ran = run("check", f"@{listed}", "--require", "may", *options)
    table = "\n".join(ran.out.splitlines()[3:203])
    assert re.findall(r"\bmx\d+\.example\.org:\d+", table) == names
    assert ran.code == 0
    assert "200 of 200" in ran.out


# -- what to insist on -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("required", "code"), [("may", 0), ("encrypt", 1), ("verify", 1), (None, 1)]
)
def test_require_says_what_a_link_in_clear_is_worth(required, code, strict, options):
    asked = ("--require", required) if required else ()
    ran = run("check", target(strict), *asked, *options)
    assert ran.code == code
    assert (required or "verify") in ran.out.splitlines()[0]


@pytest.mark.parametrize(("required", "code"), [("may", 0), ("encrypt", 0), ("verify", 1)])
def test_require_says_what_a_link_without_proof_is_worth(required, code, good, options):
    wrong = target(good, host="other.example.org")
    assert run("check", wrong, "--require", required, *options).code == code


def test_server_name_is_the_name_the_certificate_must_carry(good, options):
    assert run("check", target(good), "--server-name", "other.example.org", *options).code == 1
    wrong = target(good, host="other.example.org")
    assert run("check", wrong, "--server-name", SERVER, *options).code == 0


def test_ca_file_holds_the_roots_instead_of_the_systems(good, pki, tmp_path):
    words = ("check", target(good), "--connect-to", "127.0.0.1")
    assert run(*words).code == 1
    assert run(*words, "--ca-file", pki.ca_file).code == 0
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    ran = run(*words, "--ca-file", empty)
    assert ran.code == 2
    assert "--ca-file" in ran.err


def test_connect_to_dials_another_address_than_the_targets(good, pki):
    words = ("check", target(good, host="name.invalid"), "--ca-file", pki.ca_file)
    assert run(*words, "--timeout", "5").code == 4
    ran = run(*words, "--connect-to", "127.0.0.1", "--server-name", SERVER)
    assert ran.code == 0


def test_helo_is_the_name_that_is_given(strict, options):
    run("check", target(strict), "--helo", "probe.example.org", *options)
    run("check", target(strict), "--helo", "[192.0.2.1]", *options)
    assert [heard.split(b"\r\n")[0] for heard in strict.heard] == [
        b"EHLO probe.example.org",
        b"EHLO [192.0.2.1]",
    ]


def test_without_helo_nothing_is_told_about_this_machine(strict, options):
    run("check", target(strict), *options)
    assert strict.heard[0].startswith(b"EHLO localhost\r\n")


def test_timeout_is_for_everything(silent, options):
    begun = time.monotonic()
    ran = run("check", target(silent), *options, "--timeout", "0.3")
    assert 0.3 <= time.monotonic() - begun < 2.0
    assert "0.3 seconds" in ran.out


# -- looking further -------------------------------------------------------------------


def test_probe_looks_further(pki, options):
    visits = count()

    def flickers(peer: Peer) -> None:
        smtp(peer, pki, offer=next(visits) % 2 == 1, grant=refuses)

    with serving(flickers) as server:
        ran = run("check", target(server), "--probe", "--implicit-port", 1, "--json", *options)
    assert ran.code == 3
    assert ran.record.code is Code.OFFER_REMOVED
    assert [probe.manner for probe in ran.record.beside[:4]] == list(Manner)


def test_without_probe_there_is_one_connection(strict, options):
    ran = run("check", target(strict), "--json", *options)
    assert ran.record.beside == ()
    assert len(strict.peers) == 1


def test_implicit_port_is_the_one_to_compare_with(pki, strict, options):
    with serving(partial(honest, pki, "smtp", implicit=True)) as door:
        words = ("--probe", "--implicit-port", door.port, "--json")
        ran = run("check", target(strict), *words, *options)
        (last,) = [seen for seen in ran.record.beside if seen.endpoint.implicit]
        assert last.endpoint.port == door.port
    assert last.secured
    assert ran.record.code is Code.OFFER_ABSENT_UNEXPLAINED  # by itself it proves nothing


# -- the operator's table --------------------------------------------------------------

ENCRYPT = '[[rule]]\nhost = "*.example.org"\nrequire = "encrypt"\n'


def test_policy_may_raise_what_is_asked_for(tmp_path, strict, options):
    table = tmp_path / "table.toml"
    table.write_text(ENCRYPT)
    words = ("check", target(strict), "--require", "may", "--json", *options)
    assert run(*words).code == 0
    ran = run(*words, "--policy", table)
    assert ran.code == 1
    assert ran.record.verdict.decision.level is Level.ENCRYPT
    assert ran.record.verdict.decision.why() == "local"


def test_the_table_is_looked_for_by_the_platforms_convention(home, strict, options):
    table = home / "config" / "unstrip" / "policy.toml"
    table.parent.mkdir(parents=True)
    table.write_text(ENCRYPT)
    assert run("check", target(strict), "--require", "may", *options).code == 1


def test_a_table_that_leads_nowhere_is_no_empty_table(home, strict, options):
    table = home / "config" / "unstrip" / "policy.toml"
    table.parent.mkdir(parents=True)
    table.symlink_to(home / "not there")
    ran = run("check", target(strict), "--require", "may", *options)
    assert ran.code == 2
    assert "policy.toml" in ran.err


def test_a_time_that_is_no_number_is_a_mistake(strict, options):
    assert run("check", target(strict), *options, "--timeout", "nan").code == 2


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_a_standard_stream_that_is_closed_is_no_reason_to_crash(closed, tmp_path):
    command = f"{sys.executable} -m unstrip check smtp://127.0.0.1:1 --no-store {closed}"
    assert subprocess.run(["/bin/sh", "-c", command], check=False).returncode == 4


@pytest.mark.parametrize("text", ["[[rule]]\nhost = 1", "no table", "\xff"])
def test_a_table_that_cannot_be_used_ends_the_command(text, tmp_path, good, options):
    table = tmp_path / "Table.toml"
    table.write_bytes(text.encode("latin-1"))
    ran = run("check", target(good), "--policy", table, *options)
    assert ran.code == 2
    assert str(table) in ran.err
    assert "docs/" in ran.err
    assert good.peers == []


# -- history ---------------------------------------------------------------------------


def test_a_server_that_once_had_tls_is_expected_to_have_it(pki, good, options):
    words = ("check", target(good), "--require", "may", "--json", *options)
    assert run(*words).code == 0
    good.script = partial(smtp, pki=pki, offer=False, grant=refuses)
    ran = run(*words)
    assert ran.code == 3
    assert ran.record.code is Code.OFFER_REMOVED
    assert ran.record.verdict.decision.why() == "history"


def test_store_names_the_file_of_earlier_visits(pki, good, tmp_path, home, options):
    file = tmp_path / "visits.sqlite3"
    words = ("check", target(good), "--require", "may", "--store", file, *options)
    assert run(*words).code == 0
    assert file.exists()
    assert not (home / "state").exists()
    good.script = partial(smtp, pki=pki, offer=False, grant=refuses)
    assert run("check", target(good), "--require", "may", *options).code == 0
    assert run(*words).code == 3


def test_no_store_neither_consults_nor_keeps(pki, good, home, options):
    words = ("check", target(good), "--require", "may", "--no-store", *options)
    assert run(*words).code == 0
    assert not (home / "state").exists()
    good.script = partial(smtp, pki=pki, offer=False, grant=refuses)
    assert run(*words).code == 0


def test_a_store_that_cannot_be_opened_is_not_taken_for_empty(tmp_path, good, options):
    file = tmp_path / "visits.sqlite3"
    file.write_bytes(b"no database at all" * 99)
    ran = run("check", target(good), "--store", file, *options)
    assert ran.code == 4
    assert str(file) in ran.err
    assert "--no-store" in ran.err
    assert good.peers == []


def test_a_visit_that_cannot_be_read_is_told_with_the_same_hint(tmp_path, good, options):
    file = tmp_path / "visits.sqlite3"
    words = ("check", target(good), "--store", file, *options)
    assert run(*words).code == 0
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("update visit set evidence = '{}'")
    ran = run(*words)
    assert ran.code == 4
    assert "--no-store" in ran.err
    assert "defect" not in ran.err


# -- another network -------------------------------------------------------------------


def test_vantage_is_what_json_printed_elsewhere(pki, good, tmp_path, options):
    words = ("check", target(good), "--no-store", "--json", *options)
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_text(run(*words).out)
    good.script = partial(smtp, pki=pki, offer=False, grant=refuses)
    assert run(*words).record.code is Code.OFFER_ABSENT_UNEXPLAINED
    ran = run(*words, "--vantage", elsewhere)
    assert ran.code == 3
    assert ran.record.code is Code.OFFER_REMOVED
    assert ran.record.confidence >= 0.9


def test_several_vantages_may_hold_several_targets(good, strict, tmp_path, options):
    files = []
    for server in (good, strict):
        files.append(tmp_path / f"{server.port}.json")
        files[-1].write_text(run("check", target(server), "--json", *options).out + "\n\n")
    vantages = [word for file in files for word in ("--vantage", file)]
    assert run("check", target(good), target(strict), *vantages, *options).code == 1


def test_a_vantage_that_is_about_no_target_is_a_mistake(good, strict, tmp_path, options):
    file = tmp_path / "elsewhere.json"
    file.write_text(run("check", target(good), "--json", *options).out)
    ran = run("check", target(strict), "--vantage", file, *options)
    assert ran.code == 2
    assert f"{SERVER}:{good.port}" in ran.err


@pytest.mark.parametrize("content", [b"[]", b"{}", b"text", b"\xff"])
def test_what_is_no_vantage_is_told_so(content, tmp_path):
    file = tmp_path / "Elsewhere.json"
    file.write_bytes(content)
    ran = run("check", "smtp://localhost", "--vantage", file)
    assert ran.code == 2
    assert str(file) in ran.err


# -- what is printed -------------------------------------------------------------------


def test_json_is_one_object_a_target_and_reads_back(good, strict, options):
    ran = run("check", target(good), target(strict), "--json", *options)
    assert len(ran.records) == 2
    for line, record in zip(ran.out.splitlines(), ran.records, strict=True):
        assert to_json(from_json(Record, line)).decode() == line
        assert record.target == str(record.evidence.endpoint)
        assert record.code is record.verdict.code
    upgraded = next(record for record in ran.records if record.exit == 0)
    assert upgraded.round_trips == 5
    assert upgraded.clear_sent == len(b"EHLO localhost\r\nSTARTTLS\r\n")
    assert said(upgraded.evidence.transcript, Side.CLIENT, Layer.SECURE).startswith(b"EHLO")


def test_transcript_shows_what_was_said(strict, options):
    words = ("check", target(strict), *options)
    assert "C: EHLO localhost" not in run(*words).out
    shown = run(*words, "--transcript").out
    for line in ("S: 220 mx ESMTP", "C: EHLO localhost", "S: 250 SIZE", "S: 502 5.5.1 no"):
        assert re.search(rf"\d\.\d{{3}}  {re.escape(line)}$", shown, re.MULTILINE)


def test_transcript_marks_what_was_sealed(good, options):
    shown = run("check", target(good), "--transcript", *options).out
    assert "-- handshake" in shown
    assert "-- secure" in shown
    assert shown.count("C: EHLO localhost") == 2


def test_a_terminal_gets_colour(strict, options):
    ran = run_on_terminal("check", target(strict), *options)
    assert ran.code == 1
    assert "\x1b[31m" in ran.out
    assert "\x1b[0m" in ran.out


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_but_not_one_that_does_not_want_it(name, value, strict, options, monkeypatch):
    monkeypatch.setenv(name, value)
    ran = run_on_terminal("check", target(strict), *options)
    assert ran.code == 1
    assert "\x1b" not in ran.out


def test_what_is_no_terminal_gets_none(strict, options):
    ran = run_apart("check", target(strict), *options)
    assert ran.code == 1
    assert "\x1b" not in ran.out + ran.err


# -- what peers say --------------------------------------------------------------------

NASTY = b"\x1b[31mred\x1b]0;title\x07\x9b2J\xc2\x9b2J\xe2\x80\xae\x7f\x08"
UNSEEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e]")


def nasty_answer(request: bytes) -> bytes:
    return b"454 " + NASTY


NASTIES = {
    "greeting": {"greeting": b"220 " + NASTY},
    "refusal": {"greeting": b"554 " + NASTY},
    "nonsense": {"greeting": NASTY},
    "list": {"listed": b"250-mx\r\n250-STARTTLS\r\n250 AUTH PLAIN " + NASTY + b"\r\n"},
    "answer": {"grant": nasty_answer},
    "echo": {"grant": lambda request: b"250 " + NASTY},
    "injected": {"grant": lambda request: b"220 go\r\n" + NASTY},
}


@pytest.mark.parametrize("settings", NASTIES.values(), ids=NASTIES)
@pytest.mark.parametrize("asked", [(), ("--transcript",), ("--probe",)], ids=["", "all", "probe"])
def test_no_escape_of_a_peers_reaches_the_report(settings, asked, pki, options):
    with serving(partial(smtp, pki=pki, **settings)) as server:
        ran = run("check", target(server), *asked, "--implicit-port", 1, *options)
    assert ran.code in (0, 1, 3, 4)
    assert not UNSEEN.search(ran.out + ran.err)


def nasty_json(pki, options, **settings):
    """What `--json` prints of a nasty server."""
    with serving(partial(smtp, pki=pki, **settings)) as server:
        ran = run("check", target(server), "--json", *options)
    assert ran.records
    return ran.out


@pytest.mark.parametrize("settings", NASTIES.values(), ids=NASTIES)
def test_nor_the_json(settings, pki, options):
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", nasty_json(pki, options, **settings))


@pytest.mark.parametrize("place", ["greeting", "list", "answer"])
def test_nor_the_json_in_their_eight_bit_form(place, pki, options):
    assert not UNSEEN.search(nasty_json(pki, options, **NASTIES[place]))


def test_nor_a_terminal(pki, options):
    with serving(partial(smtp, pki=pki, grant=nasty_answer)) as server:
        ran = run_on_terminal("check", target(server), "--transcript", *options)
    assert not UNSEEN.search(re.sub(r"\x1b\[(\d+;?)*[mKJA]|\x1b\[\?25[lh]|\r", "", ran.out))


def test_many_servers_are_checked_at_the_same_time(options):
    together = threading.Barrier(5)

    def waits_for_the_others(peer: Peer) -> None:
        peer.say(b"421 later\r\n" if together.wait(PATIENCE) >= 0 else b"")

    with (
        serving(waits_for_the_others) as one,
        serving(waits_for_the_others) as two,
        serving(waits_for_the_others) as three,
        serving(waits_for_the_others) as four,
        serving(waits_for_the_others) as five,
    ):
        ran = run("check", *map(target, (one, two, three, four, five)), "--json", *options)
    assert [record.code for record in ran.records] == [Code.RATE_LIMITED] * 5
    assert {record.evidence.upgrade.outcome for record in ran.records} == {Outcome.BUSY}


# -- counting for reports --------------------------------------------------------------

WANTED = f'_smtp._tls.{DOMAIN} TXT "v=TLSRPTv1; rua=mailto:a@{DOMAIN}"'


def test_what_was_seen_of_a_domain_is_counted(home):
    with resolving(home, WANTED, failing=DOMAIN) as config:
        ran = run("check", DOMAIN, "--config", config, "--count")
    with closing(open_store(default_path())) as store:
        (found,) = [each for day in store.days() for each in store.day(day)]
    assert (ran.code, "not counted" in ran.err) == (4, False)
    ((failure, times),) = [why for tally in found.tallies for why in tally.failures]
    assert (failure.result, times) == ("dnssec-invalid", 1)


def test_why_a_domain_is_not_counted_is_said(nulls):
    ran = run("check", DOMAIN, "--config", nulls, "--count")
    assert "example.org is not counted: it asks for no reports" in ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((DOMAIN, "--no-store"), "there is nowhere to count to"),
        (("smtp://mx.example.org",), "no target is a domain"),
    ],
)
def test_what_cannot_be_counted_is_an_error(words, said):
    ran = run("check", *words, "--count")
    assert (ran.code, said in ran.err) == (2, True)
