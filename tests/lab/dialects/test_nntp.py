import pytest

from tests.lab.dialects.hearing import answer, bites, cut_replies
from unstrip.lab.dialect import Topic
from unstrip.lab.dialects.nntp import Nntp

LIST = b"CAPABILITIES\r\n"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_a_list_is_cut_as_one_message_however_it_arrives(size):
    said = b"101 list\r\nVERSION 2\r\n..\r\n.\r\n500 what?\r\n"
    assert cut_replies(Nntp(), bites(said, size), Nntp().read_command(LIST)) == [
        b"101 list\r\nVERSION 2\r\n..\r\n.\r\n",
        b"500 what?\r\n",
    ]


def test_what_is_no_list_is_a_line():
    assert cut_replies(Nntp(), [b"200 hi\r\n382 go\r\n"]) == [b"200 hi\r\n", b"382 go\r\n"]


@pytest.mark.parametrize(
    ("said", "topic"),
    [
        (b"StartTLS\r\n", Topic.UPGRADE),
        (b"capabilities\r\n", Topic.LISTING),
        (b"MODE READER\r\n", Topic.OTHER),
    ],
)
def test_commands_are_known_by_their_verb(said, topic):
    command = Nntp().read_command(said)
    assert (command.topic, command.data) == (topic, said)


@pytest.mark.parametrize(
    ("said", "go_ahead"), [(b"382 go\r\n", True), (b"383 go\r\n", False), (b"580 no\r\n", False)]
)
def test_the_go_ahead_is_382_alone(said, go_ahead):
    assert answer(Nntp(), b"STARTTLS\r\n", said).go_ahead is go_ahead


@pytest.mark.parametrize(
    ("said", "without", "masked"),
    [
        (
            b"101 list\r\nVERSION 2\r\nstarttls\r\nOVER\r\n.\r\n",
            b"101 list\r\nVERSION 2\r\nOVER\r\n.\r\n",
            b"101 list\r\nVERSION 2\r\nXXXXXXXA\r\nOVER\r\n.\r\n",
        ),
        (
            b"101 list\r\nSTARTTLS now\r\n.\r\n",
            b"101 list\r\n.\r\n",
            b"101 list\r\nXXXXXXXA now\r\n.\r\n",
        ),
        (b"101 STARTTLS\r\nIMPLEMENTATION STARTTLS\r\nSTARTTLSX\r\n.\r\n", None, None),
    ],
)
def test_an_offer_is_the_label_of_a_line(said, without, masked):
    reply = answer(Nntp(), LIST, said)
    assert Nntp().without_offer(reply) == (without or said)
    assert Nntp().masked_offer(reply) == (masked or said)
