"""Letters that cannot be taken for each other, wherever a part of one turns up."""

import re
import secrets
from dataclasses import dataclass, field
from typing import Final

MARK: Final = re.compile(rb"letter-[0-9a-f]{16}")


def _mark() -> str:
    return f"letter-{secrets.token_hex(8)}"


@dataclass(frozen=True, slots=True)
class Letter:
    """One, to one domain.

    Attributes: mark: stands in both its addresses, in its header and in its body.
    """

    domain: str
    mark: str = field(default_factory=_mark)

    @property
    def sender(self) -> str:
        return f"{self.mark}@sender.example"

    @property
    def recipient(self) -> str:
        return f"{self.mark}@{self.domain}"

    @property
    def text(self) -> bytes:
        lines = (
            f"From: <{self.sender}>",
            f"To: <{self.recipient}>",
            f"Message-ID: <{self.mark}@sender.example>",
            f"Subject: {self.mark}",
            "",
            f"What nobody else may read: {self.mark}",
            "and that to the end.",
        )
        return "".join(f"{line}\r\n" for line in lines).encode()


def marks(data: bytes) -> set[str]:
    """The marks of all letters of which something is in there."""
    return {mark.decode() for mark in MARK.findall(data)}
