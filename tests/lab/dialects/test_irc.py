import pytest

from tests.lab.dialects.hearing import answer, bites, cut_commands, cut_replies
from unstrip.lab.dialect import Topic
from unstrip.lab.dialects.irc import Irc

LIST = b"CAP LS 302\r\n"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_lines_are_cut_alike_however_they_arrive(size):
    said = b":s NOTICE * :hi\r\n:s CAP * LS :tls\n\r\n"
    assert cut_replies(Irc(), bites(said, size)) == said.splitlines(keepends=True)
    assert cut_commands(Irc(), bites(said, size)) == said.splitlines(keepends=True)


@pytest.mark.parametrize(
    ("said", "topic"),
    [
        (b"STARTTLS\r\n", Topic.UPGRADE),
        (b"starttls\r\n", Topic.UPGRADE),
        (b"@t=1 :me StartTLS\r\n", Topic.UPGRADE),
        (b"CAP LS 302\r\n", Topic.LISTING),
        (b"cap  ls\r\n", Topic.LISTING),
        (b"CAP REQ :tls\r\n", Topic.OTHER),
        (b"NICK STARTTLS\r\n", Topic.OTHER),
        (b"\r\n", Topic.OTHER),
    ],
)
def test_commands_are_known_by_their_verb_whoever_says_them(said, topic):
    command = Irc().read_command(said)
    assert (command.topic, command.data) == (topic, said)


@pytest.mark.parametrize(
    ("said", "go_ahead"),
    [
        (b":s 670 * :go\r\n", True),
        (b"@time=x :s 670 me :go\r\n", True),
        (b":s 691 * :no\r\n", False),
        (b":s NOTICE * :670\r\n", False),
        (b":s 6700 * :go\r\n", False),
    ],
)
def test_the_go_ahead_is_a_numeric(said, go_ahead):
    assert answer(Irc(), b"STARTTLS\r\n", said).go_ahead is go_ahead
    assert not answer(Irc(), LIST, said).go_ahead


def test_nobody_greets():
    assert Irc().read_reply(b":s NOTICE * :hi\r\n", None, first=True).topic is Topic.OTHER


@pytest.mark.parametrize(
    ("said", "without", "masked"),
    [
        (b":s CAP * LS :tls\r\n", b":s CAP * LS :\r\n", b":s CAP * LS :XXA\r\n"),
        (b":s CAP * LS :TLS sasl\r\n", b":s CAP * LS :sasl\r\n", b":s CAP * LS :XXA sasl\r\n"),
        (b":s CAP * LS * :a tls b\r\n", b":s CAP * LS * :a b\r\n", b":s CAP * LS * :a XXA b\r\n"),
        (b":s CAP * LS tls\r\n", b":s CAP * LS\r\n", b":s CAP * LS XXA\r\n"),
        (
            b":s CAP me NEW :a sts=port=6697\r\n",
            b":s CAP me NEW :a\r\n",
            b":s CAP me NEW :a XXXXXXXXXXXXA\r\n",
        ),
        (b":tls CAP tls LS :tlsx a=tls\r\n", None, None),
        (b":s NOTICE * :we have tls here\r\n", None, None),
    ],
)
def test_an_offer_is_a_word_of_a_list(said, without, masked):
    reply = answer(Irc(), LIST, said)
    assert Irc().without_offer(reply) == (without or said)
    assert Irc().masked_offer(reply) == (masked or said)


def test_a_naive_dialect_knows_the_offer_in_small_letters_only():
    naive = Irc(naive=True)
    spelt, otherwise = b":s CAP * LS :a tls\r\n", b":s CAP * LS :a Tls\r\n"
    assert naive.without_offer(answer(naive, LIST, spelt)) == b":s CAP * LS :a\r\n"
    assert naive.without_offer(answer(naive, LIST, otherwise)) == otherwise
