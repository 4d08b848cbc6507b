import pytest

from tests.lab.dialects.hearing import answer, bites, cut_commands, cut_replies
from unstrip.lab.dialect import Topic
from unstrip.lab.dialects.nut import Nut


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_lines_end_in_lf_however_they_arrive(size):
    asked, answered = [b"VER\n", b"STARTTLS\n"], [b"Network UPS Tools\n", b"OK STARTTLS\n"]
    assert cut_commands(Nut(), bites(b"".join(asked), size)) == asked
    assert cut_replies(Nut(), bites(b"".join(answered), size)) == answered


@pytest.mark.parametrize(
    ("said", "topic"),
    [(b"STARTTLS\n", Topic.UPGRADE), (b"starttls\r\n", Topic.UPGRADE), (b"VER\n", Topic.OTHER)],
)
def test_commands_are_known_by_their_verb(said, topic):
    assert Nut().read_command(said).topic is topic


@pytest.mark.parametrize(
    ("asked", "said", "go_ahead"),
    [
        (b"STARTTLS\n", b"OK STARTTLS\n", True),
        (b"STARTTLS\n", b"OK\n", False),
        (b"STARTTLS\n", b"ERR FEATURE-NOT-CONFIGURED\n", False),
        (b"VER\n", b"OK STARTTLS\n", False),
    ],
)
def test_the_go_ahead_repeats_the_verb(asked, said, go_ahead):
    assert answer(Nut(), asked, said).go_ahead is go_ahead


def test_the_first_message_is_no_greeting_and_nothing_is_an_offer():
    reply = Nut().read_reply(b"STARTTLS\n", None, first=True)
    assert reply.topic is Topic.OTHER
    assert Nut().without_offer(reply) == reply.data
    assert not Nut.lists()
