"""IRC."""

from __future__ import annotations

from tests.protocols.specimen import Refused, Specimen
from unstrip.trouble import Trouble
from unstrip.upgrade import Outcome

SPECIMEN = Specimen(
    request=b"STARTTLS\r\n",
    go_ahead=rb" 670 \* :Begin TLS",
    round_trips=(4, 2),
    too_soon=Refused(
        (b"NICK alice\r\n", b"USER alice 0 * :Alice\r\n", b"PASS secret\r\n"), rb"\A:\S+ 463 "
    ),
    again=Refused((b"STARTTLS\r\n",), rb"\A:\S+ 691 "),
    smalltalk=b"PING x\r\n",
    secrets=(
        b"NICK alice\r\n",
        b"USER alice 0 * :Alice\r\n",
        b"PASS secret\r\n",
        b"CAP REQ :sasl\r\n",
        b"PONG x\r\n",
        b"CAP LS 302\r\nNICK alice\r\n",
    ),
    refusals={
        b":irc.example.net 691 * :STARTTLS failed\r\n": "refused",
        b":irc.example.net 421 * STARTTLS :Unknown command\r\n": "refused",
        b":irc.example.net 451 STARTTLS :You have not registered\r\n": "refused",
        b":irc.example.net 451 * :Too many, try again later\r\n": "refused",
        b":irc.example.net 462 * :You may not reregister\r\n": "refused",
        b"ERROR :Closing link\r\n": "unavailable",
        b"ERROR :Too many connections\r\n": "busy",
        b":irc.example.net 001 alice :Welcome\r\n": "spoofed",
        b":irc.example.net 900 * x alice :You are now logged in\r\n": "spoofed",
        b":irc.example.net 671 alice bob :is using a secure connection\r\n": "unsolicited",
        b":irc.example.net CAP * LS :tls\r\n": "unsolicited",
    },
    rate_limits=(
        (b"", b"ERROR :Closing Link: (Too many connections from your host)\r\n"),
        (b":irc.example.net NOTICE * :Hello\r\n", b"ERROR :Reconnecting too fast\r\n"),
    ),
    heads=(b":x CAP * LS :", b":x CAP * LS * :", b":x NOTICE * :", b":x 670 * :", b":x 421 ", b":"),
    endless_line=b":irc.example.net NOTICE * :",
    endless_lines=b":irc.example.net CAP * LS * :multi-prefix\r\n",
    bulky=b":irc.example.net CAP * LS * :" + b"a" * 8000 + b"\r\n",
    endless_command=b"PING ",
    steps=(
        b"",
        b":irc.example.net CAP * LS :tls\r\n",
        b":irc.example.net 670 * :STARTTLS successful\r\n",
    ),
    unasked=b":irc.example.net 001 alice :Welcome\r\n",
    too_busy=b"ERROR :Closing Link: (Too many connections)\r\n",
    tricked={"refuse ERROR": Outcome.UNAVAILABLE, "bogus-success": Trouble.UNSOLICITED},
)
