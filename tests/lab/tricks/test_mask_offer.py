import pytest

from tests.lab.stage import play
from unstrip.wire import Outcome

MASKED = {"smtp": "XXXXXXXA", "imap": "XXXXXXXA", "pop3": "XXXA"}


@pytest.mark.parametrize(("protocol", "masked"), MASKED.items())
def test_the_mask_stands_where_the_offer_stood(authority, protocol, masked):
    honest = play(authority, "pass", protocol).only.upgrade.offered
    upgrade = play(authority, "mask-offer", protocol, insist=False).only.upgrade
    assert upgrade.outcome is Outcome.NOT_OFFERED
    assert not upgrade.advertised
    differing = [(a, b) for a, b in zip(honest, upgrade.offered, strict=True) if a != b]
    assert [b for _, b in differing] == [masked]
    assert all(len(a) == len(b) for a, b in differing)


def test_the_greeting_of_imap_is_masked_too(authority):
    upgrade = play(authority, "mask-offer", "imap").only.upgrade
    assert "XXXXXXXA" in upgrade.greeted
    assert "STARTTLS" not in upgrade.greeted
