"""ManageSieve, as a box hears it."""

from __future__ import annotations

import re
from types import MappingProxyType

from unstrip.lab.dialect import Command, LineDialect, Reply, Topic, Words, cut
from unstrip.literals import PUSHED, sentence
from unstrip.wire import Dialog, Wire


class ManageSieve(LineDialect):
    """RFC 5804."""

    PROTOCOL = "sieve"
    IDS = MappingProxyType({"spoof-state": "F-05"})
    ASKS = b"CAPABILITY"
    OFFER = re.compile(rb'(?<=^")STARTTLS(?="[ \t]*\r?$)', re.IGNORECASE | re.MULTILINE)
    SUCCESS = b"OK"
    WORDS = Words(  # nothing is unlisted, since the list comes unasked
        refusals=MappingProxyType(
            {
                "NO": b'NO "TLS is not available"\r\n',  # RFC 5804, 1.2
                "TRYLATER": b'NO (TRYLATER) "TLS is not available now"\r\n',  # RFC 5804, 1.3
                "BYE": b'BYE "Closing"\r\n',
                "REFERRAL": b'BYE (REFERRAL "sieve://elsewhere.invalid") "Ask there"\r\n',
            }
        ),
        temporary=b'NO (TRYLATER) "TLS is not available now"\r\n',
        bogus=b'"OK" "Begin TLS negotiation now"\r\n',  # a string, and no response
        answer=b'"IMPLEMENTATION" "x"\r\n"SASL" "PLAIN LOGIN"\r\nOK\r\n',  # RFC 5804, 2.2
        fragment=b'"IMPLEMENTATION" "X-INJECTED',
        unexpected=b'BYE "unexpected"\r\n',
        spoofed=b'"IMPLEMENTATION" "x"\r\n"SASL" ""\r\n"OWNER" "alice"\r\nOK\r\n',  # RFC 5804, 1.7
    )

    def command_end(self, heard: bytes) -> int:
        """Return where the first line ends, its literals included."""
        return cut(_command, heard)[1]

    def reply_end(self, heard: bytes, asked: Command | None) -> int:  # noqa: ARG002  # all are alike
        """Return where the first response ends, with the list before it."""
        return cut(_reply, heard)[1]

    def may_offer(self, reply: Reply) -> bool:
        """RFC 5804, 1.7: the greeting is the list, and so is what answers CAPABILITY."""
        return reply.topic in (Topic.GREETING, Topic.LISTING)


def _command(wire: Wire) -> Dialog[bytes]:
    return (yield from sentence(wire, PUSHED))


def _reply(wire: Wire) -> Dialog[bytes]:
    """RFC 5804, 1.2: what is listed begins with a string, and a response ends it."""
    while (said := (yield from sentence(wire))).startswith(b'"'):
        pass
    return said
