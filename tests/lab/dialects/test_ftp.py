import pytest

from tests.lab.dialects.hearing import answer, bites, cut_replies
from unstrip.lab.dialect import Topic
from unstrip.lab.dialects.ftp import Ftp

FEAT = b"FEAT\r\n"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_a_reply_ends_with_its_own_code_whatever_stands_in_between(size):
    said = b"220-a\r\n230 b\r\n 220 c\r\n220-d\r\n220 e\r\n211 none\r\n234-f\r\n234\r\n"
    assert cut_replies(Ftp(), bites(said, size)) == [
        b"220-a\r\n230 b\r\n 220 c\r\n220-d\r\n220 e\r\n",
        b"211 none\r\n",
        b"234-f\r\n234\r\n",
    ]


@pytest.mark.parametrize(
    ("said", "topic"),
    [
        (b"AUTH TLS\r\n", Topic.UPGRADE),
        (b"auth  tls-c\r\n", Topic.UPGRADE),
        (b"AUTH SSL\r\n", Topic.UPGRADE),
        (b"AUTH GSSAPI\r\n", Topic.OTHER),
        (b"AUTH\r\n", Topic.OTHER),
        (b"feat\r\n", Topic.LISTING),
        (b"USER TLS\r\n", Topic.OTHER),
    ],
)
def test_the_request_is_a_verb_of_two_words(said, topic):
    command = Ftp().read_command(said)
    assert (command.topic, command.data) == (topic, said)


def test_a_naive_dialect_knows_capitals_only():
    assert Ftp(naive=True).read_command(b"auth tls\r\n").topic is Topic.OTHER
    assert Ftp(naive=True).read_command(b"AUTH TLS\r\n").topic is Topic.UPGRADE


@pytest.mark.parametrize(
    ("said", "go_ahead"), [(b"234 go\r\n", True), (b"334 more\r\n", False), (b"200 ok\r\n", False)]
)
def test_the_go_ahead_is_234_alone(said, go_ahead):
    assert answer(Ftp(), b"AUTH TLS\r\n", said).go_ahead is go_ahead


@pytest.mark.parametrize(
    ("said", "without", "masked"),
    [
        (
            b"211-f\r\n AUTH TLS\r\n PBSZ\r\n PROT\r\n UTF8\r\n211 End\r\n",
            b"211-f\r\n UTF8\r\n211 End\r\n",
            b"211-f\r\n XXXXXXXA\r\n PBSZ\r\n PROT\r\n UTF8\r\n211 End\r\n",
        ),
        (
            b"211-f\r\n auth SSL;TLS-C;\r\n MDTM\r\n Auth tls\r\n211 End\r\n",
            b"211-f\r\n MDTM\r\n211 End\r\n",
            b"211-f\r\n XXXXXXXXXXXXXXA\r\n MDTM\r\n XXXXXXXA\r\n211 End\r\n",
        ),
        (b"211-f\r\n AUTH GSSAPI\r\n AUTHTLS\r\n XAUTH TLS\r\n211 End\r\n", None, None),
        (b"211-AUTH TLS\r\n211 AUTH TLS\r\n", None, None),
    ],
)
def test_the_offer_goes_with_what_is_of_no_use_without_it(said, without, masked):
    reply = answer(Ftp(), FEAT, said)
    assert Ftp().without_offer(reply) == (without or said)
    assert Ftp().masked_offer(reply) == (masked or said)


def test_what_a_naive_box_overlooks_stays_whole():
    said = b"211-f\r\n auth tls\r\n PBSZ\r\n211 End\r\n"
    naive = Ftp(naive=True)
    assert naive.without_offer(answer(naive, b"FEAT\r\n", said)) == said


def test_an_offer_in_no_list_is_left_alone():
    said = b"214-help\r\n AUTH TLS\r\n PBSZ\r\n214 end\r\n"
    assert Ftp().without_offer(answer(Ftp(), b"HELP\r\n", said)) == said
