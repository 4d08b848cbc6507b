"""What is said of a domain's mail: the same as each mail server is told."""

from __future__ import annotations

import asyncio

import pytest

from tests.faces.mta.world import LOST, PLAIN, STRICT, world
from unstrip.evidence import from_json, to_json
from unstrip.faces.mta.decision import MailDecision, decision
from unstrip.mta.exim import options
from unstrip.mta.postfix import answer
from unstrip.mta.tongue import FAILED, NOTHING


@pytest.mark.parametrize(("name", "kind"), [(STRICT, "secure"), (PLAIN, NOTHING), (LOST, FAILED)])
def test_it_has_what_each_is_told_and_is_of_that_kind(name, kind):
    derivation = asyncio.run(within(name))
    found = decision(derivation)
    assert found.kind == kind
    assert found.postfix == answer(derivation, reporting=False)
    assert found.postfix_3_10 == answer(derivation, reporting=True)
    assert found.exim == options(derivation)
    assert (found.derivation, found.waits) == (derivation, derivation.waits)
    assert from_json(MailDecision, to_json(found)) == found


async def within(name):
    return await world().inquiry().decided(name)
