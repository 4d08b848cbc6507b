"""Descriptors, of which a process has only so many: each client takes one, each look-up some.

Were clients to take the last, none would be left for the store, for looking up, or for whoever
wants to see how we are. So there is a share for them, and whoever comes beyond it is turned away,
and counted, as where the configuration allows no more.
"""

from __future__ import annotations

import resource

_OTHERS = 64  # for what is not a client, or a quarter of all there are


def have_all() -> None:
    """Have all that may be had: there may be more clients than the usual 1024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def share(services: int) -> int:
    """Return how many clients each of so many services may have, at least one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max((most - max(_OTHERS, most // 4)) // max(services, 1), 1)


def wanted(services: int, clients: int) -> int:
    """Return how many descriptors would do for so many clients of each."""
    return max(services * clients + _OTHERS, services * clients * 4 // 3 + 1)
