"""The backend on libunbound: what it needs. What it finds out: tests/interop/test_resolver.py."""

from __future__ import annotations

import pytest

from unstrip.io.resolver import unbound
from unstrip.io.resolver.unbound import Unavailable, Validator, anchor

DS = "example. IN DS 1 13 2 " + "ab" * 32 + "\n"


def test_without_the_library_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(unbound, "_NAMES", ("libnothing.so",))
    unbound._library.cache_clear()
    try:
        with pytest.raises(Unavailable, match="apt-get install libunbound8"):
            Validator()
    finally:
        unbound._library.cache_clear()


def test_the_system_has_its_trust_anchor_in_one_of_several_places(tmp_path):
    there = tmp_path / "there"
    there.write_text(DS)
    assert anchor([tmp_path / "not", there]) == there
    with pytest.raises(Unavailable, match="apt-get install dns-root-data"):
        anchor([tmp_path / "not"])


@pytest.mark.parametrize("text", ["", "; DS\n", "example. IN A 192.0.2.1\n"])
def test_a_file_without_a_trust_anchor_is_an_error_since_all_would_pass_for_unsigned(
    tmp_path, text
):
    path = tmp_path / "root.key"
    path.write_text(text)
    with pytest.raises(Unavailable, match="no trust anchor in"):
        unbound._with_anchors(path)


@pytest.mark.parametrize("kind", ["DS", "DNSKEY"])
def test_a_trust_anchor_is_a_key_or_the_digest_of_one(tmp_path, kind):
    path = tmp_path / "root.key"
    path.write_text(f"; a comment\n{DS.replace('DS', kind)}")
    assert unbound._with_anchors(path) == path


def test_a_file_that_cannot_be_read_is_an_error(tmp_path):
    with pytest.raises(Unavailable, match="can be read from"):
        unbound._with_anchors(tmp_path)
