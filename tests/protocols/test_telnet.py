"""Telnet: its commands, read one by one, and its storms; the dialogs are in the transcripts."""

from __future__ import annotations

import pytest

from tests.protocols.replay import improvise, load
from unstrip.protocols import telnet
from unstrip.protocols.telnet import (
    FOLLOWS,
    IN_CLEAR,
    OVERTURE_SECONDS,
    message,
    overture,
    word,
)
from unstrip.transcript import Layer, Side, said
from unstrip.trouble import Ended, ProtocolError, TooLong, Unsolicited
from unstrip.upgrade import Asking, Outcome, Upgrade
from unstrip.wire import Receive, Send, Settle, Wire

DO, WILL, DONT = b"\xff\xfd\x2e", b"\xff\xfb\x2e", b"\xff\xfe\x2e"


def run(dialog):
    """What a dialog returns that needs nothing more than a silence."""
    try:
        while True:
            assert isinstance(next(dialog), Settle), "wants more"
    except StopIteration as end:
        return end.value


def wire_with(heard):
    wire = Wire()
    wire.hear(heard)
    return wire


@pytest.mark.parametrize(
    ("heard", "rest"),
    [
        (b"a", b"bc"),
        (b"\r", b"\0"),
        (b"\xff\xff", b"a"),
        (b"\xff\xf1", b"\xff\xf1"),
        (b"\xff\xec", b"a"),
        (b"\xff\xfd\x18", b"\xff\xfd\x20"),
        (b"\xff\xfd\xff", b"a"),
        (FOLLOWS, b"\xff"),
        (b"\xff\xfa\x27\xff\xf0", b"\xf0"),
        (b"\xff\xfa\x27\xff\xff\xf0\xff\xf0", b"a"),
        (b"\xff\xfa\x27\xff\xff\xff\xff\xff\xf0", b"a"),
        (b"\xff\xfa\xff\x01\xff\xf0", b"a"),
    ],
)
def test_a_message_ends_where_it_ends(heard, rest):
    wire = wire_with(heard + rest)
    assert run(message(wire)) == heard
    assert wire.take(99) == rest


@pytest.mark.parametrize("cut", range(1, len(FOLLOWS)))
def test_a_message_that_is_not_whole_is_waited_for(cut):
    assert next(message(wire_with(FOLLOWS[:cut]))) == Receive()


@pytest.mark.parametrize(
    "heard", [b"\xff\0", b"\xff\xeb", b"\xff\xf0", b"\xff\xfa\x18\xff\xfd", b"\xff\xfa\x18\xff\0"]
)
def test_what_no_reader_of_rfc_854_expects_is_broken(heard):
    with pytest.raises(ProtocolError):
        run(message(wire_with(heard)))


def test_a_subnegotiation_has_a_limit():
    with pytest.raises(TooLong):
        run(message(wire_with(b"\xff\xfa\x18" + b"a" * telnet.SUBNEGOTIATION_LIMIT)))
    most = b"\xff\xfa\x18" + b"a" * (telnet.SUBNEGOTIATION_LIMIT - 1) + b"\xff\xf0"
    assert run(message(wire_with(most))) == most


def test_escaped_bytes_count_towards_the_limit_of_a_subnegotiation():
    with pytest.raises(TooLong):
        run(message(wire_with(b"\xff\xfa\x18" + b"\xff\xff" * telnet.SUBNEGOTIATION_LIMIT)))


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (DO, "DO START_TLS"),
        (WILL, "WILL START_TLS"),
        (b"\xff\xfc\x01", "WONT ECHO"),
        (b"\xff\xfe\x18", "DONT TERMINAL-TYPE"),
        (b"\xff\xfd\x6e", "DO OPTION-110"),
        (b"\xff\xfa\x18\x01\xff\xf0", "SB TERMINAL-TYPE"),
        (b"\xff\xf1", ""),
        (b"\xff\xff", ""),
    ],
)
def test_negotiations_have_the_names_that_iana_gives_them(command, name):
    assert word(command) == name


def test_all_that_came_with_the_offer_is_heard_before_it_is_taken_up():
    wire = wire_with(b"\xff\xfd\x18" + DO + b"\xff\xfb\x01\r\nSome host\r\n")
    offered, greeting = run(overture(wire))
    assert offered == ("DO TERMINAL-TYPE", "DO START_TLS", "WILL ECHO")
    assert greeting == "Some host"


def test_a_command_that_is_cut_behind_the_offer_is_waited_for():
    wire = wire_with(DO + b"\xff")
    dialog = overture(wire)
    assert next(dialog) == Settle(OVERTURE_SECONDS)
    assert next(dialog) == Receive()
    wire.hear(b"\xf1")
    assert run(dialog) == (("DO START_TLS",), "")


def test_the_offer_is_taken_up_without_waiting_for_a_silence():
    wire = Wire()
    client = telnet.client(wire, Asking())
    assert next(client) == Settle(OVERTURE_SECONDS)
    wire.hear(DO)
    assert next(client) == Send(WILL + FOLLOWS)


def test_an_offer_that_comes_a_little_later_is_waited_for():
    wire = wire_with(b"\xff\xfd\x18")
    client = telnet.client(wire, Asking())
    assert next(client) == Settle(OVERTURE_SECONDS)
    assert next(client) == Settle()
    wire.hear(DO)
    assert next(client) == Send(WILL + FOLLOWS)


def test_nothing_is_asked_before_a_silence():
    wire = wire_with(b"\xff\xfd\x18")
    client = telnet.client(wire, Asking(insist=True))
    assert next(client) == Settle(OVERTURE_SECONDS)
    assert next(client) == Settle()
    assert next(client) == Send(WILL + FOLLOWS)


@pytest.mark.parametrize("insist", [False, True])
def test_a_server_that_says_nothing_is_waited_for_but_not_for_ever(insist):
    """R3: who insists asks, whatever was said; nothing was, or it was taken out."""
    client = telnet.client(Wire(), Asking(insist=insist))
    assert next(client) == Settle(OVERTURE_SECONDS)
    if insist:
        assert next(client) == Send(WILL + FOLLOWS)
        assert next(client) == Receive()
    else:
        assert run(client) == Upgrade(Outcome.NOT_OFFERED)


def test_a_server_that_hangs_up_before_a_word_has_ended():
    wire = Wire()
    dialog = overture(wire)
    assert next(dialog) == Settle(OVERTURE_SECONDS)
    wire.hear(b"")
    with pytest.raises(Ended):
        next(dialog)


def test_the_offer_that_comes_as_the_answer_is_kept_though_the_rest_never_comes():
    talk = load("telnet/mute.txt").conversation(insist=True)
    assert isinstance(improvise(talk, [DO]).error, Ended)
    assert talk.wire.so_far == Upgrade(
        Outcome.BROKEN_OFF, advertised=True, offered=("DO START_TLS",)
    )


@pytest.mark.parametrize(
    "storm",
    [
        b"\xff\xfd\x18" * 20_000,
        b"\xff\xfb\x01\xff\xfc\x01" * 20_000,
        b"a" * 100_000,
        b"\xff\xfa\x18\x01\xff\xf0" * 20_000,
    ],
)
@pytest.mark.parametrize("opening", [b"", DO])
def test_a_storm_is_too_long_before_the_request_and_behind_it(opening, storm):
    talk = load("telnet/upgraded.txt").conversation()
    ending = improvise(talk, [opening, storm] if opening else [storm], restless=True)
    assert isinstance(ending.error, TooLong)
    assert talk.tunnel is None
    spoken = said(talk.transcript, Side.CLIENT, Layer.CLEAR)
    assert spoken == (WILL + FOLLOWS if opening else b"")


def test_options_answered_with_commands_of_no_option_have_a_limit_too():
    talk = load("telnet/upgraded.txt").conversation()
    ending = improvise(talk, [DO, b"\xff\xf1" * 1000], restless=True)
    assert isinstance(ending.error, TooLong)


def test_follows_among_other_first_words_is_unsolicited():
    with pytest.raises(Unsolicited):
        run(overture(wire_with(b"\xff\xfd\x18" + FOLLOWS + DO)))


@pytest.mark.parametrize(
    ("words", "allowed"),
    [
        (WILL + FOLLOWS, True),
        (WILL, False),
        (FOLLOWS, False),
        (b"\xff\xfc\x18", False),
        (b"\r\n", False),
        (WILL + FOLLOWS + WILL + FOLLOWS, False),
    ],
)
def test_what_may_be_said_in_clear_is_one_request(words, allowed):
    assert bool(IN_CLEAR.fullmatch(words)) is allowed


def test_a_client_that_asks_for_ever_is_refused_for_as_long_as_patience_lasts():
    talk = load("telnet/served-upgrade.txt").conversation()
    ending = improvise(talk, [b"\xff\xfb\x1f"] * 200)
    assert ending.error is None
    assert ending.talk.result.outcome is Outcome.NOT_ASKED
    assert said(talk.transcript, Side.SERVER, Layer.CLEAR).endswith(b"Too many commands\r\n")


def test_a_name_that_does_not_end_is_too_long_for_the_server():
    talk = load("telnet/served-upgrade.txt").conversation()
    assert isinstance(improvise(talk, [b"a" * 2000]).error, TooLong)
