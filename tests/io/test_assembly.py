"""What an inquiry is made of: whatever cannot be used is said, never left out."""

from __future__ import annotations

import asyncio
from contextlib import closing

import pytest

from tests.faces.cli.names import DOMAIN, HOSTS, MX, resolving
from unstrip.certificates import Anchors
from unstrip.io.assembly import NoList, Unusable, beliefs, inquiry, listed, resolver, table
from unstrip.io.configuration import ListSettings, parse, read
from unstrip.io.store import open_store
from unstrip.policy.local import Table
from unstrip.policy.questions import Dns

STRICT = '[[rule]]\nhost = "*"\nrequire = "encrypt"\n'


def test_an_inquiry_asks_the_resolver_and_believes_the_table(tmp_path, pki):
    (tmp_path / "table.toml").write_text(STRICT)
    heard = []

    async def within(settings, store):
        asks = inquiry(
            resolver(settings),
            pki.roots,
            beliefs(table(tmp_path / "table.toml"), store),
            store,
            alarms=("beware",),
            hear=lambda question, answer: heard.append((question, answer)),
        )
        return await asks.mail(DOMAIN)

    with resolving(tmp_path, MX, *HOSTS) as config, closing(open_store(tmp_path / "s")) as store:
        found = asyncio.run(within(read(config), store))
    assert found.derivation.destinations[0].decision.level.value == "encrypt"
    assert found.alarms == ("beware",)
    assert [(each.question, each.answer) for each in found.asked] == sorted_as(found, heard)


def sorted_as(found, heard):
    """What was heard, in the order in which the inquiry has it; nothing else was heard."""
    told = {question: answer for question, answer in heard if isinstance(question, Dns)}
    assert len(told) == len(heard)
    return [(each.question, told[each.question]) for each in found.asked]


def test_without_a_store_no_visit_is_known():
    assert beliefs(Table(), None).visits(None) == ()


def test_a_table_that_is_not_there_is_no_empty_one(tmp_path):
    assert table(None) == Table()
    with pytest.raises(Unusable, match="cannot be read"):
        table(tmp_path / "missing.toml")


def test_a_table_with_a_mistake_is_an_error_that_names_it(tmp_path):
    (tmp_path / "t.toml").write_text("[[rule]]\nhost = 1\n")
    with pytest.raises(Unusable, match=r"t\.toml: rule 1: .*\(at line 2\)") as refused:
        table(tmp_path / "t.toml")
    assert refused.value.hint == "see docs/reference/policy-file.md"


@pytest.mark.parametrize("level", ["secure", "dane", "dane-only"])
def test_a_level_of_postfix_is_told_what_it_is_called_here(tmp_path, level):
    (tmp_path / "t.toml").write_text(f'[[rule]]\nhost = "*"\nrequire = "{level}"\n')
    with pytest.raises(Unusable, match=f"'{level}' is none of") as refused:
        table(tmp_path / "t.toml")
    assert refused.value.hint == "verify is what Postfix calls secure; DANE needs no rule"


def test_a_resolver_that_cannot_be_had_is_an_error(tmp_path):
    text = '[resolver]\nbackend = "libunbound"\ntrust-anchor = "missing.key"\n'
    with pytest.raises(Unusable) as refused:
        resolver(parse(text, tmp_path))
    assert "stub" in refused.value.hint


@pytest.mark.parametrize("kept", [True, False])
def test_a_list_that_cannot_be_had_is_an_error(tmp_path, kept):
    settings = ListSettings(key=tmp_path / "key.asc", file=tmp_path / "list.json")
    where = parse("", tmp_path)

    async def within(store):
        await listed(settings, store, resolver(where), Anchors(()))

    with closing(open_store(tmp_path / "s")) as store, pytest.raises(NoList, match=r"^list: "):
        asyncio.run(within(store if kept else None))
