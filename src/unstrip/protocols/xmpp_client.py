"""XMPP for clients: STARTTLS (RFC 6120, 5; RFC 7590); implicit TLS (XEP-0368).

Servers speak the same to each other, under another namespace: what differs is a `Dialect`.
There are no lines here: a stream is one XML document, and TLS begins behind a `>`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from re import Pattern

from unstrip.escaping import excerpt
from unstrip.trouble import Ended, ProtocolError, Spoofed, Unsolicited
from unstrip.upgrade import Asking, Listing, Manner, Outcome, Serving, Upgrade, lists
from unstrip.wire import Dialog, Settle, Wire
from unstrip.xmlstream import ELEMENT_LIMIT, Element, XmlStream

NAME = "xmpp-client"
DEFINED_BY = "RFC 6120, 5"
ALIASES = ("xmpp",)
LISTING = Listing.DUE  # RFC 6120, 4.3.2: features, however few, follow the header
OFFER = VERB = "STARTTLS"
PORTS = {"xmpp-client": 5222}
IMPLICIT_PORTS = {"xmpps-client": 5223}  # by custom; XEP-0368 has it from SRV
SERVICES = {"_xmpp-client._tcp": False, "_xmpps-client._tcp": True}  # RFC 6120, 3.2.1; XEP-0368
ALPN = "xmpp-client"  # XEP-0368
MANNERS = (Manner.PLAIN, Manner.SPLIT)  # XML minds case, and an unknown element ends the stream
LEGACY = False
GREETS = False
ALPN_DUE = False

STREAM = "http://etherx.jabber.org/streams"
ERRORS = "urn:ietf:params:xml:ns:xmpp-streams"
TLS = "urn:ietf:params:xml:ns:xmpp-tls"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
BIND = "urn:ietf:params:xml:ns:xmpp-bind"
STARTTLS = f"<starttls xmlns='{TLS}'/>".encode()
FAILURE = f"<failure xmlns='{TLS}'/></stream:stream>".encode()  # RFC 6120, 5.4.2.2
CLOSING = b"</stream:stream>"

REQUEST = re.compile(re.escape(STARTTLS))
_CLOSING = re.compile(rb"\s*<(?:/[^<>]*)?")  # a closing tag, as far as it has come
_CLOSED = re.compile(rb"\s*</[^<>]*>\s*")  # between elements it can be the stream's alone
_HOST = rb"[0-9A-Za-z.:%_\[\]-]+"
_VERSION = re.compile(r"[1-9][0-9]*\.[0-9]+")  # RFC 6120, 4.7.5
_LATER = re.compile(
    r"resource-constraint|system-shutdown|connection-timeout|too many|rate.?limit|try again later",
    re.IGNORECASE,
)
_STANZAS = frozenset({"iq", "message", "presence"})  # RFC 6120, 8: only after a login
_PATIENCE = 50  # elements on either side of TLS (R27)


@dataclass(frozen=True, slots=True)
class Dialect:
    """What tells a client's stream from a server's.

    Attributes:
        namespace: what the stream carries.
        names_itself: the connecting side says who it is; a client does not, before TLS (T-13).
        mechanism: the login that our server lists inside TLS.
    """

    namespace: str
    names_itself: bool
    mechanism: str

    @property
    def in_clear(self) -> Pattern[bytes]:
        """Match all that the connecting side may say before TLS (R2)."""
        header = self.header(Asking(helo="\0", host="\0")).split(b"\0")
        said = (_HOST.join(map(re.escape, header)), re.escape(STARTTLS), re.escape(CLOSING))
        return re.compile(b"(?:%s)" % b"|".join(said))

    def header(self, ask: Asking) -> bytes:
        """Return what opens the connecting side's stream."""
        itself = f" from='{ask.helo}'" if self.names_itself else ""
        return self._opening(f"{itself} to='{ask.host}'")

    def answer(self, origin: str) -> bytes:
        """Return what opens the accepting side's; its `id` would matter to a login."""
        return self._opening(f" from='{escape(origin)}' id='unstrip'")

    def _opening(self, names: str) -> bytes:
        spaces = f"xmlns='{self.namespace}' xmlns:stream='{STREAM}'"
        return f"<?xml version='1.0'?><stream:stream {spaces}{names} version='1.0'>".encode()


CLIENTS = Dialect("jabber:client", names_itself=False, mechanism="PLAIN")
IN_CLEAR = CLIENTS.in_clear


@dataclass(frozen=True, slots=True)
class Opened:
    """How a server opened its side of the stream.

    Attributes:
        origin: who it says it is.
        features: what it lists.
        unlisted: why it lists nothing.
        error: the stream error that came instead.
    """

    origin: str
    features: tuple[str, ...] = ()
    unlisted: str = ""
    error: Element | None = None


def client(wire: Wire, ask: Asking = Asking(), dialect: Dialect = CLIENTS) -> Dialog[Upgrade]:
    """The connecting side: a stream with its features, STARTTLS, and a new stream inside."""
    wire.confine(dialect.in_clear)
    stream = XmlStream(wire)
    opened = yield from opening(wire, stream, dialect.header(ask))
    origin, offered, unlisted = opened.origin, opened.features, opened.unlisted
    if opened.error:
        outcome = outcome_of(opened.error, Outcome.UNAVAILABLE)
        return Upgrade(outcome, greeting=origin, said=words(opened.error))
    if wire.secure:
        goodbye = yield from behind(wire, stream)
        return Upgrade(Outcome.IMPLICIT, greeting=origin, said=goodbye, inside=offered)
    advertised = lists(offered, OFFER)

    def ended(outcome: Outcome, said: str = "", inside: tuple[str, ...] = ()) -> Upgrade:
        return Upgrade(outcome, advertised, origin, (), offered, unlisted, said, inside)

    wire.so_far = ended(Outcome.BROKEN_OFF)
    if not advertised and not ask.insist:
        return ended(Outcome.NOT_OFFERED, unlisted)
    if early := (yield from stream.interruption()):
        error = stream_error(wire, early)
        return ended(outcome_of(error, Outcome.UNAVAILABLE), words(error))
    yield from wire.petition(STARTTLS, ask.manner)  # RFC 7590, 3.1: listed or not
    answer = yield from stream.element()
    if answer.name == f"{TLS} failure":
        return ended(Outcome.REFUSED, words(answer))
    if answer.name != f"{TLS} proceed":
        error = stream_error(wire, answer)
        return ended(outcome_of(error, Outcome.REFUSED), words(error))
    yield from wire.start_tls()
    # RFC 6120, 5.4.3.3: forget all, and open a new stream, with a new parser
    stream = XmlStream(wire)
    again = yield from opening(wire, stream, dialect.header(ask))
    if again.error:
        return ended(Outcome.UPGRADED, words(again.error))
    goodbye = yield from behind(wire, stream)
    return ended(Outcome.UPGRADED, goodbye, again.features)


def farewell(wire: Wire) -> Dialog[None]:
    """Close the stream without waiting for the server to close its own."""
    wire.send(CLOSING)
    yield from wire.flush()


def opening(wire: Wire, stream: XmlStream, header: bytes) -> Dialog[Opened]:
    """Open a stream, and receive how the server opens its side.

    Raises: ProtocolError: it is no stream; Spoofed, Unsolicited: as `stream_error`.
    """
    wire.ask(header)
    root = yield from _root(stream)
    origin = root.attributes.get("from", "")
    if not _VERSION.fullmatch(root.attributes.get("version", "")):
        return Opened(origin, unlisted="a stream of no version, which has no features")
    first = yield from stream.element()
    if first.name != f"{STREAM} features":
        return Opened(origin, error=stream_error(wire, first))
    if first.child(f"{BIND} bind") and not wire.secure:  # RFC 6120, 7.4
        raise Spoofed("a stream that is ready for use before TLS and a login")
    return Opened(origin, _listed(first))


def behind(wire: Wire, stream: XmlStream) -> Dialog[str]:
    """Listen for what is behind the features inside TLS; return the server's goodbye, if any.

    Raises: Unsolicited: anything but a stream error, or the end of the stream, is behind them.
    """
    said = b""
    while not said.strip(b" \t\r\n"):  # RFC 6120, 11.7: blanks are nothing
        yield Settle()  # an answer that was held back is behind somebody else's
        if not wire.waiting:
            return ""
        said = wire.take(wire.waiting)
    while _CLOSING.fullmatch(said):
        yield from wire.more(ELEMENT_LIMIT)
        said += wire.take(wire.waiting)
    wire.hear(said)  # to look at it was all that was wanted
    try:
        goodbye = yield from stream.interruption()
    except Ended as ended:
        if not _CLOSED.fullmatch(said):  # the connection ended, in mid-element
            raise
        return str(ended)
    return words(stream_error(wire, goodbye)) if goodbye else ""


def _root(stream: XmlStream) -> Dialog[Element]:
    root = yield from stream.header()
    if root.name != f"{STREAM} stream":
        raise ProtocolError(f"not an XMPP stream: {excerpt(root.name.encode())}")
    return root


def _listed(features: Element) -> tuple[str, ...]:
    """Say each feature in a word: its own name, where it is none of those that matter here."""
    listed: list[str] = []
    for feature in features.children:
        mechanisms = [child.text for child in feature.children if child.local == "mechanism"]
        if feature.name == f"{TLS} starttls":
            listed += [OFFER, f"{OFFER}-REQUIRED"][: 2 if feature.child(f"{TLS} required") else 1]
        elif mechanisms:
            listed += [f"SASL {mechanism.strip()}" for mechanism in mechanisms]
        else:
            foreign = lists([feature.local], OFFER)
            listed += [f"another {feature.local}" if foreign else feature.local]
    return tuple(dict.fromkeys(listed))


def stream_error(wire: Wire, element: Element) -> Element:
    """Pass on what came instead of what was due, which a stream error alone may do.

    Raises:
        Spoofed: it is of somebody who has logged in, before TLS.
        Unsolicited: it answers what was not asked.
    """
    if element.name == f"{STREAM} error":
        return element  # one that sends us elsewhere (RFC 6120, 4.9.3.19) is quoted, not followed
    shown = excerpt(element.name.encode())
    if element.local in {"success", *_STANZAS} and not wire.secure:
        raise Spoofed(f"logged in before anyone logged in: {shown}")
    raise Unsolicited(f"an answer to what was not asked: {shown}")


def condition(error: Element) -> str:
    """Return the condition that a stream error names (RFC 6120, 4.9.2), and where it points.

    Two of them may say where else to go (RFC 6120, 4.9.3.5 and 4.9.3.19).
    """
    for child in error.children:
        name, where = child.name.removeprefix(f"{ERRORS} "), child.text.strip()
        if " " not in name and name != "text":
            return f"{name} ({where})" if where else name
    return "without condition"


def words(answer: Element) -> str:
    """Say a refusal in words: what it is, and the server's own explanation."""
    if answer.name != f"{STREAM} error":
        return answer.local
    text = answer.child(f"{ERRORS} text")
    said = f"stream error {condition(answer)}"
    return f"{said}: {text.text.strip()}" if text and text.text.strip() else said


def outcome_of(error: Element, otherwise: Outcome) -> Outcome:
    """Tell what a stream error means: it closes the stream, so "later" is never a refusal."""
    return Outcome.BUSY if _LATER.search(words(error)) else otherwise


def server(wire: Wire, serve: Serving = Serving(), dialect: Dialect = CLIENTS) -> Dialog[Upgrade]:
    """The accepting side: it upgrades any correct client and lets nobody log in."""
    if wire.secure:
        yield from _answer(wire, serve, dialect)
        return Upgrade(Outcome.IMPLICIT)
    offered = (OFFER,) if serve.offer else ()
    if not (yield from _answer(wire, serve, dialect)):
        return Upgrade(Outcome.NOT_ASKED, serve.offer, offered=offered)
    yield from wire.accept_tls(f"<proceed xmlns='{TLS}'/>".encode(), FAILURE)
    yield from _answer(wire, serve, dialect)  # RFC 6120, 5.4.3.3: a new stream
    return Upgrade(Outcome.UPGRADED, serve.offer, offered=offered)


def _answer(wire: Wire, serve: Serving, dialect: Dialect) -> Dialog[bool]:
    """Answer a stream until STARTTLS is to be granted (True) or the client is gone (False)."""
    stream = XmlStream(wire)
    try:
        root = yield from _root(stream)
    except Ended:
        return False
    wire.send(dialect.answer(root.attributes.get("to", serve.name)))  # RFC 6120, 4.7.1
    wire.send(_features(wire, serve, dialect))
    for _ in range(_PATIENCE):
        try:
            element = yield from stream.element()
        except Ended:
            wire.send(CLOSING)
            break
        if _asks_for_tls(element) and serve.offer and not wire.secure:
            return True
        answer = _answer_to(element, wire)
        wire.send(answer)
        if answer.endswith(CLOSING):
            break
    else:
        wire.send(_error("policy-violation"))
    yield from wire.flush()
    return False


def _features(wire: Wire, serve: Serving, dialect: Dialect) -> bytes:
    listed = ""
    if wire.secure:  # R24: no login in clear
        mechanism = f"<mechanism>{dialect.mechanism}</mechanism>"
        listed = f"<mechanisms xmlns='{SASL}'>{mechanism}</mechanisms>"
    elif serve.offer:
        listed = f"<starttls xmlns='{TLS}'><required/></starttls>"
    return f"<stream:features>{listed}</stream:features>".encode()


def _asks_for_tls(element: Element) -> bool:
    return element.name == f"{TLS} starttls" and not element.children


def _answer_to(element: Element, wire: Wire) -> bytes:
    namespace = element.name.rpartition(" ")[0]
    if namespace == TLS:
        return FAILURE
    if namespace == SASL:  # RFC 6120, 6.5.4 and 6.5.10
        fault = "not-authorized" if wire.secure else "encryption-required"
        return f"<failure xmlns='{SASL}'><{fault}/></failure>".encode()
    if element.local in _STANZAS:
        return _error("not-authorized")  # RFC 6120, 4.9.3.12
    return _error("unsupported-stanza-type")


def _error(fault: str) -> bytes:
    return f"<stream:error><{fault} xmlns='{ERRORS}'/></stream:error>".encode() + CLOSING
