import pytest

from tests.lab.dialects.hearing import answer, bites, cut_commands, cut_replies
from unstrip.lab.dialect import Topic
from unstrip.lab.dialects.acap import Acap


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_lines_and_their_literals_are_cut_alike_however_they_arrive(size):
    said = [b"* ACAP (IMPLEMENTATION {2}\r\n\r\n) (STARTTLS)\r\n", b'u1 OK "go"\r\n']
    assert cut_replies(Acap(), bites(b"".join(said), size)) == said


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_a_literal_belongs_to_its_command(size):
    said = [b"u1 NOOP {13+}\r\nu2 STARTTLS\r\n\r\n", b"u2 STARTTLS\r\n"]
    assert cut_commands(Acap(), bites(b"".join(said), size)) == said


@pytest.mark.parametrize(
    ("said", "topic", "tag"),
    [
        (b"u1 starttls\r\n", Topic.UPGRADE, b"u1"),
        (b"STARTTLS NOOP\r\n", Topic.OTHER, b"STARTTLS"),
        (b"STARTTLS\r\n", Topic.OTHER, b""),
    ],
)
def test_commands_are_known_by_the_verb_behind_their_tag(said, topic, tag):
    command = Acap().read_command(said)
    assert (command.topic, command.tag, command.data) == (topic, tag, said)


@pytest.mark.parametrize(
    ("said", "go_ahead"),
    [(b'u2 ok "go"\r\n', True), (b'u1 OK "go"\r\n', False), (b'* OK "go"\r\n', False)],
)
def test_the_go_ahead_carries_the_tag_of_the_request(said, go_ahead):
    assert answer(Acap(), b"u2 STARTTLS\r\n", said).go_ahead is go_ahead


@pytest.mark.parametrize(
    ("listed", "without", "masked"),
    [
        (b'* ACAP (A "x") (starttls)\r\n', b'* ACAP (A "x")\r\n', b'* ACAP (A "x") (XXXXXXXA)\r\n'),
        (b"* ACAP (STARTTLS) (A)\r\n", b"* ACAP (A)\r\n", b"* ACAP (XXXXXXXA) (A)\r\n"),
        (b'* ACAP (A " (STARTTLS)") (B "\\"")\r\n', None, None),
        (b'* ACAP (A " (STARTTLS) \\"") (B "x")\r\n', None, None),
    ],
)
def test_an_offer_is_removed_with_its_brackets_and_is_in_no_string(listed, without, masked):
    reply = Acap().read_reply(listed, None, first=True)
    assert Acap().without_offer(reply) == (without or listed)
    assert Acap().masked_offer(reply) == (masked or listed)


def test_refusals_carry_the_tag():
    assert Acap().say(Acap.WORDS.refusals["BAD"], b"u2").startswith(b"u2 BAD ")
