"""IRC, as a box hears it."""

from __future__ import annotations

import re
from types import MappingProxyType

from unstrip.lab.dialect import Command, LineDialect, Reply, Words

_FROM = rb"(?:@[^ ]+ +)?(?::[^ ]+ +)?"  # IRCv3's tags; RFC 2812, 2.3.1: who says it
_LIST = re.compile(_FROM + rb"CAP +[^ ]+ +(?:LS|NEW) ", re.IGNORECASE)
_GO_AHEAD = re.compile(_FROM + rb"670(?= )")


class Irc(LineDialect):
    """RFC 2812, and IRCv3's CAP, `tls` and `sts`."""

    PROTOCOL = "irc"
    IDS = MappingProxyType(
        {"remove-offer": "S-09", "refuse-hello": "S-09", "inject": "B-20", "spoof-state": "F-05"}
    )
    ASKS = b"CAP LS"
    COMMAND = re.compile(_FROM + rb" *(?P<verb>CAP +LS|[^ \r\n]+)(?P<tag>)", re.IGNORECASE)
    OFFER = re.compile(  # a word of the list; `sts` leads to a port that has TLS
        rb"(?<=[ :])(?:tls|sts=[^ \r\n]+)(?=[ \r\n])(?![^\n]* (?-i:LS|NEW) )", re.IGNORECASE
    )
    WORDS = Words(
        refusals=MappingProxyType(
            {
                "691": b":localhost 691 * :STARTTLS failed\r\n",  # IRCv3, tls
                "421": b":localhost 421 * STARTTLS :Unknown command\r\n",
                "451": b":localhost 451 * :You have not registered\r\n",
                "462": b":localhost 462 * :You may not reregister\r\n",
                "ERROR": b"ERROR :Closing link\r\n",
            }
        ),
        temporary=b":localhost 691 * :STARTTLS failed (try again later)\r\n",
        bogus=b":localhost 671 * :is using a secure connection\r\n",  # an answer to WHOIS
        answer=b":localhost CAP * LS :sasl=PLAIN\r\n",
        fragment=b":localhost CAP * LS :x-injected ",
        unexpected=b"ERROR :unexpected\r\n",
        unlisted=b":localhost 451 * :You have not registered\r\n",
        spoofed=b":localhost 001 you :Welcome\r\n",
    )

    def grants(self, data: bytes, asked: Command) -> bool:  # noqa: ARG002  # IRC has no tags
        """IRCv3, tls: whoever says it."""
        return _GO_AHEAD.match(data) is not None

    def may_offer(self, reply: Reply) -> bool:
        """IRCv3, CAP: a list may come unasked, too."""
        return _LIST.match(reply.data) is not None

    def cut_out(self, listed: bytes, begin: int, end: int) -> bytes:
        """Return `listed`, a list of words, without the offer and one blank beside it."""
        if listed[begin - 1 : begin] == b" ":
            return listed[: begin - 1] + listed[end:]
        return listed[:begin] + listed[end:].removeprefix(b" ")

    def notices(self, offer: bytes) -> bool:
        """IRCv3: capabilities are spelt in small letters."""
        return not self.naive or offer == offer.lower()
