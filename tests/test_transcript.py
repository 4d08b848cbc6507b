"""Who said what, and how many round trips it took."""

from __future__ import annotations

import ssl

import pytest

from tests.conftest import SERVER
from tests.protocols.rehearsal import rehearsal
from unstrip.transcript import Layer, Side, Utterance, round_trips, said

C, S = Side.CLIENT, Side.SERVER
CLEAR, SHAKE, SECURE = Layer.CLEAR, Layer.HANDSHAKE, Layer.SECURE


def told(*turns):
    return tuple(Utterance(side, layer, b"x", n) for n, (side, layer) in enumerate(turns))


def test_each_side_has_another():
    assert C.other is S
    assert S.other is C


def test_what_was_said_is_told_by_speaker_and_layer():
    transcript = (
        Utterance(S, CLEAR, b"220 ", 0.1),
        Utterance(C, CLEAR, b"EHLO", 0.2),
        Utterance(S, CLEAR, b"mx", 0.3),
        Utterance(S, SECURE, b"250", 0.4),
    )
    assert said(transcript, S, CLEAR) == b"220 mx"
    assert said(transcript, S, SECURE) == b"250"
    assert said(transcript, C, SECURE) == b""


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("bite", [1, 65536])
@pytest.mark.parametrize("name", ["smtp", "imap", "pop3"])
def test_a_real_upgrade_takes_six_with_tls_1_2_and_five_with_1_3(pki, name, bite, version):
    """TCP, greeting, capabilities, go-ahead, and the handshake's one or two."""
    assert trips(pki, name, bite, version) == {"TLSv1.2": 6, "TLSv1.3": 5}[version_name(version)]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("name", ["smtp", "imap", "pop3"])
def test_implicit_tls_takes_three(pki, name, version):
    """TLS 1.3 waits for the greeting; TLS 1.2 gets it with the end of its longer handshake."""
    assert trips(pki, name, 65536, version, implicit=True) == 3


def trips(pki, name, bite, version, **options):
    capped = pki.server_context(SERVER)
    capped.maximum_version = version
    rehearsed = rehearsal(pki, name, bite=bite, server_context=capped, **options)
    client = rehearsed.run().client.talk
    assert client.handshake.version == version_name(version)
    return round_trips(client.transcript)


def version_name(version):
    return version.name.replace("_", ".")


def test_several_segments_are_one_wait():
    one = told((S, CLEAR), (C, SHAKE), (S, SHAKE), (C, SECURE))
    many = told((S, CLEAR), (S, CLEAR), (C, SHAKE), (S, SHAKE), (S, SHAKE), (C, SHAKE), (C, SECURE))
    assert round_trips(one) == round_trips(many) == 3


def test_what_comes_after_the_first_word_does_not_count():
    first = told((S, CLEAR), (C, SECURE))
    assert round_trips(first) == 2
    assert round_trips(first + told((S, SECURE), (C, SECURE), (S, SECURE))) == 2


def test_a_client_that_may_speak_at_once_waits_for_tcp_alone():
    assert round_trips(told((C, SECURE))) == 1


@pytest.mark.parametrize("inside", [(), ((S, SECURE),)])
def test_a_client_that_never_speaks_inside_could_have_as_soon_as_tls_stood(inside):
    new = told((C, CLEAR), (S, CLEAR), (C, SHAKE), (S, SHAKE), (C, SHAKE), *inside)
    assert round_trips(new) == 3
    old = told((C, CLEAR), (S, CLEAR), (C, SHAKE), (S, SHAKE), (C, SHAKE), (S, SHAKE), *inside)
    assert round_trips(old) == 4
