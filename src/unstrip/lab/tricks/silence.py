"""The request swallowed."""

from __future__ import annotations

from unstrip.lab.speech import Command, Topic
from unstrip.lab.trick import Actions, ToServer, Trick


class Silence(Trick):
    """J-04. The request for TLS is swallowed, and nothing comes back.

    It works on clients that wait for ever, and on those that go on in clear when they are tired
    of waiting.
    """

    ID = "J-04"
    NAME = "silence"
    WHAT = "the request for TLS is swallowed"

    def client_says(self, command: Command) -> Actions:
        """Swallow the request; what else is said passes."""
        if command.topic is not Topic.UPGRADE:
            yield ToServer(command.data)
