import pytest

from tests.lab.dialects.hearing import answer, bites, cut_commands, cut_replies
from unstrip.lab.dialect import Topic
from unstrip.lab.dialects.telnet import Telnet

DO, DONT, WILL = b"\xff\xfd\x2e", b"\xff\xfe\x2e", b"\xff\xfb\x2e"
FOLLOWS = b"\xff\xfa\x2e\x01\xff\xf0"
DO_ECHO, ESCAPED = b"\xff\xfd\x01", b"\xff\xff"
PARAMETERS = b"\xff\xfa\x18\0a\xff\xff\xff\xfd\xff\xf0"  # one that has 255 and a DO in it


def offered():
    """Return a dialect whose server has said DO."""
    dialect = Telnet()
    dialect.read_reply(DO, None, first=True)
    return dialect


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_commands_are_cut_alike_however_they_arrive(size):
    said = [DO_ECHO, DO, ESCAPED, b"\xff\xf1", FOLLOWS]
    assert cut_replies(Telnet(), bites(b"".join(said), size)) == said
    assert cut_commands(Telnet(), bites(WILL + FOLLOWS, size)) == [WILL, FOLLOWS]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_who_was_told_do_says_will_and_follows_in_one_request(size):
    said = [DO_ECHO, WILL + FOLLOWS, b"\xff\xf1"]
    assert cut_commands(offered(), bites(b"".join(said), size)) == said
    assert cut_commands(offered(), bites(WILL + DO_ECHO, size)) == [WILL, DO_ECHO]


def test_text_is_cut_where_a_command_begins_and_otherwise_as_it_came():
    said = [b"login", b": " + DO]
    assert cut_replies(Telnet(), said) == [b"login", b": ", DO]


def test_a_command_that_cannot_be_passes_as_it_came():
    assert cut_replies(Telnet(), [PARAMETERS, b"\xff\0", DO]) == [PARAMETERS, b"\xff\0", DO]


@pytest.mark.parametrize(
    ("said", "topic"),
    [
        (WILL, Topic.UPGRADE),
        (WILL + FOLLOWS, Topic.UPGRADE),
        (DO_ECHO, Topic.OTHER),
        (b"\xff\xfb", Topic.OTHER),
        (b"root\r\n", Topic.OTHER),
    ],
)
def test_the_request_is_known_by_its_option(said, topic):
    command = Telnet().read_command(said)
    assert (command.topic, command.data) == (topic, said)


@pytest.mark.parametrize(
    ("said", "go_ahead"), [(FOLLOWS, True), (DO, False), (DONT, False), (b"login: ", False)]
)
def test_the_go_ahead_is_follows(said, go_ahead):
    assert answer(Telnet(), WILL + FOLLOWS, said).go_ahead is go_ahead


@pytest.mark.parametrize(
    ("said", "left"),
    [(DO, b""), (DO_ECHO, DO_ECHO), (b"DO START_TLS", b"DO START_TLS")],
)
def test_nothing_is_left_of_an_offer(said, left):
    assert Telnet().without_offer(Telnet().read_reply(said, None, first=True)) == left
