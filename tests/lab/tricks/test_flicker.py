import pytest

from tests.lab.stage import play, playable


@pytest.mark.parametrize("protocol", playable("flicker"))
def test_every_second_visit_sees_no_offer(authority, protocol):
    seen = play(authority, "flicker", protocol, visits=4).seen
    assert [evidence.upgrade.advertised for evidence in seen] == [True, False, True, False]
    assert all(evidence.secured for evidence in seen)
