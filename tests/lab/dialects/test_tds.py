import pytest

from tests.lab.dialects.hearing import answer, bites, cut_commands, cut_replies
from unstrip.lab.dialect import Topic
from unstrip.lab.dialects.tds import Tds
from unstrip.protocols.tds import (
    PRELOGIN,
    Encryption,
    Envelope,
    encryption,
    error,
    packets,
    prelogin,
)

HELLO = b"\x16\x03\x01\0\5hello"
LOGIN = packets(0x10, bytes(94))
LONG = packets(0x04, bytes(5000))


def said_by_server(granted):
    return packets(0x04, prelogin(granted, b"\x10"))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_messages_are_cut_where_their_last_packet_ends(size):
    assert cut_commands(Tds(), bites(PRELOGIN + LOGIN, size)) == [PRELOGIN, LOGIN]
    assert cut_replies(Tds(), bites(LONG + error(1, "no"), size)) == [LONG, error(1, "no")]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("hello", [HELLO, Envelope().wrap(HELLO)], ids=["bare", "wrapped"])
def test_tls_begins_bare_or_in_packets(size, hello):
    assert cut_commands(Tds(), bites(PRELOGIN + hello, size)) == [PRELOGIN]


@pytest.mark.parametrize(
    ("said", "topic"),
    [
        (PRELOGIN, Topic.UPGRADE),
        (packets(0x12, prelogin(Encryption.OFF, b"")), Topic.UPGRADE),
        (packets(0x12, prelogin(Encryption.NOT_SUP, b"")), Topic.OTHER),
        (packets(0x12, b"\xff"), Topic.OTHER),
        (packets(0x12, b"\1\0\x40\0\1\xff"), Topic.OTHER),
        (packets(0x12, b"\0\0\6\0\1"), Topic.OTHER),
        (packets(0x01, PRELOGIN[8:]), Topic.OTHER),
        (PRELOGIN[:3], Topic.OTHER),
    ],
)
def test_the_request_is_a_word_about_encryption(said, topic):
    command = Tds().read_command(said)
    assert (command.topic, command.data) == (topic, said)


@pytest.mark.parametrize(
    ("asked", "said", "go_ahead"),
    [
        (PRELOGIN, said_by_server(Encryption.ON), True),
        (PRELOGIN, said_by_server(Encryption.REQ), True),
        (PRELOGIN, said_by_server(Encryption.OFF), True),
        (PRELOGIN, said_by_server(Encryption.NOT_SUP), False),
        (PRELOGIN, PRELOGIN, False),
        (PRELOGIN, error(1, "no"), False),
        (LOGIN, said_by_server(Encryption.ON), False),
    ],
)
def test_the_go_ahead_is_any_yes_for_the_login_at_least(asked, said, go_ahead):
    assert answer(Tds(), asked, said).go_ahead is go_ahead


def test_what_a_server_says_unasked_is_nothing():
    assert Tds().read_reply(error(1, "no"), None, first=True).topic is Topic.OTHER


@pytest.mark.parametrize("granted", [Encryption.ON, Encryption.REQ, Encryption.OFF])
def test_a_yes_becomes_a_no_of_the_same_length(granted):
    yes = said_by_server(granted)
    no = Tds().flipped(answer(Tds(), PRELOGIN, yes))
    assert len(no) == len(yes)
    assert encryption(no[8:]) is Encryption.NOT_SUP


def test_a_session_passes_as_it_comes():
    words = Tds()
    words.read_command(LOGIN)
    assert cut_commands(words, [b"\x01\1\0", b"\x40half"]) == [b"\x01\1\0", b"\x40half"]
    assert cut_replies(words, [b"\x04\0"]) == [b"\x04\0"]


@pytest.mark.parametrize("length", [0, 7])
def test_a_packet_shorter_than_its_header_ends_with_it(length):
    said = b"\x01\1" + length.to_bytes(2, "big") + bytes(4)
    assert cut_commands(Tds(), [said + PRELOGIN])[0] == said
    wrapped = Envelope().wrap(HELLO)
    assert Tds.unwrapped(wrapped + b"\x12\1" + said[2:] + b"x") == HELLO + b"x"


def test_records_are_taken_out_of_their_packets_and_all_else_is_left():
    records = bytes(range(256)) * 20
    said = Envelope().wrap(HELLO + records)
    assert Tds.unwrapped(PRELOGIN + said + HELLO) == PRELOGIN + HELLO + records + HELLO
    assert Tds.unwrapped(PRELOGIN + LOGIN) == PRELOGIN + LOGIN
    assert isinstance(Tds().envelope(), Envelope)
