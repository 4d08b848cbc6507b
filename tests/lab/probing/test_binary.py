"""Answers that are no lines, and requests that are told from what precedes them."""

from __future__ import annotations

import pytest

from unstrip.lab.probing import SUBJECTS
from unstrip.protocols import REGISTRY
from unstrip.upgrade import Asking
from unstrip.wire import Send, Wire

AT_ONCE = {"http", "ms-sql-s", "ms-wbt-server", "nut", "postgresql"}  # the request comes first


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        ("xmpp-client", b"<stream:error/></stream:stream>"),
        ("ldap", bytes.fromhex("300c02010161070a010004000400")),
        ("postgresql", b"E\0\0\0\x20SFATAL\0C08P01\0Mreceived unencrypted data\0\0"),
    ],
)
def test_a_refusal_is_not_the_answer(protocol, said):
    assert not SUBJECTS[protocol].answer.search(said)


@pytest.mark.parametrize("protocol", SUBJECTS)
def test_what_a_client_says_first_is_its_request_only_where_nothing_precedes_that(protocol):
    subject, spoken = SUBJECTS[protocol], REGISTRY[protocol]
    first = next(spoken.client(Wire(), Asking(insist=True)))
    request = subject.request or spoken.REQUEST
    asks = isinstance(first, Send) and request.search(first.data) is not None
    assert asks is (protocol in AT_ONCE)
