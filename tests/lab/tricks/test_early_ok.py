from tests.lab.stage import play
from unstrip.lab.crossings import Leg
from unstrip.trouble import Trouble


def test_an_answer_to_nothing_ends_it_before_anything_is_said(authority):
    scene = play(authority, "early-ok", "imap")
    assert scene.only.failure.trouble is Trouble.UNSOLICITED
    assert scene.crossings.said(Leg.FROM_CLIENT) == b""


def test_it_comes_with_the_greeting_in_one_segment(authority):
    crossings = play(authority, "early-ok", "imap").crossings
    segment, *_ = [crossing.data for crossing in crossings if crossing.leg is Leg.TO_CLIENT]
    assert segment.startswith(b"* OK ")
    assert b"\r\nRUBY0001 OK " in segment
