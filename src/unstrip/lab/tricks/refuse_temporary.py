"""The request refused for now."""

from __future__ import annotations

from unstrip.lab.dialect import Command
from unstrip.lab.trick import Actions, ToClient, Withholding


class RefuseTemporary(Withholding):
    """J-02. The request for TLS is refused "for now", and the server never hears of it.

    It works on clients that take a temporary fault for leave to go on in clear this once.
    """

    ID = "J-02"
    NAME = "refuse-temporary"
    WHAT = "the request for TLS is refused for now, and not passed on"
    CLIENT = "stops, and comes back later to ask for TLS again"
    SERVER = "nothing: it never hears of it"

    def requested(self, command: Command) -> Actions:
        """Refuse in the server's place."""
        yield ToClient(self.dialect.say(self.dialect.WORDS.temporary, command.tag))
