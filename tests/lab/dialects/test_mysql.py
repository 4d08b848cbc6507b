import pytest

from tests.lab.dialects.hearing import answer, bites, cut_commands, cut_replies
from unstrip.lab.dialect import Topic
from unstrip.lab.dialects.mysql import Mysql
from unstrip.protocols.mysql import SSL_REQUEST, greeted, packet

LOGIN = packet(1, SSL_REQUEST[4:] + b"bob\0\0")
CLEAR_LOGIN = packet(1, b"\x05\xa2" + SSL_REQUEST[6:] + b"bob\0\0")
HELLO = b"\x16\x03\x01\0\5hello"
GREETING = packet(
    0, b"\x0a8.0.36\0\x08\0\0\0Qk\x1fh8\x22\x05a\0\xff\xff\xff\x02\0\xff\xdf\x15" + bytes(23)
)
ERROR = packet(0, b"\xff\x10\x04Too many connections")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_packets_are_cut_by_their_length(size):
    assert cut_commands(Mysql(), bites(SSL_REQUEST + HELLO, size)) == [SSL_REQUEST]
    assert cut_replies(Mysql(), bites(GREETING + ERROR, size)) == [GREETING, ERROR]


@pytest.mark.parametrize(
    ("said", "topic"),
    [
        (SSL_REQUEST, Topic.UPGRADE),
        (LOGIN, Topic.OTHER),
        (CLEAR_LOGIN, Topic.OTHER),
        (SSL_REQUEST[:5] + b"\xa2" + SSL_REQUEST[6:], Topic.OTHER),
        (SSL_REQUEST[:3], Topic.OTHER),
    ],
)
def test_the_request_is_a_login_up_to_the_name(said, topic):
    command = Mysql().read_command(said)
    assert (command.topic, command.data) == (topic, said)


def test_a_session_passes_as_it_comes():
    words = Mysql()
    words.read_command(LOGIN)
    assert cut_commands(words, [b"\x20\0", b"\0\1half"]) == [b"\x20\0", b"\0\1half"]
    assert cut_replies(words, [b"\x07\0\0", b"\2"]) == [b"\x07\0\0", b"\2"]


def test_no_packet_is_a_go_ahead():
    assert not answer(Mysql(), SSL_REQUEST, ERROR).go_ahead
    assert answer(Mysql(), SSL_REQUEST, ERROR).topic is Topic.UPGRADE
    assert Mysql().read_reply(ERROR, None, first=False).topic is Topic.OTHER


def test_the_offer_is_one_bit_of_the_greeting():
    without = Mysql().without_offer(Mysql().read_reply(GREETING, None, first=True))
    (at,) = [at for at, (a, b) in enumerate(zip(GREETING, without, strict=True)) if a != b]
    assert GREETING[at] ^ without[at] == 0x08
    before, after = (set(greeted(0, said[4:]).flags) for said in (GREETING, without))
    assert before - after == {"CLIENT_SSL"}
    assert after < before


@pytest.mark.parametrize(
    ("said", "first"),
    [(ERROR, True), (GREETING, False), (packet(0, b"\x0a8.0"), True), (packet(0, b"\x0a\0"), True)],
)
def test_what_is_no_whole_greeting_is_left_alone(said, first):
    assert Mysql().without_offer(Mysql().read_reply(said, None, first=first)) == said
