"""The request refused."""

from __future__ import annotations

from unstrip.lab.dialect import Command
from unstrip.lab.trick import Actions, ToClient, Withholding


class Refuse(Withholding):
    """J-01. TLS is offered, but the request for it is refused, and the server never hears of it.

    It works on clients that go on in clear, in the same session even (CVE-2016-0772: smtplib
    returned the refusal as if it were an answer like any other).
    """

    ID = "J-01"
    NAME = "refuse"
    WHAT = "the request for TLS is refused, and not passed on; --reply has every code"
    CLIENT = "stops: no excuse in clear is leave to go on in clear"
    SERVER = "nothing: it never hears of it"

    def requested(self, command: Command) -> Actions:
        """Refuse in the server's place."""
        refusals = self.dialect.WORDS.refusals
        words = refusals[self.code or next(iter(refusals))]
        yield ToClient(self.dialect.say(words, command.tag))
