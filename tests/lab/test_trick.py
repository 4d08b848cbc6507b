from unstrip.lab.dialect import Reply, Topic
from unstrip.lab.dialects.imap import Imap
from unstrip.lab.dialects.smtp import Smtp
from unstrip.lab.trick import Relay, ToClient, ToServer, Trick
from unstrip.lab.tricks.refuse import Refuse


def test_a_trick_that_does_nothing_lets_everything_pass():
    words = Smtp()
    trick = Trick(words)
    reply = Reply(b"220 hi\r\n", Topic.GREETING)
    assert list(trick.server_says(reply)) == [ToClient(b"220 hi\r\n")]
    assert list(trick.client_says(words.read_command(b"RSET\r\n"))) == [ToServer(b"RSET\r\n")]
    assert list(trick.client_hello(b"\x16\x03")) == [ToServer(b"\x16\x03"), Relay()]


def test_a_trick_has_the_catalogues_number_unless_the_protocol_has_one_of_its_own():
    class Other(Imap):
        IDS = {"refuse": "S-99"}  # noqa: RUF012

    assert Refuse.number(Imap) == "J-01"
    assert Refuse.number(Other) == "S-99"
