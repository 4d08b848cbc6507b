import pytest

from tests.lab.stage import play, playable
from unstrip.certificates import Fault
from unstrip.lab.crossings import Leg
from unstrip.transcript import Layer, Side, said
from unstrip.upgrade import Outcome


@pytest.mark.parametrize("protocol", playable("half-tls-server"))
def test_tls_to_nowhere_is_offered_and_its_certificate_gives_the_box_away(authority, protocol):
    evidence = play(authority, "half-tls-server", protocol, insist=False, offer=False).only
    assert evidence.upgrade.outcome is Outcome.UPGRADED
    assert evidence.upgrade.advertised
    assert evidence.handshake.webpki.faults == (Fault.SELF_SIGNED,)


@pytest.mark.parametrize("protocol", playable("half-tls-server"))
def test_the_server_hears_in_clear_what_was_said_inside(authority, protocol):
    scene = play(authority, "half-tls-server", protocol, offer=False)
    crossed = scene.crossings
    inside = said(scene.only.transcript, Side.CLIENT, Layer.SECURE)
    assert inside
    assert crossed.said(Leg.FROM_CLIENT, inside=True).startswith(inside)
    assert crossed.said(Leg.TO_SERVER) == crossed.in_clear(Leg.TO_SERVER)
    assert inside in crossed.said(Leg.TO_SERVER)
    assert crossed.said(Leg.FROM_SERVER, inside=True) == b""


@pytest.mark.parametrize("protocol", playable("half-tls-server"))
def test_the_request_never_reaches_the_server(authority, protocol):
    heard = play(authority, "half-tls-server", protocol, offer=False).crossings.said(Leg.TO_SERVER)
    assert b"starttls" not in heard
