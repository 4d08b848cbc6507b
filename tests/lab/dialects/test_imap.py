import pytest

from tests.lab.dialects.hearing import answer, bites, cut_replies
from unstrip.lab.dialect import Topic
from unstrip.lab.dialects.imap import Imap


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_lines_are_cut_alike_however_they_arrive(size):
    said = b"* CAPABILITY IMAP4rev1\r\nu1 OK done\r\n"
    assert cut_replies(Imap(), bites(said, size)) == said.splitlines(keepends=True)


@pytest.mark.parametrize(
    ("said", "topic", "tag"),
    [
        (b"a1 starttls\r\n", Topic.UPGRADE, b"a1"),
        (b"STARTTLS STARTTLS\r\n", Topic.UPGRADE, b"STARTTLS"),
        (b"STARTTLS NOOP\r\n", Topic.OTHER, b"STARTTLS"),
        (b"u1 CAPABILITY\r\n", Topic.LISTING, b"u1"),
        (b"STARTTLS\r\n", Topic.OTHER, b""),
    ],
)
def test_commands_are_known_by_the_verb_behind_their_tag(said, topic, tag):
    command = Imap().read_command(said)
    assert (command.topic, command.tag, command.data) == (topic, tag, said)


@pytest.mark.parametrize(
    ("said", "go_ahead"),
    [(b"u2 ok go\r\n", True), (b"u1 OK go\r\n", False), (b"* OK go\r\n", False)],
)
def test_the_go_ahead_carries_the_tag_of_the_request(said, go_ahead):
    assert answer(Imap(), b"u2 STARTTLS\r\n", said).go_ahead is go_ahead


@pytest.mark.parametrize(
    ("said", "without"),
    [
        (b"* CAPABILITY IMAP4rev1 STARTTLS\r\n", b"* CAPABILITY IMAP4rev1\r\n"),
        (b"* OK [CAPABILITY STARTTLS ID] hi\r\n", b"* OK [CAPABILITY ID] hi\r\n"),
        (b"* CAPABILITY STARTTLSX XSTARTTLS\r\n", None),
        (b"* OK STARTTLS is not here\r\n", None),
    ],
)
def test_an_offer_is_a_word_of_a_list_wherever_lists_may_stand(said, without):
    reply = answer(Imap(), b"u1 CAPABILITY\r\n", said)
    assert Imap().without_offer(reply) == (without or said)
    assert len(Imap().masked_offer(reply)) == len(said)


def test_refusals_carry_the_tag():
    assert Imap().say(b"{tag} NO\r\n", b"u2") == b"u2 NO\r\n"
