"""The MTA-STS policy file and its record (RFC 8461, 3.1 and 3.2).

A policy that says the same as the one that is served is that one, letter by letter, and keeps its
id: a new id makes every sender fetch it anew. Another one never keeps it: nobody would notice.
"""

from __future__ import annotations

from datetime import datetime

from unstrip.policy.mta_sts import PATH, Mode, StsPolicy
from unstrip.publication.case import Case
from unstrip.publication.values import ZoneRecord
from unstrip.publication.zone import TTL_POLICY, txt

EOL = "\r\n"


def url(domain: str) -> str:
    """Return where the policy of a domain is looked for (RFC 8461, 3.3)."""
    return f"https://mta-sts.{domain}{PATH}"


def text(mode: Mode, max_age: int, mx: tuple[str, ...]) -> str:
    """Return a policy file."""
    patterns = () if mode is Mode.NONE else mx
    lines = ["version: STSv1", f"mode: {mode.value}", *(f"mx: {each}" for each in patterns)]
    return _file((*lines, f"max_age: {max_age}"))


def wished(case: Case) -> str:
    """Return the policy file to publish."""
    served = case.seen.served.policy
    if served is not None and unchanged(case):
        return _file(served.lines)
    return text(case.mode, case.max_age, patterns(case))


def record(case: Case) -> ZoneRecord:
    """Return the record that goes with it."""
    if unchanged(case) and not case.stale_id:
        return record_of(case.seen.domain, case.seen.served.id, None)
    return record_of(case.seen.domain, stamp(case.at))


def record_of(domain: str, policy_id: str, ttl: int | None = TTL_POLICY) -> ZoneRecord:
    """Return the record that names a policy's id."""
    return txt(f"_mta-sts.{domain}", f"v=STSv1; id={policy_id};".encode(), ttl)


def stamp(at: datetime) -> str:
    """Return an id that no earlier policy has had."""
    return f"{at:%Y%m%dT%H%M%SZ}"  # RFC 8461, 3.1: letters and digits, 32 at most


def unchanged(case: Case) -> bool:
    """Tell whether what is served says already what is wished."""
    served = case.seen.served.policy
    if served is None or (served.mode, served.max_age) != (case.mode, case.max_age):
        return False
    if not all(line.isascii() and line.isprintable() for line in served.lines):
        return False  # an extension that cannot be shown is not repeated
    return case.mode is Mode.NONE or set(served.mx) == set(patterns(case))


def patterns(case: Case) -> tuple[str, ...]:
    """Return the mx lines: those there are if they name the hosts and nothing more, or each host.

    A wildcard is kept where it is, and never made: it is for one label, neither more nor none
    (RFC 8461, 4.1), and whoever adds one has to know what else that lets in.
    """
    current = case.current
    if current is not None and current.mx and _fit(current, case.hosts):
        return current.mx
    return case.hosts


def _fit(policy: StsPolicy, hosts: tuple[str, ...]) -> bool:
    """Tell whether a policy has all hosts, and every one of its patterns has some."""
    needed = all(any(covers(pattern, host) for host in hosts) for pattern in policy.mx)
    return needed and all(policy.allows(host) for host in hosts)


def covers(pattern: str, host: str) -> bool:
    """Tell whether one mx line has a host."""
    return StsPolicy(Mode.ENFORCE, 0, (pattern,)).allows(host)


def _file(lines: tuple[str, ...]) -> str:
    return "".join(f"{line}{EOL}" for line in lines)
