"""The record by which receivers check who signed a report."""

import pytest

from tests.policy.answering import answered, failure, found, nothing
from unstrip.policy.questions import Dns, Kind, Txt
from unstrip.tlsrpt.key import KeyRecord, look

NAME = "tls._domainkey.sender.example"
OURS = KeyRecord(NAME, "MIIB+/=")
NONE, OTHER = f"there is no key at {NAME}", f"the key at {NAME} is another one"


def told(*records: str) -> str:
    answer = found(*(Txt((record.encode(),)) for record in records)) if records else nothing()
    return answered(look(OURS), {Dns(NAME, Kind.TXT): answer}).result


@pytest.mark.parametrize(
    "records",
    [
        [OURS.text],
        ["p=MIIB+/="],
        ["v=DKIM1; p=MII B+\t/=;"],
        ["v=DKIM1; s=email:tlsrpt; p=MIIB+/="],
        ["v=DKIM1; p=AAAA", OURS.text],
    ],
)
def test_a_key_that_is_ours_is_right(records):
    assert told(*records) == ""


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ([], NONE),
        (["v=spf1 -all"], NONE),
        (["v=DKIM1; p="], OTHER),
        (["v=DKIM1; s=tlsrpt; p=AAAA"], OTHER),
        (["v=DKIM1; s=em\x1bail; p=MIIB+/="], "is not for reports: s=em\\x1bail"),
    ],
)
def test_what_receivers_would_not_take_is_said(records, words):
    assert words in told(*records)


def test_a_look_up_that_failed_says_so():
    answers = {Dns(NAME, Kind.TXT): failure()}
    assert f"{NAME} could not be looked up: " in answered(look(OURS), answers).result
