"""Receiving XML element by element, from a stream that may turn into TLS behind any `>`.

The parser is expat's, with namespaces; it is fed one tag at a time, each of them whole, so that
the dialog always knows at which byte an element ended, and nothing behind it has been looked at
(RFC 6120, 5.4.3.3: TLS begins right behind the `>` of `<proceed/>`). What RFC 6120, 11.1 forbids
on a stream (comments, processing instructions, DTDs, entities of one's own) ends it at once, so
no entity is ever expanded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from unstrip.escaping import excerpt
from unstrip.trouble import Ended, ProtocolError, TooLong
from unstrip.wire import Dialog, Wire

ELEMENT_LIMIT = 16 * 1024  # bytes; RFC 6120, 13.12 asks servers for 10,000
DEPTH_LIMIT = 16
CHILDREN_LIMIT = 256
_BLANKS = b" \t\r\n"  # XML 1.0, 2.3
_OPEN_QUOTE = re.compile(rb"""(?![!?])(?:[^'"]+|'[^']*'|"[^"]*")*+(['"])""")


@dataclass(slots=True)
class Element:
    """An element with its children.

    Attributes: name: "namespace localname"; text: what stands directly in it.
    """

    name: str
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)
    text: str = ""

    @property
    def local(self) -> str:
        """The name without its namespace."""
        return self.name.rpartition(" ")[2]

    def child(self, name: str) -> Element | None:
        """Return the first child of that name."""
        return next((child for child in self.children if child.name == name), None)


class XmlStream:
    """One direction of one XML stream: a root element that stays open, and what is in it."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._open: list[Element] = []
        self._whole: list[Element] = []
        self._header: Element | None = None
        self._closed, self._in_cdata, self._taken = False, False, 0
        parser = self._parser = expat.ParserCreate("UTF-8", " ")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartCdataSectionHandler = self._start_cdata
        parser.EndCdataSectionHandler = self._end_cdata
        parser.XmlDeclHandler = _declared
        parser.StartDoctypeDeclHandler = _forbidden
        parser.CommentHandler = _forbidden
        parser.ProcessingInstructionHandler = _forbidden

    def header(self) -> Dialog[Element]:
        """Receive the root's start tag.

        Raises: ProtocolError: not XML, or what a stream may not have; TooLong; Ended.
        """
        while self._header is None:
            yield from self._feed()
        return self._header

    def element(self) -> Dialog[Element]:
        """Receive the next element of the first level.

        Raises:
            ProtocolError: not XML, or what a stream may not have.
            TooLong: longer, deeper or fuller than any honest peer's.
            Ended: the root was closed, or the connection.
        """
        while not self._whole:
            if self._closed:
                raise Ended("the stream was closed")
            yield from self._feed()
        return self._whole.pop(0)

    def interruption(self) -> Dialog[Element | None]:
        """Receive an element that has come unasked, or begun to; None if there is none.

        Whitespace is none: it may stand between elements at any time (RFC 6120, 11.7). Nothing is
        to be read after an interruption, since what came with it is in the parser already.

        Raises: ProtocolError, TooLong, Ended: as `element`.
        """
        waiting = self._wire.take(self._wire.waiting)
        if not waiting.strip(_BLANKS):
            return None
        self._count(waiting)
        self._parse(waiting)
        return (yield from self.element())

    def _feed(self) -> Dialog[None]:
        """Pass on one tag and the text before it.

        A `>` in quotes does not end a tag, and a parser that is given a part of one may keep it
        back for longer than it has to (expat does since 2.6).
        """
        chunk = yield from self._through(b"]]>" if self._in_cdata else b">")
        _, _, tag = chunk.partition(b"<")
        while not self._in_cdata and (quote := _OPEN_QUOTE.match(tag)):
            chunk += yield from self._through(quote[1])
            tag = yield from self._through(b">")
            chunk += tag
        self._parse(chunk)

    def _through(self, ending: bytes) -> Dialog[bytes]:
        while (chunk := self._wire.through(ending)) is None:
            yield from self._wire.more(ELEMENT_LIMIT)
        self._count(chunk)
        return chunk

    def _count(self, chunk: bytes) -> None:
        self._taken += len(chunk)
        if self._taken > ELEMENT_LIMIT:
            raise TooLong(f"more than {ELEMENT_LIMIT} bytes of one element: {excerpt(chunk)}")

    def _parse(self, chunk: bytes) -> None:
        if b"\0" in chunk:  # expat would take it for UTF-16, where a `>` has two bytes
            raise ProtocolError(f"not XML in UTF-8: {excerpt(chunk)}")
        try:
            chunk.decode()  # RFC 6120, 11.6
            self._parser.Parse(chunk, False)  # noqa: FBT003  # more is to come
        except (expat.ExpatError, UnicodeDecodeError) as error:
            raise ProtocolError(f"not XML ({error}): {excerpt(chunk)}") from error

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        element = Element(name, attributes)
        if len(self._open) >= DEPTH_LIMIT:
            raise TooLong(f"elements more than {DEPTH_LIMIT} deep")
        if self._header is None:
            self._header, self._taken = element, 0
        elif len(self._open) > 1:
            parent = self._open[-1]
            if len(parent.children) >= CHILDREN_LIMIT:
                raise TooLong(f"more than {CHILDREN_LIMIT} elements in one")
            parent.children.append(element)
        self._open.append(element)

    def _end(self, _name: str) -> None:
        element = self._open.pop()
        if len(self._open) == 1:
            self._whole.append(element)
            self._taken = 0
        self._closed = not self._open

    def _characters(self, text: str) -> None:
        if len(self._open) > 1:
            self._open[-1].text += text
        elif text.strip(_BLANKS.decode()):
            raise ProtocolError(f"text between elements: {excerpt(text.encode())}")

    def _start_cdata(self) -> None:
        self._in_cdata = True

    def _end_cdata(self) -> None:
        self._in_cdata = False


def _declared(_version: str, encoding: str | None, _standalone: int) -> None:
    """RFC 6120, 11.6: nothing but UTF-8, which is what the parser reads in any case."""
    if encoding is not None and encoding.upper() != "UTF-8":
        raise ProtocolError(f"XML in another encoding: {excerpt(encoding.encode())}")


def _forbidden(*said: object) -> NoReturn:
    """RFC 6120, 11.1."""
    words = " ".join(str(word) for word in said if word)
    raise ProtocolError(f"XML that no stream may have: {excerpt(words.encode())}")
