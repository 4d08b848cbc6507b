import pytest

from tests.lab.endings import came_to, ending, withheld
from tests.lab.stage import play, playable
from unstrip.trouble import Trouble
from unstrip.upgrade import Outcome


@pytest.mark.parametrize("protocol", ["smtp", "lmtp"])
def test_no_other_success_of_smtp_will_do(authority, protocol):
    evidence = play(authority, "bogus-success", protocol).only
    assert evidence.upgrade.outcome is Outcome.REFUSED
    assert evidence.upgrade.said.startswith("200 ")


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_plus_sign_will_not_do(authority, protocol):
    evidence = play(authority, "bogus-success", protocol).only
    assert evidence.failure.trouble is Trouble.BROKEN
    assert "'+ " in evidence.failure.words


@pytest.mark.parametrize("protocol", playable("bogus-success"))
def test_it_begins_no_tls_and_the_server_never_hears_of_it(authority, protocol):
    scene = play(authority, "bogus-success", protocol)
    assert came_to(scene.only) is ending("bogus-success", protocol)
    assert scene.only.handshake is None
    assert withheld(protocol, scene.crossings)
