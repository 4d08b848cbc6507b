"""The request overwritten."""

from __future__ import annotations

from unstrip.lab.speech import Command, Topic
from unstrip.lab.trick import Actions, ToServer, Trick


class MaskVerb(Trick):
    """J-07. The request is overwritten with X's on its way, so that it is the server who refuses.

    Cisco's SMTP inspection does it to verbs that it does not allow. It works as a refusal does,
    and the refusal is the server's own; one that repeats the X's gives the box away.
    """

    ID = "J-07"
    NAME = "mask-verb"
    WHAT = "the request for TLS is overwritten with as many X's on its way to the server"

    def client_says(self, command: Command) -> Actions:
        """Pass the command on, the request masked."""
        if command.topic is Topic.UPGRADE:
            yield ToServer(command.before + b"X" * len(command.verb) + command.after)
        else:
            yield ToServer(command.data)
