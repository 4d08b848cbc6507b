import pytest

from tests.lab.stage import PROTOCOLS, play
from unstrip.lab.tricks.inject_fragment import FRAGMENTS
from unstrip.wire import Trouble


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_half_a_line_is_residue_too(authority, protocol):
    evidence = play(authority, "inject-fragment", protocol).only
    assert evidence.failure.trouble is Trouble.INJECTED
    assert evidence.residue == FRAGMENTS[protocol]
    assert b"\n" not in evidence.residue
    assert evidence.handshake is None
