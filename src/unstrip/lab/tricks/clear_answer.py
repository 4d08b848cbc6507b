"""TLS begun, and answered in clear."""

from __future__ import annotations

from unstrip.lab.trick import Actions, Close, ToClient, Trick

ANSWERS = {
    "smtp": b"421 4.3.0 unexpected\r\n",
    "imap": b"* BYE unexpected\r\n",
    "pop3": b"-ERR unexpected\r\n",
}


class ClearAnswer(Trick):
    """J-06. The client's first TLS record is answered by a line of plaintext, and nothing more.

    It works on clients that take a broken handshake for leave to come back without TLS.
    """

    ID = "J-06"
    NAME = "clear-answer"
    WHAT = "the beginning of TLS is answered in clear"

    def client_hello(self, hello: bytes) -> Actions:  # noqa: ARG002  # the server never hears it
        """Answer in the server's place, and hang up."""
        yield ToClient(self.words(ANSWERS))
        yield Close()
