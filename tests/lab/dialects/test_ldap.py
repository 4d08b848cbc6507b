import pytest

from tests.lab.dialects.hearing import answer, bites, cut_commands, cut_replies
from unstrip.lab.dialect import Topic
from unstrip.lab.dialects.ldap import Ldap

OID = b"1.3.6.1.4.1.1466.20037"
STARTTLS = b"\x30\x1d\2\1\2\x77\x18\x80\x16" + OID
ROOT = b"\x30\x0f\2\1\1\x63\x0a\4\0\x0a\1\0\x0a\1\0\x30\0"
BASE = b"\x30\x10\2\1\1\x63\x0b\4\1a\x0a\1\0\x0a\1\0\x30\0"
UNBIND = b"\x30\5\2\1\3\x42\0"
YES, NO = (b"\x30\x0c\2\1\2\x78\7\x0a\1%c\4\0\4\0" % code for code in (0, 2))
DONE = b"\x30\x0c\2\1\1\x65\7\x0a\1\0\4\0\4\0"
# what Active Directory makes of the same: every length in its longest form
LONG_YES = b"\x30\x84\0\0\0\x10\2\1\2\x78\x84\0\0\0\7\x0a\1\0\4\0\4\0"


def tlv(tag, *parts):
    content = b"".join(parts)
    size = b"\x81" if len(content) > 127 else b""
    return bytes([tag]) + size + bytes([len(content)]) + content


def entry(*attributes):
    return tlv(0x30, b"\2\1\1", tlv(0x64, b"\4\0", tlv(0x30, *attributes)))


def attribute(name, *values):
    return tlv(0x30, tlv(4, name), tlv(0x31, *(tlv(4, value) for value in values)))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_messages_are_cut_by_their_lengths_however_they_arrive(size):
    asked, answered = [ROOT, STARTTLS, UNBIND], [YES, LONG_YES, DONE]
    assert cut_commands(Ldap(), bites(b"".join(asked), size)) == asked
    assert cut_replies(Ldap(), bites(b"".join(answered), size)) == answered


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_what_is_found_is_one_message_up_to_its_end(size):
    found = entry(attribute(b"a", OID)) + DONE
    asked = Ldap().read_command(ROOT)
    assert cut_replies(Ldap(), bites(found + YES, size), asked) == [found, YES]


@pytest.mark.parametrize(
    ("said", "topic"),
    [
        (STARTTLS, Topic.UPGRADE),
        (ROOT, Topic.LISTING),
        (BASE, Topic.OTHER),
        (UNBIND, Topic.OTHER),
        (STARTTLS.replace(b"37", b"38"), Topic.OTHER),
        (b"\x30\3\2\1\1", Topic.OTHER),
        (b"nonsense", Topic.OTHER),
    ],
)
def test_requests_are_known_by_what_they_ask_for(said, topic):
    command = Ldap().read_command(said)
    assert (command.topic, command.data) == (topic, said)


@pytest.mark.parametrize(
    ("asked", "said", "go_ahead"),
    [
        (STARTTLS, YES, True),
        (STARTTLS, LONG_YES, True),
        (STARTTLS, NO, False),
        (STARTTLS, YES.replace(b"\2\1\2", b"\2\1\3"), False),
        (STARTTLS, DONE.replace(b"\2\1\1", b"\2\1\2"), False),
        (ROOT, YES, False),
    ],
)
def test_the_go_ahead_is_a_success_under_the_id_of_the_request(asked, said, go_ahead):
    assert answer(Ldap(), asked, said).go_ahead is go_ahead


@pytest.mark.parametrize(
    ("listed", "left"),
    [
        (entry(attribute(b"a", OID, b"1.2")), entry(attribute(b"a", b"1.2"))),
        (entry(attribute(b"a", OID), attribute(b"b")), entry(attribute(b"b"))),
        (
            entry(attribute(b"a", b"x" * 99, OID), attribute(b"b", b"y" * 20)),
            entry(attribute(b"a", b"x" * 99), attribute(b"b", b"y" * 20)),
        ),
        (entry(attribute(b"a", b"x" * 99, OID)), entry(attribute(b"a", b"x" * 99))),
        (entry(attribute(b"a", b"1.2")), entry(attribute(b"a", b"1.2"))),
    ],
)
def test_an_offer_is_removed_and_every_length_around_it_corrected(listed, left):
    reply = answer(Ldap(), ROOT, listed + DONE)
    assert Ldap().without_offer(reply) == left + DONE


@pytest.mark.parametrize(
    ("asked", "said"),
    [(STARTTLS, entry(attribute(b"a", OID)) + DONE), (ROOT, b"\x30\x18\4\x16" + OID)],
)
def test_what_is_no_list_is_left_alone(asked, said):
    assert Ldap().without_offer(answer(Ldap(), asked, said)) == said


def test_a_success_becomes_a_protocol_error_of_the_same_length():
    for said in (YES, LONG_YES):
        flipped = Ldap().flipped(answer(Ldap(), STARTTLS, said))
        assert flipped == said.replace(b"\x0a\1\0", b"\x0a\1\2")


def test_what_looks_like_a_result_in_an_id_is_not_flipped():
    said = b"\x30\x0f\2\4\1\x0a\1\0\x78\7\x0a\1\0\4\0\4\0"
    asked = b"\x30\x20\2\4\1\x0a\1\0\x77\x18\x80\x16" + OID
    flipped = Ldap().flipped(answer(Ldap(), asked, said))
    assert flipped == said[:-5] + b"\2\4\0\4\0"


def test_words_are_put_under_an_id_and_what_is_injected_under_the_next():
    assert Ldap().say(Ldap.WORDS.refusals["2"], b"\0\2") == NO
    injected = Ldap().answer(answer(Ldap(), STARTTLS, YES))
    assert injected == b"\x30\x0c\2\1\3\x61\7\x0a\1\0\4\0\4\0"
    notice = Ldap.WORDS.refusals["notice"]
    assert Ldap().say(notice, b"\2") == notice
