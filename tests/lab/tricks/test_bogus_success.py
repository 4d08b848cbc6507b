import pytest

from tests.lab.stage import play
from unstrip.wire import Outcome, Trouble


def test_no_other_success_of_smtp_will_do(authority):
    evidence = play(authority, "bogus-success", "smtp").only
    assert evidence.upgrade.outcome is Outcome.REFUSED
    assert evidence.upgrade.said.startswith("200 ")


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_plus_sign_will_not_do(authority, protocol):
    evidence = play(authority, "bogus-success", protocol).only
    assert evidence.failure.trouble is Trouble.BROKEN
    assert "'+ " in evidence.failure.words
    assert evidence.handshake is None
