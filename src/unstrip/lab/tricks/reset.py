"""The connection torn down at the request."""

from __future__ import annotations

from unstrip.lab.speech import Command, Topic
from unstrip.lab.trick import Actions, Reset, ToServer, Trick


class ResetRequest(Trick):
    """J-05. The connection is torn down, with RST, as soon as TLS is asked for.

    It works on clients that come back without TLS, "for compatibility".
    """

    ID = "J-05"
    NAME = "reset"
    WHAT = "the connection is torn down when TLS is asked for"

    def client_says(self, command: Command) -> Actions:
        """Tear it down at the request."""
        yield Reset() if command.topic is Topic.UPGRADE else ToServer(command.data)
