from unstrip.lab.speech import Reply, Topic, dialect
from unstrip.lab.trick import Relay, ToClient, ToServer, Trick


def test_a_trick_that_does_nothing_lets_everything_pass():
    words = dialect("smtp")
    trick = Trick(words)
    reply = Reply(b"220 hi\r\n", Topic.GREETING)
    assert list(trick.server_says(reply)) == [ToClient(b"220 hi\r\n")]
    assert list(trick.client_says(words.read_command(b"RSET\r\n"))) == [ToServer(b"RSET\r\n")]
    assert list(trick.client_hello(b"\x16\x03")) == [ToServer(b"\x16\x03"), Relay()]


def test_words_are_those_of_the_protocol_with_the_tag_filled_in():
    table = {"imap": b"{tag} NO\r\n", "pop3": b"-ERR\r\n"}
    assert Trick(dialect("imap")).words(table, b"u2") == b"u2 NO\r\n"
    assert Trick(dialect("pop3")).words(table) == b"-ERR\r\n"
