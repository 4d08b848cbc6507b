import pytest

from tests.lab.stage import play, playable
from tests.protocols.specimens import SPECIMENS
from unstrip.certificates import Fault, read
from unstrip.lab.crossings import Leg
from unstrip.transcript import Layer, Side, said


@pytest.mark.parametrize("protocol", playable("own-certificate"))
def test_its_certificate_has_the_right_name_and_nobody_behind_it(authority, protocol):
    evidence = play(authority, "own-certificate", protocol).only
    assert evidence.handshake.webpki.faults == (Fault.SELF_SIGNED,)
    assert read(evidence.handshake.chain[0]).dns_names == ("localhost",)


@pytest.mark.parametrize("protocol", playable("own-certificate"))
def test_the_box_reads_what_is_said_inside_and_the_server_has_tls_as_well(authority, protocol):
    scene = play(authority, "own-certificate", protocol)
    crossed, transcript = scene.crossings, scene.only.transcript
    asked = said(transcript, Side.CLIENT, Layer.SECURE)
    answered = said(transcript, Side.SERVER, Layer.SECURE)
    assert crossed.said(Leg.FROM_CLIENT, inside=True).startswith(asked)  # and a farewell
    assert crossed.said(Leg.FROM_SERVER, inside=True).startswith(answered)
    one = SPECIMENS[protocol]
    assert bool(answered and scene.only.upgrade.inside) is one.learns_inside
    assert bool(asked) is (one.leaves or (one.learns_inside and not one.server_first))
    assert crossed.in_clear(Leg.TO_SERVER) == crossed.in_clear(Leg.FROM_CLIENT)
