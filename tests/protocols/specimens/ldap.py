"""LDAP."""

from __future__ import annotations

from tests.protocols.specimen import Refused, Specimen
from unstrip.trouble import Trouble
from unstrip.upgrade import Outcome


def _tlv(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    if len(content) < 128:
        return bytes((tag, len(content))) + content
    return bytes((tag, 0x82)) + len(content).to_bytes(2, "big") + content


def _message(number: int, *operation: bytes) -> bytes:
    return _tlv(0x30, _tlv(0x02, bytes((number,))), *operation)


def _result(tag: int, code: int, *more: bytes) -> bytes:
    return _tlv(tag, bytes((0x0A, 1, code)), b"\4\0", b"\4\0", *more)


def _answer(heard: bytes, *operation: bytes) -> bytes:
    """Under the id of the request."""
    return _tlv(0x30, heard[2 : 4 + heard[3]], *operation)


_OID = b"1.3.6.1.4.1.1466.20037"
_NOTICE = _tlv(0x8A, b"1.3.6.1.4.1.1466.20036")
_REQUEST = _message(2, _tlv(0x77, _tlv(0x80, _OID)))
_BIND = _tlv(0x60, b"\2\1\3", _tlv(0x04, b"cn=alice"), _tlv(0x80, b"secret"))
_ANONYMOUS = _tlv(0x60, b"\2\1\3", b"\4\0", b"\x80\0")
_WHOAMI = _tlv(0x77, _tlv(0x80, b"1.3.6.1.4.1.4203.1.11.3"))
_ENTRY = _tlv(
    0x64,
    b"\4\0",
    _tlv(0x30, _tlv(0x30, _tlv(0x04, b"supportedExtension"), _tlv(0x31, _tlv(0x04, _OID)))),
)
_DONE, _GO_AHEAD = _result(0x65, 0), _result(0x78, 0)
_BUSY = _message(0, _result(0x78, 52, _NOTICE))


def _refusal(code: int) -> bytes:
    return _message(2, _result(0x78, code))


SPECIMEN = Specimen(
    request=_REQUEST,
    go_ahead=rb"\x78.\x0a\x01\x00\x04\x00\x04\x00\x8a\x16",
    round_trips=(4, 2),
    too_soon=Refused((_message(1, _BIND), _message(1, _ANONYMOUS)), rb"\x61\x07\x0a\x01\x0d"),
    again=Refused((_REQUEST,), rb"\x78\x07\x0a\x01\x01"),
    smalltalk=_message(9, _WHOAMI),
    secrets=(
        _message(1, _BIND),
        _message(1, _ANONYMOUS),
        _REQUEST + _message(3, _BIND),
        _message(1, _tlv(0x77, _tlv(0x80, _OID), _tlv(0x81, b"secret"))),
        _message(1, _tlv(0x4A, b"dc=example")),
        _message(1, _WHOAMI),
    ),
    refusals={
        # not 1: upon that it asks again (refused-1.txt, upgraded-asked-again.txt)
        **{_refusal(code): "refused" for code in (2, 8, 10, 13, 51, 52, 53, 80, 99)},
        _message(0, _result(0x78, 2, _NOTICE)): "unavailable",
        _BUSY: "busy",
        _message(2, _result(0x61, 0)): "spoofed",
        _message(2, _DONE): "unsolicited",
        _message(1, _GO_AHEAD): "unsolicited",
        _message(0, _GO_AHEAD): "unsolicited",
        _message(2, _result(0x78, 0, _NOTICE)): "unsolicited",
    },
    quoted=False,
    rate_limits=((_message(1, _result(0x65, 51)),), (_message(1, _result(0x65, 52)),), (_BUSY,)),
    heads=(
        _message(1, _DONE),
        _message(2, _GO_AHEAD),
        b"\x30\x40\2\1\1\x64\x3b",
        b"\x30\x82",
        b"0",
    ),
    endless_line=b"\x30\x84\x7f\xff\xff\xff",
    endless_lines=lambda heard: _answer(heard, _ENTRY),
    opening=(b"", b""),
    bulky=_message(1, _tlv(0x73, _tlv(0x04, b"ldap://" + b"a" * 8000))),
    endless_command=b"\x30\x84\x7f\xff\xff\xff",
    steps=(
        b"",
        lambda heard: _answer(heard, _ENTRY) + _answer(heard, _DONE),
        lambda heard: _answer(heard, _GO_AHEAD),
    ),
    unasked=_message(3, _DONE),
    too_busy=_BUSY,
    tricked={"refuse notice": Outcome.BUSY, "bogus-success": Trouble.UNSOLICITED},
)
