"""XMPP for clients."""

from __future__ import annotations

from tests.protocols.specimen import Refused, Specimen
from unstrip.trouble import Trouble
from unstrip.upgrade import Outcome

_TLS = b"urn:ietf:params:xml:ns:xmpp-tls"
_SASL = b"urn:ietf:params:xml:ns:xmpp-sasl"
_REQUEST = b"<starttls xmlns='%s'/>" % _TLS
_GO_AHEAD = b"<proceed xmlns='%s'/>" % _TLS
_FAILURE = b"<failure xmlns='%s'/></stream:stream>" % _TLS


def _header(kind: bytes, names: bytes) -> bytes:
    spaces = b"xmlns='jabber:%s' xmlns:stream='http://etherx.jabber.org/streams'" % kind
    return b"<?xml version='1.0'?><stream:stream %s %s version='1.0'>" % (spaces, names)


def _error(condition: bytes) -> bytes:
    fault = b"<%s xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>" % condition
    return b"<stream:error>%s</stream:error></stream:stream>" % fault


_OPENED = _header(b"client", b"id='a1' from='im.example.com'")
_OFFER = b"<stream:features><starttls xmlns='%s'/></stream:features>" % _TLS
_MESSAGE = b"<message to='a@example.org'><body>hi</body></message>"
_LOGIN = b"<auth xmlns='%s' mechanism='PLAIN'>AGEAYg==</auth>" % _SASL
_DIRECT = _header(b"client", b"to='localhost'")

SPECIMEN = Specimen(
    request=_REQUEST,
    before=(_DIRECT,),
    go_ahead=rb"\A<proceed ",
    round_trips=(4, 2),
    too_soon=Refused((_LOGIN,), rb"\A<failure .*<encryption-required/>"),
    again=Refused((_DIRECT + _REQUEST,), rb"<failure xmlns='%s'/></stream:stream>" % _TLS, True),
    smalltalk=_LOGIN,
    secrets=(
        _MESSAGE,
        _LOGIN,
        _REQUEST + _LOGIN,
        _header(b"client", b"from='alice@example.org' to='localhost'"),
        _header(b"client", b"to='localhost' from='alice@example.org'"),
        b"<iq type='get' id='1'/>",
    ),
    refusals={
        _FAILURE: "refused",
        _error(b"policy-violation"): "refused",
        _error(b"host-unknown"): "refused",
        _error(b"unsupported-stanza-type"): "refused",
        _error(b"resource-constraint"): "busy",
        b"</stream:stream>": "ended",
        b"<proceed/>": "unsolicited",
        b"<success xmlns='%s'/>" % _SASL: "spoofed",
        _OFFER: "unsolicited",
        _MESSAGE: "spoofed",
        _error(b"see-other-host"): "refused",
    },
    quoted=False,
    rate_limits=(
        (_OPENED + _error(b"resource-constraint"),),
        (_OPENED, _error(b"system-shutdown")),
    ),
    heads=(_OPENED, _OFFER, _GO_AHEAD, _FAILURE, b"<stream:features><a>", b"<proceed>", b"<!--"),
    endless_line=b"<stream:stream xmlns='",
    endless_lines=b"<a/>",
    opening=(_OPENED + b"<stream:features>",),
    bulky=None,  # an element has a limit of its own, and no dialog has many
    endless_command=b"<stream:stream xmlns='",
    steps=(b"", _OPENED + _OFFER, _GO_AHEAD),
    unasked=_OPENED + _OFFER,
    too_busy=_OPENED + _error(b"resource-constraint"),
    tricked={
        **{
            f"refuse {condition}": Outcome.BUSY
            for condition in ("connection-timeout", "resource-constraint", "system-shutdown")
        },
        "refuse-temporary": Outcome.BUSY,
        "bogus-success": Trouble.UNSOLICITED,
    },
)
