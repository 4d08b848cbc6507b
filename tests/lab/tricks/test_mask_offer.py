import pytest

from tests.lab.stage import play, playable
from unstrip.protocols import REGISTRY
from unstrip.upgrade import Outcome


@pytest.mark.parametrize("protocol", playable("mask-offer"))
def test_the_mask_stands_where_the_offer_stood(authority, protocol):
    honest = play(authority, "pass", protocol).only.upgrade.offered
    upgrade = play(authority, "mask-offer", protocol, insist=False).only.upgrade
    assert upgrade.outcome is Outcome.NOT_OFFERED
    assert not upgrade.advertised
    differing = [(a, b) for a, b in zip(honest, upgrade.offered, strict=True) if a != b]
    assert [b for _, b in differing] == ["X" * (len(REGISTRY[protocol].OFFER) - 1) + "A"]
    assert all(len(a) == len(b) for a, b in differing)


def test_the_greeting_of_imap_is_masked_too(authority):
    upgrade = play(authority, "mask-offer", "imap").only.upgrade
    assert "XXXXXXXA" in upgrade.greeted
    assert "STARTTLS" not in upgrade.greeted
