"""What the suites that try every protocol have to know of one: its words, good and bad.

Everything is bytes as they cross, line endings included. None and () mean that this protocol
has no such thing; the test that would need it is then not made for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from unstrip.protocols import REGISTRY
from unstrip.trouble import Trouble
from unstrip.upgrade import Outcome
from unstrip.wire import Envelope

# What a server says: always the same, or made of what the client said last (a tag, an id).
Step: TypeAlias = bytes | Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Refused:
    """What our own server refuses.

    Attributes:
        said: each of them is said to a server of its own.
        answer: a pattern, found in each answer.
        closes: the server hangs up upon it; else the dialog goes on as if nothing was said.
        after: how many of `Specimen.before` come first; None for all.
    """

    said: tuple[bytes, ...]
    answer: bytes
    closes: bool = False
    after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Specimen:
    """One protocol.

    Attributes:
        request: the upgrade request, whole, as a client says it and our server grants it.
        before: what a client has to say first, each once the server has answered: XMPP's stream
            header, VNC's version.
        go_ahead: a pattern, found in our own server's go-ahead and in nothing else that it sends
            as one segment; None where nobody gives one (MySQL).
        envelope: makes what the handshake is wrapped in (TDS), as the protocol file does.
        server_first: our server speaks first inside TLS.
        learns_inside: our client waits for an answer inside TLS, and keeps it as `inside`.
        leaves: our client's farewell says something.
        round_trips: until its first word inside, as the rehearsal counts them: after an upgrade,
            and where TLS is implicit (None where it never is).

        too_soon: logging in or doing business before TLS.
        again: asking for TLS inside TLS.
        smalltalk: something harmless that our server answers, in clear (after `before`) and
            inside (after `again`), until it loses patience.
        secrets: what our client never says in clear.

        refusals: what a server may answer to the upgrade request instead of the go-ahead, and
            the ending it leads to, as `expect:` in transcripts names it. They fit the ids and
            tags of transcripts/<name>/upgraded.txt, as do all the following.
        quoted: `Upgrade.said` begins with the first word of such an answer.
        rate_limits: speeches of servers, the last part of each refusing the question for
            capabilities for now; b"" as in `steps`.
        heads: how answers of a server begin; garbage is put behind them.
        endless_line: the beginning of a first message that never ends.
        endless_lines: a part of an answer that is repeated for ever.
        opening: what a server says before that, in the way of `steps`.
        bulky: such a part of nearly the greatest length, so that the budget of what may be said
            before TLS is exceeded before their number is.
        endless_command: the beginning of what a client says without end.

        steps: what an honest server says up to and with its go-ahead: the first at once, the
            others after one message of the client each; b"" where it has nothing to say then, as
            at first where the client begins, or at last where nobody waits for a go-ahead.
        unasked: what a server may not begin with inside TLS: a second greeting.
        too_busy: a greeting, or what stands in its place, that asks to come back later.

        tricked: what the lab's tricks come to with our client, where that is not the usual; by
            the trick's name, or that and the code of the refusal ("refuse 421").
    """

    request: bytes
    before: tuple[bytes, ...] = ()
    go_ahead: bytes | None
    envelope: Callable[[], Envelope] | None = None
    server_first: bool = False
    learns_inside: bool = True
    leaves: bool = True
    round_trips: tuple[int, int | None]

    too_soon: Refused | None
    again: Refused | None
    smalltalk: bytes | None
    secrets: tuple[bytes, ...]

    refusals: dict[bytes, str] = field(default_factory=dict)
    quoted: bool = True
    rate_limits: tuple[tuple[bytes, ...], ...]
    heads: tuple[bytes, ...]
    endless_line: bytes | None
    endless_lines: Step | None
    opening: tuple[Step, ...] = ()
    bulky: bytes | None
    endless_command: bytes | None

    steps: tuple[Step, ...]
    unasked: bytes | None
    too_busy: bytes | None

    tricked: Mapping[str, Outcome | Trouble] = field(default_factory=dict)


def say(step: Step, heard: bytes) -> bytes:
    """Return what a server says that has last heard this."""
    return step(heard) if callable(step) else step


def only_permitted(protocol: str, said: bytes, unfinished: bytes = b"") -> bool:
    """Tell whether a client said nothing in clear but what its protocol allows (R2).

    Args: unfinished: a request that may have been cut short, anywhere.
    """
    one = REGISTRY[protocol].IN_CLEAR
    permitted = re.compile(b"(?:%s)*" % one.pattern, one.flags)
    rests = (unfinished[cut:] for cut in range(len(unfinished)))
    return any(permitted.fullmatch(said + rest) for rest in (b"", *rests))
