"""What every protocol of the registry must hold, whoever wrote it and whatever it looks like.

What differs from protocol to protocol is in their specimens.
"""

from __future__ import annotations

import random
import re
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocols.each import ALL, each_probing_manner, each_protocol, each_way, each_with
from tests.protocols.mutation import MUTATIONS, mutate
from tests.protocols.rehearsal import rehearsal
from tests.protocols.replay import (
    CLIENT_HELLO,
    SERVER_HELLO,
    TRANSCRIPTS,
    Stage,
    check,
    enveloped,
    improvise,
    load,
    scripts,
)
from tests.protocols.specimen import only_permitted, say
from tests.protocols.specimens import SPECIMENS
from unstrip.conversation import Conversation
from unstrip.protocols import LEGACY_TLS, REGISTRY, SCHEMES, SERVICES, Scheme, Service
from unstrip.transcript import Layer, Side, round_trips, said
from unstrip.trouble import ProtocolError, TooLong, Trouble, Unsolicited
from unstrip.upgrade import Asking, Listing, Manner, Outcome, Serving, Upgrade
from unstrip.wire import _SPLIT_GAP, CLEAR_BUDGET, Effect, Receive, Send, Settle, Wire

BITES = [1, 2, 3, 7, 65536]
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


def whole_upgrade(name):
    """The script in which all goes well."""
    return load(f"{name}/upgraded.txt")


def speech(script):
    return [turn.data for turn in script.turns if turn.kind == "peer"]


def clear_words(talk):
    return said(talk.transcript, Side.CLIENT, Layer.CLEAR)


def check_clear_words(name, talk, manner=Manner.PLAIN):
    """Everything said in clear is made of what the protocol's pattern allows."""
    unfinished = SPECIMENS[name].request if manner is Manner.SPLIT else b""
    assert only_permitted(name, clear_words(talk), unfinished), clear_words(talk)


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


# The registry


def test_every_protocol_has_its_specimen():
    assert sorted(REGISTRY) == ALL


@each_protocol
def test_a_protocol_file_has_all_that_the_registry_promises(name):
    protocol, specimen = REGISTRY[name], SPECIMENS[name]
    assert name == protocol.NAME
    assert protocol.PORTS
    assert protocol.OFFER.upper() == protocol.OFFER
    assert Manner.PLAIN in protocol.MANNERS
    asked = b"".join((*specimen.before, specimen.request))
    assert protocol.REQUEST.search(asked)
    assert only_permitted(name, asked)
    assert (TRANSCRIPTS / name / "upgraded.txt").is_file()


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_scheme_leads_to_its_protocol_and_port(name):
    protocol = REGISTRY[name]
    for scheme, port in protocol.PORTS.items():
        assert SCHEMES[scheme] == Scheme(scheme, name, port, implicit=False)
    for scheme, port in protocol.IMPLICIT_PORTS.items():
        assert SCHEMES[scheme] == Scheme(scheme, name, port, implicit=True)
    for alias in (name, *protocol.ALIASES):
        assert SCHEMES[alias].protocol == name


def test_no_scheme_means_two_things():
    claimed = [
        scheme
        for protocol in REGISTRY.values()
        for scheme in (*protocol.PORTS, *protocol.IMPLICIT_PORTS)
    ]
    assert sorted(claimed) == sorted(set(claimed))
    assert {scheme.name for scheme in SCHEMES.values()} == set(SCHEMES)


@each_protocol
def test_every_service_of_a_domain_leads_to_its_protocol(name):
    for service, implicit in REGISTRY[name].SERVICES.items():
        assert re.fullmatch(r"_[a-z0-9-]{1,15}\._tcp", service)  # RFC 6335, 5.1; RFC 2782
        assert SERVICES[service] == Service(service, name, implicit)
        assert REGISTRY[name].IMPLICIT_PORTS or not implicit


def test_no_service_means_two_things():
    claimed = [service for protocol in REGISTRY.values() for service in protocol.SERVICES]
    assert sorted(claimed) == sorted(SERVICES)


@pytest.mark.parametrize(
    ("service", "protocol", "implicit"),
    [
        ("_submission._tcp", "smtp", False),  # RFC 6186
        ("_submissions._tcp", "smtp", True),  # RFC 8314
        ("_imap._tcp", "imap", False),
        ("_imaps._tcp", "imap", True),
        ("_pop3._tcp", "pop3", False),
        ("_pop3s._tcp", "pop3", True),
        ("_sieve._tcp", "sieve", False),  # RFC 5804
        ("_xmpp-client._tcp", "xmpp-client", False),  # RFC 6120
        ("_xmpps-client._tcp", "xmpp-client", True),  # XEP-0368
        ("_xmpp-server._tcp", "xmpp-server", False),
        ("_xmpps-server._tcp", "xmpp-server", True),
        ("_ldap._tcp", "ldap", False),
    ],
)
def test_a_service_has_tls_first_where_its_document_says_so(service, protocol, implicit):
    assert SERVICES[service] == Service(service, protocol, implicit)


# Our own client and our own server, over real TLS


@each_way
@pytest.mark.parametrize("bite", BITES)
def test_client_and_server_reach_tls_together(pki, name, implicit, bite):
    played = rehearsal(pki, name, bite=bite, implicit=implicit).run()
    outcome = Outcome.IMPLICIT if implicit else Outcome.UPGRADED
    for party in (played.client, played.server):
        assert party.talk.result.outcome is outcome
        assert party.talk.handshake.version == tls_version(name, implicit)
    assert played.client.talk.handshake.forward_secrecy
    assert bool(played.client.talk.result.inside) is SPECIMENS[name].learns_inside
    check_clear_words(name, played.client.talk)


def tls_version(name, implicit=False):
    return LEGACY_TLS if REGISTRY[name].LEGACY and not implicit else "TLSv1.3"


@each_way
def test_the_first_word_inside_takes_as_many_round_trips_as_the_specimen_says(pki, name, implicit):
    played = rehearsal(pki, name, implicit=implicit).run()
    assert round_trips(played.client.talk.transcript) == SPECIMENS[name].round_trips[implicit]


@each_probing_manner
def test_the_probing_manners_upgrade_with_an_honest_server(pki, name, manner):
    played = rehearsal(pki, name, Asking(insist=True, manner=manner)).run()
    assert played.client.talk.result.outcome is Outcome.UPGRADED
    check_clear_words(name, played.client.talk, manner)


@each_with(manner=Manner.CANARY)
def test_a_canary_asks_for_nothing_and_starts_no_tls(pki, name):
    played = rehearsal(pki, name, Asking(insist=True, manner=Manner.CANARY)).run()
    result = played.client.talk.result
    assert result.outcome is Outcome.NOT_ASKED
    assert "QSTARTTLSQ" in result.said
    assert played.client.talk.tunnel is None
    assert not REGISTRY[name].REQUEST.search(clear_words(played.client.talk))


@pytest.mark.parametrize("insist", [False, True])
@each_protocol
def test_a_server_that_offers_nothing_grants_nothing(pki, name, insist):
    played = rehearsal(pki, name, Asking(insist=insist), Serving(offer=False)).run()
    asked = insist or REGISTRY[name].LISTING is Listing.NONE
    result = played.client.talk.result
    assert result.outcome is (Outcome.REFUSED if asked else Outcome.NOT_OFFERED)
    assert not result.advertised
    assert played.server.talk.result.outcome is Outcome.NOT_ASKED
    assert played.server.talk.tunnel is None


@each_way
def test_a_server_cut_off_anywhere_before_tls_stands_gives_a_named_ending(pki, name, implicit):
    clear, shaken, _ = milestones(pki, name, implicit)
    for cut in (*range(clear), *range(clear, shaken - 8, 31)):
        played = rehearsal(pki, name, implicit=implicit, cut=cut).run()
        assert played.client.name == ("ended" if cut < clear else "tls"), cut
        assert played.client.talk.handshake is None
        check_clear_words(name, played.client.talk)


@each_way
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
@each_with("go_ahead")
def test_residue_behind_the_go_ahead_is_kept_whole_and_never_reaches_tls(pki, name, residue):
    played = rehearsal(pki, name, tamper=partial(append_to_go_ahead, name, residue)).run()
    assert played.client.name == "injected"
    assert played.client.residue == residue
    assert played.client.talk.tunnel is None
    assert played.client.talk.handshake is None
    assert said(played.client.talk.transcript, Side.SERVER, Layer.CLEAR).endswith(residue)


def append_to_go_ahead(name, residue, data):
    """What a middlebox does."""
    is_go_ahead = re.search(SPECIMENS[name].go_ahead, data, re.DOTALL)
    return data + residue if is_go_ahead else data


@pytest.mark.parametrize("residue", RESIDUES.values(), ids=RESIDUES)
@each_with("go_ahead")
def test_residue_that_arrives_after_our_hello_breaks_the_handshake(pki, name, residue):
    """In a segment of its own it is TLS's to reject, or the envelope's: no parser reads it."""
    tamper = partial(append_to_go_ahead, name, residue)
    played = rehearsal(pki, name, tamper=tamper, bite=1).run()
    assert played.client.name in ("ended", *no_handshake(name))
    assert played.client.talk.tunnel is not None
    assert played.client.talk.handshake is None
    assert not said(played.client.talk.transcript, Side.SERVER, Layer.SECURE)


def no_handshake(name):
    """What it is called when something else comes: an envelope has to be one before it is TLS."""
    return ("tls", "broken") if SPECIMENS[name].envelope else ("tls",)


# Our server and a client that does not keep to the rules


class Pushy:
    """A hand-made client against one of our servers, over real TLS."""

    def __init__(self, pki, name):
        self.specimen = SPECIMENS[name]
        dialog = partial(REGISTRY[name].server, serve=Serving())
        server_end = partial(pki.server_end, legacy=REGISTRY[name].LEGACY)
        self.talk = Conversation(dialog, server_end, side=Side.SERVER)
        self.tunnel = pki.client_end()
        self.envelope = self.specimen.envelope and self.specimen.envelope()
        self.unsaid = list(self.specimen.before)
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

    def begin(self, count=None):
        """Say what has to be said before the request, or so much of it."""
        for words in self.unsaid[:count]:
            assert self.say(words), words
        del self.unsaid[:count]

    def ask(self):
        """Ask for TLS as one should."""
        self.begin()
        return self.say(self.specimen.request)

    def say_and_hang_up(self, data):
        self.say(data)
        self.say(b"")

    def first_flight(self):
        """Our ClientHello."""
        self.tunnel.shake()
        return self.wrapped(self.tunnel.outgoing())

    def shake(self):
        """Shake hands; then what the server said inside, if anything."""
        for _ in range(5):
            done = self.tunnel.shake()
            records = self.tunnel.outgoing()
            if records and (answer := self.say(self.wrapped(records))):
                self.tunnel.hear(self.unwrapped(answer))
            if done:
                return self.tunnel.open()
        raise AssertionError("no handshake")

    def wrapped(self, records):
        return self.envelope.wrap(records) if self.envelope else records

    def unwrapped(self, heard):
        return self.envelope.unwrap(heard) if self.envelope else heard

    def whisper(self, data):
        """Say it inside TLS; return what is answered inside."""
        self.tunnel.hear(self.say(self.tunnel.seal(data)))
        return self.tunnel.open()


@each_protocol
def test_a_hello_that_came_with_the_request_belongs_to_tls(pki, name):
    client = Pushy(pki, name)
    client.begin()
    client.say(SPECIMENS[name].request + client.first_flight())
    records = said(client.talk.transcript, Side.SERVER, Layer.HANDSHAKE)
    client.tunnel.hear(client.unwrapped(records))
    assert bool(client.shake()) is SPECIMENS[name].server_first
    assert client.talk.handshake.version == tls_version(name)


@pytest.mark.parametrize("late", [False, True], ids=["one segment", "late"])
@pytest.mark.parametrize(
    "behind", [b"t NOOP\r\n", b"MAI", b"\xff", b"\x15\x03\x01\x00\x02\x02\x28"]
)
@each_protocol
def test_plaintext_behind_the_request_is_never_run(pki, name, behind, late):
    client, request = Pushy(pki, name), SPECIMENS[name].request
    client.begin()
    if late:
        client.say(request)
    with pytest.raises(ProtocolError) as caught:
        client.say_and_hang_up(behind if late else request + behind)
    assert caught.value.trouble.value in (no_handshake(name) if late else ("injected",))
    assert late or caught.value.residue == behind
    assert late or client.talk.tunnel is None
    assert client.talk.handshake is None


@each_with("too_soon")
def test_nobody_logs_in_before_tls(pki, name):
    refused = SPECIMENS[name].too_soon
    for words in refused.said:
        client = Pushy(pki, name)
        client.begin(refused.after)
        assert re.search(refused.answer, client.say(words), re.DOTALL), words
        assert client.talk.done is refused.closes
        if not refused.closes:  # and nothing of it is in the way of TLS
            assert client.ask()
            assert bool(client.shake()) is SPECIMENS[name].server_first


@each_with("again")
def test_tls_inside_tls_is_refused(pki, name):
    refused = SPECIMENS[name].again
    for words in refused.said:
        client = Pushy(pki, name)
        client.ask()
        client.shake()
        assert re.search(refused.answer, client.whisper(words), re.DOTALL), words
        assert client.talk.done is refused.closes
        if not refused.closes:  # and the server is still there
            assert client.whisper(SPECIMENS[name].smalltalk)


@each_with("smalltalk")
def test_a_server_loses_patience(pki, name):
    client = Pushy(pki, name)
    client.begin()
    for _ in range(100):
        client.say(SPECIMENS[name].smalltalk)
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
            theirs = bites(script, bite)
            talk = script.conversation()
            ending = improvise(talk, theirs, tls=handshakes(script), restless=True)
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
    manners = REGISTRY[path.parent.name].MANNERS
    insist, manner = data.draw(st.booleans()), data.draw(st.sampled_from(manners))
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
    script.headers["implicit"] = "yes" if implicit and REGISTRY[name].IMPLICIT_PORTS else "no"
    ending = improvise(script.conversation(), garbage, hello=b"" if ours else CLIENT_HELLO)
    check_ending(name, ending)
    assert script.side is side


@given(st.sampled_from(ALL), st.text(max_size=80), st.data())
def test_words_in_the_shape_of_an_answer_give_protocol_errors_or_endings(name, words, data):
    heads = data.draw(st.lists(st.sampled_from(SPECIMENS[name].heads), max_size=12))
    said_so = [head + words.encode("utf-8", "replace") + b"\r\n" for head in heads]
    ending = improvise(whole_upgrade(name).conversation(insist=True), said_so)
    check_ending(name, ending)


# Limits


@each_with("endless_line")
def test_a_message_without_end_is_too_long(name):
    taken = [0]

    def speak():
        yield SPECIMENS[name].endless_line
        while True:
            taken[0] += 1000
            yield b"a" * 1000

    ending = improvise(whole_upgrade(name).conversation(), speak(), restless=True)
    assert isinstance(ending.error, TooLong)
    assert taken[0] <= CLEAR_BUDGET


@each_with("endless_lines")
def test_messages_without_end_are_too_long(name):
    specimen, talk = SPECIMENS[name], whole_upgrade(name).conversation()
    speech = after_the_opening(specimen, talk, specimen.endless_lines)
    ending = improvise(talk, speech, restless=True)
    assert isinstance(ending.error, TooLong)
    assert len(said(talk.transcript, Side.SERVER, Layer.CLEAR)) <= CLEAR_BUDGET


@each_with("bulky")
def test_more_than_the_budget_before_tls_is_too_long_however_it_is_cut(name):
    """Messages of nearly the limit: fewer than the number of them that is allowed."""
    specimen, talk = SPECIMENS[name], whole_upgrade(name).conversation()
    speech = after_the_opening(specimen, talk, specimen.bulky, cut=True)
    ending = improvise(talk, speech, restless=True)
    assert isinstance(ending.error, TooLong)
    heard = len(said(talk.transcript, Side.SERVER, Layer.CLEAR))
    assert CLEAR_BUDGET < heard <= CLEAR_BUDGET + len(say(specimen.bulky, last_words(talk)))


def after_the_opening(specimen, talk, step, *, cut=False):
    """A speech that does not end: the same message again and again, whole or cut in two."""
    for opening in specimen.opening:
        if words := say(opening, last_words(talk)):
            yield words
    while True:
        words = say(step, last_words(talk))
        yield words[: -1 if cut else None]
        if cut:
            yield words[-1:]


def last_words(talk):
    """What the client said last; b"" where it has not spoken."""
    spoken = [u.data for u in talk.transcript if u.speaker is Side.CLIENT]
    return spoken[-1] if spoken else b""


@each_protocol
def test_ten_megabytes_in_one_piece_are_no_dialog(name):
    talk = whole_upgrade(name).conversation()
    ending = improvise(talk, [b"a" * 10_000_000], restless=True)
    assert ending.error is not None
    check_ending(name, ending)


@each_with("endless_line")
def test_ten_megabytes_of_one_message_are_too_long(name):
    said_so = [SPECIMENS[name].endless_line + b"a" * 10_000_000]
    ending = improvise(whole_upgrade(name).conversation(), said_so, restless=True)
    assert isinstance(ending.error, TooLong)
    check_ending(name, ending)


@each_with("endless_command")
def test_a_client_whose_message_has_no_end_is_too_long_for_the_server(name):
    script = load(f"{name}/served-upgrade.txt")
    said_so = [SPECIMENS[name].endless_command, *[b"A" * 1000] * 80]
    ending = improvise(script.conversation(), said_so, hello=CLIENT_HELLO)
    assert isinstance(ending.error, TooLong)


# What is said in clear


@each_protocol
def test_a_dialog_that_would_say_more_in_clear_is_a_programming_mistake(name):
    for secret in SPECIMENS[name].secrets:
        wire = Wire()
        wire.confine(REGISTRY[name].IN_CLEAR)
        with pytest.raises(AssertionError):
            wire.send(secret)
        assert list(wire.flush()) == []
        assert not only_permitted(name, secret)


@each_protocol
def test_the_client_confines_itself_before_it_says_anything(name):
    wire = Wire()
    assert isinstance(next(REGISTRY[name].client(wire, Asking())), Effect)
    with pytest.raises(AssertionError):
        wire.send(SPECIMENS[name].secrets[0])


@each_protocol
def test_the_same_words_may_be_said_inside(name):
    wire, secret = Wire(secure=True), SPECIMENS[name].secrets[0]
    wire.confine(REGISTRY[name].IN_CLEAR)
    wire.send(secret)
    assert list(wire.flush()) == [Send(secret)]


@pytest.mark.parametrize("secure", [False, True])
@each_protocol
def test_a_farewell_waits_for_nothing_and_is_allowed_in_clear(name, secure):
    wire = Wire(secure=secure)
    wire.confine(REGISTRY[name].IN_CLEAR)
    effects = list(REGISTRY[name].farewell(wire))
    assert len(effects) == SPECIMENS[name].leaves
    assert all(isinstance(effect, Send) for effect in effects)


# Refusals


@pytest.mark.parametrize(
    ("name", "hidden", "answer", "ending"),
    [
        (name, hidden, answer, ending)
        for name in ALL
        for hidden in (False, True)
        if REGISTRY[name].LISTING is not Listing.NONE or not hidden
        for answer, ending in SPECIMENS[name].refusals.items()
    ],
)
def test_no_answer_but_the_go_ahead_starts_tls(name, hidden, answer, ending):
    script = load(f"{name}/{'upgraded-hidden' if hidden else 'upgraded'}.txt")
    talk = script.conversation(insist=True)
    ended = improvise(talk, [*until_go_ahead(script)[0], answer])
    assert ended.name == ending
    assert talk.tunnel is None
    if ended.error is None:
        listed = REGISTRY[name].LISTING is not Listing.NONE
        assert talk.result.advertised is (listed and not hidden)
        assert talk.result.said
        assert not SPECIMENS[name].quoted or talk.result.said.split()[0].encode() in answer.split()


def until_go_ahead(script):
    """What the server says before its go-ahead, and that."""
    kinds = [turn.kind for turn in script.turns]
    *before, go_ahead = [t.data for t in script.turns[: kinds.index("tls")] if t.kind == "peer"]
    return before, go_ahead


# An answer that comes before the question was finished


@each_with("go_ahead", manner=Manner.SPLIT)
def test_an_answer_to_half_a_request_is_unsolicited(name):
    script = whole_upgrade(name)
    before, go_ahead = until_go_ahead(script)
    talk, answers = script.conversation(manner=Manner.SPLIT), iter(before)
    caught = None
    try:
        for effect in talk:
            if effect == Settle(_SPLIT_GAP):
                talk.hear(go_ahead)
            elif isinstance(effect, Receive):
                talk.hear(next(answers, None) or enveloped(talk, SERVER_HELLO))
    except ProtocolError as error:
        caught = error
    assert isinstance(caught, Unsolicited), caught
    assert talk.tunnel is None


# A limit on the rate is never "no TLS"


@pytest.mark.parametrize(
    ("name", "speech"), [(name, said) for name in ALL for said in SPECIMENS[name].rate_limits]
)
def test_a_rate_limit_met_by_the_question_for_capabilities_is_busy(name, speech):
    said_so = [words for words in speech if words]
    assert improvise(whole_upgrade(name).conversation(), said_so).name == "busy"
