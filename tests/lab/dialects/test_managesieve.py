import pytest

from tests.lab.dialects.hearing import answer, bites, cut_commands, cut_replies
from unstrip.lab.dialect import Topic
from unstrip.lab.dialects.managesieve import ManageSieve

LIST = b'"IMPLEMENTATION" {4}\r\nOK\r\n\r\n"STARTTLS"\r\nOK {3}\r\na\r\n\r\n'


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_a_list_and_its_literals_are_one_message_however_they_arrive(size):
    said = LIST + b'NO "x"\r\nBYE\r\n'
    assert cut_replies(ManageSieve(), bites(said, size)) == [LIST, b'NO "x"\r\n', b"BYE\r\n"]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_a_literal_belongs_to_its_command(size):
    said = b"NOOP {10+}\r\nSTARTTLS\r\n\r\nSTARTTLS\r\n"
    assert cut_commands(ManageSieve(), bites(said, size)) == [said[:24], b"STARTTLS\r\n"]


@pytest.mark.parametrize(
    ("said", "topic"),
    [
        (b"STARTTLS\r\n", Topic.UPGRADE),
        (b"starttls\r\n", Topic.UPGRADE),
        (b"Capability\r\n", Topic.LISTING),
        (b'NOOP "STARTTLS"\r\n', Topic.OTHER),
    ],
)
def test_commands_are_known_by_their_verb(said, topic):
    assert ManageSieve().read_command(said).topic is topic


@pytest.mark.parametrize(
    ("asked", "said", "go_ahead"),
    [
        (b"STARTTLS\r\n", b"ok\r\n", True),
        (b"STARTTLS\r\n", b'OK "go"\r\n', True),
        (b"STARTTLS\r\n", b'"OK" "go"\r\n', False),
        (b"STARTTLS\r\n", b"NO\r\n", False),
        (b"NOOP\r\n", b"OK\r\n", False),
    ],
)
def test_the_go_ahead_is_ok_in_answer_to_the_request(asked, said, go_ahead):
    assert answer(ManageSieve(), asked, said).go_ahead is go_ahead


@pytest.mark.parametrize(
    ("listed", "without", "masked"),
    [
        (
            b'"A" "B"\r\n"starttls"\r\nOK\r\n',
            b'"A" "B"\r\nOK\r\n',
            b'"A" "B"\r\n"XXXXXXXA"\r\nOK\r\n',
        ),
        (b'"STARTTLS"\r\nOK\r\n', b"OK\r\n", b'"XXXXXXXA"\r\nOK\r\n'),
        (b'"A" "STARTTLS"\r\nOK "STARTTLS"\r\n', None, None),
    ],
)
def test_an_offer_is_a_line_of_the_list_and_no_other_string(listed, without, masked):
    greeting = ManageSieve().read_reply(listed, None, first=True)
    for reply in (greeting, answer(ManageSieve(), b"CAPABILITY\r\n", listed)):
        assert ManageSieve().without_offer(reply) == (without or listed)
        assert ManageSieve().masked_offer(reply) == (masked or listed)


def test_an_offer_in_no_list_is_left_alone():
    reply = answer(ManageSieve(), b"LISTSCRIPTS\r\n", b'"STARTTLS"\r\nOK\r\n')
    assert ManageSieve().without_offer(reply) == reply.data
