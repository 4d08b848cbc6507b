import pytest

from tests.lab.dialects.hearing import answer, bites, cut_replies
from unstrip.lab.dialect import Topic
from unstrip.lab.dialects.pop3 import Pop3


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_a_list_is_cut_as_one_message_however_it_arrives(size):
    said = b"+OK list\r\nSTLS\r\n..\r\n.\r\n-ERR\r\n"
    asked = Pop3().read_command(b"CAPA\r\n")
    assert cut_replies(Pop3(), bites(said, size), asked) == [
        b"+OK list\r\nSTLS\r\n..\r\n.\r\n",
        b"-ERR\r\n",
    ]


def test_what_is_no_list_is_a_line():
    said = b"+OK hi\r\n+OK\r\n"
    assert cut_replies(Pop3(), [said]) == [b"+OK hi\r\n", b"+OK\r\n"]


@pytest.mark.parametrize(
    ("said", "topic"),
    [(b"stls\r\n", Topic.UPGRADE), (b"CAPA\r\n", Topic.LISTING), (b"QUIT\r\n", Topic.OTHER)],
)
def test_commands_are_known_by_their_verb(said, topic):
    assert Pop3().read_command(said).topic is topic


@pytest.mark.parametrize(("said", "go_ahead"), [(b"+OK\r\n", True), (b"-ERR\r\n", False)])
def test_the_go_ahead_is_any_success(said, go_ahead):
    assert answer(Pop3(), b"STLS\r\n", said).go_ahead is go_ahead


@pytest.mark.parametrize(
    ("said", "without"),
    [
        (b"+OK\r\nSTLS\r\nTOP\r\n.\r\n", b"+OK\r\nTOP\r\n.\r\n"),
        (b"+OK STLS\r\nIMPLEMENTATION STLS\r\n.\r\n", None),
    ],
)
def test_an_offer_is_a_line_of_the_list_and_no_other_word(said, without):
    assert Pop3().without_offer(answer(Pop3(), b"CAPA\r\n", said)) == (without or said)
