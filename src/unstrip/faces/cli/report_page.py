"""Reports received, as a page: one file with all that it needs, and nothing in it that runs.

What stands in a report is hostile: it is escaped twice, as everywhere and as text of the page, and
the page forbids itself to load or to run anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from unstrip.faces.cli.markup import Markup, tag, together
from unstrip.faces.cli.plot import Bar, bars, row
from unstrip.faces.cli.report_table import (
    FIGURES,
    By,
    cause_words,
    cells,
    counts,
    facts,
    headings,
    many,
    numbers,
    share,
    title,
)
from unstrip.faces.cli.speech import moment
from unstrip.tlsrpt.overview import Count, Met, Overview

_MOST = 200  # rows of a table, and failures
_NOTHING_ELSE = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_HEADINGS = {By.SENDER: "Senders", By.POLICY: "Policies", By.RESULT: "What failed"}
_WORDS = {
    By.SENDER: "Who reported, and how it was shown that they did.",
    By.POLICY: "A session counts once under each policy that was applied to it.",
    By.RESULT: "How often each was met; one session may have met several.",
}
_STYLE = Markup("""
:root { color-scheme: light dark; --ink: #1c2026; --soft: #5a6370; --line: #dce1e7;
  --ground: #fff; --card: #f5f7f9; --good: #3573b1; --bad: #c2500f }
@media (prefers-color-scheme: dark) { :root { --ink: #e7eaee; --soft: #9ba6b3; --line: #343b45;
  --ground: #15181c; --card: #1d2228; --good: #6ba6e0; --bad: #f08a4b } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 2.5rem 1.25rem 4rem; max-width: 56rem; color: var(--ink);
  background: var(--ground); font: 1rem/1.5 system-ui, sans-serif }
h1 { margin: 0; font-size: 1.7rem; line-height: 1.2; overflow-wrap: anywhere }
h2 { margin: 3rem 0 .25rem; font-size: 1.2rem }
h3 { margin: 0 0 .5rem; font-size: 1rem; overflow-wrap: anywhere }
p { margin: .25rem 0 1rem; color: var(--soft) }
ul.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem;
  margin: 1.75rem 0 0; padding: 0; list-style: none }
ul.figures li, article { padding: .9rem 1.1rem; border-radius: .6rem; background: var(--card) }
ul.figures b { display: block; font-size: 1.5rem; font-weight: 600; line-height: 1.3 }
ul.figures span { color: var(--soft); font-size: .875rem }
figure { margin: .75rem 0 }
figcaption { color: var(--soft); font-size: .875rem }
svg { display: block; width: 100%; height: auto; font: .7rem system-ui, sans-serif }
svg text { fill: var(--soft) }
svg.row { width: 10rem; height: .625rem }
.line { stroke: var(--line) }
.good { fill: var(--good) }
.bad { fill: var(--bad) }
div.wide { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-size: .9rem }
caption { padding: .25rem 0; color: var(--soft); text-align: left; font-size: .875rem }
th, td { padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; overflow-wrap: anywhere }
thead th { color: var(--soft); font-weight: 500 }
tbody th { font-weight: 500 }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
summary { color: var(--soft); font-size: .875rem; cursor: pointer }
article { margin: .75rem 0; border-left: .25rem solid var(--bad) }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 0;
  font-size: .9rem }
dt { color: var(--soft) }
dd { margin: 0; overflow-wrap: anywhere }
footer { margin-top: 3rem; color: var(--soft); font-size: .875rem }
""")


def page(found: Overview, now: datetime) -> str:
    """Return the page."""
    heading = f"TLS reports: {title(found)}"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_NOTHING_ELSE),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", heading),
        tag("style", _STYLE),
    )
    body = tag("body", tag("header", *_header(found)), tag("main", *_main(found)), _footer(now))
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def _header(found: Overview) -> Iterator[Markup]:
    total = found.total
    yield tag("h1", f"TLS reports: {found.domain or 'all domains'}")
    yield tag("p", f"{found.since} to {found.until}: {numbers(found)}")
    figures = (
        (f"{total.sessions:,}", "sessions"),
        (f"{total.failed:,}", "failed"),
        (share(total), "share that failed"),
        (f"{total.reports:,}", "reports"),
        (f"{total.senders:,}", "senders"),
    )
    items = (tag("li", tag("b", figure), tag("span", words)) for figure, words in figures)
    yield tag("ul", *items, class_="figures")


def _main(found: Overview) -> Iterator[Markup]:
    if not found.total.reports:
        yield tag("p", "Nobody has reported on these days.")
        return
    yield tag("h2", "Day by day")
    yield _plots(found)
    yield tag("details", tag("summary", "The same as a table"), _table(found, By.DAY))
    if found.failures:
        yield tag("h2", "Failures")
        yield tag("p", "By what went wrong, whose policy it was, and where.")
        yield from (_met(met) for met in found.failures[:_MOST])
        yield _more(len(found.failures))
    for by, heading in _HEADINGS.items():
        if counts(found, by):
            yield tag("h2", heading)
            yield tag("p", _WORDS[by])
            yield _table(found, by)


def _plots(found: Overview) -> Markup:
    """All sessions, and once more those that failed, which are too few to be seen among them."""
    days = [Bar(day.name, day.succeeded, day.failed) for day in found.days]
    drawn = [_figure(days, "Sessions", "sessions a day, and how many of them failed")]
    if found.total.failed:
        failed = [Bar(day.name, 0, day.failed) for day in found.days]
        drawn.append(_figure(failed, "Failed sessions", "sessions that failed a day"))
    return together(*drawn)


def _figure(days: list[Bar], name: str, words: str) -> Markup:
    most = max(days, key=lambda day: day.height)
    told = (
        f"{words}; the most, {most.height:,}, on {most.label}; all figures are in the table below"
    )
    return tag("figure", tag("figcaption", name), bars(days, name, told))


def _table(found: Overview, by: By) -> Markup:
    shown = counts(found, by)
    most = max((count.sessions for count in shown), default=0)
    first, *others = headings(by)
    head = [tag("th", first, scope="col")]
    head += [tag("th", each, scope="col", class_=_number(each)) for each in others]
    head.append(tag("td"))
    body = (_row(count, by, most) for count in shown[:_MOST])
    drawn = tag(
        "table",
        tag("caption", f"By {by.value}"),
        tag("thead", tag("tr", *head)),
        tag("tbody", *body),
    )
    return together(tag("div", drawn, class_="wide"), _more(len(shown)))


def _row(count: Count, by: By, most: int) -> Markup:
    first, *others = cells(count, by)
    named = zip(headings(by)[1:], others, strict=True)
    return tag(
        "tr",
        tag("th", first, scope="row"),
        *(tag("td", text, class_=_number(heading)) for heading, text in named),
        tag("td", row(count.succeeded, count.failed, most)),
    )


def _number(heading: str) -> str | None:
    return "number" if heading in FIGURES else None


def _met(met: Met) -> Markup:
    told = (together(tag("dt", label), tag("dd", words)) for label, words in facts(met))
    return tag("article", tag("h3", cause_words(met.cause)), tag("dl", *told))


def _more(count: int) -> Markup:
    if count <= _MOST:
        return together()
    return tag("p", f"And {many(count - _MOST, 'row')} more, which are in the JSON.")


def _footer(now: datetime) -> Markup:
    return tag("footer", f"Made by unstrip, {moment(now)}. Days are in UTC (RFC 8460, 4.4).")
