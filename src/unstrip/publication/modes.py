"""How a policy may follow upon another (RFC 8461, 5 and 8).

Senders keep a policy for as long as it said, whatever becomes of it meanwhile: so it is tested
before it is enforced, and it is not over when it is taken away.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from unstrip.escaping import brief
from unstrip.policy.mta_sts import Mode, StsPolicy, Trouble
from unstrip.policy.questions import ResultType
from unstrip.publication.case import WEEK, Case
from unstrip.publication.values import Objection, Weight

_DAY = 86_400  # seconds
OWN_CA = "if the web server uses a CA of your own: --ca-file PEM"
REPORTS_FIRST = Objection(
    Weight.NOTED,
    "how long it has been tested is not seen from here: a week is the least",
    "RFC 8461, 5",
    "look at the reports first: unstrip rollout",
)


def day(at: datetime) -> str:
    """Return a time as people are told it."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def objections(case: Case) -> Iterator[Objection]:
    """Say what is wrong with what is published, and with going on from there as is wished."""
    yield from _unknown(case)
    yield from _gone(case)
    yield from _unannounced(case)
    if case.mode is Mode.ENFORCE:
        yield from _untested(case)
        yield from _uncovered(case)
    yield from _lowered(case)
    yield from _ages(case)


def _unknown(case: Case) -> Iterator[Objection]:
    """What could not be found out may be an enforced policy, or none: neither is guessed at."""
    served = case.seen.served
    if case.seen.unheeded:
        words = f"senders heed no record: {brief(case.seen.unheeded)}"
        yield Objection(Weight.NOTED, words, "RFC 8461, 3.1", "leave only the one to be published")
    trouble = case.seen.hidden
    if trouble is None:
        return
    told = case.wish.mode in (Mode.TESTING, Mode.NONE) or case.current is not None
    weight = Weight.NOTED if told else Weight.UNKNOWN
    words, hint = _hiding(case.seen.domain, trouble, announced=trouble is served.fetch)
    if told and hint != OWN_CA:
        hint = "senders that are new go without it, too"
    yield Objection(weight, words, "RFC 8461, 3.3", hint)


def _hiding(domain: str, trouble: Trouble, *, announced: bool) -> tuple[str, str]:
    """Return what keeps us from knowing the policy, and what to do."""
    said = brief(trouble.words)
    if not announced:
        words = f"whether {domain} has a policy could not be found out: {said}"
        return words, "have the name servers answer, or try later"
    words = f"the record _mta-sts.{domain} announces a policy that could not be had: {said}"
    if trouble.result is ResultType.STS_WEBPKI_INVALID:
        return words, OWN_CA
    missing = "prints the file that is to be there, if it is missing"
    return words, f"unstrip publish {domain} --mode testing {missing}"


def _gone(case: Case) -> Iterator[Objection]:
    """RFC 8461, 8.3: a policy is withdrawn by another one, not by taking it away."""
    held, served = case.seen.held, case.seen.served
    policy = held.in_force(case.at) if held else None
    troubled = served.record is not None or served.fetch is not None
    if served.policy or policy is None or policy.mode is Mode.NONE or troubled:
        return
    assert held, "it has a policy"
    assert held.expires, "a policy in force has an end"
    words = (
        f"the policy was taken away, but senders hold it (mode {policy.mode.value}), "
        f"some until {day(held.expires)}"
    )
    hint = "--mode none withdraws it, --mode enforce puts it back"
    weight = Weight.REFUSED if case.wish.mode is None else Weight.NOTED
    yield Objection(weight, words, "RFC 8461, 8.3", hint)


def _unannounced(case: Case) -> Iterator[Objection]:
    """RFC 8461, 8.1: senders fetch a policy anew when its id has changed."""
    if not case.stale_id:
        return
    words = (
        f"the policy was changed, and its id {brief(case.seen.served.id)} was not: "
        "senders that hold the old one do not notice"
    )
    yield Objection(Weight.NOTED, words, "RFC 8461, 8.1", "publish the record with a new id")


def _untested(case: Case) -> Iterator[Objection]:
    """RFC 8461, 5: who begins to enforce learns of the failures by lost mail."""
    current = case.current
    if current is None and case.seen.hidden:
        return  # which was said
    if current is not None and current.mode is Mode.TESTING:
        yield REPORTS_FIRST
    if current is not None and current.mode is not Mode.NONE:
        return
    what = "mode none" if current else "nothing"
    since = f", and may be held for {current.max_age} seconds" if current else ""
    words = f"enforce would follow upon {what}{since}: it has not been tested"
    yield Objection(Weight.REFUSED, words, "RFC 8461, 5", "--mode testing comes first")


def _uncovered(case: Case) -> Iterator[Objection]:
    """A host that is not in the policy which senders hold gets no mail from them now."""
    current = case.current
    if current is None or current.mode is Mode.NONE:
        return
    for host in (server.name for server in case.seen.servers if not server.coming):
        if current.allows(host):
            continue
        words = f"{host} is an MX host, but not in the policy: mx {', '.join(current.mx)}"
        if near := _near(current, host):
            words += f"; {near} is for one label more, and no less"
        publish = f"unstrip publish {case.seen.domain} --mx {host}"
        if current.mode is Mode.ENFORCE:
            hint = (
                f"senders that have this policy do not deliver to it: take it out of the MX for "
                f"now, and {publish} prints a policy that has it; or stop enforcing: --mode testing"
            )
        else:
            hint = f"{publish} prints a policy that has it, to be tested first"
        weight = Weight.NOTED if host in case.wish.mx else Weight.REFUSED
        yield Objection(weight, words, "RFC 8461, 4.1", hint)


def _near(policy: StsPolicy, host: str) -> str:
    """Return a wildcard that was perhaps thought to have this host."""
    parents = [pattern.removeprefix("*.") for pattern in policy.mx if pattern.startswith("*.")]
    found = [parent for parent in parents if f".{host}".endswith(f".{parent}")]
    return f"*.{found[0]}" if found else ""


def _lowered(case: Case) -> Iterator[Objection]:
    current = case.current
    if current is None or current.mode is not Mode.ENFORCE or case.mode is Mode.ENFORCE:
        return
    until = case.at + timedelta(seconds=current.max_age)
    words = f"senders that have not looked again enforce the old policy, some until {day(until)}"
    yield Objection(Weight.NOTED, words, "RFC 8461, 8.3")


def _ages(case: Case) -> Iterator[Objection]:
    least = {Mode.ENFORCE: WEEK, Mode.TESTING: _DAY}.get(case.mode, 0)
    if case.max_age < least:
        words = (
            f"max_age {case.max_age} is too short to protect anybody: senders forget the policy "
            "before it is of use, and whoever keeps them from it need not wait long"
        )
        yield Objection(Weight.NOTED, words, "RFC 8461, 3.2", "weeks, as in --max-age 1209600")
    if case.mode is Mode.NONE and case.max_age > _DAY:
        words = f"max_age {case.max_age}: mode none would hold for longer than it has to"
        yield Objection(Weight.NOTED, words, "RFC 8461, 8.3", f"--max-age {_DAY}")
