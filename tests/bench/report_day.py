"""One big day in one process: `report_day.py FOLDER ATTEMPTS DOMAINS`.

So many deliveries to so many domains go into a ledger, a hundredth of them failures, and come out
as reports. At the end it says in a line of JSON what that took.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from time import process_time

from unstrip.io.store import open_store
from unstrip.tlsrpt.report import Reporter, encode, make, pack
from unstrip.tlsrpt.values import Applied, Attempt, Failure, Outcome, PolicyType

DAY = date(2026, 11, 21)
WHO = Reporter("Example", "tls@example.com", "example.com")
FAILURE = Failure("certificate-expired", "192.0.2.1", "mx.example", "mx.example", "192.0.2.2", "x")
ROUNDS, FAILED = 10, 100  # each domain is told of so often, and one in so many fails


def attempts(domains: int, times: int) -> Iterator[tuple[Attempt, int]]:
    """As they come out of the spool: equal ones together."""
    for number in range(domains):
        domain = f"d{number}.example"
        lines = ("version: STSv1", "mode: enforce", f"mx: mx.{domain}", "max_age: 86400")
        policy = Applied(PolicyType.STS, domain, lines, (f"mx.{domain}",))
        failed = number % FAILED == 0
        outcome = Outcome(policy, failed, (FAILURE,) if failed else ())
        yield Attempt(domain, f"v=TLSRPTv1; rua=mailto:tls@{domain}", (outcome,)), times


def main() -> None:
    """Count, and report."""
    folder, total, domains = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    with closing(open_store(folder / "counts")) as store:
        for _ in range(ROUNDS):
            page: list[tuple[Attempt, int]] = []
            for each in attempts(domains, total // domains // ROUNDS):
                page.append(each)
                if len(page) == 10_000:
                    store.add(DAY, page)
                    page.clear()
            store.add(DAY, page)
        began = process_time()
        reports = size = sessions = 0
        for day in store.day(DAY):
            report = make([day], WHO)
            size += len(pack(encode(report)))
            reports += 1
            sessions += sum(each.succeeded + each.failed for each in day.tallies)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    figures = {"reports": reports, "sessions": sessions, "size": size}
    print(json.dumps(figures | {"cpu": process_time() - began, "peak_rss": peak}))


if __name__ == "__main__":
    main()
