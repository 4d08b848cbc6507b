import pytest

from unstrip.lab.speech import MESSAGE_LIMIT, Ear, Topic, dialect

HELLO = b"\x16\x03\x01\x02\x00\n"


def cut(ear, *segments, message=None):
    """Return the messages that come of these segments."""
    messages = []
    for segment in segments:
        ear.hear(segment)
        while (found := ear.next(*([message] if message else []))) is not None:
            messages.append(found)
    return messages


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
@pytest.mark.parametrize(
    ("protocol", "said", "messages"),
    [
        (
            "smtp",
            b"220-a\r\n220 b\r\n250-c\r\n250-STARTTLS\r\n250 D\r\n221 bye\r\n",
            [b"220-a\r\n220 b\r\n", b"250-c\r\n250-STARTTLS\r\n250 D\r\n", b"221 bye\r\n"],
        ),
        (
            "pop3",
            b"+OK list\r\nSTLS\r\n..\r\n.\r\n-ERR\r\n",
            [b"+OK list\r\nSTLS\r\n..\r\n.\r\n", b"-ERR\r\n"],
        ),
        (
            "imap",
            b"* CAPABILITY IMAP4rev1\r\nu1 OK done\r\n",
            [b"* CAPABILITY IMAP4rev1\r\n", b"u1 OK done\r\n"],
        ),
    ],
)
def test_messages_are_cut_alike_however_they_arrive(protocol, said, messages, size):
    segments = [said[at : at + size] for at in range(0, len(said), size)]
    assert cut(Ear(naive=False), *segments, message=dialect(protocol).listing) == messages


def test_a_naive_ear_takes_each_segment_for_a_message():
    segments = [b"STA", b"RTTLS\r\nNOOP\r\n"]
    assert cut(Ear(naive=True), *segments) == segments
    assert cut(Ear(naive=False), *segments) == [b"STARTTLS\r\n", b"NOOP\r\n"]


@pytest.mark.parametrize("naive", [False, True])
def test_tls_is_told_from_words_wherever_a_message_may_begin(naive):
    ear = Ear(naive=naive)
    assert cut(ear, b"STLS\r\n", HELLO[:1]) == [b"STLS\r\n"]
    assert not ear.tls
    assert cut(ear, HELLO[1:]) == []
    assert ear.tls
    assert ear.rest() == HELLO


def test_a_message_without_an_end_is_cut_where_patience_ends():
    ear = Ear(naive=False)
    assert cut(ear, b"x" * (MESSAGE_LIMIT - 1)) == []
    assert [len(message) for message in cut(ear, b"xy")] == [MESSAGE_LIMIT + 1]


@pytest.mark.parametrize(
    ("protocol", "said", "topic"),
    [
        ("smtp", b"STARTTLS\r\n", Topic.UPGRADE),
        ("smtp", b"starttls \r\n", Topic.UPGRADE),
        ("smtp", b" StartTLS\n", Topic.UPGRADE),
        ("smtp", b"EHLO STARTTLS\r\n", Topic.LISTING),
        ("smtp", b"RSET\r\n", Topic.OTHER),
        ("smtp", b"\r\n", Topic.OTHER),
        ("imap", b"a1 starttls\r\n", Topic.UPGRADE),
        ("imap", b"STARTTLS STARTTLS\r\n", Topic.UPGRADE),
        ("imap", b"STARTTLS NOOP\r\n", Topic.OTHER),
        ("imap", b"u1 CAPABILITY\r\n", Topic.LISTING),
        ("imap", b"STARTTLS\r\n", Topic.OTHER),
        ("pop3", b"stls\r\n", Topic.UPGRADE),
        ("pop3", b"CAPA\r\n", Topic.LISTING),
    ],
)
def test_commands_are_known_by_their_verb_however_it_is_spelt(protocol, said, topic):
    command = dialect(protocol).read_command(said)
    assert command.topic is topic
    assert command.data == said


@pytest.mark.parametrize("said", [b"starttls\r\n", b"STA", b"RTTLS\r\n"])
def test_a_naive_dialect_knows_whole_capitals_only(said):
    assert dialect("smtp", naive=True).read_command(said).topic is Topic.OTHER


@pytest.mark.parametrize(
    ("protocol", "asked", "said", "go_ahead"),
    [
        ("smtp", b"STARTTLS\r\n", b"220 go\r\n", True),
        ("smtp", b"STARTTLS\r\n", b"454 no\r\n", False),
        ("smtp", b"NOOP\r\n", b"220 go\r\n", False),
        ("imap", b"u2 STARTTLS\r\n", b"u2 ok go\r\n", True),
        ("imap", b"u2 STARTTLS\r\n", b"u1 OK go\r\n", False),
        ("imap", b"u2 STARTTLS\r\n", b"* OK go\r\n", False),
        ("pop3", b"STLS\r\n", b"+OK\r\n", True),
        ("pop3", b"STLS\r\n", b"-ERR\r\n", False),
    ],
)
def test_the_go_ahead_is_known_by_what_it_answers(protocol, asked, said, go_ahead):
    words = dialect(protocol)
    reply = words.read_reply(said, words.read_command(asked), first=False)
    assert reply.go_ahead is go_ahead


def test_the_first_message_is_the_greeting_even_to_a_hasty_client():
    words = dialect("smtp")
    hasty = words.read_command(b"EHLO a\r\n")
    assert words.read_reply(b"220 hi\r\n", hasty, first=True).topic is Topic.GREETING
    assert words.read_reply(b"250 hi\r\n", hasty, first=False).topic is Topic.LISTING
    assert words.read_reply(b"421 bye\r\n", None, first=False).topic is Topic.OTHER


@pytest.mark.parametrize(
    ("protocol", "asked", "said", "offers"),
    [
        ("smtp", b"EHLO a\r\n", b"250-b\r\n250-starttls\r\n250 C\r\n", 1),
        ("smtp", b"EHLO a\r\n", b"250-STARTTLS\r\n250 C\r\n", 0),
        ("smtp", b"EHLO a\r\n", b"250-b\r\n250 X-STARTTLS\r\n", 0),
        ("imap", b"u1 CAPABILITY\r\n", b"* CAPABILITY IMAP4rev1 STARTTLS\r\n", 1),
        ("imap", b"u1 CAPABILITY\r\n", b"* CAPABILITY STARTTLSX XSTARTTLS\r\n", 0),
        ("pop3", b"CAPA\r\n", b"+OK\r\nSTLS\r\nTOP\r\n.\r\n", 1),
        ("pop3", b"CAPA\r\n", b"+OK STLS\r\nIMPLEMENTATION STLS\r\n.\r\n", 0),
    ],
)
def test_an_offer_is_a_word_of_the_list_and_no_other(protocol, asked, said, offers):
    words = dialect(protocol)
    reply = words.read_reply(said, words.read_command(asked), first=False)
    assert words.may_offer(reply)
    assert len(words.offer.findall(said)) == offers
