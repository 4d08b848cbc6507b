import pytest

from tests.lab.dialects.hearing import answer, bites, cut_replies
from unstrip.lab.dialect import Topic
from unstrip.lab.dialects.vnc import Vnc
from unstrip.lab.ear import Ear

VERSION, TYPE, VENCRYPT, SUBTYPE = STEPS = (b"RFB 003.008\n", b"\x13", b"\0\2", b"\0\0\1\4")
HELLO = b"\x16\x03\x01"
FAILED = b"\0\0\0\0\2No"


def hear(dialect, segments):
    """Cut and read what a viewer says; a step is known by those before it."""
    ear, commands = Ear(dialect.begins_tls), []
    for segment in segments:
        ear.hear(segment)
        while (found := ear.next(dialect.command_end)) is not None:
            commands.append(dialect.read_command(found))
    return commands, ear


def after(*steps):
    """Return a dialect that heard these steps, and the last of them."""
    dialect = Vnc()
    commands, _ = hear(dialect, steps)
    return dialect, commands[-1]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_steps_are_cut_by_their_order_however_they_arrive(size):
    commands, ear = hear(Vnc(), bites(b"".join(STEPS) + HELLO, size))
    assert tuple(command.data for command in commands) == STEPS
    assert [command.topic for command in commands] == [
        Topic.LISTING,
        Topic.UPGRADE,
        Topic.OTHER,
        Topic.OTHER,
    ]
    assert ear.tls


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
@pytest.mark.parametrize(
    ("steps", "answers"),
    [
        ((VERSION,), [b"\2\x13\2"]),
        ((VERSION,), [b"\0" + FAILED[1:]]),
        ((b"RFB 003.003\n",), [b"\0\0\0\2"]),
        ((VERSION, TYPE), [b"\0\2"]),
        ((VERSION, TYPE, VENCRYPT), [b"\0\2\0\0\1\4\0\0\1\5"]),
        ((VERSION, TYPE, VENCRYPT), [b"\1"]),
    ],
)
def test_answers_are_cut_by_the_step_before_them(steps, answers, size):
    dialect, asked = after(*steps)
    assert cut_replies(dialect, bites(b"".join(answers), size), asked) == answers


def test_the_greeting_has_a_length_of_its_own():
    assert cut_replies(Vnc(), bites(VERSION, 5)) == [VERSION]
    assert Vnc().read_reply(VERSION, None, first=True).topic is Topic.GREETING
    assert Vnc().read_reply(VERSION, None, first=False).topic is Topic.OTHER


@pytest.mark.parametrize("kind", [b"\1", b"\2", b"\x16"])
def test_another_security_type_leads_elsewhere_and_all_of_it_passes(kind):
    dialect, asked = after(VERSION, kind)
    assert asked.topic is Topic.OTHER
    commands, _ = hear(dialect, [b"\x05" * 16, b"\x01"])
    assert [command.data for command in commands] == [b"\x05" * 16, b"\x01"]
    assert cut_replies(dialect, [b"\0\0\0\0more"], asked) == [b"\0\0\0\0more"]


@pytest.mark.parametrize(
    ("steps", "said", "go_ahead"),
    [
        (STEPS, b"\1", True),
        (STEPS, b"\0", False),
        (STEPS[:3], b"\1", False),
        (STEPS[:1], b"\1", False),
    ],
)
def test_the_go_ahead_is_a_1_in_answer_to_the_subtype(steps, said, go_ahead):
    dialect, asked = after(*steps)
    assert dialect.read_reply(said, asked, first=False).go_ahead is go_ahead


def test_what_follows_the_last_answer_passes_whole():
    dialect, asked = after(*STEPS)
    assert dialect.reply_end(b"\1", asked) == 1
    assert dialect.read_reply(b"\1", asked, first=False).go_ahead
    alert = b"\x15\3\3\0\2\2\x32"
    assert dialect.reply_end(alert, asked) == len(alert)
    assert not dialect.read_reply(b"\1", asked, first=False).go_ahead


@pytest.mark.parametrize(
    ("listed", "left"),
    [
        (b"\3\2\x13\1", b"\2\2\1"),
        (b"\1\x13", b"\1\2"),  # none at all would mean that there is no service
        (b"\2\1\2", b"\2\1\2"),
    ],
)
def test_an_offer_is_removed_and_the_rest_counted_anew(listed, left):
    reply = answer(Vnc(), VERSION, listed)
    assert Vnc().without_offer(reply) == left


def test_what_is_no_list_is_left_alone():
    dialect, asked = after(VERSION, TYPE)
    assert dialect.without_offer(dialect.read_reply(b"\0\x13", asked, first=False)) == b"\0\x13"


def test_the_yes_becomes_a_no():
    dialect, asked = after(*STEPS)
    yes = dialect.read_reply(b"\1", asked, first=False)
    assert dialect.flipped(yes) == b"\0"
