"""`unstrip serve` on the command line."""

from __future__ import annotations

import re

import pytest

from tests.faces.mta.process import HERE, PATIENCE, configure, started


def ended(home, *words):
    """Exit code, and both outputs."""
    with started(home, *words) as daemon:
        out, _ = daemon.process.communicate(timeout=PATIENCE)
        return daemon.process.returncode, out.decode(), daemon.log.read_text()


def test_a_configuration_can_be_tried_without_serving(tmp_path):
    config = configure(tmp_path, ("socketmap", f"unix:{tmp_path}/s"))
    said = ended(tmp_path, "--check-config", "--config", config)
    assert said == (0, "unstrip: the configuration is in order\n", "")
    assert not (tmp_path / "s").exists()
    assert not (tmp_path / "store.sqlite3").exists()


def test_no_configuration_at_all_is_in_order(tmp_path):
    assert ended(tmp_path, "--check-config")[0] == 0


@pytest.mark.parametrize("words", [["--check-config"], []])
@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("config.toml", "[serve]\nlisten = []", r"config\.toml: serve: listen: there is no place"),
        ("table.toml", "[[rule]]", r"table\.toml: rule 1: .*'host' is missing"),
    ],
)
def test_a_mistake_in_a_file_is_told_with_its_name(tmp_path, words, file, text, complaint):
    config = configure(tmp_path, ("socketmap", HERE))
    (tmp_path / file).write_text(text)
    code, out, errors = ended(tmp_path, *words, "--config", config)
    assert code == (2 if words or file == "config.toml" else 4)
    assert out == ""
    assert re.search(f"^unstrip: error: .*{complaint}", errors, re.MULTILINE)
    assert "unstrip: hint: see docs/reference/" in errors


def test_a_place_that_cannot_be_had_is_told(tmp_path):
    (tmp_path / "s").touch()
    code, _, errors = ended(
        tmp_path, "--config", configure(tmp_path, ("exim", f"unix:{tmp_path}/s"))
    )
    assert code == 4
    assert f"unstrip: error: unix:{tmp_path}/s: something is there" in errors


def test_a_store_that_cannot_be_opened_is_told_and_no_socket_stays(tmp_path):
    config = configure(tmp_path, ("exim", f"unix:{tmp_path}/s"))
    (tmp_path / "store.sqlite3").write_bytes(b"no database at all" * 100)
    code, _, errors = ended(tmp_path, "--config", config)
    assert code == 4
    assert "store.sqlite3 cannot be used" in errors
    assert not (tmp_path / "s").exists()
