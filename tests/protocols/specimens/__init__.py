"""The specimens: one file per protocol, of the same name as the protocol's own."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from tests.protocols.specimen import Specimen
from unstrip.protocols import REGISTRY


def _collected() -> dict[str, Specimen]:
    """Return all by name; that none is missing is a test of its own."""
    found: dict[str, Specimen] = {}
    for name, protocol in REGISTRY.items():
        file = f"{__name__}.{protocol.__name__.rpartition('.')[2]}"
        if find_spec(file):
            found[name] = import_module(file).SPECIMEN
    return found


SPECIMENS = _collected()
