"""What others have reported."""

from tests.tlsrpt.days import BOTH, DAY, DOMAIN
from unstrip.evidence import from_json, to_json
from unstrip.tlsrpt.received import Proof, Told


def test_what_was_told_is_kept_as_json():
    told = Told(DAY, "sender.example", "Sender Inc", "1", DOMAIN, Proof.DKIM, BOTH.tallies[1])
    assert from_json(Told, to_json(told)) == told
