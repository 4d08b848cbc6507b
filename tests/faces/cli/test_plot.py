"""A plot shows what there is, within its borders, and says it in words."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unstrip.faces.cli.plot import Bar, bars, row

figures = st.integers(0, 10**13)
some = st.lists(st.builds(Bar, st.just("2026-11-21"), figures, figures), max_size=400)


def drawn(*found: Bar) -> ET.Element:
    return parsed(bars(found, "Sessions", "in words"))


def parsed(plot: str) -> ET.Element:
    return ET.fromstring(plot)  # noqa: S314  # of our own making


def rects(plot: ET.Element) -> list[tuple[str, float]]:
    """Every bar: what it is of, and how long."""
    return [(rect.attrib["class"], float(rect.attrib["height"])) for rect in plot.iter("rect")]


def test_a_plot_says_what_it_is():
    plot = drawn(Bar("2026-11-21", 3, 1))
    assert plot.attrib["role"] == "img"
    assert (plot.findtext("title"), plot.findtext("desc")) == ("Sessions", "in words")


def test_a_bar_says_what_it_stands_for():
    plot = drawn(Bar("2026-11-21", 3000, 1))
    assert plot.findtext("g/title") == "2026-11-21: 3,001, of which 1 failed"


def test_bars_are_as_long_as_their_figures():
    lengths = [length for _, length in rects(drawn(Bar("x", 50, 0), Bar("y", 100, 0)))]
    assert lengths[1] == pytest.approx(2 * lengths[0], abs=0.2)


def test_what_failed_is_always_seen():
    assert dict(rects(drawn(Bar("x", 10**9, 1))))["bad"] >= 1


def test_nothing_is_no_bar():
    assert rects(drawn(Bar("x", 0, 0))) == []
    assert rects(drawn()) == []


@pytest.mark.parametrize(
    ("most", "lines"),
    [
        (0, ["0", "1"]),
        (1, ["0", "1"]),
        (4, ["0", "1", "2", "3", "4"]),
        (5, ["0", "2", "4", "6"]),
        (1700, ["0", "500", "1,000", "1,500", "2,000"]),
    ],
)
def test_the_lines_across_stand_at_round_figures(most, lines):
    plot = drawn(Bar("day", most, 0))
    assert [text.text for text in plot.iter("text") if text.text != "day"] == lines


def test_where_there_are_too_many_days_one_bar_is_for_several():
    plot = drawn(*(Bar(f"day {number}", 1, 0) for number in range(365)))
    assert len(rects(plot)) <= 120
    assert plot.findtext("g/title") == "day 0 to day 3: 4, of which 0 failed"


@given(some)
def test_everything_is_within_the_borders(found):
    plot = drawn(*found)
    *_, width, height = map(float, plot.attrib["viewBox"].split())
    for rect in plot.iter("rect"):
        x, y, long, high = (float(rect.attrib[name]) for name in ("x", "y", "width", "height"))
        assert 0 <= x <= x + long <= width
        assert 0 <= y <= y + high <= height


@given(figures, figures)
def test_a_bar_in_a_table_is_within_its_row(good, bad):
    plot = parsed(row(good, bad, good + bad))
    ends = [float(r.attrib["x"]) + float(r.attrib["width"]) for r in plot.iter("rect")]
    assert max(ends, default=0) <= float(plot.attrib["viewBox"].split()[2])
    assert len(ends) == (good > 0) + (bad > 0)
