import pytest

from tests.lab.dialects.hearing import answer, bites, cut_commands, cut_replies
from unstrip.lab.dialect import Topic
from unstrip.lab.dialects.xmpp_client import XmppClient

TLS = b"urn:ietf:params:xml:ns:xmpp-tls"
NAMES = b"xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"
HEADER = b"<?xml version='1.0'?><stream:stream %b version='1.0' id='>'>" % NAMES
OLD_HEADER = b"<stream:stream %b id='a'>" % NAMES
REQUEST, GO_AHEAD = b"<starttls xmlns='%b'/>" % TLS, b"<proceed xmlns='%b'/>" % TLS
FAILURE = b"<failure xmlns='%b'></failure>" % TLS
CLOSING = b"</stream:stream>"
BIND = b"<bind><starttls-like/></bind>"


def features(*listed):
    return HEADER + b"<stream:features>" + b"".join(listed) + b"</stream:features>"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_headers_and_elements_are_cut_alike_however_they_arrive(size):
    asked = [HEADER, REQUEST, b"<iq><starttls/></iq>"]
    assert cut_commands(XmppClient(), bites(b"".join(asked), size)) == asked
    answered = [features(REQUEST), GO_AHEAD, b"\n" + FAILURE]
    assert cut_replies(XmppClient(), bites(b"".join(answered), size)) == answered


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_header_of_no_version_has_no_features_behind_it(size):
    said = [OLD_HEADER, FAILURE]
    assert cut_replies(XmppClient(), bites(b"".join(said), size)) == said


@pytest.mark.parametrize("said", [CLOSING, b"<a></b>", b"text<a/>"])
def test_what_ends_or_breaks_a_stream_passes_as_it_came(said):
    assert cut_commands(XmppClient(), [said]) == [said]
    assert XmppClient().read_command(said).topic is Topic.OTHER


@pytest.mark.parametrize(
    ("said", "topic"),
    [
        (HEADER, Topic.LISTING),
        (OLD_HEADER, Topic.LISTING),
        (b'<s:stream xmlns:s="x">', Topic.LISTING),
        (REQUEST, Topic.UPGRADE),
        (b'<t:starttls xmlns:t="%b"></t:starttls>' % TLS, Topic.UPGRADE),
        (b"<starttls/>", Topic.OTHER),
        (b"<iq>%b</iq>" % REQUEST, Topic.OTHER),
        (b"<streams/>", Topic.OTHER),
    ],
)
def test_elements_are_known_by_their_name_and_namespace(said, topic):
    command = XmppClient().read_command(said)
    assert (command.topic, command.data) == (topic, said)


@pytest.mark.parametrize(
    ("said", "go_ahead"),
    [
        (GO_AHEAD, True),
        (b"<p:proceed xmlns:p='%b'></p:proceed>" % TLS, True),
        (b"<proceed/>", False),
        (FAILURE, False),
        (features(GO_AHEAD), False),
    ],
)
def test_the_go_ahead_is_proceed_in_the_namespace_of_tls(said, go_ahead):
    assert answer(XmppClient(), REQUEST, said).go_ahead is go_ahead


@pytest.mark.parametrize(
    "offer",
    [
        REQUEST,
        b"<starttls xmlns='%b'><required/></starttls>" % TLS,
        b"<t:starttls xmlns:t='%b'>\n<t:required/>\n</t:starttls >" % TLS,
    ],
)
@pytest.mark.parametrize("others", [(b"", b""), (BIND, b""), (b"", BIND), (BIND, BIND)])
def test_an_offer_is_removed_with_all_that_is_in_it_and_nothing_else(offer, others):
    reply = answer(XmppClient(), HEADER, features(others[0], offer, others[1]))
    assert XmppClient().without_offer(reply) == features(*others)


def test_an_offer_in_no_list_is_left_alone():
    reply = answer(XmppClient(), REQUEST, REQUEST)
    assert XmppClient().without_offer(reply) == XmppClient().with_offer(reply) == REQUEST


@pytest.mark.parametrize(
    ("listed", "offered"),
    [
        (features(BIND), features(BIND, REQUEST)),
        (features(), features(REQUEST)),
        (HEADER + b"<stream:features/>", features(REQUEST)),
        (features(REQUEST), features(REQUEST)),
        (OLD_HEADER, OLD_HEADER),
    ],
)
def test_an_offer_is_added_to_features_that_have_none(listed, offered):
    assert XmppClient().with_offer(answer(XmppClient(), HEADER, listed)) == offered
