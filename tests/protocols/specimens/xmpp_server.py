"""XMPP between servers: another namespace, and a name for who connects."""

from __future__ import annotations

from dataclasses import replace

from tests.protocols.specimen import Refused
from tests.protocols.specimens import xmpp_client

_OF_A_CLIENT = xmpp_client.SPECIMEN
_HEADER = (
    _OF_A_CLIENT.before[0]
    .replace(b"jabber:client", b"jabber:server")
    .replace(b" to=", b" from='localhost' to=")
)

SPECIMEN = replace(
    _OF_A_CLIENT,
    before=(_HEADER,),
    again=Refused(
        (_HEADER + _OF_A_CLIENT.request,), rb"<failure xmlns='[^']*tls'/></stream:stream>", True
    ),
    secrets=(
        b"<db:result from='a.example' to='b.example'>x</db:result>",
        b"<message from='a@a.example' to='b@b.example'/>",
        _HEADER.replace(b"from='", b"from='alice@"),
        *_OF_A_CLIENT.before,
    ),
)
