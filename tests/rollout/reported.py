"""What others have reported of the domain of the scenes, and the trail of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from functools import partial

from tests.publication.scene import DOMAIN, MX1, MX2, NOW, Scene
from tests.tlsrpt.told import OTHER, SENDER, tell
from unstrip.rollout.judge import Known, judge
from unstrip.rollout.noting import snapshot
from unstrip.rollout.snapshot import HostSeen, Leaf, Noted, Shown, Snapshot
from unstrip.rollout.values import Rollout
from unstrip.tlsrpt.received import Told
from unstrip.tlsrpt.values import Applied, Failure, PolicyType

TODAY = NOW.date()
MONTH = timedelta(days=30)
LINES = ("version: STSv1", "mode: testing", f"mx: {MX1}", f"mx: {MX2}", "max_age: 86400")
POLICY = Applied(PolicyType.STS, DOMAIN, LINES, (MX1, MX2))
DANE = Applied(PolicyType.TLSA, MX1, (f"3 1 1 {'ab' * 32}",))
NOTHING = Applied(PolicyType.NONE)
EXPIRED = Failure("certificate-expired", host=MX1)
UNFETCHED = Failure("sts-policy-fetch-error")
said = partial(tell, day=TODAY, policy=POLICY, domain=DOMAIN, failure=EXPIRED)


def well(days: Iterable[int] = range(1, 9)) -> tuple[Told, ...]:
    """Two senders for whom all went well, on days before today."""
    return tuple(said(ago, 5, sender=sender) for ago in days for sender in (SENDER, OTHER))


def ago(days: float) -> date:
    return (NOW - timedelta(days=days)).date()


def seen(
    *hosts: str, key: str = "ab", begins: float = 90, patterns: tuple[str, ...] = (), **more: object
) -> Snapshot:
    """What hosts show that all have one key; no key: they are in clear."""
    leaf = Leaf(key, NOW - timedelta(days=begins), NOW + timedelta(days=90 - begins))
    shown = [
        HostSeen(host, 10 * number, (), (Shown("192.0.2.1", leaf if key else None, not key),))
        for number, host in enumerate(hosts, 1)
    ]
    return Snapshot(hosts=tuple(shown), patterns=patterns, **more)  # type: ignore[arg-type]


def noted(days: float, snapshot: Snapshot) -> Noted:
    """It was seen on one day."""
    at = NOW - timedelta(days=days)
    return Noted(at, at, snapshot)


def judged(scene: Scene, told: Iterable[Told], trail: Iterable[Noted] = (), **more) -> Rollout:
    """What is judged of a scene now."""
    there = scene.seen
    whole = (*trail, Noted(NOW, NOW, snapshot(there)))
    known = Known(tuple(told), (NOW - MONTH).date(), TODAY, whole, **more)
    return judge(there, known, scene.pki.roots)


def against(rollout: Rollout) -> list[str]:
    """What keeps it from being enforced."""
    return [f"{o.weight.value}: {o.words}" for o in rollout.objections if o.fatal]
