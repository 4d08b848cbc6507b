"""The request overwritten."""

from __future__ import annotations

from unstrip.lab.dialect import Command, Dialect, Topic
from unstrip.lab.trick import Actions, ToServer, Trick


class MaskVerb(Trick):
    """J-07. The request is overwritten with X's on its way, so that it is the server who refuses.

    Cisco's SMTP inspection does it to verbs that it does not allow. It works as a refusal does,
    and the refusal is the server's own; one that repeats the X's gives the box away.
    """

    ID = "J-07"
    NAME = "mask-verb"
    WHAT = "the request for TLS is overwritten with as many X's on its way to the server"
    CLIENT = "stops; an echo of the X's gives the box away"
    SERVER = "refuses a command that it does not know"

    @classmethod
    def suits(cls, dialect: type[Dialect]) -> bool:
        """There has to be a word to overwrite."""
        return dialect.MASKS

    def client_says(self, command: Command) -> Actions:
        """Pass the command on, the request masked."""
        if command.topic is Topic.UPGRADE:
            yield ToServer(command.before + b"X" * len(command.verb) + command.after)
        else:
            yield ToServer(command.data)
