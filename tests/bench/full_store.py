"""A store that is full: what a daemon has kept of some domains, under the names of many more."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import cycle, islice
from pathlib import Path

from native import NoFigure
from world import ZONE

from unstrip.io.store import open_store

_FAST = ("pragma journal_mode = off", "pragma synchronous = off")  # it need not outlive anything
_DERIVATION = ("name", "made", "expires", "body")
_POLICY = ("domain", "known", "kept")


def names(count: int) -> list[str]:
    """The domains that are in it."""
    return [f"n{number:06}.{ZONE}" for number in range(count)]


def fill(path: Path, kept: Path, models: Sequence[str], count: int) -> None:
    """Make a store in which so many domains stand as the models do in another, in turn."""
    open_store(path).close()
    with closing(sqlite3.connect(path)) as store:
        for pragma in _FAST:
            store.execute(pragma)
        store.execute("attach ? as kept", (str(kept),))
        for table, columns in (("derivation", _DERIVATION), ("policy", _POLICY)):
            listed, marks = ", ".join(columns), ", ".join("?" * len(columns))
            found = store.execute(f"select {listed} from kept.{table}").fetchall()  # noqa: S608
            rows = _renamed({row[0]: row for row in found}, models, count)
            store.executemany(f"insert into {table} ({listed}) values ({marks})", rows)  # noqa: S608
        store.commit()


def _renamed(
    found: dict[str, tuple[object, ...]], models: Sequence[str], count: int
) -> Iterator[tuple[object, ...]]:
    """Give the rows of the models to all others, in which every name is their own."""
    if missing := [model for model in models if model not in found]:
        raise NoFigure(f"nothing is kept of {missing[0]}")
    for model, name in zip(islice(cycle(models), count), names(count), strict=True):
        yield tuple(_in(value, model, name) for value in found[model])


def _in(value: object, model: str, name: str) -> object:
    if isinstance(value, bytes):
        return value.replace(model.encode(), name.encode())
    return name if value == model else value
