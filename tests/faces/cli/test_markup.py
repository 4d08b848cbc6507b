"""What is no markup of ours is text, wherever it stands."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unstrip.faces.cli.markup import Markup, tag, together


class Parsed(HTMLParser):
    """What a reader of HTML makes of it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (tag("p", "a & b"), "<p>a &amp; b</p>"),
        (tag("p", tag("b", "<i>"), "x"), "<p><b>&lt;i&gt;</b>x</p>"),
        (tag("td", "1", class_="number"), '<td class="number">1</td>'),
        (tag("text", text_anchor="end", x=5), '<text text-anchor="end" x="5"></text>'),
        (tag("td", class_=None), "<td></td>"),
        (tag("p", name='" onclick="x'), '<p name="&quot; onclick=&quot;x"></p>'),
        (tag("meta", charset="utf-8"), '<meta charset="utf-8">'),
        (together("<", tag("br")), "&lt;<br></br>"),
    ],
)
def test_an_element_is_written_plainly(made, text):
    assert made == text


def test_text_that_was_made_of_markup_is_text_again():
    assert tag("p", tag("b", "x").lower()) == "<p>&lt;b&gt;x&lt;/b&gt;</p>"
    assert isinstance(tag("p"), Markup)


@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r")),
    st.text("<>&\"' ="),
)
def test_no_text_becomes_an_element_or_an_attribute(text, value):
    parsed = Parsed(tag("p", text, id=value))
    assert parsed.tags == [("p", {"id": value})]
    assert parsed.text == text
