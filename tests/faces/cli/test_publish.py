"""`unstrip publish`: every option and exit code, with name and mail servers on loopback."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from tests.conftest import SERVER
from tests.faces.cli.command import Ran, run
from tests.faces.servers import refuses, smtp
from tests.io.hostile import honest, serving
from tests.io.resolver.nameserver import SOA, Call, name_server
from unstrip.evidence import from_json
from unstrip.faces.cli.publication import PublicationRecord
from unstrip.policy.mta_sts import Mode, parse

DOMAIN = "example.org"
ZONE = (
    f"{DOMAIN}. 300 IN MX 10 {SERVER}.",
    f"{SERVER}. 300 IN A 127.0.0.1",
)


def zone(records: tuple[str, ...], *, signed: bool = True):
    """A resolver that validates, and knows these records alone."""

    def answer(call: Call) -> None:
        asked = call.query.question[0]
        name, kind = asked.name.to_text().lower(), asked.rdtype.name
        found = [r for r in records if r.split()[0].lower() == name and r.split()[3] == kind]
        empty = () if found else (SOA,)
        call.say(call.reply(*found, authority=empty, authentic=signed))

    return answer


@contextmanager
def configured(tmp_path, script) -> Iterator[tuple[object, ...]]:
    """The options that have the command ask this name server."""
    with name_server(script) as names:
        config = tmp_path / "config.toml"
        servers = f'["127.0.0.1@{names.server.port}"]'
        config.write_text(f'[resolver]\nservers = {servers}\nvalidates = ""\nfails = ""\n')
        yield "--config", config, "--no-store", "--timeout", 5


@pytest.fixture
def mx(pki):
    with serving(partial(honest, pki, "smtp")) as server:
        yield server


@pytest.fixture
def publish(mx, pki, tmp_path):
    """The command, for the domain of this test."""
    with configured(tmp_path, zone(ZONE)) as options:
        given = (*options, "--ca-file", pki.ca_file, "--port", mx.port)
        yield lambda *words: run("publish", *(words or (DOMAIN,)), *given)


def told(ran: Ran) -> PublicationRecord:
    return from_json(PublicationRecord, ran.out)


# -- exit codes ------------------------------------------------------------------------


def test_0_what_is_to_be_published_is_printed(publish, mx):
    ran = publish()
    assert ran.code == 0, ran.out
    assert ran.err == ""
    assert f"_{mx.port}._tcp.{SERVER}. 3600 IN TLSA 3 1 1 " in ran.out
    assert "mode: testing" in ran.out
    assert "exit 0" in ran.out


def test_1_what_would_lose_mail_is_refused(publish):
    ran = publish(DOMAIN, "--mode", "enforce")
    assert ran.code == 1
    assert "refused: enforce would follow upon nothing" in ran.out
    assert "IN TLSA" not in ran.out
    assert "exit 1" in ran.out


def test_1_insisting_on_tlsa_in_a_zone_that_is_not_signed(pki, mx, tmp_path):
    with configured(tmp_path, zone(ZONE, signed=False)) as options:
        given = (*options, "--ca-file", pki.ca_file, "--port", mx.port)
        refused = run("publish", DOMAIN, "--tlsa", *given)
        printed = run("publish", DOMAIN, *given)
    assert refused.code == 1
    assert printed.code == 0
    assert "IN TLSA" not in printed.out


def test_1_a_null_mx(pki, tmp_path):
    with configured(tmp_path, zone((f"{DOMAIN}. 300 IN MX 0 .",))) as options:
        ran = run("publish", DOMAIN, *options, "--ca-file", pki.ca_file)
    assert ran.code == 1
    assert "takes no mail: null MX" in ran.out


def test_4_no_name_server_answers(pki, tmp_path):
    with configured(tmp_path, lambda call: call.say(call.reply(rcode="SERVFAIL"))) as options:
        ran = run("publish", DOMAIN, *options, "--ca-file", pki.ca_file)
    assert ran.code == 4
    assert f"not found out: the MX of {DOMAIN}" in ran.out


def test_4_a_host_that_is_not_there_where_tlsa_is_insisted_on(pki, tmp_path):
    with configured(tmp_path, zone(ZONE)) as options:
        given = (*options, "--ca-file", pki.ca_file, "--port", 1)
        ran = run("publish", DOMAIN, "--tlsa", *given)
    assert ran.code == 4
    assert "could not be visited" in ran.out


def test_a_host_without_starttls_gets_no_tlsa_record(pki, tmp_path):
    with (
        configured(tmp_path, zone(ZONE)) as options,
        serving(partial(smtp, pki=pki, offer=False, grant=refuses)) as server,
    ):
        ran = run("publish", DOMAIN, *options, "--ca-file", pki.ca_file, "--port", server.port)
    assert ran.code == 0
    assert "leads to no TLS" in ran.out
    assert "IN TLSA" not in ran.out


@pytest.mark.parametrize(
    "words",
    [
        ("192.0.2.1",),
        ("not a domain",),
        (DOMAIN, "--mode", "strict"),
        (DOMAIN, "--max-age", "31557601"),
        (DOMAIN, "--rua", "tls@example.org"),
        (DOMAIN, "--next-key", __file__),
        (DOMAIN, "--next-cert", __file__),
        (DOMAIN, "--next-cert", __file__, "--next-key", __file__),
        (DOMAIN, "--next-key", "nowhere.pem"),
        (DOMAIN, "--next-key", f"not a host={__file__}"),
        (DOMAIN, "--mx", "192.0.2.1"),
        (DOMAIN, "--mx", "not a host"),
        (DOMAIN, "--connect-to", "127.0.0.1:25"),
        (DOMAIN, "--port", "0"),
        (),
    ],
)
def test_2_what_cannot_be_understood(words):
    ran = run("publish", *words)
    assert ran.code == 2
    assert ran.err.startswith("unstrip: error: ")
    assert "Traceback" not in ran.err


# -- options ---------------------------------------------------------------------------


def test_mode_and_max_age_are_those_of_the_policy(publish):
    published = told(publish(DOMAIN, "--mode", "none", "--max-age", "60", "--json")).publication
    found = parse(published.policy.encode())
    assert (found.mode, found.max_age) == (Mode.NONE, 60)


def test_rua_may_be_given_more_than_once(publish):
    ran = publish(DOMAIN, "--rua", "mailto:a@b.c", "--rua", "https://d.e/")
    assert '"v=TLSRPTv1; rua=mailto:a@b.c,https://d.e/"' in ran.out


def test_no_tlsa_prints_none(publish):
    assert "IN TLSA" not in publish(DOMAIN, "--no-tlsa").out


def test_another_address_stands_for_that_of_the_hosts(pki, tmp_path):
    away = (ZONE[0], f"{SERVER}. 300 IN A 192.0.2.1")
    with configured(tmp_path, zone(away)) as options, serving(partial(smtp, pki=pki)) as mx:
        given = (*options, "--ca-file", pki.ca_file, "--port", mx.port)
        ran = run("publish", DOMAIN, *given, "--connect-to", "127.0.0.1", "--helo", "us.example")
    assert ran.code == 0
    assert "IN TLSA" in ran.out
    assert b"EHLO us.example" in mx.heard[0]


@pytest.fixture
def made(tmp_path):
    """A key, and a certificate that nobody trusts, as OpenSSL writes them."""
    key, certificate = tmp_path / "next.key", tmp_path / "next.crt"
    make = ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=x"]
    made = [*make, "-keyout", key, "-out", certificate]
    subprocess.run(made, check=True, capture_output=True, timeout=30)
    return key, certificate


def test_the_next_key_is_read_from_what_openssl_wrote(publish, made):
    key, certificate = made
    pipe = f"openssl pkey -in {key} -pubout -outform DER | openssl dgst -sha256 -r"
    hashed = subprocess.run(["bash", "-c", pipe], check=True, capture_output=True, timeout=30)
    digest = hashed.stdout.split()[0].decode()
    assert f"IN TLSA 3 1 1 {digest}" in publish(DOMAIN, "--next-key", key).out
    assert f"IN TLSA 3 1 1 {digest}" in publish(DOMAIN, "--next-key", f"{SERVER}={key}").out
    ran = publish(DOMAIN, "--next-cert", certificate)
    assert f"IN TLSA 3 1 1 {digest}" in ran.out
    assert "the next certificate would not count" in ran.out


def test_1_a_next_key_of_a_host_that_is_none(publish, made):
    ran = publish(DOMAIN, "--next-key", f"mx9.example.org={made[0]}")
    assert ran.code == 1
    assert "mx9.example.org is to have another key, and is no MX host" in ran.out


def test_2_a_key_in_the_place_of_a_certificate_or_the_reverse(made):
    key, certificate = made
    for words, hint in [
        (("--next-key", certificate), "give it by --next-cert"),
        (("--next-cert", key), "give it by --next-key"),
    ]:
        ran = run("publish", DOMAIN, *words)
        assert ran.code == 2
        assert f"hint: {hint}" in ran.err


@pytest.mark.parametrize("host", ["", f"{SERVER}="])
def test_2_two_next_keys_for_one_host(made, host):
    key, certificate = made
    words = ("--next-key", f"{host}{key}", "--next-cert", f"{host}{certificate}")
    ran = run("publish", DOMAIN, *words)
    assert ran.code == 2
    assert "hint: for several: HOST=PEM, each host once" in ran.err


def test_a_file_whose_name_has_an_equals_sign_is_meant_itself(publish, tmp_path):
    key = tmp_path / "next=1.pem"
    make = ["openssl", "genpkey", "-algorithm", "ed25519", "-out", key]
    subprocess.run(make, check=True, capture_output=True, timeout=30)
    assert "beside the old one" in publish(DOMAIN, "--next-key", key).out


def test_a_host_that_is_to_come_is_in_the_policy(publish):
    ran = publish(DOMAIN, "--mx", "MX9.example.org")
    assert ran.code == 0
    assert "mx: mx9.example.org" in ran.out
    assert "noted: mx9.example.org has no address" in ran.out
    assert "add mx9.example.org to the MX" in ran.out


def test_what_was_given_is_repeated_where_a_command_is_to_be_given(publish, pki):
    ran = publish(DOMAIN, "--mode", "enforce", "--rua", "mailto:a@b.c")
    (again, lower) = (line for line in ran.out.splitlines() if "unstrip publish" in line)
    for line in (again, lower):
        assert f"--ca-file {pki.ca_file}" in line
        assert "--rua mailto:a@b.c" in line
        assert "--no-store" in line
    assert "--mode enforce" in again
    assert "--mode enforce" not in lower
    assert "--mode testing" in lower


def test_json_is_one_object_with_all_of_it(publish):
    ran = publish(DOMAIN, "--json")
    found = told(ran)
    assert ran.out.count("\n") == 1
    assert (found.domain, found.exit) == (DOMAIN, 0)
    assert [row.address for row in found.hosts] == ["127.0.0.1"]
    assert {record.kind for record in found.publication.records} == {"TLSA", "TXT"}
    assert found.publication.policy.endswith("\r\n")


def test_no_store_leaves_no_file(publish, home):
    publish()
    assert not (home / "state").exists()
