import pytest

from tests.lab.dialects.hearing import answer, bites, cut_replies
from unstrip.lab.dialect import Topic
from unstrip.lab.dialects.lmtp import Lmtp


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_replies_of_many_lines_are_cut_alike_however_they_arrive(size):
    said = b"220 a LMTP\r\n250-b\r\n250 STARTTLS\r\n"
    assert cut_replies(Lmtp(), bites(said, size)) == [
        b"220 a LMTP\r\n",
        b"250-b\r\n250 STARTTLS\r\n",
    ]


@pytest.mark.parametrize(
    ("said", "topic"),
    [
        (b"LHLO a\r\n", Topic.LISTING),
        (b"EHLO a\r\n", Topic.OTHER),
        (b"starttls\r\n", Topic.UPGRADE),
    ],
)
def test_the_hello_is_its_own(said, topic):
    assert Lmtp().read_command(said).topic is topic


def test_the_go_ahead_and_the_list_are_those_of_smtp():
    listed = b"250-b\r\n250-STARTTLS\r\n250 C\r\n"
    assert answer(Lmtp(), b"STARTTLS\r\n", b"220 go\r\n").go_ahead
    reply = answer(Lmtp(), b"LHLO a\r\n", listed)
    assert Lmtp().without_offer(reply) == b"250-b\r\n250 C\r\n"
    assert Lmtp().masked_offer(reply) == b"250-b\r\n250-XXXXXXXA\r\n250 C\r\n"


def test_what_is_refused_is_its_own_hello():
    assert b'"LHLO"' in Lmtp.WORDS.unlisted
