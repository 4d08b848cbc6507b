import pytest

from tests.lab.dialects.hearing import answer, bites, cut_commands, cut_replies
from unstrip.lab.dialect import Topic
from unstrip.lab.dialects.postgresql import Postgresql
from unstrip.protocols.postgresql import SSL_REQUEST, error

GSSENC = b"\0\0\0\x08\x04\xd2\x16\x30"
STARTUP = b"\0\0\0\x12\0\3\0\0user\0bob\0\0"
HELLO = b"\x16\x03\x01\0\5hello"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_messages_without_a_type_are_cut_by_their_length(size):
    said = GSSENC + SSL_REQUEST + STARTUP
    assert cut_commands(Postgresql(), bites(said, size)) == [GSSENC, SSL_REQUEST, STARTUP]
    assert cut_commands(Postgresql(), bites(SSL_REQUEST + HELLO, size)) == [SSL_REQUEST]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_answers_are_one_byte_unless_they_are_errors(size):
    asked = Postgresql().read_command(SSL_REQUEST)
    refused = error("0A000", "no")
    assert cut_replies(Postgresql(), bites(b"N" + refused + b"S", size), asked) == [
        b"N",
        refused,
        b"S",
    ]


@pytest.mark.parametrize("said", [b"Q\0\0\0\x05;", b"\0\0\0\4", b"\x7f\xff\xff\xff"])
def test_what_is_no_negotiation_passes_as_it_comes(said):
    assert cut_commands(Postgresql(), [said, said]) == [said, said]


def test_a_session_passes_as_it_comes():
    words = Postgresql()
    assert words.read_command(STARTUP).topic is Topic.OTHER
    assert words.read_command(SSL_REQUEST[:3]).topic is Topic.OTHER
    assert cut_commands(words, [b"p\0\0", b"\0\x08key\0"]) == [b"p\0\0", b"\0\x08key\0"]
    assert cut_replies(words, [b"S\0\0\0\x10half"], words.read_command(b"")) == [b"S\0\0\0\x10half"]


def test_what_a_server_says_unasked_passes_as_it_comes():
    assert cut_replies(Postgresql(), [b"SN", b"E"]) == [b"SN", b"E"]
    assert Postgresql().read_reply(b"S", None, first=True).topic is Topic.OTHER


@pytest.mark.parametrize(
    ("asked", "said", "go_ahead"),
    [
        (SSL_REQUEST, b"S", True),
        (SSL_REQUEST, b"N", False),
        (GSSENC, b"G", False),
        (STARTUP, b"S", False),
    ],
)
def test_the_go_ahead_is_s_in_answer_to_the_request(asked, said, go_ahead):
    assert answer(Postgresql(), asked, said).go_ahead is go_ahead


def test_a_yes_becomes_a_no_of_the_same_length():
    assert Postgresql().flipped(answer(Postgresql(), SSL_REQUEST, b"S")) == b"N"


def test_no_tag_is_needed_to_say_anything():
    assert Postgresql().say(b"N", b"tag") == b"N"
