"""HTML, such that whatever is no markup of ours is text, whoever wrote it."""

from __future__ import annotations

from html import escape

_VOID = {"meta"}


class Markup(str):
    """What is markup already, as only `tag` makes it."""

    __slots__ = ()


def tag(element: str, /, *inside: str, **attributes: object) -> Markup:
    """Return an element; what is in it and no markup is escaped, and so are its attributes.

    Args: attributes: "_" stands for "-", and is left out at the end; None is left out.
    """
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if element in _VOID:
        return Markup(f"<{element}{said}>")
    return Markup(f"<{element}{said}>{together(*inside)}</{element}>")


def together(*parts: str) -> Markup:
    """Return several parts as one."""
    return Markup("".join(part if isinstance(part, Markup) else escape(part) for part in parts))
