"""A validating resolver with a few records, and the configuration that names it, for commands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dns.rdatatype

from tests.io.resolver.nameserver import SOA, Call, NameServer, name_server, validating
from unstrip.io.store import default_path, open_store
from unstrip.policy.mta_sts import Known, parse

GOOD, BAD = "good.example", "bad.example"
DOMAIN = "example.org"
NOWHERE = "nowhere.example"  # of which there is nothing
DIGEST = "ab" * 32
MX = f"{DOMAIN} MX 10 mx1.{DOMAIN}."
SECOND = f"{DOMAIN} MX 20 mx2.{DOMAIN}."
HOSTS = (f"mx1.{DOMAIN} A 127.0.0.1", f"mx2.{DOMAIN} A 127.0.0.1")
TLSA = f"_25._tcp.mx1.{DOMAIN} TLSA 3 1 1 {DIGEST}"
RECORD = f'_mta-sts.{DOMAIN} TXT "v=STSv1; id=1;"'
POLICY_HOST = f"mta-sts.{DOMAIN} A 127.0.0.1"
POLICY = f"version: STSv1\nmode: enforce\nmx: mx1.{DOMAIN}\nmax_age: 604800\n"


@contextmanager
def resolving(
    directory: Path, *records: str, failing: str = "", secure: bool = True
) -> Iterator[Path]:
    """Serve records, "name kind data"; a question for the name `failing` fails."""
    with served(records, failing=failing, secure=secure) as server:
        config = directory / "config.toml"
        config.write_text(
            f'[resolver]\nservers = ["127.0.0.1@{server.server.port}"]\n'
            f'validates = "{GOOD}"\nfails = "{BAD}"\n'
        )
        yield config


@contextmanager
def served(records: tuple[str, ...], *, failing: str, secure: bool) -> Iterator[NameServer]:
    split = [record.split(" ", 2) for record in records]

    def script(call: Call) -> None:
        question = call.query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        there = [f"{n}. 60 IN {k} {d}" for n, k, d in split if (n, k) == (name, kind)]
        if name == failing:
            call.say(call.reply(rcode="SERVFAIL"))
        elif name.endswith(NOWHERE):
            call.say(call.reply(rcode="NXDOMAIN", authority=(SOA,), authentic=secure))
        else:
            call.say(call.reply(*there, authority=() if there else (SOA,), authentic=secure))

    with name_server(validating(GOOD, BAD, script)) as server:
        yield server


def known(
    text: str = POLICY, *, age: timedelta = timedelta(minutes=1), domain: str = DOMAIN
) -> Known:
    """What is known of a domain whose policy was fetched a while ago."""
    fetched = datetime.now(UTC) - age
    policy = parse(text.encode())
    return Known(domain, policy, "1", fetched, fetched, fetched + timedelta(minutes=30))


def remember(*all_known: Known) -> None:
    """Put it into the usual store."""
    store = open_store(default_path())
    for each in all_known:
        store.remember(None, each)
    store.close()
