"""A server that can be put out and on again in mid-run, at the port that it had."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Generic, Self, TypeVar

S = TypeVar("S")


class Switch(Generic[S]):
    """On while the `with` block lasts, but for what `off` and `on` do in between.

    Args: start: starts the server, given where it was before, or None for the first time.
    """

    def __init__(self, start: Callable[[S | None], AbstractContextManager[S]]) -> None:
        self._start = start
        self._where: S | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.on()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.off()

    @property
    def server(self) -> S:
        """Where it is, or where it was."""
        assert self._where is not None, "it was never on"
        return self._where

    def on(self) -> None:
        self._where = self._stack.enter_context(self._start(self._where))

    def off(self) -> None:
        """Put out: a server that is out already stays so."""
        self._stack.close()
