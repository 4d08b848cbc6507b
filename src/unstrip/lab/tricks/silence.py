"""The request swallowed."""

from __future__ import annotations

from unstrip.lab.dialect import Command
from unstrip.lab.trick import Actions, Withholding


class Silence(Withholding):
    """J-04. The request for TLS is swallowed, and nothing comes back.

    It works on clients that wait for ever, and on those that go on in clear when they are tired
    of waiting.
    """

    ID = "J-04"
    NAME = "silence"
    WHAT = "the request for TLS is swallowed"
    CLIENT = "waits for so long and no longer, and stops"
    SERVER = "nothing: it never hears of it"

    def requested(self, command: Command) -> Actions:  # noqa: ARG002  # however it is spelt
        """Say nothing."""
        yield from ()
