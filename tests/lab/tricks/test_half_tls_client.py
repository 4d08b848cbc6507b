import pytest

from tests.lab.stage import play, playable
from tests.protocols.specimen import only_permitted
from unstrip.lab.crossings import Leg
from unstrip.protocols import REGISTRY
from unstrip.upgrade import Outcome


@pytest.mark.parametrize("protocol", playable("half-tls-client"))
def test_the_server_has_tls_and_the_client_has_none(authority, protocol):
    scene = play(authority, "half-tls-client", protocol)
    assert scene.only.handshake is None
    crossed = scene.crossings
    assert crossed.said(Leg.FROM_SERVER) != crossed.in_clear(Leg.FROM_SERVER)
    assert crossed.said(Leg.FROM_CLIENT) == crossed.in_clear(Leg.FROM_CLIENT)
    assert crossed.said(Leg.TO_CLIENT) == crossed.said(Leg.FROM_SERVER, inside=True)
    assert only_permitted(protocol, crossed.said(Leg.FROM_CLIENT))


@pytest.mark.parametrize("protocol", playable("half-tls-client"))
def test_what_the_server_lists_inside_is_listed_to_the_client_in_clear(authority, protocol):
    inside = play(authority, "pass", protocol).only.upgrade.inside
    upgrade = play(authority, "half-tls-client", protocol, insist=False).only.upgrade
    assert upgrade.outcome is Outcome.NOT_OFFERED
    assert upgrade.offered == inside


@pytest.mark.parametrize("protocol", playable("half-tls-client"))
def test_who_asks_all_the_same_is_refused_by_the_server_itself(authority, protocol):
    scene = play(authority, "half-tls-client", protocol)
    assert scene.only.upgrade.outcome is Outcome.REFUSED
    assert not scene.only.upgrade.advertised
    asked = REGISTRY[protocol].REQUEST.findall(scene.crossings.in_clear(Leg.TO_SERVER))
    assert len(asked) == 1  # by the box; the client's own went inside


@pytest.mark.parametrize("protocol", playable("half-tls-client"))
def test_a_server_without_tls_is_left_as_it_is(authority, protocol):
    scene = play(authority, "half-tls-client", protocol, insist=False, offer=False)
    assert scene.only.upgrade.outcome is Outcome.NOT_OFFERED
    crossed = scene.crossings
    assert crossed.said(Leg.FROM_SERVER) == crossed.said(Leg.TO_CLIENT)
    assert crossed.said(Leg.FROM_CLIENT) == crossed.said(Leg.TO_SERVER)
