import pytest

from tests.lab.stage import play, playable
from unstrip.lab.crossings import Leg
from unstrip.lab.dialects import DIALECTS
from unstrip.lab.trick import ToServer
from unstrip.lab.tricks.mask_verb import MaskVerb
from unstrip.protocols import REGISTRY


@pytest.mark.parametrize(
    ("protocol", "said", "passed"),
    [
        ("smtp", b"STARTTLS\r\n", b"XXXXXXXX\r\n"),
        ("smtp", b" StartTLS \r\n", b" XXXXXXXX \r\n"),
        ("smtp", b"NOOP\r\n", b"NOOP\r\n"),
        ("imap", b"a1 starttls\r\n", b"a1 XXXXXXXX\r\n"),
        ("imap", b"STARTTLS STARTTLS\r\n", b"STARTTLS XXXXXXXX\r\n"),
        ("pop3", b"stls\r\n", b"XXXX\r\n"),
        ("ftp", b"AUTH TLS\r\n", b"XXXXXXXX\r\n"),
        ("ftp", b"auth  tls-c\r\n", b"XXXXXXXXXXX\r\n"),
        ("ftp", b"AUTH GSSAPI\r\n", b"AUTH GSSAPI\r\n"),
    ],
)
def test_the_verb_is_masked_however_it_is_spelt(protocol, said, passed):
    words = DIALECTS[protocol]()
    assert list(MaskVerb(words).client_says(words.read_command(said))) == [ToServer(passed)]


@pytest.mark.parametrize("protocol", playable("mask-verb"))
def test_the_servers_own_refusal_gives_the_box_away(authority, protocol):
    scene = play(authority, "mask-verb", protocol)
    mask = "X" * len(REGISTRY[protocol].VERB)
    assert mask in scene.only.upgrade.said
    assert mask.encode() in scene.crossings.in_clear(Leg.TO_SERVER)
