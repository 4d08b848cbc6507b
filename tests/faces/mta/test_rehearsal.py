"""What `--check-config` finds: all there is to say, whatever else is wrong."""

from __future__ import annotations

import os
import socket
from datetime import timedelta

import pytest

from tests.io.test_policy_list import DAY, KEY, NOW, PUBLIC, STRANGER, written
from unstrip.faces.mta.rehearsal import Remark, Weight, rehearsal
from unstrip.io.configuration import parse
from unstrip.io.openpgp import sign

LISTEN = '[[serve.listen]]\nspeaks = "{}"\nat = "{}"\n'
LISTED = '[list]\nfile = "list.json"\nkey = "key.asc"\n'


@pytest.fixture
def said(tmp_path):
    """Rehearses a configuration; a table and a store are there, unless they are named otherwise."""
    rules = (f'[[rule]]\nhost = "{host}"\nrequire = "may"\n' for host in ("example.org", "*"))
    (tmp_path / "table.toml").write_text("".join(rules))

    def rehearse(text="", *, plain=True):
        usual = 'policy = "table.toml"\nstore = "store"\n' if plain else ""
        return list(rehearsal(parse(f"{usual}{text}", tmp_path)))

    return rehearse


def only(remarks: list[Remark], weight: Weight) -> list[str]:
    found = [remark for remark in remarks if remark.weight is weight]
    assert all(remark.hint for remark in found) or weight is Weight.PLAN
    return [remark.words for remark in found]


def errors(remarks: list[Remark]) -> list[str]:
    return only(remarks, Weight.ERROR)


def test_it_says_what_it_would_do(said, tmp_path):
    place = LISTEN.format("exim", f"unix:{tmp_path}/s") + 'mode = "0666"\n'
    asked = '[resolver]\nservers = ["127.0.0.1@53", "192.0.2.1"]\ntrusted = ["192.0.2.1"]\n'
    told = only(said(asked + place), Weight.PLAN)
    assert told[0] == f"listens at unix:{tmp_path}/s for exim, mode 0666"
    assert told[1] == f"remembers in {tmp_path}/store, which is yet to be made"
    assert told[2] == "asks 127.0.0.1, 192.0.2.1 (trusted), and tries whether it validates"
    assert told[3].startswith("trusts the roots in /")
    assert told[4:] == [f"has 2 rules of its own, in {tmp_path}/table.toml"]
    assert errors(said(asked + place)) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["table.toml"]


def test_without_a_configuration_it_would_serve(said):
    told = said(plain=False)
    assert errors(told) == []
    assert (
        len([words for words in only(told, Weight.PLAN) if "listens at 127.0.0.1:" in words]) == 3
    )


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('at = "unix:{home}/nowhere/s"', "there is no directory {home}/nowhere"),
        ('at = "unix:{home}/table.toml"', "something is there, and it is no socket"),
        ('at = "unix:{home}/s"\nowner = "nosuch"', "there is no user nosuch"),
        ('at = "unix:{home}/s"\ngroup = "nosuch"', "there is no group nosuch"),
        ('at = "192.0.2.1:1"\nexposed = true', "cannot assign requested address"),
    ],
)
def test_a_place_that_cannot_be_had_is_told(said, tmp_path, more, words):
    text = f'[[serve.listen]]\nspeaks = "http"\n{more}\n'.replace("{home}", str(tmp_path))
    (found,) = errors(said(text))
    assert found.endswith(words.replace("{home}", str(tmp_path)))


def test_reports_need_a_certificate_and_datagrams_a_folder(said, tmp_path):
    (tmp_path / "file").touch()
    told = said(
        LISTEN.format("reports", "127.0.0.1:0")
        + 'certificate = "no.pem"\nkey = "no.key"\n'
        + LISTEN.format("tlsrpt", f"unix:{tmp_path}/s")
        + '[serve.spool]\nfolder = "file/spool"\n'
    )
    assert f"keeps datagrams in {tmp_path}/file/spool until they are counted" in only(
        told, Weight.PLAN
    )
    assert errors(told) == [
        f"{tmp_path}/no.pem with {tmp_path}/no.key: no such file or directory",
        f"nothing can be made in {tmp_path}/file",
    ]


def test_a_socket_of_the_daemon_that_is_running_is_in_nobodys_way(said, tmp_path):
    with socket.socket(socket.AF_UNIX) as running, socket.create_server(("127.0.0.1", 0)) as other:
        running.bind(str(tmp_path / "s"))
        here = LISTEN.format("exim", f"unix:{tmp_path}/s")
        there = LISTEN.format("http", f"127.0.0.1:{other.getsockname()[1]}")
        assert errors(said(here + there)) == []
        assert (tmp_path / "s").is_socket()


def test_all_that_is_wrong_is_told_at_once(said, tmp_path):
    (tmp_path / "table.toml").write_text("[[rule]]\nhost = 1\n")
    (tmp_path / "store").mkdir()
    text = '[resolver]\nbackend = "libunbound"\ntrust-anchor = "nowhere"\n' + LISTED
    text += LISTEN.format("exim", f"unix:{tmp_path}/nowhere/s")
    place, store, resolver, table, listed = errors(said(text))
    assert "no directory" in place
    assert "is no file" in store
    assert "nowhere" in resolver
    assert "table.toml: rule 1: host: expected text, got a whole number (at line 2)" in table
    assert listed.startswith("list: ")


def test_a_damaged_store_is_no_reason_not_to_serve(said, tmp_path):
    (tmp_path / "store").write_bytes(b"x" * 5000)
    told = said()
    assert errors(told) == []
    assert any("is no database" in words for words in only(told, Weight.WARNING))


def test_where_nobody_can_be_believed_there_is_a_warning(said):
    told = only(said('[resolver]\nservers = ["192.0.2.1"]\n'), Weight.WARNING)
    assert "no DANE: 192.0.2.1 is another machine" in told


def test_roots_that_cannot_be_read_are_told(said, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    assert errors(said()) == ["no trusted roots can be read from /nowhere"]


def test_more_clients_than_there_are_descriptors_are_a_warning(said):
    told = said("[serve.limits]\nconnections = 100000\n")
    assert [words for words in only(told, Weight.WARNING) if "not for 100000" in words]


def test_root_is_told_that_it_sees_more_than_others(said):
    told = only(said(), Weight.WARNING)
    assert any("looks as root" in words for words in told) is (os.geteuid() == 0)


# The list


def listed(folder, body=None, signer=KEY):
    body = written() if body is None else body
    (folder / "key.asc").write_bytes(PUBLIC)
    (folder / "list.json").write_bytes(body)
    (folder / "list.json.asc").write_bytes(sign(body, bytes(signer)))


def test_a_good_list_is_taken(said, tmp_path):
    listed(tmp_path)
    told = said(LISTED)
    assert errors(told) == []
    assert f"takes the list at {tmp_path}/list.json" in only(told, Weight.PLAN)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (lambda folder: (folder / "key.asc").unlink(), "key.asc cannot be read"),
        (lambda folder: (folder / "key.asc").write_text("x"), "key.asc: "),
        (lambda folder: (folder / "list.json").unlink(), "list.json cannot be read"),
        (lambda folder: (folder / "list.json.asc").unlink(), "list.json.asc cannot be read"),
        (lambda folder: listed(folder, signer=STRANGER), "not a signature of these bytes by"),
        (lambda folder: listed(folder, b"{}"), "list: "),
        (lambda folder: listed(folder, written(NOW + 9 * DAY, NOW + 19 * DAY)), "yet to come"),
    ],
)
def test_a_list_that_could_not_be_taken_is_told(said, tmp_path, fault, words):
    listed(tmp_path)
    fault(tmp_path)
    (found,) = errors(said(LISTED))
    assert words in found


def test_a_list_whose_time_is_over_is_a_warning(said, tmp_path):
    listed(tmp_path, written(NOW - 3 * DAY, NOW - timedelta(hours=1)))
    told = said(LISTED)
    assert errors(told) == []
    assert [words for words in only(told, Weight.WARNING) if "it expired on" in words]


def test_of_a_list_that_comes_by_https_it_is_the_keys(said, tmp_path):
    text = '[list]\nurl = "https://list.example.org/l"\nkey = "key.asc"\n'
    (found,) = errors(said(text))
    assert "key.asc cannot be read" in found
    (tmp_path / "key.asc").write_bytes(PUBLIC)
    assert errors(said(text)) == []


def test_rules_that_override_all_other_policies_are_warned_of(said, tmp_path):
    assert not any("overridden" in words for words in only(said(), Weight.WARNING))
    rule = '[[rule]]\nhost = "example.org"\nrequire = "may"\noverride = true\n'
    (tmp_path / "table.toml").write_text(rule)
    words = "all other policies are overridden by rule 1: example.org require may"
    assert words in only(said(), Weight.WARNING)


def test_a_rule_that_never_counts_is_warned_of(said, tmp_path):
    rule = '[[rule]]\nhost = "example.org"\nrequire = "may"\n'
    (tmp_path / "table.toml").write_text(f"{rule}{rule}override = true\n")
    (words,) = (each for each in only(said(), Weight.WARNING) if "rule" in each)
    assert words == "rule 2 never counts, for rule 1 fits all that it fits"
