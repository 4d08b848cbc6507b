r"""Replays transcript files: a dialog held with a peer who has only a script.

A file is headers, an empty line, and turns. `S: ` is a line of the server, `C: ` one of the
client, `<TLS>` a handshake that works, `<ClientHello>` one that stops after the client's first
flight, `<EOF>` the peer hanging up. `\x00` and the like are bytes, a lone `\` at the end of a
line means that no CRLF follows, so binary speech is lines of `\xNN` that end in `\`. Lines of one
speaker with nothing between them are one segment. What one side says is checked byte by byte; a
header nobody knows is an error, never ignored.

TLS is played by `GlassTunnel`, which has the tunnel's interface and hides nothing. Where a
protocol puts the handshake in envelopes, so does the player.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from unstrip.conversation import Conversation
from unstrip.escaping import excerpt
from unstrip.handshake import Handshake
from unstrip.protocols import REGISTRY
from unstrip.transcript import Side
from unstrip.trouble import Injected, ProtocolError, Trouble
from unstrip.tunnel import HandshakeFailed
from unstrip.upgrade import Asking, Manner, Outcome, Serving, Upgrade
from unstrip.wire import Effect, Receive, Send, Settle

TRANSCRIPTS = Path(__file__).with_name("transcripts")
WHOLE = 10**9  # a bite that no turn exceeds
CLIENT_HELLO, SERVER_HELLO = b"\x16\x03\x01\x00\x02CH", b"\x16\x03\x03\x00\x02SH"

LISTS = ("greeted", "offered", "inside")  # tuples of words in `Upgrade`
TEXTS = ("said", "unlisted", "greeting", "exposed")
SWITCHES = ("implicit", "insist", "offer", "advertised")
ASKED = ("helo", "host", "tag")  # in `Asking`
NAMES = ("protocol", "side", "manner", "expect", "name", "residue", "comment")
HEADERS = frozenset((*LISTS, *TEXTS, *SWITCHES, *ASKED, *NAMES))
ENDINGS = frozenset(kind.value for kind in (*Outcome, *Trouble))
TIMED = frozenset({"injected", "unsolicited"})  # endings that depend on what shares a segment


class Unreadable(ValueError):
    """The file is no transcript."""


class GlassTunnel:
    """A double of `Tunnel`: a handshake of one token each way, and no secrecy."""

    def __init__(self, *, server_side: bool = False) -> None:
        self._server_side = server_side
        self._due = CLIENT_HELLO if server_side else SERVER_HELLO
        self._outgoing = b"" if server_side else CLIENT_HELLO
        self._heard, self._ended = bytearray(), False
        self.ready = self.closed = False

    def hear(self, ciphertext: bytes) -> None:
        self._heard += ciphertext
        self._ended = self._ended or not ciphertext

    def shake(self) -> bool:
        if not self._due.startswith(self._heard[: len(self._due)]):
            said = f"TLS failed: wrong version number; the peer said {excerpt(bytes(self._heard))}"
            raise HandshakeFailed("WRONG_VERSION_NUMBER", said)
        if len(self._heard) < len(self._due):
            if self._ended:
                raise HandshakeFailed("UNEXPECTED_EOF_WHILE_READING", "TLS failed: eof")
            return False
        del self._heard[: len(self._due)]
        self._outgoing += SERVER_HELLO if self._server_side else b""
        self.ready = True
        return True

    def outgoing(self) -> bytes:
        data, self._outgoing = self._outgoing, b""
        return data

    def seal(self, plaintext: bytes) -> bytes:
        return plaintext

    def open(self) -> bytes:
        plaintext = bytes(self._heard)
        self._heard.clear()
        self.closed = self._ended
        return plaintext

    def close(self) -> bytes:
        return b""

    def facts(self) -> Handshake:
        return Handshake("TLSv1.3", "TLS_GLASS", "X25519", True, None, None, ())


@dataclass(frozen=True, slots=True)
class Turn:
    """Kind: "peer" and "self" with what they say, "tls", "hello", "eof" without."""

    kind: str
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Script:
    """One transcript file, read."""

    headers: dict[str, str]
    turns: tuple[Turn, ...]

    @property
    def expect(self) -> str:
        return self.headers["expect"]

    @property
    def residue(self) -> bytes:
        return unescape(self.headers.get("residue", ""))

    @property
    def side(self) -> Side:
        return Side(self.headers.get("side", "client"))

    @property
    def manner(self) -> Manner:
        return Manner(self.headers.get("manner", "plain"))

    def switched(self, name: str, *, default: bool = False) -> bool:
        return self.headers.get(name, "yes" if default else "no") == "yes"

    def conversation(self, **changes: object) -> Conversation[Upgrade]:
        """Our side of it, in a state to begin; `changes` are for `Asking`."""
        protocol, ours = REGISTRY[self.headers["protocol"]], self.side
        asking: dict[str, object] = {n: self.headers[n] for n in ASKED if n in self.headers}
        asking |= {"insist": self.switched("insist"), "manner": self.manner, **changes}
        serving = Serving(
            self.headers.get("name", "mx.example.net"), self.switched("offer", default=True)
        )
        dialog = (
            partial(protocol.client, ask=Asking(**asking))
            if ours is Side.CLIENT
            else partial(protocol.server, serve=serving)
        )
        tunnel = partial(GlassTunnel, server_side=ours is Side.SERVER)
        return Conversation(dialog, tunnel, side=ours, implicit=self.switched("implicit"))


@dataclass(frozen=True, slots=True)
class Ending:
    """How a dialog ended: with a result or an error."""

    talk: Conversation[Upgrade]
    error: ProtocolError | None = None

    @property
    def name(self) -> str:
        return self.talk.result.outcome.value if self.error is None else self.error.trouble.value

    @property
    def residue(self) -> bytes:
        return self.error.residue if isinstance(self.error, Injected) else b""


# Reading a file


def scripts(*protocols: str) -> list[Path]:
    """Every transcript file, or those of these protocols."""
    folders = [TRANSCRIPTS / name for name in protocols or sorted(REGISTRY)]
    return [path for folder in folders for path in sorted(folder.glob("*.txt"))]


def load(path: Path | str) -> Script:
    return parse((TRANSCRIPTS / path).read_text("utf-8"))


def parse(text: str) -> Script:
    head, _, body = text.partition("\n\n")
    headers = _headers(head)
    lines = [line for line in body.split("\n") if line]
    mine = "C" if headers.get("side", "client") == "client" else "S"
    return Script(headers, _joined(_turn(line, mine) for line in lines))


def unescape(text: str) -> bytes:
    r"""Return the bytes meant by a text with `\xNN`, `\r`, `\n`, `\t` and `\\` in it."""
    known = {"\\r": b"\r", "\\n": b"\n", "\\t": b"\t", "\\\\": b"\\"}

    def escape(part: str) -> bytes:
        if part.startswith("\\x") and len(part) == 4:
            return bytes.fromhex(part[2:])
        if part.startswith("\\") and part not in known:
            raise Unreadable(f"unknown escape {part!r} in {text!r}")
        return known.get(part) or part.encode()

    return b"".join(escape(p) for p in re.findall(r"\\x[0-9a-f]{2}|\\.|\\$|[^\\]+", text))


def _headers(head: str) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in head.split("\n"):
        name, colon, value = line.partition(":")
        if not colon or name not in HEADERS or name in headers:
            raise Unreadable(f"no header, or one too many: {line!r}")
        headers[name] = value.strip()
    for name in SWITCHES:
        if headers.get(name, "no") not in ("yes", "no"):
            raise Unreadable(f"{name} is yes or no, not {headers[name]!r}")
    if headers.get("protocol") not in REGISTRY or headers.get("expect") not in ENDINGS:
        raise Unreadable(f"no such protocol or no such ending: {headers}")
    return headers


def _turn(line: str, mine: str) -> Turn:
    marks = {"<TLS>": "tls", "<ClientHello>": "hello", "<EOF>": "eof"}
    if line in marks:
        return Turn(marks[line])
    speaker, said = line[:1], line[3:]
    if line[1:3] not in (": ", ":") or speaker not in "SC":
        raise Unreadable(f"neither S: nor C: nor a mark: {line!r}")
    cut = said.endswith("\\") and not said.endswith("\\\\")
    data = unescape(said[:-1]) if cut else unescape(said) + b"\r\n"
    return Turn("self" if speaker == mine else "peer", data)


def _joined(turns: Iterable[Turn]) -> tuple[Turn, ...]:
    joined: list[Turn] = []
    for turn in turns:
        if joined and turn.data and joined[-1].kind == turn.kind:
            turn = Turn(turn.kind, joined.pop().data + turn.data)  # noqa: PLW2901
        joined.append(turn)
    return tuple(joined)


# Playing it


@dataclass
class Stage:
    """A dialog in front of a peer who says what the script says, `bite` bytes at a time."""

    script: Script
    bite: int = WHOLE
    talk: Conversation[Upgrade] = field(init=False)

    def __post_init__(self) -> None:
        self.talk = self.script.conversation()
        self.turns = deque(self.script.turns)
        self.mid_speech = False  # of the peer, who is the first in `turns` then

    def play(self) -> Ending:
        """Raises: AssertionError: the dialog says or wants something that is not in the script."""
        trouble: ProtocolError | None = None
        try:
            for effect in self.talk:
                self._act(effect)
        except ProtocolError as error:
            trouble = error
        unsaid = list(self.turns)[trouble is not None or self.mid_speech :]
        assert not unsaid, f"the dialog is over ({trouble}) before {unsaid}"
        return Ending(self.talk, trouble)

    def _act(self, effect: Effect) -> None:
        match effect:
            case Send(data) if CLIENT_HELLO in data or SERVER_HELLO in data:
                if self.turns and self.turns[0].kind == "hello":
                    self.turns.popleft()
            case Send(data):
                self._said(data)
            case Receive():
                assert self.turns, f"the script is over, and the dialog waits: {self.talk.where()}"
                self._speak()
            case Settle():
                while self.turns and self.turns[0].kind == "peer" and not self.talk.spoken_to:
                    self._speak()

    def _said(self, data: bytes) -> None:
        pipelined = self.mid_speech and self.script.side is Side.SERVER  # clients may go on
        rest_of_theirs = [self.turns.popleft()] if pipelined else []
        due = self.turns.popleft() if self.turns else Turn("self")
        assert due.kind == "self", f"said {data!r} where {due} is due"
        assert due.data.startswith(data), f"said {data!r} where {due.data!r} is due"
        if rest := due.data[len(data) :]:
            self.turns.appendleft(Turn("self", rest))
        self.turns.extendleft(rest_of_theirs)

    def _speak(self) -> None:
        turn = self.turns.popleft()
        assert turn.kind != "self", f"the dialog waits where it should say {turn.data!r}"
        data = self._hello() if turn.kind == "tls" else turn.data
        self.mid_speech = len(data) > self.bite
        if self.mid_speech:
            self.turns.appendleft(Turn("peer", data[self.bite :]))
        self.talk.hear(data[: self.bite])

    def _hello(self) -> bytes:
        hello = SERVER_HELLO if self.script.side is Side.CLIENT else CLIENT_HELLO
        return enveloped(self.talk, hello)


def enveloped(talk: Conversation[Upgrade], records: bytes) -> bytes:
    """Return a peer's records of the handshake as the protocol carries them."""
    return records if talk._envelope is None else talk._envelope.wrap(records)


def improvise(
    talk: Conversation[Upgrade],
    speech: Iterable[bytes],
    *,
    tls: bool = True,
    hello: bytes = b"",
    restless: bool = False,
) -> Ending:
    """Hold a dialog with a peer who says these things whatever he hears, and hangs up.

    Args: restless: he speaks even while the dialog only settles.
    Raises: AssertionError: the dialog hangs.
    """
    said, shaken, patience = iter(speech), not tls, 100
    hello = hello or SERVER_HELLO
    try:
        for effect in talk:
            if isinstance(effect, Settle) and restless and (data := next(said, b"")):
                talk.hear(data)
            if not isinstance(effect, Receive):
                continue
            if talk.tunnel is not None and not talk.tunnel.ready and not shaken:
                shaken = True
                talk.hear(enveloped(talk, hello))
                continue
            data = next(said, b"")
            patience -= not data
            assert patience, f"the peer hung up, and the dialog still waits: {talk.where()}"
            talk.hear(data)
    except ProtocolError as error:
        return Ending(talk, error)
    return Ending(talk)


# Judging it


def check(script: Script, ending: Ending, *, whole: bool) -> None:
    """Compare an ending with what the file expects; `whole` is False where segments were split."""
    if not whole and script.expect in TIMED:
        assert ending.name not in ("upgraded", "implicit"), ending.talk.transcript[-3:]
        spoken = b"".join(turn.data for turn in script.turns if turn.kind == "peer")
        assert ending.residue in (script.residue or spoken)
        return
    assert ending.name == script.expect, f"{ending.name}, {ending.error}"
    assert ending.residue == script.residue
    if ending.error is None:
        _check_result(script, ending.talk.result)


def _check_result(script: Script, result: Upgrade) -> None:
    readers: dict[str, Callable[[str], object]] = {
        **dict.fromkeys(LISTS, _words),
        **dict.fromkeys(TEXTS, _text),
        "advertised": lambda text: text == "yes",
    }
    for name, read in readers.items():
        if name in script.headers:
            assert getattr(result, name) == read(script.headers[name]), name


def _words(text: str) -> tuple[str, ...]:
    return tuple(unescape(word).decode() for word in text.split(", ")) if text else ()


def _text(text: str) -> str:
    return unescape(text).decode("utf-8", "replace")
