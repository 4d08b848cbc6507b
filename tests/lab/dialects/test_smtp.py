import pytest

from tests.lab.dialects.hearing import answer, bites, cut_commands, cut_replies
from unstrip.lab.dialect import Topic
from unstrip.lab.dialects.smtp import Smtp


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_replies_of_many_lines_are_cut_alike_however_they_arrive(size):
    said = b"220-a\r\n220 b\r\n250-c\r\n250-STARTTLS\r\n250 D\r\n221 bye\r\n"
    assert cut_replies(Smtp(), bites(said, size)) == [
        b"220-a\r\n220 b\r\n",
        b"250-c\r\n250-STARTTLS\r\n250 D\r\n",
        b"221 bye\r\n",
    ]


@pytest.mark.parametrize(
    ("said", "topic"),
    [
        (b"STARTTLS\r\n", Topic.UPGRADE),
        (b"starttls \r\n", Topic.UPGRADE),
        (b" StartTLS\n", Topic.UPGRADE),
        (b"EHLO STARTTLS\r\n", Topic.LISTING),
        (b"RSET\r\n", Topic.OTHER),
        (b"\r\n", Topic.OTHER),
    ],
)
def test_commands_are_known_by_their_verb_however_it_is_spelt(said, topic):
    command = Smtp().read_command(said)
    assert command.topic is topic
    assert command.data == said


@pytest.mark.parametrize("said", [b"starttls\r\n", b"STA", b"RTTLS\r\n"])
def test_a_naive_dialect_knows_whole_capitals_only(said):
    naive = Smtp(naive=True)
    assert naive.read_command(said).topic is Topic.OTHER
    assert cut_commands(naive, [b"STA", b"RTTLS\r\nNOOP\r\n"]) == [b"STA", b"RTTLS\r\nNOOP\r\n"]


@pytest.mark.parametrize(
    ("asked", "said", "go_ahead"),
    [
        (b"STARTTLS\r\n", b"220 go\r\n", True),
        (b"STARTTLS\r\n", b"454 no\r\n", False),
        (b"NOOP\r\n", b"220 go\r\n", False),
    ],
)
def test_the_go_ahead_is_known_by_what_it_answers(asked, said, go_ahead):
    assert answer(Smtp(), asked, said).go_ahead is go_ahead


def test_the_first_message_is_the_greeting_even_to_a_hasty_client():
    words = Smtp()
    hasty = words.read_command(b"EHLO a\r\n")
    assert words.read_reply(b"220 hi\r\n", hasty, first=True).topic is Topic.GREETING
    assert words.read_reply(b"250 hi\r\n", hasty, first=False).topic is Topic.LISTING
    assert words.read_reply(b"421 bye\r\n", None, first=False).topic is Topic.OTHER


@pytest.mark.parametrize(
    ("said", "without", "masked"),
    [
        (
            b"250-b\r\n250-starttls\r\n250 C\r\n",
            b"250-b\r\n250 C\r\n",
            b"250-b\r\n250-XXXXXXXA\r\n250 C\r\n",
        ),
        (b"250-b\r\n250 STARTTLS\r\n", b"250 b\r\n", b"250-b\r\n250 XXXXXXXA\r\n"),
        (b"250-STARTTLS\r\n250 C\r\n", None, None),  # a server of that name
        (b"250-b\r\n250 X-STARTTLS\r\n", None, None),
    ],
)
def test_an_offer_is_a_line_of_the_list_and_no_other_word(said, without, masked):
    reply = answer(Smtp(), b"EHLO a\r\n", said)
    assert Smtp().without_offer(reply) == (without or said)
    assert Smtp().masked_offer(reply) == (masked or said)


def test_an_offer_in_no_list_is_left_alone():
    said = b"250-b\r\n250-STARTTLS\r\n250 C\r\n"
    assert Smtp().without_offer(answer(Smtp(), b"NOOP\r\n", said)) == said


def test_a_naive_dialect_leaves_an_offer_in_lower_case():
    naive, said = Smtp(naive=True), b"250-b\r\n250-starttls\r\n250 C\r\n"
    reply = answer(naive, b"EHLO a\r\n", said)
    assert naive.without_offer(reply) == said
    assert naive.masked_offer(reply) == said
