"""`unstrip lab --test-server`: what came of each attempt on a server, and how it ends."""

from __future__ import annotations

from collections import Counter

from unstrip.escaping import excerpt, printable
from unstrip.evidence import to_json
from unstrip.faces.cli.speech import Complaint, Exit, complain, paint, say
from unstrip.lab.loopback import loopback_addresses
from unstrip.lab.probing import SUBJECTS, Result, Trial, Untestable, examine

_COLOURS = {Result.CLEAN: "green", Result.VULNERABLE: "red", Result.UNKNOWN: "yellow"}
_WIDTH = max(len(result.value) for result in Result)
_HINT = "is that the right port and protocol, and does the server have TLS?"


async def test_server(
    address: tuple[str, int], protocol: str, login: tuple[str, str] | None, *, json: bool
) -> Exit:
    """Try everything, print a line for each attempt, and return the exit code.

    Raises: Complaint: it could not be tried; NotLoopback; Unresolved.
    """
    if protocol not in SUBJECTS:
        raise Complaint(f"no such protocol: {printable(protocol)}", "see `unstrip lab --list`")
    takes_login = SUBJECTS[protocol].login is not None
    if login and not takes_login:
        raise Complaint(f"nothing that is tried on {protocol} takes an account")
    await loopback_addresses(address[0])
    if not json:
        untried = "; no login is tried without --login" if takes_login and not login else ""
        say(f"{protocol} at {address[0]}:{address[1]}; its certificate is not verified{untried}\n")
    results: Counter[Result] = Counter()
    try:
        async for trial in examine(protocol, *address, login=login):
            results[trial.result] += 1
            say(to_json(trial) if json else _line(trial))
    except (Untestable, OSError) as error:
        if not results[Result.VULNERABLE]:
            raise Complaint(str(error), _HINT, Exit.UNKNOWN) from error
        complain(str(error))
    code = _exit(results)
    if not json:
        counts = ", ".join(f"{results[result]} {result.value}" for result in Result)
        say(f"\n{counts}   exit {code.value}")
    return code


def _line(trial: Trial) -> str:
    word = paint(f"{trial.result.value:<{_WIDTH}}", _COLOURS[trial.result])
    proof = f": {excerpt(trial.proof)}" if trial.proof else ""
    return f"{word}  {trial.number:<7}  {trial.what}; {trial.why}{proof}"


def _exit(results: Counter[Result]) -> Exit:
    if results[Result.VULNERABLE]:
        return Exit.FALLS_SHORT
    return Exit.UNKNOWN if results[Result.UNKNOWN] or not results else Exit.MEETS
