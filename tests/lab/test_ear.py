import pytest

from unstrip.lab.dialects.smtp import Smtp
from unstrip.lab.ear import MESSAGE_LIMIT, Ear

HELLO = b"\x16\x03\x01\x02\x00\n"
SMTP = Smtp()


def cut(ear, *segments):
    messages = []
    for segment in segments:
        ear.hear(segment)
        while (found := ear.next(SMTP.command_end)) is not None:
            messages.append(found)
    return messages


def test_a_naive_ear_takes_each_segment_for_a_message():
    segments = [b"STA", b"RTTLS\r\nNOOP\r\n"]
    assert cut(Ear(SMTP.begins_tls, naive=True), *segments) == segments
    assert cut(Ear(SMTP.begins_tls), *segments) == [b"STARTTLS\r\n", b"NOOP\r\n"]


@pytest.mark.parametrize("naive", [False, True])
def test_tls_is_told_from_words_wherever_a_message_may_begin(naive):
    ear = Ear(SMTP.begins_tls, naive=naive)
    assert cut(ear, b"STLS\r\n", HELLO[:1]) == [b"STLS\r\n"]
    assert not ear.tls
    assert cut(ear, HELLO[1:]) == []
    assert ear.tls
    assert ear.rest() == HELLO


def test_a_message_without_an_end_is_cut_where_patience_ends():
    ear = Ear(SMTP.begins_tls)
    assert cut(ear, b"x" * (MESSAGE_LIMIT - 1)) == []
    assert [len(message) for message in cut(ear, b"xy")] == [MESSAGE_LIMIT + 1]


def test_an_ear_that_heard_nothing_hears_no_tls():
    assert not Ear(SMTP.begins_tls).tls
    assert Ear(SMTP.begins_tls).next(SMTP.command_end) is None
