"""Real servers behind the lab's middlebox: each trick has its verdict, whatever the server.

What crossed in clear is read at the middlebox.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.interop.attempts import (
    DRIVERS,
    IMPATIENCE,
    PATIENCE,
    Attend,
    Goal,
    attend_asyncio,
    behind,
    both_drivers,
)
from tests.interop.conftest import House
from tests.interop.rows import ROWS, Row
from tests.interop.servers import (
    EXIM_WITHOUT_CERTIFICATE,
    POSTFIX_HIDING_STARTTLS,
    POSTFIX_TOO_BUSY,
    Certificates,
    exim,
    inspircd,
    postfix,
)
from tests.protocols.specimen import only_permitted
from unstrip.evidence import Evidence
from unstrip.lab.dialects import DIALECTS
from unstrip.lab.tricks import TRICKS
from unstrip.policy import Decision, Level
from unstrip.protocols import REGISTRY
from unstrip.upgrade import Listing
from unstrip.verdict import Code, judge

INSISTING = Decision(Level.AUTHENTICATED)
MAIL = {"smtp", "imap", "pop3"}  # tried by both drivers; one is enough for the others

VERDICTS = {  # of every trick that needs no second look, on whatever protocol
    "pass": Code.TLS_OK_AUTHENTICATED,
    "remove-offer": Code.OFFER_HIDDEN,
    "mask-offer": Code.OFFER_MASKED,
    "mask-banner": Code.TLS_OK_AUTHENTICATED,
    "refuse": Code.REJECTED_AFTER_OFFER,
    "refuse-temporary": Code.REJECTED_AFTER_OFFER,
    "bogus-success": Code.BOGUS_ANSWER,
    "silence": Code.SILENT_AFTER_REQUEST,
    "reset": Code.RESET_AT_UPGRADE,
    "flip-answer": Code.REJECTED_AFTER_OFFER,
    "spoof-state": Code.STATE_SPOOFED,
    "early-ok": Code.STATE_SPOOFED,
    "inject": Code.PLAINTEXT_INJECTED,
    "inject-fragment": Code.PLAINTEXT_INJECTED,
    "inject-late": Code.PLAINTEXT_INSTEAD_OF_TLS,
    "clear-answer": Code.PLAINTEXT_INSTEAD_OF_TLS,
    "own-certificate": Code.TLS_OK_UNAUTHENTICATED,
    "half-tls-server": Code.TLS_OK_UNAUTHENTICATED,
    "half-tls-client": Code.OFFER_ABSENT_UNEXPLAINED,
    "greet-inside": Code.DESYNC_GREETING_IN_TLS,
}
NOS = {"refuse", "refuse-temporary", "flip-answer"}
# Where an answer says what it answers, one that is no answer to the request is a forgery.
NAMED = ("irc", "xmpp-client", "xmpp-server", "ldap", "ms-wbt-server", "rfb")
EXCEPTIONS = {
    **{("bogus-success", protocol): Code.STATE_SPOOFED for protocol in NAMED},
    # "not now" ends the stream, or the connection
    ("refuse-temporary", "xmpp-client"): Code.RATE_LIMITED,
    ("refuse-temporary", "xmpp-server"): Code.RATE_LIMITED,
    ("refuse-temporary", "ms-wbt-server"): Code.SERVICE_REFUSED,
    ("refuse-temporary", "postgresql"): Code.SERVICE_REFUSED,  # E: an error, and the end
    # MySQL has no go-ahead: our ClientHello is on its way before any answer, and meets it
    ("refuse", "mysql"): Code.PLAINTEXT_INSTEAD_OF_TLS,
    ("refuse-temporary", "mysql"): Code.PLAINTEXT_INSTEAD_OF_TLS,
    ("bogus-success", "mysql"): Code.PLAINTEXT_INSTEAD_OF_TLS,
}


def expected(trick: str, protocol: str) -> Code:
    """What is to be thought of the trick on this protocol."""
    if (trick, protocol) in EXCEPTIONS:
        return EXCEPTIONS[trick, protocol]
    if trick in NOS and REGISTRY[protocol].LISTING is Listing.NONE:
        return Code.OFFER_ABSENT_UNEXPLAINED  # a no is all that can be seen of it
    return VERDICTS[trick]


def rows(trick: str) -> list[Row]:
    """Those that the trick suits; stunnel is a second server of protocols that have one."""
    return [
        row
        for row in ROWS
        if row.server != "stunnel" and TRICKS[trick].suits(DIALECTS[row.protocol])
    ]


def each_row(trick: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", rows(trick), ids=str)


PLAYS = [
    pytest.param(trick, row, attend, id=f"{trick}-{row}-{driver}")
    for trick in VERDICTS
    for row in rows(trick)
    for driver, attend in DRIVERS.items()
    if row.protocol in MAIL or attend is attend_asyncio
]


def code(evidence: Evidence) -> Code:
    return judge(INSISTING, evidence).code


@pytest.mark.parametrize(("trick", "row", "attend"), PLAYS)
def test_each_trick_has_its_verdict_before_every_real_server(
    trick: str, row: Row, attend: Attend, house: House
) -> None:
    patience = IMPATIENCE if trick == "silence" else PATIENCE
    with behind(trick, house.goal(row, patience=patience)) as staged:
        evidence = attend(staged.goal)
        assert only_permitted(row.protocol, staged.in_clear())
    assert code(evidence) is expected(trick, row.protocol), evidence.failure


def test_every_trick_is_tried() -> None:
    elsewhere = {"mask-verb", "refuse-hello", "flicker"}
    assert set(VERDICTS) | elsewhere == set(TRICKS)


@both_drivers
@each_row("mask-verb")
def test_a_masked_request_is_named_where_the_server_echoes_it_or_seen_to_be_refused(
    attend: Attend, row: Row, house: House
) -> None:
    mute = row.start is inspircd  # to whom it does not know yet, about commands it does not know
    patience = IMPATIENCE if mute else PATIENCE
    with behind("mask-verb", house.goal(row, patience=patience)) as staged:
        evidence = attend(staged.goal)
    refused = Code.SILENT_AFTER_REQUEST if mute else expected("refuse", row.protocol)
    assert code(evidence) in {Code.COMMAND_MASKED, refused}
    assert not evidence.secured


@both_drivers
@each_row("refuse-hello")
def test_a_refused_question_for_capabilities_never_ends_in_clear(
    attend: Attend, row: Row, house: House
) -> None:
    with behind("refuse-hello", house.goal(row)) as staged:
        evidence = attend(staged.goal)
        assert only_permitted(row.protocol, staged.in_clear())
    if REGISTRY[row.protocol].LISTING is Listing.DUE:
        assert code(evidence) in {Code.OFFER_HIDDEN, Code.CAPABILITIES_REFUSED}
    else:  # a server need not know the question, and grants TLS all the same
        assert code(evidence) is Code.TLS_OK_AUTHENTICATED


@each_row("flicker")
def test_an_offer_that_comes_and_goes_is_hidden_every_other_time(row: Row, house: House) -> None:
    with behind("flicker", house.goal(row)) as staged:
        codes = [code(attend_asyncio(staged.goal)) for _ in range(2)]
    assert codes == [Code.TLS_OK_AUTHENTICATED, Code.OFFER_HIDDEN]


def test_eight_servers_that_are_not_ours_have_eight_different_verdicts(
    house: House, certificates: Certificates, directory: Path
) -> None:
    """Good, stripped, masked, hidden, refused, injected, plaintext after 220, and 421."""
    honest = next(row for row in ROWS if row.start is postfix)

    def behind_a_box(trick: str) -> Code:
        with behind(trick, house.goal(honest)) as staged:
            return code(attend_asyncio(staged.goal))

    def plain(server: Any) -> Code:
        with behind("pass", Goal(honest, server, certificates.ca)) as staged:
            return code(attend_asyncio(staged.goal))

    with (
        postfix(directory, certificates, **POSTFIX_HIDING_STARTTLS) as stripped,
        exim(directory, certificates, **EXIM_WITHOUT_CERTIFICATE) as refusing,
        postfix(directory, certificates, **POSTFIX_TOO_BUSY) as busy,
    ):
        codes = {
            "good": plain(house.server(postfix)),
            "stripped": plain(stripped),
            "masked": behind_a_box("mask-offer"),
            "hidden": behind_a_box("remove-offer"),
            "refused": plain(refusing),
            "injected": behind_a_box("inject"),
            "plaintext after 220": behind_a_box("clear-answer"),
            "421": plain(busy),
        }
    assert codes == {
        "good": Code.TLS_OK_AUTHENTICATED,
        "stripped": Code.OFFER_ABSENT_UNEXPLAINED,
        "masked": Code.OFFER_MASKED,
        "hidden": Code.OFFER_HIDDEN,
        "refused": Code.REJECTED_AFTER_OFFER,
        "injected": Code.PLAINTEXT_INJECTED,
        "plaintext after 220": Code.PLAINTEXT_INSTEAD_OF_TLS,
        "421": Code.RATE_LIMITED,
    }
    assert len(set(codes.values())) == len(codes)
