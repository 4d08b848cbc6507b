"""What mail servers tell by datagrams, and a wait for what comes of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

PATIENCE = 60.0  # seconds; no test waits for that long if all is well
RECORD = "v=TLSRPTv1; rua=mailto:tls@example.com"


def told(domain: str = "example.com", reason: str = "", **other: object) -> bytes:
    """A delivery to a domain: one that succeeded, or failed for a reason."""
    failures = [{"c": 204, "f": reason}] if reason else []
    policy = {
        "policy-type": 2,
        "policy-domain": domain,
        "policy-string": ["version: STSv1", "mode: testing"],
        "failure-details": failures,
        "t": len(failures),
        "f": len(failures),
    }
    return json.dumps(
        {"dpv": "1", "d": domain, "pr": RECORD, "policies": [policy]} | other
    ).encode()


def wait_for(what: Callable[[], object]) -> None:
    """Wait until something is so."""
    until = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < until
        time.sleep(0.01)
