import pytest

from unstrip.framing import line
from unstrip.lab.dialect import Dialect, cut
from unstrip.lab.dialects.smtp import Smtp


@pytest.mark.parametrize(
    ("heard", "begins"),
    [
        (b"\x16\x03\x01", True),
        (b"\x16\x03", True),
        (b"\x16", None),
        (b"\x16\x04", False),
        (b"\x16\x03\x00\x01", False),
        (b"\x16\x03\x05", False),
    ],
)
def test_tls_begins_with_a_handshake_record(heard, begins):
    assert Smtp().begins_tls(heard) is begins


def test_a_dialect_that_edits_nothing_changes_nothing():
    class Silent(Dialect):
        PROTOCOL = "smtp"
        WORDS = Smtp.WORDS
        command_end, reply_end = Smtp.command_end, Smtp.reply_end
        read_command, read_reply = Smtp.read_command, Smtp.read_reply

    silent, reply = Silent(), Smtp().read_reply(b"220 hi\r\n", None, first=True)
    edits = (silent.without_offer, silent.with_offer, silent.masked_offer, silent.flipped)
    assert {edit(reply) for edit in edits} == {reply.data}
    assert silent.envelope() is None
    assert silent.unwrapped(reply.data) == reply.data


def test_whether_a_server_lists_what_it_can_do_is_the_protocols_to_say():
    assert Smtp.lists()


@pytest.mark.parametrize(
    ("heard", "found"),
    [
        (b"a\r\nb", (b"a", 3)),
        (b"a\r", (None, 0)),  # more has to come
        (b"a\nb\r\n", (None, 5)),  # nobody can tell where it ends
    ],
)
def test_a_message_is_cut_where_the_protocols_own_file_cuts_it(heard, found):
    assert cut(line, heard) == found
