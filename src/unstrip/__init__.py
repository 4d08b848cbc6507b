"""unstrip: opportunistic TLS that is safe to rely on. The public names; it defines nothing.

    import unstrip

    async with unstrip.connect("imap://mail.example.org") as link:
        await link.send(b"a LOGIN ...")

Names are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unstrip.conversation import Conversation
    from unstrip.evidence import Endpoint, Evidence, Failure, from_json, to_json
    from unstrip.handshake import Handshake
    from unstrip.io.link import (
        BlockingLink,
        Link,
        Requirement,
        Unprotected,
        connect,
        connect_blocking,
    )
    from unstrip.io.store import Store, open_store
    from unstrip.policy import Decision, Level, Policy, decide
    from unstrip.protocols import REGISTRY
    from unstrip.target import BadTarget
    from unstrip.transcript import Utterance
    from unstrip.trouble import ProtocolError, Trouble
    from unstrip.tunnel import Tunnel
    from unstrip.upgrade import Asking, Outcome, Upgrade
    from unstrip.verdict import Code, Finding, Verdict, judge
    from unstrip.wire import Receive, Send, Settle

_HOMES = {
    "REGISTRY": "protocols",
    "Asking": "upgrade",
    "BadTarget": "target",
    "BlockingLink": "io.link",
    "Code": "verdict",
    "Conversation": "conversation",
    "Decision": "policy",
    "Endpoint": "evidence",
    "Evidence": "evidence",
    "Failure": "evidence",
    "Finding": "verdict",
    "Handshake": "handshake",
    "Level": "policy",
    "Link": "io.link",
    "Outcome": "upgrade",
    "Policy": "policy",
    "ProtocolError": "trouble",
    "Receive": "wire",
    "Requirement": "io.link",
    "Send": "wire",
    "Settle": "wire",
    "Store": "io.store",
    "Trouble": "trouble",
    "Tunnel": "tunnel",
    "Unprotected": "io.link",
    "Upgrade": "upgrade",
    "Utterance": "transcript",
    "Verdict": "verdict",
    "connect": "io.link",
    "connect_blocking": "io.link",
    "decide": "policy",
    "from_json": "evidence",
    "judge": "verdict",
    "open_store": "io.store",
    "to_json": "evidence",
}

__all__ = [
    "REGISTRY",
    "Asking",
    "BadTarget",
    "BlockingLink",
    "Code",
    "Conversation",
    "Decision",
    "Endpoint",
    "Evidence",
    "Failure",
    "Finding",
    "Handshake",
    "Level",
    "Link",
    "Outcome",
    "Policy",
    "ProtocolError",
    "Receive",
    "Requirement",
    "Send",
    "Settle",
    "Store",
    "Trouble",
    "Tunnel",
    "Unprotected",
    "Upgrade",
    "Utterance",
    "Verdict",
    "connect",
    "connect_blocking",
    "decide",
    "from_json",
    "judge",
    "open_store",
    "to_json",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'unstrip' has no attribute '{name}'")
    return getattr(import_module(f"unstrip.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
