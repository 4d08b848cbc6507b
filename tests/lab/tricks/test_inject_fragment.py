import pytest

from tests.lab.stage import play, playable
from unstrip.lab.dialects import DIALECTS
from unstrip.trouble import Trouble


@pytest.mark.parametrize("protocol", playable("inject-fragment"))
def test_half_a_line_is_residue_too(authority, protocol):
    evidence = play(authority, "inject-fragment", protocol).only
    assert evidence.failure.trouble is Trouble.INJECTED
    assert evidence.residue == DIALECTS[protocol].WORDS.fragment
    assert b"\n" not in evidence.residue
    assert evidence.handshake is None
