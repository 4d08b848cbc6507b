"""The request granted with a code that grants nothing."""

from __future__ import annotations

from unstrip.lab.dialect import Command
from unstrip.lab.trick import Actions, ToClient, Withholding


class BogusSuccess(Withholding):
    """J-03. The request is answered by what sounds like yes, and the server never hears of it.

    It works on clients for which any 2xx, or any plus sign, will do: they think that they are
    done, or go on as if the command had been another one.
    """

    ID = "J-03"
    NAME = "bogus-success"
    WHAT = "the request for TLS is answered by a success that is none"
    CLIENT = "takes nothing but the exact reply for a yes"
    SERVER = "nothing: it never hears of it"

    def requested(self, command: Command) -> Actions:
        """Answer in the server's place."""
        yield ToClient(self.dialect.say(self.dialect.WORDS.bogus, command.tag))
