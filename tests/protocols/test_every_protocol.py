"""What every protocol of the registry must hold, whoever wrote it and whatever it looks like."""

from __future__ import annotations

import random
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocols.mutation import MUTATIONS, mutate
from tests.protocols.rehearsal import rehearsal
from tests.protocols.replay import (
    CLIENT_HELLO,
    SERVER_HELLO,
    TRANSCRIPTS,
    Stage,
    check,
    improvise,
    load,
    scripts,
)
from unstrip.conversation import Conversation
from unstrip.protocols import REGISTRY, SCHEMES
from unstrip.transcript import Layer, Side, round_trips, said
from unstrip.wire import (
    CLEAR_BUDGET,
    Asking,
    Manner,
    Outcome,
    ProtocolError,
    Receive,
    Send,
    Serving,
    Settle,
    TooLong,
    Trouble,
    Unsolicited,
    Upgrade,
    Wire,
)

BITES = [1, 2, 3, 7, 65536]
ALL = sorted(REGISTRY)
FILES = scripts()
CLIENT_FILES = [path for path in FILES if not path.name.startswith("served-")]
RESIDUES = {
    "line": b"250 AUTH PLAIN\r\n",
    "fragment": b"250-EV",
    "one byte": b"2",
    "crlf": b"\r\n",
    "junk": b"\x00\xff\xc2\xb9\x1b[2J",
    "record": b"\x16\x03\x03\x00\x02",
    "long": b"x" * 20_000,
}
# the part of each server's speech that never ends: a line, and lines
ENDLESS = {
    "smtp": (b"220 ", b"220-more\r\n"),
    "imap": (b"* OK ", b"* CAPABILITY IMAP4rev1\r\n"),
    "pop3": (b"+OK ", b"TOP\r\n"),
}
# what is never said in clear
SECRETS = {
    "smtp": [
        "MAIL FROM:<a@example.org>",
        "AUTH PLAIN AHgAeQ==",
        "HELO a",
        "EHLO a\r\nDATA",
        "STARTTLS x",
    ],
    "imap": ["u1 LOGIN a b", "u1 AUTHENTICATE PLAIN", "u1 SELECT INBOX", "u1 NOOP\r\nu2 LOGIN a b"],
    "pop3": ["USER alice", "PASS secret", "APOP alice x", "AUTH PLAIN", "CAPA\r\nUSER alice"],
}
# logging in, or sending mail, before TLS; and what a refusal of it starts with
TOO_SOON = {
    "smtp": (
        [b"MAIL FROM:<a@example.org>", b"RCPT TO:<a@example.org>", b"DATA", b"AUTH PLAIN AA=="],
        b"530",
    ),
    "imap": ([b"t LOGIN a b", b"t AUTHENTICATE PLAIN"], b"t NO"),
    "pop3": ([b"USER alice", b"PASS secret", b"APOP alice x", b"AUTH PLAIN"], b"-ERR"),
}
# asking for TLS inside TLS; and what a refusal of it starts with
AGAIN = {
    "smtp": (b"STARTTLS", b"503"),
    "imap": (b"t STARTTLS", b"t BAD"),
    "pop3": (b"STLS", b"-ERR"),
}
REQUEST = {"smtp": b"STARTTLS", "imap": b"t STARTTLS", "pop3": b"STLS"}
TABLES = {  # facts of the specifications: what may come in answer to the request
    "smtp": [
        *("454 4.7.0 not now", "501 5.5.4 no", "500 5.5.1 what?", "502 5.5.1 no", "503 5.5.1 no"),
        *("550 5.7.1 policy", "554 5.5.1 no", "530 5.7.0 no", "538 5.7.11 no", "421 4.3.2 closing"),
        *("200 ok", "221 bye", "235 done", "250 ok", "251 ok", "334 go on", "354 go on", "299 x"),
    ],
    "imap": ["u2 NO no", "u2 BAD what?", "u2 NO [UNAVAILABLE] no", "* BYE closing"],
    "pop3": ["-ERR what?", "-ERR [SYS/TEMP] no", "-ERR [SYS/PERM] no", "-ERR", "-ERR [AUTH] no"],
}


def whole_upgrade(name):
    """The script in which all goes well."""
    return load(f"{name}/upgraded.txt")


def speech(script):
    return [turn.data for turn in script.turns if turn.kind == "peer"]


def clear_words(talk):
    return said(talk.transcript, Side.CLIENT, Layer.CLEAR)


def check_clear_words(name, talk, manner=Manner.PLAIN):
    """Everything said in clear is made of what the protocol's pattern allows."""
    words = clear_words(talk)
    for line in words.splitlines(keepends=True):
        cut_short = not line.endswith(b"\r\n") and manner is Manner.SPLIT
        assert cut_short or REGISTRY[name].IN_CLEAR.fullmatch(line), line


def check_ending(name, ending):
    """A result or a named trouble, with a sentence that can be shown; never more than allowed."""
    assert isinstance(
        ending.talk.result if ending.error is None else ending.error, (Upgrade, ProtocolError)
    )
    if ending.error is not None:
        assert isinstance(ending.error.trouble, Trouble)
        words = str(ending.error)
        assert words
        assert words.isascii()
        assert words.isprintable()
        assert len(words) < 400


# How answers begin
HEADS = ["220 ", "220-", "250-", "250 ", "* OK ", "* CAPABILITY ", "u1 OK ", "u2 OK ", "+OK ", "."]


# The registry


@pytest.mark.parametrize("name", ALL)
def test_a_protocol_file_has_all_that_the_registry_promises(name):
    protocol = REGISTRY[name]
    assert name == protocol.NAME
    assert protocol.PORTS
    assert protocol.OFFER.upper() == protocol.OFFER
    assert protocol.IN_CLEAR.fullmatch((REQUEST[name] + b"\r\n").replace(b"t ", b"u1 "))
    assert (TRANSCRIPTS / name / "upgraded.txt").is_file()


def test_every_scheme_leads_to_its_protocol_and_port():
    assert {(s.name, s.protocol, s.port, s.implicit) for s in SCHEMES.values()} == {
        ("smtp", "smtp", 25, False),
        ("submission", "smtp", 587, False),
        ("smtps", "smtp", 465, True),
        ("submissions", "smtp", 465, True),
        ("imap", "imap", 143, False),
        ("imaps", "imap", 993, True),
        ("pop3", "pop3", 110, False),
        ("pop3s", "pop3", 995, True),
    }


@pytest.mark.parametrize("table", [ENDLESS, SECRETS, TOO_SOON, AGAIN, REQUEST, TABLES])
def test_every_protocol_has_its_row_in_the_tables_of_this_suite(table):
    assert sorted(table) == ALL


# Our own client and our own server, over real TLS


@pytest.mark.parametrize("bite", BITES)
@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "implicit"])
@pytest.mark.parametrize("name", ALL)
def test_client_and_server_reach_tls_together(pki, name, implicit, bite):
    played = rehearsal(pki, name, bite=bite, implicit=implicit).run()
    outcome = Outcome.IMPLICIT if implicit else Outcome.UPGRADED
    for party in (played.client, played.server):
        assert party.talk.result.outcome is outcome
        assert party.talk.handshake.version == "TLSv1.3"
    assert played.client.talk.handshake.forward_secrecy
    assert played.client.talk.result.inside
    check_clear_words(name, played.client.talk)


@pytest.mark.parametrize(("implicit", "expected"), [(False, 5), (True, 3)])
@pytest.mark.parametrize("name", ALL)
def test_the_first_word_inside_takes_as_many_round_trips_as_the_model_says(
    pki, name, implicit, expected
):
    played = rehearsal(pki, name, implicit=implicit).run()
    assert round_trips(played.client.talk.transcript) == expected


@pytest.mark.parametrize("manner", [Manner.LOWER_CASE, Manner.SPLIT])
@pytest.mark.parametrize("name", ALL)
def test_the_probing_manners_upgrade_with_an_honest_server(pki, name, manner):
    played = rehearsal(pki, name, Asking(insist=True, manner=manner)).run()
    assert played.client.talk.result.outcome is Outcome.UPGRADED
    check_clear_words(name, played.client.talk, manner)


@pytest.mark.parametrize("name", ALL)
def test_a_canary_asks_for_nothing_and_starts_no_tls(pki, name):
    played = rehearsal(pki, name, Asking(insist=True, manner=Manner.CANARY)).run()
    result = played.client.talk.result
    assert result.outcome is Outcome.NOT_ASKED
    assert "QSTARTTLSQ" in result.said
    assert played.client.talk.tunnel is None
    assert REGISTRY[name].VERB.encode() not in clear_words(played.client.talk).split()


@pytest.mark.parametrize("insist", [False, True])
@pytest.mark.parametrize("name", ALL)
def test_a_server_that_offers_nothing_grants_nothing(pki, name, insist):
    played = rehearsal(pki, name, Asking(insist=insist), Serving(offer=False)).run()
    expected = Outcome.REFUSED if insist else Outcome.NOT_OFFERED
    assert played.client.talk.result.outcome is expected
    assert not played.client.talk.result.advertised
    assert played.server.talk.result.outcome is Outcome.NOT_ASKED
    assert played.server.talk.tunnel is None


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "implicit"])
@pytest.mark.parametrize("name", ALL)
def test_a_server_cut_off_anywhere_before_tls_stands_gives_a_named_ending(pki, name, implicit):
    clear, shaken, _ = milestones(pki, name, implicit)
    for cut in (*range(clear), *range(clear, shaken - 8, 31)):
        played = rehearsal(pki, name, implicit=implicit, cut=cut).run()
        assert played.client.name == ("ended" if cut < clear else "tls"), cut
        assert played.client.talk.handshake is None
        check_clear_words(name, played.client.talk)


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "implicit"])
@pytest.mark.parametrize("name", ALL)
def test_a_server_cut_off_inside_tls_has_ended(pki, name, implicit):
    _, shaken, whole = milestones(pki, name, implicit)
    for cut in range(shaken + 8, whole, 23):
        played = rehearsal(pki, name, implicit=implicit, cut=cut).run()
        assert played.client.name == "ended" or played.client.talk.done, cut


def milestones(pki, name, implicit):
    """How many bytes the server has said in clear, until the handshake, and in all."""
    played = rehearsal(pki, name, implicit=implicit).run()
    transcript = played.client.talk.transcript
    clear = len(said(transcript, Side.SERVER, Layer.CLEAR))
    shaken = clear + len(said(transcript, Side.SERVER, Layer.HANDSHAKE))
    return clear, shaken, played.delivered  # a signature's length differs by a few bytes


@pytest.mark.parametrize("residue", RESIDUES.values(), ids=RESIDUES)
@pytest.mark.parametrize("name", ALL)
def test_residue_behind_the_go_ahead_is_kept_whole_and_never_reaches_tls(pki, name, residue):
    upgrade = whole_upgrade(name)
    played = rehearsal(pki, name, tamper=partial(append_to_go_ahead, name, residue)).run()
    assert upgrade.expect == "upgraded"
    assert played.client.name == "injected"
    assert played.client.residue == residue
    assert played.client.talk.tunnel is None
    assert played.client.talk.handshake is None
    assert said(played.client.talk.transcript, Side.SERVER, Layer.CLEAR).endswith(residue)


def append_to_go_ahead(name, residue, data):
    """What a middlebox does: our servers' go-aheads are the only lines that say so."""
    is_go_ahead = b"Begin TLS" in data or b"Ready to start TLS" in data
    return data + residue if is_go_ahead else data


@pytest.mark.parametrize("residue", RESIDUES.values(), ids=RESIDUES)
@pytest.mark.parametrize("name", ALL)
def test_residue_that_arrives_after_our_hello_breaks_the_handshake(pki, name, residue):
    """In a segment of its own it is TLS's to reject: never a parser's to read."""
    tamper = partial(append_to_go_ahead, name, residue)
    played = rehearsal(pki, name, tamper=tamper, bite=1).run()
    assert played.client.name in ("tls", "ended")
    assert not said(played.client.talk.transcript, Side.SERVER, Layer.SECURE)


# Our server and a client that does not keep to the rules


class Pushy:
    """A hand-made client against one of our servers, over real TLS."""

    def __init__(self, pki, name):
        dialog = partial(REGISTRY[name].server, serve=Serving())
        self.talk = Conversation(dialog, pki.server_end, side=Side.SERVER)
        self.tunnel = pki.client_end()
        self.heard()

    def heard(self):
        """Go on as far as the server can; return what it sent."""
        sent = b""
        for effect in self.talk:
            if not isinstance(effect, Send):
                break
            sent += effect.data
        return sent

    def say(self, data):
        self.talk.hear(data)
        return self.heard()

    def say_and_hang_up(self, data):
        self.say(data)
        self.say(b"")

    def shake(self):
        """Shake hands; then what the server said inside, if anything."""
        for _ in range(5):
            done = self.tunnel.shake()
            if answer := self.say(self.tunnel.outgoing()):
                self.tunnel.hear(answer)
            if done:
                return self.tunnel.open()
        raise AssertionError("no handshake")

    def whisper(self, data):
        """Say it inside TLS; return what is answered inside."""
        self.tunnel.hear(self.say(self.tunnel.seal(data)))
        return self.tunnel.open()


@pytest.mark.parametrize("name", ALL)
def test_a_hello_that_came_with_the_request_belongs_to_tls(pki, name):
    client = Pushy(pki, name)
    client.tunnel.shake()
    answer = client.say(REQUEST[name] + b"\r\n" + client.tunnel.outgoing())
    go_ahead, _, records = answer.partition(b"\r\n")
    assert go_ahead
    client.tunnel.hear(records)
    assert client.shake() == b""
    assert client.talk.handshake.version == "TLSv1.3"


@pytest.mark.parametrize("late", [False, True], ids=["one segment", "late"])
@pytest.mark.parametrize(
    "behind", [b"t NOOP\r\n", b"MAI", b"\xff", b"\x15\x03\x01\x00\x02\x02\x28"]
)
@pytest.mark.parametrize("name", ALL)
def test_plaintext_behind_the_request_is_never_run(pki, name, behind, late):
    client, request = Pushy(pki, name), REQUEST[name] + b"\r\n"
    if late:
        client.say(request)
    with pytest.raises(ProtocolError) as caught:
        client.say_and_hang_up(behind if late else request + behind)
    assert caught.value.trouble is (Trouble.TLS if late else Trouble.INJECTED)
    assert late or caught.value.residue == behind
    assert late or client.talk.tunnel is None
    assert client.talk.handshake is None


@pytest.mark.parametrize("name", ALL)
def test_nobody_logs_in_before_tls(pki, name):
    commands, refusal = TOO_SOON[name]
    for command in commands:
        client = Pushy(pki, name)
        assert client.say(command + b"\r\n").startswith(refusal), command
        assert client.say(REQUEST[name] + b"\r\n")  # and nothing of it is in the way of TLS
        assert client.shake() == b""


@pytest.mark.parametrize("name", ALL)
def test_tls_inside_tls_is_refused(pki, name):
    request, refusal = AGAIN[name]
    client = Pushy(pki, name)
    client.say(REQUEST[name] + b"\r\n")
    client.shake()
    assert client.whisper(request + b"\r\n").startswith(refusal)
    assert client.whisper(b"t NOOP\r\n")  # and the server is still there


@pytest.mark.parametrize("name", ALL)
def test_a_server_loses_patience(pki, name):
    client = Pushy(pki, name)
    for _ in range(100):
        client.talk.hear(b"t WHAT\r\n")
        client.heard()
    assert client.talk.done
    assert client.talk.result.outcome is Outcome.NOT_ASKED


# Transcripts


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_a_transcript_replays_whole_and_in_bites(path):
    script = load(f"{path.parent.name}/{path.name}")
    assert script.headers["protocol"] == path.parent.name
    check(script, Stage(script).play(), whole=True)
    for bite in (1, 2, 3, 7):
        if script.expect in ("injected", "unsolicited"):
            ending = improvise(script.conversation(), bites(script, bite), tls=handshakes(script))
        else:
            ending = Stage(script, bite).play()
        check(script, ending, whole=False)
        check_ending(path.parent.name, ending)


def handshakes(script):
    return any(turn.kind == "tls" for turn in script.turns)


def hello(script):
    return b"" if script.side is Side.CLIENT else CLIENT_HELLO


def bites(script, bite):
    data = b"".join(speech(script))
    return [data[start : start + bite] for start in range(0, len(data), bite)]


@pytest.mark.parametrize("path", CLIENT_FILES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_whatever_the_server_says_the_client_keeps_to_its_words(path):
    script = load(f"{path.parent.name}/{path.name}")
    for insist in (False, True):
        talk = script.conversation(insist=insist)
        ending = improvise(talk, speech(script), tls=handshakes(script))
        check_clear_words(path.parent.name, ending.talk, script.manner)
        check_ending(path.parent.name, ending)


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_a_mutated_transcript_gives_a_protocol_error_or_an_ending(path):
    script = load(f"{path.parent.name}/{path.name}")
    others = [t for p in random.Random(7).sample(FILES, 3) for t in speech(load(p))]
    for seed in range(12):
        chance = random.Random(f"{path.name} {seed}")
        mutated = mutate(speech(script), others, chance.choice(MUTATIONS), chance.random)
        check_ending(
            path.parent.name, improvise(script.conversation(), mutated, hello=hello(script))
        )


@given(st.data())
def test_transcripts_mutated_at_length_give_protocol_errors_or_endings(data):
    path = data.draw(st.sampled_from(FILES))
    script = load(f"{path.parent.name}/{path.name}")
    turns, pick = speech(script), partial(data.draw, st.floats(0, 1, exclude_max=True))
    others = speech(load(data.draw(st.sampled_from(FILES)))) or [b"x"]
    for mutation in data.draw(st.lists(st.sampled_from(MUTATIONS), max_size=4)):
        turns = mutate(turns, others, mutation, pick)
    insist, manner = data.draw(st.booleans()), data.draw(st.sampled_from(Manner))
    talk = script.conversation(insist=insist, manner=manner)
    ending = improvise(talk, turns, tls=data.draw(st.booleans()), hello=hello(script))
    check_ending(path.parent.name, ending)
    if script.side is Side.CLIENT:
        check_clear_words(path.parent.name, talk, manner)


@given(
    st.sampled_from(ALL),
    st.booleans(),
    st.booleans(),
    st.lists(st.binary(min_size=1, max_size=300)),
)
def test_garbage_gives_protocol_errors_or_endings(name, ours, implicit, garbage):
    side = Side.CLIENT if ours else Side.SERVER
    script = load(f"{name}/upgraded.txt" if ours else f"{name}/served-upgrade.txt")
    script.headers["implicit"] = "yes" if implicit else "no"
    ending = improvise(script.conversation(), garbage, hello=b"" if ours else CLIENT_HELLO)
    check_ending(name, ending)
    assert script.side is side


@given(st.sampled_from(ALL), st.text(max_size=80), st.data())
def test_words_in_the_shape_of_an_answer_give_protocol_errors_or_endings(name, words, data):
    lines = data.draw(st.lists(st.sampled_from(HEADS), max_size=12))
    said_so = [(head + words).encode("utf-8", "replace") + b"\r\n" for head in lines]
    ending = improvise(whole_upgrade(name).conversation(insist=True), said_so)
    check_ending(name, ending)


# Limits


def endless(name, what):
    """A speech that does not end, and the count of what was asked for."""
    first, more = ENDLESS[name]
    taken = [0]

    def speak():
        if what is lines_without_end:
            yield from opening(name)
        yield first if what is line_without_end else more
        while True:
            chunk = b"a" * 1000 if what is line_without_end else more * 20
            taken[0] += len(chunk)
            yield chunk

    return speak(), taken


def opening(name):
    """What comes before the reply with many lines, where the greeting has only one."""
    return {"imap": [b"* OK ready\r\n"], "pop3": [b"+OK\r\n", b"+OK\r\n"]}.get(name, [])


line_without_end, lines_without_end = "line", "lines"


@pytest.mark.parametrize("what", [line_without_end, lines_without_end])
@pytest.mark.parametrize("name", ALL)
def test_speech_without_end_is_too_long(name, what):
    said_so, taken = endless(name, what)
    ending = improvise(whole_upgrade(name).conversation(), said_so)
    assert isinstance(ending.error, TooLong)
    assert taken[0] <= CLEAR_BUDGET


@pytest.mark.parametrize("name", ALL)
def test_more_than_the_budget_before_tls_is_too_long_however_it_is_cut(name):
    """Lines of nearly the limit: fewer than the number of lines that is allowed."""
    first, more = ENDLESS[name]
    line = more[:-2] + b" " + b"a" * 8000 + b"\r\n"
    said_so = [*opening(name), *([line[:-1], line[-1:]] * 100)]
    ending = improvise(whole_upgrade(name).conversation(), said_so)
    assert isinstance(ending.error, TooLong)
    heard = len(said(ending.talk.transcript, Side.SERVER, Layer.CLEAR))
    assert CLEAR_BUDGET < heard <= CLEAR_BUDGET + len(line)
    assert first


@pytest.mark.parametrize("name", ALL)
def test_ten_megabytes_in_one_piece_are_too_long(name):
    ending = improvise(whole_upgrade(name).conversation(), [b"a" * 10_000_000])
    assert isinstance(ending.error, TooLong)
    assert len(str(ending.error)) < 400


@pytest.mark.parametrize("name", ALL)
def test_a_client_whose_line_has_no_end_is_too_long_for_the_server(name):
    script = load(f"{name}/served-upgrade.txt")
    ending = improvise(script.conversation(), [b"A" * 1000] * 20, hello=CLIENT_HELLO)
    assert isinstance(ending.error, TooLong)


# What is said in clear


@pytest.mark.parametrize("name", ALL)
def test_a_dialog_that_would_say_more_in_clear_is_a_programming_mistake(name):
    for secret in SECRETS[name]:
        wire = Wire()
        wire.confine(REGISTRY[name].IN_CLEAR)
        with pytest.raises(AssertionError):
            wire.send_line(secret)
        assert list(wire.flush()) == []


@pytest.mark.parametrize("name", ALL)
def test_the_client_confines_itself_before_it_says_anything(name):
    wire = Wire()
    assert isinstance(next(REGISTRY[name].client(wire, Asking())), Receive)
    with pytest.raises(AssertionError):
        wire.send_line(SECRETS[name][0])


@pytest.mark.parametrize("name", ALL)
def test_the_same_words_may_be_said_inside(name):
    wire = Wire(secure=True)
    wire.confine(REGISTRY[name].IN_CLEAR)
    wire.send_line(SECRETS[name][0])
    assert list(wire.flush()) == [Send(SECRETS[name][0].encode() + b"\r\n")]


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("name", ALL)
def test_a_farewell_waits_for_nothing_and_is_allowed_in_clear(name, secure):
    wire = Wire(secure=secure)
    wire.confine(REGISTRY[name].IN_CLEAR)
    (effect,) = REGISTRY[name].farewell(wire)
    assert isinstance(effect, Send)
    assert effect.data.endswith(b"\r\n")


# Refusals


@pytest.mark.parametrize("advertised", [False, True])
@pytest.mark.parametrize(
    ("name", "answer"), [(name, a) for name in ALL for a in TABLES.get(name, [])]
)
def test_no_answer_but_the_go_ahead_starts_tls(name, answer, advertised):
    script = load(f"{name}/{'upgraded' if advertised else 'upgraded-hidden'}.txt")
    before = speech(script)[:2]
    talk = script.conversation(insist=True, tag="u")
    before = [turn.replace(b"a001 ", b"u1 ") for turn in before]
    ending = improvise(talk, [*before, answer.encode() + b"\r\n"])
    assert ending.name in ("refused", "busy", "unavailable")
    assert talk.tunnel is None
    assert talk.result.advertised is advertised
    assert talk.result.said.split(" ", 1)[0] == answer.split(" ", 1)[0]


# An answer that comes before the question was finished


@pytest.mark.parametrize("name", ALL)
def test_an_answer_to_half_a_request_is_unsolicited(name):
    script = load(f"{name}/upgraded-split.txt")
    greeting, listed, go_ahead, *_ = speech(script)
    talk, answers = script.conversation(), iter([greeting, listed])
    caught = None
    try:
        for effect in talk:
            if isinstance(effect, Settle) and talk.tunnel is None:
                talk.hear(go_ahead)
            elif isinstance(effect, Receive):
                talk.hear(next(answers, SERVER_HELLO))
    except ProtocolError as error:
        caught = error
    assert isinstance(caught, Unsolicited), caught
    assert talk.tunnel is None


# A limit on the rate is never "no TLS"


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("smtp", b"450 4.7.1 Too many connections, try again later\r\n"),
        ("smtp", b"452 4.3.1 over quota\r\n"),
        ("imap", b"a001 NO [UNAVAILABLE] try again later\r\n"),
        ("imap", b"a001 NO [LIMIT] too many connections\r\n"),
        ("pop3", b"-ERR [SYS/TEMP] try again later\r\n"),
        ("pop3", b"-ERR too many connections\r\n"),
    ],
)
def test_a_rate_limit_met_by_the_question_for_capabilities_is_busy(name, refusal):
    script = whole_upgrade(name)
    ending = improvise(script.conversation(), [speech(script)[0], refusal])
    assert ending.name == "busy"
