"""How the daemon is: well, or what ails it, in words.

What it cannot read, it cannot find anything out with; with all else it goes on, and somebody should
look at it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus

from unstrip.escaping import brief
from unstrip.evidence import to_json
from unstrip.faces.mta.http import Page
from unstrip.io.store.keeper import Keeper
from unstrip.io.store.tended import Operation

_LONGEST = 300  # characters of what somebody should look at
REGAIN = "unstrip policy forget --lost"


@dataclass(frozen=True, slots=True)
class Health:
    """What is said of it.

    Attributes: error: why nothing can be found out, "" if something can; ails: what should be
        looked at.
    """

    error: str = ""
    ails: tuple[str, ...] = ()

    def also(self, *ails: str) -> Health:
        """Return the same with more that should be looked at; "" is nothing."""
        return replace(
            self, ails=(*self.ails, *(brief(words, _LONGEST) for words in ails if words))
        )

    def page(self) -> Page:
        """Return what is said to GET /healthz."""
        if self.error:
            body = to_json({"error": self.error})
            return Page(body, status=HTTPStatus.SERVICE_UNAVAILABLE)
        if self.ails:
            return Page(to_json({"status": "ailing", "ails": self.ails}))
        return Page(to_json({"status": "ok"}))


def health(store: Keeper) -> Health:
    """Say how it is with its store, as far as anybody has tried."""
    found = store.tended
    error, written = (found.ails.get(each, "") for each in (Operation.READ, Operation.WRITE))
    ails = (brief(written), _unsaved(store.unsaved), _lost(found.lost))
    return Health(brief(error), tuple(filter(None, ails)))


def _unsaved(domains: int) -> str:
    about = "1 domain" if domains == 1 else f"{domains} domains"
    return f"what was found out of {about} is not written yet" if domains else ""


def _lost(at: datetime | None) -> str:
    if at is None:
        return ""
    return f"the store was damaged on {at:%Y-%m-%d}, and policies may be lost; see `{REGAIN}`"
