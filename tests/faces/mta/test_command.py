"""`unstrip serve` on the command line."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner, Result

from tests.faces.mta.process import HERE, PATIENCE, configure, started, without
from unstrip.faces.mta.command import serve

CHOWN = 0  # by which root gives files to any group


def tried(*words: object) -> Result:
    """What `--check-config` comes to."""
    return CliRunner().invoke(serve, ["--check-config", *map(str, words)])


def ended(home, *words, **how):
    """Exit code, and both outputs."""
    with started(home, *words, **how) as daemon:
        out, _ = daemon.process.communicate(timeout=PATIENCE)
        return daemon.process.returncode, out.decode(), daemon.log.read_text()


@pytest.fixture(autouse=True)
def _home(monkeypatch, tmp_path):
    """No configuration of whoever runs the tests."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def test_a_configuration_can_be_tried_without_serving(tmp_path):
    config = configure(tmp_path, ("socketmap", f"unix:{tmp_path}/s"))
    ran = tried("--config", config)
    assert ran.exit_code == 0
    first, *_, last = ran.stdout.splitlines()
    assert first == f"unstrip: listens at unix:{tmp_path}/s for socketmap, mode 0660"
    assert last == "unstrip: the configuration is in order"
    assert "error" not in ran.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"config.toml", "table.toml"}


def test_no_configuration_at_all_is_in_order():
    assert tried().exit_code == 0


def test_what_would_keep_it_from_serving_is_told_with_what_to_do(tmp_path):
    config = configure(tmp_path, ("socketmap", "unix:/nowhere/s"), ("http", HERE))
    (tmp_path / "table.toml").unlink()
    ran = tried("--config", config)
    assert ran.exit_code == 4
    assert "unstrip: listens at 127.0.0.1:0 for http" in ran.stdout
    assert "in order" not in ran.stdout
    wrong = [line for line in ran.stderr.splitlines() if "unstrip: error: " in line]
    assert [line.split()[2] for line in wrong] == ["unix:/nowhere/s:", f"{tmp_path}/table.toml"]
    assert ran.stderr.count("unstrip: hint: ") == ran.stderr.count("\n") / 2


MISTAKES = [
    ("config.toml", "[serve]\n\nlisten = []", r"serve: listen: .* no place .*\(at line 3\)"),
    ("table.toml", "\n[[rule]]", r"rule 1: .*'host' is missing .*\(at line 2\)"),
]


@pytest.mark.parametrize(("file", "text", "complaint"), MISTAKES)
def test_a_mistake_in_a_file_is_told_with_its_name_its_key_and_its_line(
    tmp_path, file, text, complaint
):
    config = configure(tmp_path, ("socketmap", HERE))
    (tmp_path / file).write_text(text)
    ran = tried("--config", config)
    assert ran.exit_code == (2 if file == "config.toml" else 4)
    assert re.search(f"^unstrip: error: {tmp_path}/{file}: {complaint}$", ran.stderr, re.MULTILINE)
    assert "unstrip: hint: see docs/reference/" in ran.stderr


@pytest.mark.parametrize(("file", "text", "complaint"), MISTAKES)
def test_it_does_not_begin_with_a_mistake_and_ends_as_when_it_was_tried(
    tmp_path, file, text, complaint
):
    config = configure(tmp_path, ("socketmap", HERE))
    (tmp_path / file).write_text(text)
    code, out, errors = ended(tmp_path, "--config", config)
    assert (code, out) == (2 if file == "config.toml" else 4, "")
    assert re.search(f"^unstrip: error: {tmp_path}/{file}: {complaint}$", errors, re.MULTILINE)


def test_a_place_that_cannot_be_had_is_told(tmp_path):
    (tmp_path / "s").touch()
    code, _, errors = ended(
        tmp_path, "--config", configure(tmp_path, ("exim", f"unix:{tmp_path}/s"))
    )
    assert code == 4
    assert f"unstrip: error: unix:{tmp_path}/s: something is there" in errors


def test_who_is_not_in_the_group_of_a_socket_is_told_how_to_get_there(tmp_path):
    config = configure(tmp_path, ("exim", f"unix:{tmp_path}/s"), more='group = "mail"\n')
    code, _, errors = ended(tmp_path, "--config", config, command=without(CHOWN))
    assert code == 4
    assert f"unstrip: error: unix:{tmp_path}/s: operation not permitted" in errors
    assert "(SupplementaryGroups= in the unit)" in errors


def test_a_store_that_cannot_be_opened_is_told_and_no_socket_stays(tmp_path):
    config = configure(tmp_path, ("exim", f"unix:{tmp_path}/s"))
    (tmp_path / "store.sqlite3").write_bytes(b"no database at all" * 100)
    code, _, errors = ended(tmp_path, "--config", config)
    assert code == 4
    assert "store.sqlite3 cannot be used" in errors
    assert not (tmp_path / "s").exists()
