"""Reports as a page: whole, readable by anyone, and nothing in it but what we put there."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.faces.cli.received import EVIL, NASTY
from tests.tlsrpt.days import DANE, DAY, DOMAIN, EXPIRED
from tests.tlsrpt.told import OTHER, days_before, tell, told
from unstrip.faces.cli.report_page import page
from unstrip.tlsrpt.overview import Overview, overview
from unstrip.tlsrpt.received import Proof

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
OURS = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "footer"),
    *("h1", "h2", "h3", "p", "b", "span", "ul", "li", "dl", "dt", "dd", "div", "article"),
    *("details", "summary", "table", "caption", "thead", "tbody", "tr", "th", "td"),
    *("figure", "figcaption", "svg", "desc", "g", "line", "rect", "text"),
}


class Page(HTMLParser):
    """A page as a reader of HTML takes it, which complains of what is not closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data.strip())


def seen(*ones) -> Overview:
    return overview(ones, DOMAIN, days_before(29), DAY)


def read(*ones) -> Page:
    return Page(page(seen(*ones), NOW))


@pytest.fixture(scope="module")
def usual() -> Page:
    posted = tell(3, 20, sender=OTHER, proof=Proof.HTTPS)
    return read(tell(1, 97, 3), tell(3, 50, policy=DANE), posted)


def test_the_answer_comes_first(usual):
    words = [text for text in usual.words if text]
    assert words[1] == "TLS reports: example.org"
    assert "3 reports from 2 senders; 3 of 170 sessions failed (1.8 %)" in words[2]
    assert words[3:13:2] == ["170", "3", "1.8 %", "3", "2"]


def test_there_is_a_section_for_each_thing_that_can_be_asked(usual):
    for heading in ("Day by day", "Failures", "Senders", "Policies", "What failed"):
        assert heading in usual.words
    assert "https" in usual.words
    assert "renew the certificate, and have mx.example.org load it" in usual.words


def test_beside_each_plot_stands_a_table_with_the_same_figures(usual):
    assert usual.tags["figure"] == 2
    assert ("svg", "role", "img") in usual.attributes
    assert usual.tags["desc"] == 2
    assert usual.tags["table"] == usual.tags["caption"] == 4
    assert {"2026-11-20", "2026-11-18"} <= set(usual.words)
    scopes = [value for _, name, value in usual.attributes if name == "scope"]
    assert set(scopes) == {"col", "row"}


def test_a_bar_in_a_table_is_not_read_out(usual):
    assert usual.attributes.count(("svg", "aria-hidden", "true")) == usual.tags["svg"] - 2


def test_it_needs_nothing_from_elsewhere_and_runs_nothing(usual):
    assert set(usual.tags) <= OURS
    names = {name for _, name, _ in usual.attributes}
    assert not names & {"src", "href", "style", "onload", "onclick", "xlink:href", "action"}
    text = page(seen(tell(1, 9, 1)), NOW)
    assert "url(" not in text
    assert "@import" not in text
    policies = [v for tag, name, v in usual.attributes if (tag, name) == ("meta", "content")]
    assert policies[0].startswith("default-src 'none'; ")


def test_it_is_for_light_and_dark_and_for_small_screens(usual):
    text = page(seen(), NOW)
    assert "prefers-color-scheme: dark" in text
    assert ("meta", "name", "viewport") in usual.attributes
    used = set(re.findall(r"var\((--\w+)\)", text))
    assert used == set(re.findall(r"(--\w+): #", text))


def test_it_says_when_it_was_made(usual):
    assert any("2026-11-22 03:00 UTC" in words for words in usual.words)


def test_where_nobody_has_reported_it_says_so():
    found = read()
    assert "Nobody has reported on these days." in found.words
    assert found.tags["svg"] == found.tags["table"] == 0


def test_where_nothing_failed_there_are_no_failures():
    found = read(tell(1, 5))
    assert found.tags["figure"] == 1
    assert found.tags["article"] == 0


def test_what_a_sender_wrote_is_text_and_nothing_else():
    nasty = replace(tell(1, 0, 1, failure=NASTY), organization=EVIL, submitter="<b>.example")
    found = read(nasty)
    assert set(found.tags) <= OURS
    assert found.tags["b"] == 5
    assert any("<script>alert" in words for words in found.words)
    assert page(seen(nasty), NOW).isascii()


def test_a_page_has_its_limits():
    ones = [
        tell(1, 0, 1, sender=f"s{number}.example", failure=replace(EXPIRED, host=f"mx{number}"))
        for number in range(300)
    ]
    found = read(*ones)
    assert found.tags["article"] == 200
    assert found.words.count("And 100 rows more, which are in the JSON.") == 2


@settings(max_examples=20)
@given(st.lists(told, max_size=6))
def test_no_report_breaks_the_page(ones):
    assert set(read(*ones).tags) <= OURS
