"""The connection torn down at the request."""

from __future__ import annotations

from unstrip.lab.dialect import Command
from unstrip.lab.trick import Actions, Reset, Withholding


class ResetRequest(Withholding):
    """J-05. The connection is torn down, with RST, as soon as TLS is asked for.

    It works on clients that come back without TLS, "for compatibility".
    """

    ID = "J-05"
    NAME = "reset"
    WHAT = "the connection is torn down when TLS is asked for"
    CLIENT = "comes back with TLS or not at all"
    SERVER = "nothing: it never hears of it"

    def requested(self, command: Command) -> Actions:  # noqa: ARG002  # however it is spelt
        """Tear it down."""
        yield Reset()
