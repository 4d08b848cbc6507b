"""A rollout for a person: what it rests on, what speaks against it, what failed, what ends when.

Then what to publish next, as `unstrip publish` prints it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from unstrip.faces.cli.again import Given, again
from unstrip.faces.cli.publication import code_of, hosts_table, objection_lines, to_publish
from unstrip.faces.cli.report import WIDTH, wrapped
from unstrip.faces.cli.report_table import cause_words, facts, listed, many, percent
from unstrip.faces.cli.speech import Exit, paint
from unstrip.policy.mta_sts import Mode
from unstrip.publication import Agreement, Seen, Weight, agreements
from unstrip.rollout.values import Basis, Effect, Ending, Foreseen, Rollout

_MOST = 20  # classes of failures that are told of, of one effect
_TONES = {Effect.LOST: "red", Effect.ALREADY: "yellow"}
_DAY = "%Y-%m-%d"


@dataclass(frozen=True, slots=True)
class RolloutRecord:
    """What `--json` prints.

    Attributes: domain: whose; exit: the exit code; hosts: what agrees; rollout: all of it.
    """

    domain: str
    exit: int
    hosts: tuple[Agreement, ...]
    rollout: Rollout


def exit_of(rollout: Rollout) -> Exit:
    """Return the exit code: what is certain counts before what is not."""
    return code_of(rollout.objections)


def record(seen: Seen, rollout: Rollout) -> RolloutRecord:
    """Return all of it, for machines."""
    code = exit_of(rollout).value
    return RolloutRecord(rollout.domain, code, tuple(agreements(seen)), rollout)


def lines(seen: Seen, rollout: Rollout, given: Given = ()) -> Iterator[str]:
    """Return all of it, line by line.

    Args: given: the options that it was asked for with, to be given again.
    """
    yield from _title(seen, rollout)
    if rollout.objections:
        yield ""
    for objection in rollout.objections:
        yield from objection_lines(objection)
    for effect in (Effect.LOST, Effect.ALREADY, Effect.MENDED, Effect.SPARED):
        yield from _failures([each for each in rollout.foreseen if each.effect is effect], effect)
    if rollout.endings:
        yield from ("", "certificates:")
    for ending in rollout.endings:
        yield from wrapped(_ending(ending), 2)
    yield from _next(seen, rollout, given)
    yield ""
    yield f"{_verdict(rollout):<{WIDTH - 8}} exit {exit_of(rollout).value}"


def _title(seen: Seen, rollout: Rollout) -> Iterator[str]:
    days = f"reports of {rollout.since} to {rollout.until}"
    yield f"{rollout.domain}: {_policy(seen, rollout)}; {days}"
    yield ""
    if seen.servers:
        yield from hosts_table(seen)
        yield ""
    told = rollout.told
    yield f"  told      {_basis(told)}"
    if told.sessions:
        share = percent(rollout.lost, told.sessions)
        yield f"  lost      {rollout.lost:,} of {many(told.sessions, 'session')} ({share})"
    yield f"  to go by  {_basis(rollout.counted)}"
    if rollout.without:
        yield f"  without   {listed(rollout.without)}"


def _policy(seen: Seen, rollout: Rollout) -> str:
    """One that could not be had is another thing than none."""
    if rollout.mode:
        remembered = ", as it is remembered" if seen.hidden else ""
        return f"MTA-STS in mode {rollout.mode.value}{remembered}"
    if seen.hidden is None:
        return "no MTA-STS policy"
    if seen.hidden is seen.served.fetch:
        return "MTA-STS announced, the policy could not be had"
    return "whether there is an MTA-STS policy is not known"


def _basis(basis: Basis) -> str:
    if basis.last is None:
        return "nothing"
    reports = f"{many(basis.reports, 'report')} from {many(len(basis.senders), 'sender')}"
    days = f"{many(basis.days, 'day')}, the last {basis.last}"
    return f"{reports}, {many(basis.sessions, 'session')}, {days}"


def _failures(foreseen: list[Foreseen], effect: Effect) -> Iterator[str]:
    if foreseen:
        yield from ("", f"{effect.value}:")
    for each in foreseen[:_MOST]:
        words = f"{cause_words(each.met.cause)}{'' if each.signed else ', unsigned'}"
        yield from (paint(line, _TONES.get(effect, "")) for line in wrapped(words, 2))
        if each.why:
            yield from wrapped(f"mended: {each.why}", 4)
        for label, told in facts(each.met):
            if label != "to do" or not each.why:
                yield from wrapped(f"{label}: {told}", 4)
    if more := len(foreseen) - _MOST:
        yield from [f"  and {more} more kinds: --json has all of them"] * (more > 0)


def _ending(ending: Ending) -> str:
    words = f"{ending.host} ends {ending.ends:{_DAY}}, renew it by {ending.renew_by:{_DAY}}"
    if ending.publish_by:
        words += f"; if with another key, its TLSA by {ending.publish_by:{_DAY}}, before it is used"
    return words


def _next(seen: Seen, rollout: Rollout, given: Given) -> Iterator[str]:
    """What is published stays as long as it is not safe, if there is anything."""
    if rollout.safe or (rollout.mode in (None, Mode.NONE) and seen.hidden is None):
        yield from to_publish(rollout.publication, given)
        return
    yield ""
    yield from wrapped(f"what is published stays as it is until {_until(rollout)}; then", 2)
    yield f"    {again(f'unstrip rollout {rollout.domain}', given)}"


def _until(rollout: Rollout) -> str:
    weights = [objection.weight for objection in rollout.objections]
    if Weight.REFUSED in weights:
        return "what is refused is mended"
    if weights.count(Weight.UNKNOWN) > (not rollout.enough):
        return "all of it can be found out"
    return "more was reported"


def _verdict(rollout: Rollout) -> str:
    enforced = rollout.mode is Mode.ENFORCE
    if rollout.safe:
        word = f"safe to enforce, by the word of {listed(rollout.counted.senders)}"
        return "enforced, and nothing speaks against it" if enforced else word
    if exit_of(rollout) is Exit.UNKNOWN:
        return "whether it is safe to enforce is not known"
    return "mail is being lost, or would be" if enforced else "not safe to enforce"
