"""The request granted with a code that grants nothing."""

from __future__ import annotations

from unstrip.lab.speech import Command, Topic
from unstrip.lab.trick import Actions, ToClient, ToServer, Trick

_SUCCESS = {
    "smtp": b"200 Go ahead\r\n",  # RFC 3207, 4 knows 220 alone
    "imap": b"+ go ahead\r\n",
    "pop3": b"+ OK\r\n",
}


class BogusSuccess(Trick):
    """J-03. The request is answered by what sounds like yes, and the server never hears of it.

    It works on clients for which any 2xx, or any plus sign, will do: they think that they are
    done, or go on as if the command had been another one.
    """

    ID = "J-03"
    NAME = "bogus-success"
    WHAT = "the request for TLS is answered by a success that is none"

    def client_says(self, command: Command) -> Actions:
        """Answer the request in the server's place."""
        if command.topic is Topic.UPGRADE:
            yield ToClient(self.words(_SUCCESS, command.tag))
        else:
            yield ToServer(command.data)
