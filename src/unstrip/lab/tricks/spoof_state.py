"""Logged in before anyone has logged in."""

from __future__ import annotations

from unstrip.lab.dialect import Dialect, Reply
from unstrip.lab.trick import Actions, ToClient, Trick


class SpoofState(Trick):
    """F-03 to F-05. The server's first message says that the session is logged in already.

    IMAP's PREAUTH, FTP's 230, NNTP's 281, XMPP's <success/>. In such a state there is no upgrade
    (RFC 9051, 6.2), so clients leave it out and go on in clear, up to storing drafts and sent mail
    with whoever said so (CVE-2020-12398, CVE-2020-14093, CVE-2021-22946).
    """

    ID = "F-03"
    NAME = "spoof-state"
    WHAT = "the server's first message claims that the client is logged in already"
    CLIENT = "hangs up: nobody can be logged in before TLS"
    SERVER = "never says so on a port that begins in clear"

    def __init__(self, dialect: Dialect, nth: int = 1, code: str = "") -> None:
        super().__init__(dialect, nth, code)
        self._told = False

    @classmethod
    def suits(cls, dialect: type[Dialect]) -> bool:
        """There has to be such a state."""
        return dialect.WORDS.spoofed is not None

    def server_says(self, reply: Reply) -> Actions:
        """Replace the first message."""
        if self._told or self.dialect.WORDS.spoofed is None:
            yield ToClient(reply.data)
        else:
            self._told = True
            yield ToClient(self.dialect.say(self.dialect.WORDS.spoofed))
