"""Who it is that reports: whoever has a domain has every name below it, and can sign under each.

No list of public suffixes is asked: who shares the last two labels is one, which takes two of
`co.uk` for one as well, and never one for two.
"""

from __future__ import annotations

from collections.abc import Iterable


def below(name: str, domains: Iterable[str]) -> str:
    """Return which of the domains a name is, or is below; "" if none is."""
    return next((each for each in domains if f".{name}".endswith(f".{each}")), "")


def holder(name: str, domains: Iterable[str] = ()) -> str:
    """Return who has a name: one of these domains, or whoever has its last two labels."""
    return below(name, domains) or ".".join(name.split(".")[-2:])
