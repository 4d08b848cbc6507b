import pytest

from tests.lab.stage import play, playable
from unstrip.lab.crossings import Leg
from unstrip.lab.dialect import Reply, Topic
from unstrip.lab.dialects import DIALECTS
from unstrip.lab.trick import ToClient
from unstrip.lab.tricks.mask_banner import MaskBanner


@pytest.mark.parametrize(
    ("protocol", "banner", "masked"),
    [
        ("smtp", b"220 mx2 ESMTP 2.0\r\n", b"220 **2 ***** 2*0\r\n"),
        ("smtp", b"220-a b\r\n220 c\r\n", b"220-* *\r\n220 *\r\n"),
        ("smtp", b"554 no service\r\n", b"554 no service\r\n"),
        ("imap", b"* OK ready 20\r\n", b"* OK ***** 20\r\n"),
        ("pop3", b"+OK <1.2@h>\r\n", b"+OK ***2***\r\n"),
        ("nntp", b"201 news 20\r\n", b"201 **** 20\r\n"),
        ("ftp", b"220 ftp2\r\n", b"220 ***2\r\n"),
    ],
)
def test_all_but_the_status_becomes_asterisks(protocol, banner, masked):
    trick = MaskBanner(DIALECTS[protocol]())
    assert list(trick.server_says(Reply(banner, Topic.GREETING))) == [ToClient(masked)]


@pytest.mark.parametrize("protocol", playable("mask-banner"))
def test_a_client_that_does_not_care_for_banners_is_secured(authority, protocol):
    scene = play(authority, "mask-banner", protocol)
    assert scene.only.secured
    assert scene.only.upgrade.advertised
    assert "****" in scene.only.upgrade.greeting
    greeting, *_ = [crossing.data for crossing in scene.crossings if crossing.leg is Leg.TO_CLIENT]
    assert b"unstrip" not in greeting
