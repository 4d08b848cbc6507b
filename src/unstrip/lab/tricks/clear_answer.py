"""TLS begun, and answered in clear."""

from __future__ import annotations

from unstrip.lab.trick import Actions, Close, ToClient, Trick


class ClearAnswer(Trick):
    """J-06. The client's first TLS record is answered by a line of plaintext, and nothing more.

    It works on clients that take a broken handshake for leave to come back without TLS.
    """

    ID = "J-06"
    NAME = "clear-answer"
    WHAT = "the beginning of TLS is answered in clear"
    CLIENT = "fails, and does not come back in clear"
    SERVER = "nothing: it never hears of it"

    def client_hello(self, hello: bytes) -> Actions:  # noqa: ARG002  # the server never hears it
        """Answer in the server's place, and hang up."""
        yield ToClient(self.dialect.say(self.dialect.WORDS.unexpected))
        yield Close()
