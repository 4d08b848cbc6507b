import pytest

from tests.lab.stage import play, playable
from unstrip.lab.crossings import Leg
from unstrip.transcript import Layer, Side, said
from unstrip.trouble import Trouble


@pytest.mark.parametrize("protocol", playable("greet-inside"))
def test_a_greeting_inside_is_unsolicited_though_the_certificate_is_right(authority, protocol):
    scene = play(authority, "greet-inside", protocol, settle=2.5)  # ends as soon as it is greeted
    assert scene.only.failure.trouble is Trouble.UNSOLICITED
    assert scene.only.handshake.webpki.valid
    assert said(scene.only.transcript, Side.SERVER, Layer.SECURE)
    assert not said(scene.only.transcript, Side.CLIENT, Layer.SECURE)


@pytest.mark.parametrize("protocol", playable("greet-inside"))
def test_the_clients_first_record_goes_over_untouched(authority, protocol):
    crossed = play(authority, "greet-inside", protocol).crossings
    assert crossed.said(Leg.FROM_CLIENT).startswith(crossed.said(Leg.TO_SERVER))
    assert b"\x16\x03\x01" in crossed.said(Leg.TO_SERVER)
