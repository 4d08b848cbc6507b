"""Answers that are no lines, and requests that are told from what precedes them."""

from __future__ import annotations

import pytest

from unstrip.lab.probing import SUBJECTS
from unstrip.protocols import REGISTRY, mysql, postgresql, rdp, tds
from unstrip.upgrade import Asking
from unstrip.wire import Send, Wire

AT_ONCE = {"http", "ms-sql-s", "ms-wbt-server", "nut", "postgresql"}  # the request comes first


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        ("xmpp-client", b"<stream:error/></stream:stream>"),
        ("ldap", bytes.fromhex("300c02010161070a010004000400")),
        ("postgresql", b"E\0\0\0\x20SFATAL\0C08P01\0Mreceived unencrypted data\0\0"),
        ("mysql", mysql._error(3, 1043, "08S01", "Bad handshake")),
        ("ms-sql-s", tds.error(17828, "The PRELOGIN used to open the connection is not valid")),
        ("ms-sql-s", tds.error(17835, "Encryption is required")),
        ("ms-wbt-server", rdp.packet(0x80)),  # Disconnect Request
    ],
)
def test_a_refusal_is_not_the_answer(protocol, said):
    assert not SUBJECTS[protocol].answer.search(said)


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        ("postgresql", b"R\0\0\0\x0c\0\0\0\x05abcd"),
        ("postgresql", b"R\0\0\0\x08\0\0\0\0"),
        ("postgresql", b"R\0\0\0\x08\0\0\0\0" + postgresql.error("28000", "no role")),
        ("postgresql", postgresql.error("3D000", "no database")),
        ("mysql", mysql._error(3, 1045, "28000", "Access denied")),
        ("mysql", mysql.packet(3, b"\0\0\0\2\0\0\0")),
        ("ms-sql-s", tds.error(18456, "Login failed")),
        ("ms-sql-s", tds.packets(4, b"\xad\x10\0\1\x74\0\0\4\0\x10\0\x10\0")),
        ("ms-wbt-server", rdp.packet(0xD0, rdp.negotiation(2, 1))),
    ],
)
def test_the_answer_counts_once_each_time(protocol, said):
    answer = SUBJECTS[protocol].answer
    assert len(answer.findall(said)) == 1
    assert len(answer.findall(b"x" + said + said)) == 2


def test_a_login_says_where_its_texts_are():
    login = SUBJECTS["ms-sql-s"].command[8:]
    at, letters = int.from_bytes(login[40:42], "little"), int.from_bytes(login[42:44], "little")
    assert int.from_bytes(login[:4], "little") == len(login)
    assert login[at : at + 2 * letters].decode("utf-16-le") == "unstrip"


@pytest.mark.parametrize("protocol", SUBJECTS)
def test_what_a_client_says_first_is_its_request_only_where_nothing_precedes_that(protocol):
    subject, spoken = SUBJECTS[protocol], REGISTRY[protocol]
    first = next(spoken.client(Wire(), Asking(insist=True)))
    request = subject.request or spoken.REQUEST
    asks = isinstance(first, Send) and request.search(first.data) is not None
    assert asks is (protocol in AT_ONCE)
