"""A dialog in progress: it goes on where it stopped, switches by itself, and keeps everything."""

from __future__ import annotations

from functools import partial
from itertools import count

import pytest

from tests.protocols.rehearsal import rehearsal
from tests.protocols.replay import SERVER_HELLO, GlassTunnel, improvise
from unstrip.conversation import TLS_BUDGET, Conversation
from unstrip.framing import line
from unstrip.protocols import smtp
from unstrip.transcript import Layer, Side, said
from unstrip.trouble import Ended, Injected, ProtocolError, TooLong
from unstrip.tunnel import HandshakeFailed
from unstrip.upgrade import Outcome, Upgrade
from unstrip.wire import Receive, Send, Settle

GREETING, LIST, GO = b"220 mx\r\n", b"250-mx\r\n250 STARTTLS\r\n", b"220 go\r\n"


def polite(wire):
    """Ask, take the go-ahead, start TLS, ask again."""
    wire.send_line("HELLO")
    answer = yield from line(wire)
    yield from wire.start_tls()
    wire.send_line("AGAIN")
    inside = yield from line(wire)
    return answer, inside


def talk_of(dialog, **options):
    return Conversation(dialog, GlassTunnel, **options)


# Effects


def test_effects_go_on_where_they_stopped():
    talk = talk_of(polite)
    assert next(iter(talk)) == Send(b"HELLO\r\n")
    assert next(iter(talk)) == Receive()
    talk.hear(b"ok")
    assert next(iter(talk)) == Receive()
    talk.hear(b"\r\n")
    assert isinstance(next(iter(talk)), Send)


def test_no_driver_ever_sees_the_switch():
    talk = talk_of(polite)
    kinds, answers = [], iter([b"ok\r\n", SERVER_HELLO, b"fine\r\n"])
    for effect in talk:
        kinds.append(type(effect))
        if isinstance(effect, Receive):
            talk.hear(next(answers))
    assert kinds == [Send, Receive, Send, Receive, Settle, Send, Receive]
    assert talk.done
    assert talk.result == (b"ok", b"fine")


def test_what_is_queued_when_a_dialog_returns_is_sent():
    def farewell(wire):
        wire.send_line("BYE")
        return "over"
        yield

    talk = talk_of(farewell)
    assert list(talk) == [Send(b"BYE\r\n")]
    assert (talk.done, talk.result) == (True, "over")


def test_a_conversation_that_is_not_over_has_no_result():
    talk = talk_of(polite)
    next(iter(talk))
    assert not talk.done
    assert not hasattr(talk, "result")


# The switch


def test_words_of_a_peer_who_did_not_wait_for_our_question_are_unsolicited():
    with pytest.raises(ProtocolError, match="inside TLS before our first command"):
        raise improvise(talk_of(polite), [b"ok\r\n"], hello=SERVER_HELLO + b"220 mx\r\n").error


def test_residue_is_never_given_to_a_tunnel():
    made = []

    def tunnel():
        made.append(GlassTunnel())
        return made[-1]

    ending = improvise(Conversation(polite, tunnel), [b"ok\r\nevil"])
    assert isinstance(ending.error, Injected)
    assert ending.error.residue == b"evil"
    assert not made


def test_words_after_the_switch_are_the_tunnels_alone():
    ending = improvise(talk_of(polite), [b"ok\r\n", b"evil\r\n"], tls=False)
    assert isinstance(ending.error, HandshakeFailed)
    assert said(ending.talk.transcript, Side.SERVER, Layer.HANDSHAKE) == b"evil\r\n"
    assert not ending.talk.wire.waiting


def test_implicit_tls_comes_before_the_first_word():
    def dialog(wire):
        assert wire.secure
        return (yield from line(wire))

    talk = talk_of(dialog, implicit=True)
    ending = improvise(talk, [b"220 mx\r\n"])
    assert ending.talk.result == b"220 mx"
    assert not said(talk.transcript, Side.CLIENT, Layer.CLEAR)


def test_a_dialog_that_says_upgraded_on_a_clear_wire_is_a_programming_mistake():
    def liar(wire):
        return Upgrade(Outcome.UPGRADED)
        yield

    with pytest.raises(AssertionError, match="clear"):
        list(talk_of(liar))


def test_a_dialog_that_calls_itself_secure_without_a_handshake_is_a_programming_mistake():
    def liar(wire):
        wire.secure = True
        return Upgrade(Outcome.IMPLICIT)
        yield

    with pytest.raises(AssertionError, match="without a handshake"):
        list(talk_of(liar))


def test_a_failed_handshake_sends_its_alert_before_it_is_told(pki):
    talk = Conversation(polite, pki.client_end)
    sent = []
    with pytest.raises(HandshakeFailed):
        drive(talk, [b"ok\r\n", b"\x16\x03\x03\x00\x04\x02\x00\x00\x00"], sent)
    assert sent[-1][0] == 0x15


def drive(talk, speech, sent):
    answers = iter(speech)
    for effect in talk:
        if isinstance(effect, Send):
            sent.append(effect.data)
        elif isinstance(effect, Receive):
            talk.hear(next(answers, b""))


def test_a_peer_who_hangs_up_in_the_handshake_ends_it(pki):
    talk = Conversation(polite, pki.client_end)
    with pytest.raises(ProtocolError):
        drive(talk, [b"ok\r\n"], [])
    assert talk.handshake is None


# Inspection


def test_the_inspector_sees_the_facts_before_anything_is_said_inside():
    seen = []

    def inspect(facts):
        seen.append((facts.version, said(talk.transcript, Side.CLIENT, Layer.SECURE)))
        return facts

    talk = talk_of(polite, inspect=inspect)
    improvise(talk, [b"ok\r\n", b"fine\r\n"])
    assert seen == [("TLSv1.3", b"")]


def test_what_the_inspector_returns_is_the_handshake():
    marker = GlassTunnel().facts()
    talk = talk_of(polite, inspect=lambda _: marker)
    improvise(talk, [b"ok\r\n", b"fine\r\n"])
    assert talk.handshake is marker


def test_an_inspector_who_refuses_ends_it_with_nothing_said_inside():
    def refuse(facts):
        raise ConnectionError("not good enough")

    talk = talk_of(polite, inspect=refuse)
    with pytest.raises(ConnectionError):
        improvise(talk, [b"ok\r\n", b"fine\r\n"])
    assert not said(talk.transcript, Side.CLIENT, Layer.SECURE)
    assert talk.handshake is not None
    assert list(talk) == []


# The transcript


def test_the_transcript_keeps_every_segment_its_speaker_its_layer_and_its_time():
    ticks = iter(range(100))
    talk = talk_of(polite, clock=lambda: float(next(ticks)))
    improvise(talk, [b"o", b"k\r\n", b"fine\r\n"])
    client, server = Side.CLIENT, Side.SERVER
    assert [(u.speaker, u.layer) for u in talk.transcript] == [
        (client, Layer.CLEAR),
        (server, Layer.CLEAR),
        (server, Layer.CLEAR),
        (client, Layer.HANDSHAKE),
        (server, Layer.HANDSHAKE),
        (client, Layer.SECURE),
        (server, Layer.SECURE),
    ]
    assert [u.at for u in talk.transcript] == [float(n) for n in range(7)]
    assert talk.transcript[1].data == b"o"


def test_the_transcripts_of_both_sides_agree(pki):
    played = rehearsal(pki, "smtp").run()
    client, server = played.client.talk.transcript, played.server.talk.transcript
    for layer in Layer:
        assert said(client, Side.CLIENT, layer) == said(server, Side.CLIENT, layer)
    for layer in (Layer.CLEAR, Layer.SECURE):
        assert said(server, Side.SERVER, layer).startswith(said(client, Side.SERVER, layer))
        assert said(client, Side.SERVER, layer)


def test_a_hang_up_is_not_an_utterance():
    ending = improvise(talk_of(polite), [])
    assert isinstance(ending.error, Ended)
    assert [u.speaker for u in ending.talk.transcript] == [Side.CLIENT]


def test_what_is_said_when_the_dialog_is_over_is_nobodys_to_keep():
    talk = talk_of(polite)
    improvise(talk, [b"ok\r\n", b"fine\r\n"])
    kept = talk.transcript
    assert talk.seal(b"a LOGIN alice secret\r\n") == b"a LOGIN alice secret\r\n"
    talk.hear(b"a OK\r\n")
    assert talk.transcript == kept
    assert talk.wire.take(100) == b"a OK\r\n"


def test_spoken_to_means_words_or_a_hang_up():
    talk = talk_of(polite)
    assert not talk.spoken_to
    talk.hear(b"o")
    assert talk.spoken_to
    talk.wire.take(1)
    assert not talk.spoken_to
    talk.hear(b"")
    assert talk.spoken_to


def test_records_of_tls_alone_are_no_words(pki):
    """Tickets come after the handshake, unasked, and are nothing to be suspicious of."""
    played = rehearsal(pki, "smtp", bite=1).run()
    assert played.client.talk.result.outcome is Outcome.UPGRADED


# Where it stands


@pytest.mark.parametrize(
    ("heard", "where"),
    [
        ([], "client > reply > line"),
        ([GREETING + b""], "client > ehlo > reply > line"),
        ([GREETING, LIST], "client > reply > line"),
        ([GREETING, LIST, GO], "client > start_tls > handshake"),
        ([GREETING, LIST, GO, SERVER_HELLO], "client > ehlo > reply > line"),
    ],
)
def test_the_state_of_a_dialog_has_a_name(heard, where):
    talk = talk_of(partial(smtp.client))
    states, answers = [], iter(heard)
    for effect in talk:
        if isinstance(effect, Receive):
            states.append(talk.where().removesuffix(" > more"))
            if (data := next(answers, None)) is None:
                break
            talk.hear(data)
    assert states[-1] == where


@pytest.mark.parametrize(
    ("heard", "where"),
    [
        ([b"nonsense\r\n"], "client > reply"),
        ([GREETING, b""], "client > ehlo > reply > line"),
        ([GREETING, LIST, GO + b"evil"], "client > start_tls"),
    ],
)
def test_the_state_in_which_a_dialog_broke_off_has_a_name(heard, where):
    ending = improvise(talk_of(partial(smtp.client)), heard)
    assert ending.error is not None
    assert ending.talk.where().startswith(where)


def test_hello_requests_without_end_are_too_long_and_not_kept(pki):
    """OpenSSL passes over as many as come: the deadline alone would let gigabytes in."""
    talk = Conversation(polite, pki.client_end)
    flood = b"\x16\x03\x03\x40\x00" + b"\0\0\0\0" * 4096
    with pytest.raises(TooLong, match="bytes of TLS"):
        drive(talk, [b"ok\r\n", *[flood] * 1000], [])
    assert sum(len(spoken.data) for spoken in talk.transcript) < 2 * TLS_BUDGET


def test_nothing_is_sealed_in_clear_unless_the_caller_says_so():
    talk = talk_of(smtp.client)
    with pytest.raises(AssertionError, match="no TLS"):
        talk.seal(b"AUTH PLAIN secret\r\n")
    assert talk.seal(b"NOOP\r\n", clear=True) == b"NOOP\r\n"


def test_half_an_envelope_behind_the_last_one_is_injected(pki):
    """TDS: what is left over when TLS stands is neither TLS nor ever read."""
    flights = count(1)

    def tamper(data):
        last = data[:1] == b"\x12" and next(flights) == 2
        return data + b"\x12\x01" if last else data

    played = rehearsal(pki, "ms-sql-s", tamper=tamper).run()
    assert played.client.name == "injected"
    assert played.client.residue == b"\x12\x01"
