"""The server tester: what an attacker in front of a server could try, tried.

`attempts` lists what is tried on servers of a protocol, `examine` tries it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from unstrip.hostname import is_address
from unstrip.lab.probing import binary, text
from unstrip.lab.probing.attempt import Attempt, Relapse, Result, Subject, Trial
from unstrip.lab.probing.injection import injections
from unstrip.lab.probing.runner import Bench, Untestable

__all__ = ["SUBJECTS", "Result", "Trial", "Untestable", "attempts", "examine"]

DEADLINE = 10.0  # seconds for one session

SUBJECTS: dict[str, Subject] = {
    found.protocol: found
    for module in (text, binary)
    for found in vars(module).values()
    if isinstance(found, Subject)
}


async def examine(
    protocol: str,
    host: str,
    port: int,
    *,
    login: tuple[str, str] | None = None,
    deadline: float = DEADLINE,
) -> AsyncIterator[Trial]:
    """Try everything there is on one server on this machine, and yield what came of it.

    Args:
        login: name and password of an account, for what takes one (T-07).
        deadline: seconds for one session.
    Raises: KeyError: no such protocol; Untestable; NotLoopback; Unresolved; OSError: it cannot be
        reached.
    """
    name = "localhost" if is_address(host) else host
    subject = SUBJECTS[protocol].at(name)
    bench = Bench(subject, name, (host, port), deadline)
    async for trial in bench.run(attempts(subject, login)):
        yield trial


def attempts(subject: Subject, login: tuple[str, str] | None = None) -> Iterator[Attempt]:
    """Return what is tried on servers of that kind."""
    yield from injections(subject)
    yield from subject.states
    if subject.login is not None and login is not None:
        yield subject.login(*login)
    if subject.relapse:
        yield Relapse(subject.relapse)
