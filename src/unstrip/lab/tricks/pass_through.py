"""No trick at all: the control of every experiment."""

from __future__ import annotations

from unstrip.lab.trick import Trick


class PassThrough(Trick):
    """Control. A run counts only if this is green: else the box itself is what broke the client."""

    ID = "control"
    NAME = "pass"
    WHAT = "everything passes as it is"
    CLIENT = "upgrades"
    SERVER = "upgrades"
