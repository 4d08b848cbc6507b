import pytest

from tests.lab.dialects.hearing import answer, bites, cut_commands, cut_replies
from unstrip.lab.dialect import Topic
from unstrip.lab.dialects.rdp import Rdp

HEAD = b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0"
REQUEST = HEAD + b"\x03\0\0\0"
COOKIE = b"\x03\0\0\x2b\x26\xe0\0\0\0\0\0Cookie: mstshash=alice\r\n\x01\0\x08\0\x01\0\0\0"
OLD = b"\x03\0\0\x0b\x06\xe0\0\0\0\0\0"
CONFIRM = b"\x03\0\0\x13\x0e\xd0\0\0\x12\x34\0"
DATA = b"\x03\0\0\x08\x02\xf0\x80\x7f"


def response(selected):
    return CONFIRM + b"\x02\x1f\x08\0" + bytes([selected, 0, 0, 0])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_packets_are_cut_by_their_length_however_they_arrive(size):
    asked, answered = [REQUEST, COOKIE, DATA], [response(1), DATA]
    assert cut_commands(Rdp(), bites(b"".join(asked), size)) == asked
    assert cut_replies(Rdp(), bites(b"".join(answered), size)) == answered


@pytest.mark.parametrize(
    ("said", "topic"),
    [
        (REQUEST, Topic.UPGRADE),
        (HEAD + b"\x02\0\0\0", Topic.UPGRADE),
        (COOKIE, Topic.UPGRADE),
        (HEAD + b"\0\0\0\0", Topic.OTHER),
        (OLD, Topic.OTHER),
        (DATA, Topic.OTHER),
        (b"nonsense", Topic.OTHER),
    ],
)
def test_a_request_is_known_by_the_protocols_that_it_names(said, topic):
    command = Rdp().read_command(said)
    assert (command.topic, command.data) == (topic, said)


@pytest.mark.parametrize(
    ("asked", "said", "go_ahead"),
    [
        (REQUEST, response(1), True),
        (REQUEST, response(2), True),
        (REQUEST, response(0), False),
        (REQUEST, CONFIRM + b"\x03\0\x08\0\x02\0\0\0", False),
        (REQUEST, b"\x03\0\0\x0b\x06\xd0\0\0\x12\x34\0", False),
        (REQUEST, DATA, False),
        (OLD, response(1), False),
    ],
)
def test_the_go_ahead_selects_a_protocol_that_is_inside_tls(asked, said, go_ahead):
    assert answer(Rdp(), asked, said).go_ahead is go_ahead


def test_what_a_server_says_unasked_is_no_answer():
    assert Rdp().read_reply(response(1), None, first=True).topic is Topic.OTHER


@pytest.mark.parametrize("selected", [1, 2])
def test_the_selection_becomes_rdps_own_security(selected):
    assert Rdp().flipped(answer(Rdp(), REQUEST, response(selected))) == response(0)
