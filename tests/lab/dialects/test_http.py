import pytest

from tests.lab.dialects.hearing import answer, bites, cut_commands, cut_replies
from unstrip.lab.dialect import Topic
from unstrip.lab.dialects.http import Http

ASKED = b"OPTIONS * HTTP/1.1\r\nHost: a\r\nUpgrade: TLS/1.0\r\nConnection: Upgrade\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\nUpgrade: TLS/1.0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: TLS/1.0\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_heads_are_cut_with_their_bodies_however_they_arrive(size):
    assert cut_commands(Http(), bites(POST + ASKED, size)) == [POST, ASKED]
    said = [CONTINUE, SWITCHING, CHUNKED, CONTINUE]
    assert cut_replies(Http(), bites(b"".join(said), size)) == said


@pytest.mark.parametrize(
    ("said", "verb"),
    [
        (ASKED, b"Upgrade: TLS/1.0"),
        (ASKED.lower(), b"upgrade: tls/1.0"),
        (ASKED.replace(b"TLS/1.0", b"TLS/1.2,TLS/1.0"), b"Upgrade: TLS/1.2,TLS/1.0"),
        (ASKED.replace(b"TLS/1.0", b"h2c"), b""),
        (POST, b""),
    ],
)
def test_a_request_for_tls_is_known_by_its_field(said, verb):
    command = Http().read_command(said)
    assert command.verb == verb
    assert command.topic is (Topic.UPGRADE if verb else Topic.OTHER)
    assert command.data == said


def test_a_naive_dialect_knows_the_field_as_it_is_usually_spelt():
    assert Http(naive=True).read_command(ASKED).topic is Topic.UPGRADE
    assert Http(naive=True).read_command(ASKED.lower()).topic is Topic.OTHER


@pytest.mark.parametrize(
    ("asked", "said", "go_ahead"),
    [
        (ASKED, SWITCHING, True),
        (ASKED, CONTINUE, False),
        (ASKED, CHUNKED, False),
        (ASKED, b"nonsense\n", False),
        (POST, SWITCHING, False),
    ],
)
def test_the_go_ahead_is_101_in_answer_to_the_request(asked, said, go_ahead):
    assert answer(Http(), asked, said).go_ahead is go_ahead
