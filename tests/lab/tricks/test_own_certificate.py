import pytest

from tests.lab.stage import PROTOCOLS, play
from unstrip.certificates import Fault, read
from unstrip.lab.crossings import Leg


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_its_certificate_has_the_right_name_and_nobody_behind_it(authority, protocol):
    evidence = play(authority, "own-certificate", protocol).only
    assert evidence.handshake.webpki.faults == (Fault.SELF_SIGNED,)
    assert read(evidence.handshake.chain[0]).dns_names == ("localhost",)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_box_reads_what_is_said_inside_and_the_server_has_tls_as_well(authority, protocol):
    scene = play(authority, "own-certificate", protocol)
    crossed = scene.crossings
    asked = crossed.said(Leg.FROM_CLIENT, inside=True)
    assert asked.split()[0 if protocol != "imap" else 1] in (b"EHLO", b"CAPABILITY", b"CAPA")
    assert crossed.said(Leg.FROM_SERVER, inside=True)
    assert crossed.in_clear(Leg.TO_SERVER) == crossed.in_clear(Leg.FROM_CLIENT)
    assert scene.only.upgrade.inside
