"""tlsrpt-reporter's collector and ours are told the same, and count the same."""

from __future__ import annotations

import json
import socket
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.interop.test_specimens import python_of
from tests.io.tlsrpt.telling import PATIENCE, RECORD, wait_for
from unstrip.io.store import open_store
from unstrip.io.tlsrpt import queue
from unstrip.io.tlsrpt.collector import Collector

STRINGS = ["version: STSv1", "mode: enforce", "mx: *.example.com", "max_age: 86400"]
EXPIRED = {"c": 204, "n": "mx1.example.com", "r": "192.0.2.25", "f": "certificate has expired"}
MISMATCH = {"c": 202, "n": "mx2.example.com"}
NO_TLSA = {"c": 304, "s": "192.0.2.1", "f": "ü \u0001"}


def policy(kind: int, *failures: dict[str, object], domain: str = "", **other: object) -> object:
    found: dict[str, object] = {"policy-type": kind, "t": len(failures), "f": int(bool(failures))}
    if domain:
        found["policy-domain"] = domain
    return found | {"failure-details": list(failures)} | other if failures else found | other


STS = {"domain": "example.com", "policy-string": STRINGS, "mx-host": ["*.example.com"]}
DANE = {"domain": "mx.example.com", "policy-string": ["3 1 1 abcd"]}
TOLD = (  # the policies of a delivery, and how many there are like it
    ((policy(2, **STS),), 40),
    ((policy(2, EXPIRED, **STS),), 7),
    ((policy(2, EXPIRED, MISMATCH, **STS),), 3),
    ((policy(1, **DANE), policy(2, MISMATCH, **STS)), 5),
    ((policy(1, NO_TLSA, **DANE),), 2),
    ((policy(9),), 11),
)
DOMAINS = ("example.com", "xn--bcher-kva.example")
CODES = {"certificate-expired": 204, "certificate-host-mismatch": 202, "tlsa-invalid": 304}
TYPES = {"tlsa": 1, "sts": 2, "no-policy-found": 9}

Counts = Counter[tuple[str, int, str, str]]  # by domain, type, policy domain, and what is counted


def datagrams() -> list[bytes]:
    return [
        json.dumps({"dpv": "1", "d": domain, "pr": RECORD, "policies": policies}).encode()
        for domain in DOMAINS
        for policies, times in TOLD
        for _ in range(times)
    ]


def tell(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.settimeout(PATIENCE)
        sender.connect(str(path))
        for data in datagrams():
            sender.send(data)


@contextmanager
def theirs(home: Path) -> Iterator[Path]:
    """Their collector, which commits when it has got all; gives its socket."""
    program = python_of("tlsrpt-reporter-0.6.0").with_name("tlsrpt-collectd")
    settings = {
        "storage": f"sqlite:///{home}/theirs",
        "socketname": f"{home}/socket",
        "logfilename": f"{home}/log",
        "pidfilename": f"{home}/pid",
        "max_uncommited_datagrams": len(datagrams()),
        "sockettimeout": 1,
    }
    lines = (f"{key}={value}\n" for key, value in settings.items())
    (home / "config").write_text(f"[tlsrpt_collectd]\n{''.join(lines)}")
    with (
        (home / "said").open("wb") as said,
        subprocess.Popen([program, "--config_file", home / "config"], stderr=said) as process,
    ):
        try:
            wait_for((home / "socket").exists)
            yield home / "socket"
        finally:
            process.kill()


def counted_by_them(home: Path) -> Counts:
    found: Counts = Counter()
    with closing(sqlite3.connect(home / "theirs", timeout=PATIENCE)) as database:
        for domain, text, total, failed in database.execute(
            "select domain, policy, cntrtotal, cntrfailure from finalresults"
        ):
            found[*key(domain, text), "total"] += total
            found[*key(domain, text), "failed"] += failed
        for domain, text, reason, times in database.execute(
            "select domain, policy, reason, cntr from failures"
        ):
            found[*key(domain, text), str(json.loads(reason)["c"])] += times
    return +found


def key(domain: str, text: str) -> tuple[str, int, str]:
    told = json.loads(text)
    return domain, told["policy-type"], told.get("policy-domain", "")


def counted_by_us(home: Path) -> Counts:
    found: Counts = Counter()
    with closing(open_store(home / "ours")) as store:
        days = [found for day in store.days() for found in store.day(day)]
    for day in days:
        for tally in day.tallies:
            of = day.domain, TYPES[tally.policy.kind.value], tally.policy.domain
            found[*of, "total"] += tally.succeeded + tally.failed
            found[*of, "failed"] += tally.failed
            for failure, times in tally.failures:
                found[*of, str(CODES[failure.result])] += times
    return +found


def in_all(found: Counts) -> int:
    return sum(times for (*_, what), times in found.items() if what == "total")


def test_both_come_to_the_same(tmp_path: Path) -> None:
    made, _ = queue.made(str(tmp_path / "s"))
    with made:
        ours = Collector(tmp_path / "spool", 1 << 26, lambda: open_store(tmp_path / "ours"), print)
        ours.start(made)
        tell(tmp_path / "s")
        ours.stop()
    found = counted_by_us(tmp_path)
    with theirs(tmp_path) as path:
        tell(path)
        wait_for(lambda: in_all(counted_by_them(tmp_path)) >= in_all(found))
    assert found == counted_by_them(tmp_path)
    assert found["example.com", 2, "example.com", "202"] == 8
