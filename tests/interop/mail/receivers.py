"""What became of mail at its destination, by the log of who took it and by the mailboxes."""

import re
import time
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.interop.mail.letters import marks
from tests.interop.servers import PATIENCE

SAID: Final = re.compile(r"postfix/(\w+)\[(\d+)\]: (.*)")
TLS: Final = re.compile(r"TLS connection established from \S+(?: to \S+)? (\S+) with cipher (\S+)")
QUEUED: Final = re.compile(r"([0-9A-F]+): (client|message-id)=(\S+)")


@dataclass(frozen=True, slots=True)
class Arrival:
    """A letter that was taken: `tls` is the version, "" in clear."""

    mark: str
    tls: str


@dataclass(frozen=True, slots=True)
class Destination:
    """Where all mail ends: the log of the Postfix that takes it, and Dovecot's mailboxes."""

    log: Path
    mailboxes: Path

    def arrivals(self) -> list[Arrival]:
        """What the log says was taken, in its order."""
        sessions: dict[str, str] = {}  # by process, which serves one client at a time
        letters: dict[str, str] = {}  # by queue id
        found = []
        for line in self.log.read_text(errors="replace").splitlines():
            part, process, words = said.groups() if (said := SAID.search(line)) else ("", "", "")
            if part == "smtpd" and words.startswith("connect from"):
                sessions[process] = ""
            elif tls := TLS.search(words):
                sessions[process] = tls[1]
            elif queued := QUEUED.match(words):
                number, what, value = queued.groups()
                if what == "client":
                    letters[number] = sessions[process]
                else:
                    found += [Arrival(mark, letters[number]) for mark in marks(value.encode())]
        return found

    def delivered(self, due: Collection[str]) -> dict[str, list[bytes]]:
        """The letters in all mailboxes, by their mark, once all that are due are there."""
        until = time.monotonic() + PATIENCE
        while True:
            found = defaultdict(list)
            for path in self.mailboxes.glob("*/new/*"):
                text = path.read_bytes()
                for mark in marks(text):
                    found[mark].append(text)
            if found.keys() >= set(due) or time.monotonic() > until:
                return dict(found)
            time.sleep(0.1)
