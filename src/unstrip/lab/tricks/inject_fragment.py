"""Plaintext behind the go-ahead: the beginning of a line."""

from __future__ import annotations

from unstrip.lab.speech import Reply
from unstrip.lab.trick import Actions, ToClient, Trick

FRAGMENTS = {
    "smtp": b"250-X-INJECTED",
    "imap": b"* CAPABILITY X-INJECTED ",
    "pop3": b"+OK X-INJECTED ",
}


class InjectFragment(Trick):
    """B-07. The beginning of a line, with no end, is appended to the go-ahead.

    It works on clients that throw whole lines away but keep an unfinished one: it becomes the
    beginning of the first line that comes through TLS.
    """

    ID = "B-07"
    NAME = "inject-fragment"
    WHAT = "the beginning of a line is appended to the go-ahead, in the same segment"

    def server_says(self, reply: Reply) -> Actions:
        """Append to the go-ahead."""
        yield ToClient(reply.data + self.words(FRAGMENTS) if reply.go_ahead else reply.data)
