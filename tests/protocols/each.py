"""Marks that repeat a test for every protocol, or for each that has what the test needs."""

from __future__ import annotations

import pytest

from tests.protocols.specimens import SPECIMENS
from unstrip.protocols import REGISTRY
from unstrip.upgrade import Manner

ALL = sorted(SPECIMENS)  # that none is missing is a test in test_every_protocol.py

each_protocol = pytest.mark.parametrize("name", ALL)

# both ways to TLS, where there are two
each_way = pytest.mark.parametrize(
    ("name", "implicit"),
    [
        pytest.param(name, implicit, id=f"{name}-{'implicit' if implicit else 'starttls'}")
        for name in ALL
        for implicit in (False, True)
        if REGISTRY[name].IMPLICIT_PORTS or not implicit
    ],
)

# the manners that still ask for TLS, and that an honest server does not mind
each_probing_manner = pytest.mark.parametrize(
    ("name", "manner"),
    [
        pytest.param(name, manner, id=f"{name}-{manner.value}")
        for name in ALL
        for manner in REGISTRY[name].MANNERS
        if manner not in (Manner.PLAIN, Manner.CANARY)
    ],
)


def each_with(*fields: str, manner: Manner = Manner.PLAIN) -> pytest.MarkDecorator:
    """Every protocol whose specimen has these, and that knows this manner."""
    fitting = [
        name
        for name in ALL
        if manner in REGISTRY[name].MANNERS and all(_has(name, field) for field in fields)
    ]
    return pytest.mark.parametrize("name", fitting)


def _has(name: str, field: str) -> bool:
    return getattr(SPECIMENS[name], field) not in (None, False, ())
