import pytest

from tests.lab.stage import play, playable
from unstrip.lab.crossings import Leg
from unstrip.lab.dialects import DIALECTS
from unstrip.lab.trick import ToClient
from unstrip.lab.tricks.remove_offer import RemoveOffer
from unstrip.protocols import REGISTRY
from unstrip.upgrade import Outcome

BESIDE = {  # what is of no use without it, and would give the box away
    "ftp": ("PBSZ", "PROT"),
    "xmpp-client": ("STARTTLS-REQUIRED",),
    "xmpp-server": ("STARTTLS-REQUIRED",),
    "rfb": ("VENCRYPT X509NONE",),
}
INSTEAD = {"rfb": ("VNCAUTH",)}  # what has to be listed, since an empty list means something else


def removed(protocol, asked, said):
    words = DIALECTS[protocol]()
    reply = words.read_reply(said, words.read_command(asked), first=False)
    (action,) = RemoveOffer(words).server_says(reply)
    assert isinstance(action, ToClient)
    return action.data


@pytest.mark.parametrize(
    ("listed", "left"),
    [
        (b"250-a\r\n250-STARTTLS\r\n250 B\r\n", b"250-a\r\n250 B\r\n"),
        (b"250-a\r\n250-B\r\n250 STARTTLS\r\n", b"250-a\r\n250 B\r\n"),
        (b"250-a\r\n250 starttls\r\n", b"250 a\r\n"),
        (b"250-STARTTLS\r\n250 B\r\n", b"250-STARTTLS\r\n250 B\r\n"),
        (b"250 a\r\n", b"250 a\r\n"),
    ],
)
def test_smtp_lists_end_as_they_should(listed, left):
    assert removed("smtp", b"EHLO a\r\n", listed) == left


@pytest.mark.parametrize(
    ("listed", "left"),
    [
        (b"* CAPABILITY IMAP4rev1 STARTTLS X\r\n", b"* CAPABILITY IMAP4rev1 X\r\n"),
        (b"* CAPABILITY IMAP4rev1 STARTTLS\r\n", b"* CAPABILITY IMAP4rev1\r\n"),
        (b"* OK [CAPABILITY STARTTLS] STARTTLSX\r\n", b"* OK [CAPABILITY] STARTTLSX\r\n"),
        (b"u1 OK [CAPABILITY A STARTTLS B] hi\r\n", b"u1 OK [CAPABILITY A B] hi\r\n"),
        (b"u1 BAD STARTTLS\r\n", b"u1 BAD STARTTLS\r\n"),
    ],
)
def test_imap_lists_keep_their_blanks_in_order(listed, left):
    assert removed("imap", b"u1 CAPABILITY\r\n", listed) == left


def test_pop3_lists_keep_their_dot():
    listed = b"+OK list\r\nTOP\r\nSTLS\r\nUIDL\r\n.\r\n"
    assert removed("pop3", b"CAPA\r\n", listed) == b"+OK list\r\nTOP\r\nUIDL\r\n.\r\n"
    assert removed("pop3", b"CAPA\r\n", b"+OK\r\nSTLS\r\n.\r\n") == b"+OK\r\n.\r\n"


@pytest.mark.parametrize("protocol", playable("remove-offer"))
def test_nothing_of_the_offer_is_left_and_nothing_else_is_missing(authority, protocol):
    honest = play(authority, "pass", protocol).only.upgrade.offered
    scene = play(authority, "remove-offer", protocol, insist=False)
    assert scene.only.upgrade.outcome is Outcome.NOT_OFFERED
    assert not scene.only.upgrade.advertised
    gone = {REGISTRY[protocol].OFFER, *BESIDE.get(protocol, ())}
    left = INSTEAD.get(protocol, tuple(one for one in honest if one.upper() not in gone))
    assert scene.only.upgrade.offered == left
    assert REGISTRY[protocol].OFFER.encode() not in scene.crossings.said(Leg.TO_CLIENT).upper()


@pytest.mark.parametrize("protocol", playable("remove-offer"))
def test_whoever_asks_all_the_same_is_secured(authority, protocol):
    evidence = play(authority, "remove-offer", protocol).only
    assert evidence.secured
    assert not evidence.upgrade.advertised
