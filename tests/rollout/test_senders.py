"""Who reports: no names below one domain are two senders, unless the operator says so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tlsrpt.days import names
from unstrip.rollout.senders import below, holder


@pytest.mark.parametrize(
    ("name", "domains", "who"),
    [
        ("sender.example", (), "sender.example"),
        ("a.b.sender.example", (), "sender.example"),
        ("localhost", (), "localhost"),
        ("bank.co.uk", (), "co.uk"),
        ("mail.bank.co.uk", ("bank.co.uk",), "bank.co.uk"),
        ("xbank.co.uk", ("bank.co.uk",), "co.uk"),
    ],
)
def test_who_shares_the_last_two_labels_is_one_unless_named(name, domains, who):
    assert holder(name, domains) == who


def test_what_is_below_a_domain_is_its_own_and_what_ends_alike_is_not():
    assert below("a.b.example", ("b.example",)) == below("b.example", ("b.example",)) == "b.example"
    assert below("ab.example", ("b.example",)) == below("a.example", ()) == ""


@given(st.lists(names, min_size=1), names)
def test_all_names_below_a_domain_are_one(many, name):
    assert len({holder(f"{each}.{name}.example") for each in many}) == 1
