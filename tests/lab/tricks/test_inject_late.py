import pytest

from tests.lab.stage import PROTOCOLS, play
from unstrip.escaping import printable
from unstrip.lab.crossings import Leg
from unstrip.lab.tricks.inject import ANSWERS
from unstrip.lab.tricks.inject_late import GAP
from unstrip.wire import Trouble


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_it_breaks_the_handshake_and_is_shown(authority, protocol):
    evidence = play(authority, "inject-late", protocol).only
    assert evidence.failure.trouble is Trouble.TLS
    assert evidence.handshake is None
    assert printable(ANSWERS[protocol])[:20] in evidence.failure.words


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_it_has_a_segment_of_its_own(authority, protocol):
    crossings = play(authority, "inject-late", protocol).crossings
    sent = [crossing for crossing in crossings if crossing.leg is Leg.TO_CLIENT]
    found = [crossing.data for crossing in sent].index(ANSWERS[protocol])
    assert sent[found].at - sent[found - 1].at >= GAP * 0.9


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_server_hears_of_tls_only_when_it_is_too_late(authority, protocol):
    crossings = list(play(authority, "inject-late", protocol).crossings)
    injected = [crossing.data for crossing in crossings].index(ANSWERS[protocol])
    before = [c.data for c in crossings[:injected] if c.leg is Leg.TO_SERVER]
    assert not any(data.startswith(b"\x16") for data in before)
