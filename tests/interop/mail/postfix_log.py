"""What a Postfix that sends says of each try, in its log."""

import re
import time
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from tests.interop.servers.postfix import PostfixSender

PATIENCE: Final = 60.0  # seconds
SAID: Final = re.compile(r" postfix/\w+\[(\d+)\]: (.*)")
TLS: Final = re.compile(r"(\w+) TLS connection established to ")
STATUS: Final = re.compile(r"\w+: to=<([^>]*)>.* status=(\w+) \((.*)\)$")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try with one recipient.

    Attributes: status: "sent", "deferred" or "bounced"; reason: of that; tls: what Postfix calls
        the last peer in TLS, such as "Verified", or "" where there was none.
    """

    recipient: str
    status: str
    reason: str
    tls: str


def attempts(log: str) -> Iterator[Attempt]:
    """All that there were, in their order; a process makes one at a time."""
    tls: dict[str, str] = {}
    for line in log.splitlines():
        if not (said := SAID.search(line)):
            continue
        process, words = said.groups()
        if peer := TLS.match(words):
            tls[process] = peer[1]
        elif status := STATUS.match(words):
            yield Attempt(*status.groups(), tls.pop(process, ""))


def tried(
    sender: PostfixSender, recipients: Collection[str], times: int = 1
) -> dict[str, list[Attempt]]:
    """All attempts by recipient, once there were so many with each of these."""
    until = time.monotonic() + PATIENCE
    while True:
        found = defaultdict(list)
        for attempt in attempts(sender.log):
            found[attempt.recipient].append(attempt)
        late = [each for each in recipients if len(found[each]) < times]
        if not late:
            return found
        assert time.monotonic() < until, f"nothing became of mail to {late}:\n{sender.log}"
        time.sleep(0.1)
