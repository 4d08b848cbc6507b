import pytest

from tests.lab.stage import PROTOCOLS, play
from unstrip.lab.crossings import Leg

REFUSALS = {"smtp": "501 ", "imap": " BAD ", "pop3": "-ERR "}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_refusal_is_kept_and_the_server_never_hears_of_it(authority, protocol):
    scene = play(authority, "refuse", protocol)
    upgrade = scene.only.upgrade
    assert upgrade.advertised
    assert REFUSALS[protocol] in upgrade.said
    assert scene.only.handshake is None
    assert len(scene.clear_lines(Leg.TO_SERVER)) < len(scene.clear_lines(Leg.FROM_CLIENT))
