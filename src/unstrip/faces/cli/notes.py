"""What the report adds to what was found of a domain: whose fault it is, and what to do about it.

Who sees a good link and a table of "safe" may think that everybody's mail is. Only what a domain
publishes makes others ask for TLS, so what is missing there is told even where nothing is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from unstrip.derivation import MAIL, Derivation, Destination
from unstrip.escaping import brief
from unstrip.policy import Level, history, local
from unstrip.policy.dane import Route
from unstrip.policy.mta_sts import Known, Trouble

_OURS = frozenset({local.SOURCE, history.SOURCE})  # what no other sender knows
_AGAIN = "to do: repeat, and check from another network"
_TELL = "to do: tell its operator"


def notes(found: Derivation) -> Iterator[str]:
    """Return what there is to add on one service; nothing where its servers are not known."""
    if found.sought.name != MAIL or found.route.route is Route.FAILED:
        return
    if found.sts is not None:
        yield from _trouble(found.sts, found.at)
    yield from _unprotected(found)


def _trouble(known: Known, now: datetime) -> Iterator[str]:
    """Say what follows from what went wrong with MTA-STS."""
    troubles = _troubles(known)
    if not troubles:
        return
    sure = all(trouble.certain for trouble in troubles)
    if known.in_force(now) is not None:
        yield f"the MTA-STS policy that is known holds all the same; {_TELL if sure else _AGAIN}"
    elif sure:
        what = "record" if known.record else "policy"
        yield f"the MTA-STS {what} cannot be used, by the domain's own fault: none holds; {_TELL}"
    else:  # P-01, P-02
        yield f"there may be an MTA-STS policy that somebody keeps from us; {_AGAIN}"


def _troubles(known: Known) -> list[Trouble]:
    return [trouble for trouble in (known.record, known.fetch) if trouble is not None]


def _unprotected(found: Derivation) -> Iterator[str]:
    """Say where nothing that is published asks others for TLS, if that is certain."""
    servers = [each for each in found.destinations if not each.barred]
    free = [each for each in servers if not _is_protected(each)]
    uncertain = found.sts is not None and found.sts.uncertain(found.at)
    if not free or uncertain or not found.checked:
        return
    hosts = dict.fromkeys(each.endpoint.host for each in free)
    where = "" if len(free) == len(servers) else f" for {brief(', '.join(hosts), 200)}"
    tried = any(not policy.enforced for each in free for policy in each.opinions)
    tried = tried or (found.sts is not None and any(_troubles(found.sts)))
    yield (
        f"no policy is {'enforced' if tried else 'published'}{where}: other senders may still go"
        f" in clear; `unstrip publish {found.domain}` says what would change that"
    )


def _is_protected(server: Destination) -> bool:
    return any(
        policy.enforced and policy.level >= Level.ENCRYPT
        for policy in server.opinions
        if policy.source not in _OURS
    )
