"""Loading a list: by its signature, never an older one, and what is kept outlives every fault."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pysequoia import Tsk

from unstrip.io.openpgp import LONGEST_SIGNATURE, sign
from unstrip.io.policy_list import (
    BadPlace,
    Expired,
    Loaded,
    Untimely,
    beside,
    current,
    kept,
    load,
    place,
)
from unstrip.io.store import Store, StoreError, open_store
from unstrip.policy.questions import Https, HttpsAnswer, HttpsFailure, ResultType
from unstrip.policy.starttls_everywhere import LONGEST, BadList, parse

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
KEY, STRANGER = Tsk.generate(user_id="signer"), Tsk.generate(user_id="stranger")
PUBLIC = bytes(KEY.extract_certificate())
FINGERPRINT = KEY.extract_certificate().fingerprint.upper()
WEB = Https("lists.example.org", "/policy.json")


def written(made: datetime = NOW - DAY, expires: datetime = NOW + 7 * DAY) -> bytes:
    """A list, of a domain named after the day it was made."""
    domain = f"made-{made:%Y-%m-%d}.example"
    entry = {"mode": "enforce", "mxs": [f"mx.{domain}"]}
    times = {"timestamp": made.isoformat(), "expires": expires.isoformat()}
    return json.dumps(
        {**times, "version": "0.1", "policy-aliases": {}, "policies": {domain: entry}}
    ).encode()


@dataclass
class Folder:
    """A list in a file, its signature and the key beside it, and what becomes of looks at it."""

    home: Path
    store: Store

    @property
    def file(self) -> Path:
        return self.home / "policy.json"

    @property
    def key(self) -> Path:
        return self.home / "key.asc"

    def put(self, body: bytes, signer: Tsk = KEY) -> None:
        self.file.write_bytes(body)
        beside(self.file).write_bytes(sign(body, bytes(signer)))

    def look(self, now: datetime = NOW) -> Loaded:
        return asyncio.run(load(self.file, self.key, self.store, now, nowhere))

    def kept(self, now: datetime = NOW) -> Loaded:
        return kept(self.file, self.key, self.store, now)

    def trust(self, *signers: Tsk) -> None:
        certificates = (bytes(signer.extract_certificate()) for signer in signers)
        self.key.write_bytes(b"".join(certificates))


async def nowhere(question: Https) -> HttpsFailure:
    raise AssertionError(f"nobody asked for {question}")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "key.asc").write_bytes(PUBLIC)
    with closing(open_store(tmp_path / "store.sqlite3")) as store:
        made = Folder(tmp_path, store)
        made.put(written())
        yield made


# A list that is good


def test_a_list_is_taken_by_its_signature_and_kept(folder):
    loaded = folder.look()
    assert loaded == Loaded(parse(written()), FINGERPRINT)
    assert folder.kept() == Loaded(parse(written()))


def test_a_newer_list_takes_the_place_of_the_one_kept(folder):
    folder.look()
    folder.put(written(NOW))
    assert folder.look().listed == parse(written(NOW))
    assert folder.kept().listed == parse(written(NOW))


def test_a_list_that_is_signed_anew_is_the_same(folder):
    folder.look()
    folder.put(written())
    assert folder.look() == Loaded(parse(written()), FINGERPRINT)


def test_a_list_with_the_same_timestamp_is_not_taken_for_it_may_be_the_older(folder):
    folder.look()
    folder.put(written(expires=NOW + 9 * DAY))
    loaded = folder.look()
    assert loaded.listed == parse(written())
    assert loaded.trouble.endswith("it is no newer than the one that is kept")


def test_the_signature_may_be_elsewhere(folder):
    elsewhere = beside(folder.file).rename(folder.home / "signature")
    loading = load(folder.file, folder.key, folder.store, NOW, nowhere, signature=elsewhere)
    assert asyncio.run(loading).trouble == ""
    assert folder.look().trouble.endswith(
        "policy.json.asc cannot be read: no such file or directory"
    )


def test_lists_at_two_places_are_two(folder):
    folder.look()
    other = folder.home / "other.json"
    assert kept(other, folder.key, folder.store, NOW) == Loaded(None)


def test_a_place_is_the_same_by_whatever_path(folder, monkeypatch):
    folder.look()
    monkeypatch.chdir(folder.home)
    assert kept(folder.home / "a" / ".." / "policy.json", folder.key, folder.store, NOW).listed
    assert kept(Path("policy.json"), folder.key, folder.store, NOW).listed is not None


def test_an_old_list_is_no_other_one_for_being_behind_a_link(folder):
    """The name that was configured is the list's, and not the file that a link leads to."""
    folder.look()
    rolled_back(folder)
    for path in (folder.file, beside(folder.file)):
        path.rename(path.with_name(f"old-{path.name}"))
        path.symlink_to(f"old-{path.name}")
    loaded = folder.look()
    assert loaded.listed == parse(written())
    assert FAULTS[rolled_back] in loaded.trouble


# Who signed what is kept


def test_what_is_kept_counts_only_for_whoever_has_the_key_of_its_signer(folder):
    """A shared store: another machine, the same path, another key."""
    folder.look()
    folder.trust(STRANGER)
    assert folder.kept() == Loaded(None)
    folder.put(written(NOW - 2 * DAY), STRANGER)
    assert folder.look().listed == parse(written(NOW - 2 * DAY))
    folder.trust(KEY)
    assert folder.kept().listed == parse(written())
    assert folder.look().listed == parse(written())


def test_a_key_that_is_added_takes_nothing_away(folder):
    folder.look()
    folder.trust(KEY, STRANGER)
    assert folder.look().listed == parse(written())
    folder.put(written(NOW - 2 * DAY), STRANGER)
    assert FAULTS[rolled_back] in folder.look().trouble
    folder.put(written(NOW), STRANGER)
    assert folder.look().trouble == ""
    folder.trust(STRANGER)
    missing(folder)
    assert folder.look().listed == parse(written(NOW))


@pytest.mark.parametrize("fault", ["keyless", "rubbish_for_a_key"])
def test_where_the_keys_cannot_be_had_nothing_that_is_kept_counts(folder, fault):
    folder.look()
    spoil = {one.__name__: one for one in KEY_FAULTS}[fault]
    spoil(folder)
    for loaded in (folder.look(), folder.kept()):
        assert (loaded.listed, loaded.over) == (None, False)
        assert KEY_FAULTS[spoil] in loaded.trouble
        assert "key.asc" in loaded.trouble


# What may go wrong with it


def missing(folder: Folder) -> None:
    folder.file.unlink()


def a_pipe(folder: Folder) -> None:
    folder.file.unlink()
    os.mkfifo(folder.file)


def unsigned(folder: Folder) -> None:
    beside(folder.file).unlink()


def signed_by_another(folder: Folder) -> None:
    folder.put(written(NOW), STRANGER)


def changed(folder: Folder) -> None:
    folder.file.write_bytes(written(NOW))


def endless(folder: Folder) -> None:
    folder.file.write_bytes(bytes(LONGEST + 1))


def endlessly_signed(folder: Folder) -> None:
    beside(folder.file).write_bytes(bytes(LONGEST_SIGNATURE + 1))


def keyless(folder: Folder) -> None:
    folder.key.unlink()


def rubbish_for_a_key(folder: Folder) -> None:
    folder.key.write_bytes(b"rubbish")


def no_list(folder: Folder) -> None:
    folder.put(b"{}")


def expired(folder: Folder) -> None:
    folder.put(written(NOW, NOW))


def from_the_future(folder: Folder) -> None:
    folder.put(written(NOW + 2 * DAY))


def rolled_back(folder: Folder) -> None:
    folder.put(written(NOW - 2 * DAY))


FAULTS = {
    missing: "policy.json cannot be read: no such file or directory",
    a_pipe: "policy.json cannot be read: it is a pipe or a device",
    unsigned: "policy.json.asc cannot be read: no such file or directory",
    signed_by_another: "not a signature of these bytes by",
    changed: "not a signature of these bytes by",
    endless: f"policy.json is longer than {LONGEST} bytes",
    endlessly_signed: f"policy.json.asc is longer than {LONGEST_SIGNATURE} bytes",
    no_list: "missing required field",
    expired: f"it expired on {NOW:%Y-%m-%d}",
    from_the_future: f"its timestamp, {NOW + 2 * DAY:%Y-%m-%d}, is yet to come",
    rolled_back: f"made on {NOW - 2 * DAY:%Y-%m-%d}, it is no newer than the one that is kept",
}
KEY_FAULTS = {
    keyless: "key.asc cannot be read: no such file or directory",
    rubbish_for_a_key: "not a public key",
}
each_fault = pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)


@each_fault
def test_whatever_goes_wrong_what_is_kept_goes_on(folder, fault):
    folder.look()
    fault(folder)
    loaded = folder.look()
    assert loaded.listed == parse(written())
    assert FAULTS[fault] in loaded.trouble
    assert loaded.signer == ""
    assert folder.kept().listed == parse(written())


def test_what_is_kept_ends_with_its_own_time(folder):
    folder.look()
    missing(folder)
    last = NOW + 7 * DAY
    assert folder.look(last - timedelta(seconds=1)).listed == parse(written())
    loaded = folder.look(last)
    assert (loaded.listed, loaded.over) == (None, True)
    assert folder.kept(last).over
    assert loaded.trouble.startswith(f"{folder.file} cannot be read")
    assert loaded.trouble.endswith(f"; the one that is kept expired on {last:%Y-%m-%d}")


@pytest.mark.parametrize(
    "fault",
    [fault for fault in FAULTS if fault is not rolled_back],
    ids=lambda fault: fault.__name__,
)
def test_where_nothing_is_kept_there_is_no_list_and_a_reason(folder, fault):
    fault(folder)
    loaded = folder.look()
    assert loaded.listed is None
    assert loaded.over is (fault is expired)  # then it is known that there is nothing to be had
    assert FAULTS[fault] in loaded.trouble
    assert folder.kept() == Loaded(None)


def test_a_list_is_not_parsed_before_its_signature_is_verified(folder):
    folder.file.write_bytes(b"{}")
    assert "not a signature of these bytes" in folder.look().trouble


def test_what_is_kept_and_damaged_is_an_error_and_not_nothing(folder):
    folder.look()
    folder.store._database.run("update policy_list set body = ?", written()[:-1])
    with pytest.raises(StoreError, match="is damaged: not JSON"):
        folder.kept()
    missing(folder)
    with pytest.raises(StoreError, match="is damaged"):
        folder.look()


def test_a_store_that_fails_is_an_error_and_not_nothing(folder):
    folder.look()
    with closing(sqlite3.connect(folder.home / "store.sqlite3")) as database:
        database.execute("drop table policy_list")
    with pytest.raises(StoreError):
        folder.look()
    missing(folder)
    with pytest.raises(StoreError):
        folder.look()
    with pytest.raises(StoreError):
        folder.kept()


def test_a_clock_that_is_a_little_behind_takes_a_list_all_the_same():
    assert current(written(NOW), NOW - timedelta(hours=23))
    with pytest.raises(Untimely, match="is yet to come"):
        current(written(NOW), NOW - timedelta(hours=25))


def test_whether_a_list_may_be_taken_is_found_out_without_a_signature():
    assert current(written(), NOW) == parse(written())
    with pytest.raises(Expired, match="it expired on"):
        current(written(), NOW + 7 * DAY)
    with pytest.raises(BadList):
        current(b"", NOW)


# Over HTTPS


def fetched(
    answers: dict[str, HttpsAnswer | HttpsFailure], folder: Folder
) -> tuple[Loaded, list[str]]:
    """What comes of a list on the web, and the pages that were asked for."""
    asked: list[str] = []

    async def fetch(question: Https) -> HttpsAnswer | HttpsFailure:
        asked.append(f"{question.host}{question.path}")
        return answers[question.path]

    return asyncio.run(load(WEB, folder.key, folder.store, NOW, fetch)), asked


def pages(body: bytes = written()) -> dict[str, HttpsAnswer | HttpsFailure]:
    signature = sign(body, bytes(KEY))
    return {
        "/policy.json": HttpsAnswer(200, "application/json", body),
        "/policy.json.asc": HttpsAnswer(200, "text/plain", signature),
    }


def test_a_list_may_come_over_https_with_its_signature_beside_it(folder):
    loaded, asked = fetched(pages(), folder)
    assert loaded == Loaded(parse(written()), FINGERPRINT)
    assert asked == ["lists.example.org/policy.json", "lists.example.org/policy.json.asc"]


@pytest.mark.parametrize("page", ["/policy.json", "/policy.json.asc"])
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (HttpsAnswer(404), "HTTP status 404"),
        (HttpsAnswer(301), "HTTP status 301"),
        (HttpsAnswer(200, "", bytes(LONGEST + 1)), "is longer than"),
        (HttpsAnswer(200, "", b""), "not a signature"),
        (HttpsFailure(ResultType.STS_WEBPKI_INVALID, "the name is wrong"), "the name is wrong"),
    ],
)
def test_a_page_that_fails_takes_nothing_away(folder, page, answer, words):
    assert fetched(pages(), folder)[0].trouble == ""
    loaded, _ = fetched({**pages(written(NOW)), page: answer}, folder)
    assert loaded.listed == parse(written())
    assert words in loaded.trouble


# Places


def test_a_place_is_a_file_or_a_page():
    assert place("policy.json") == Path("policy.json")
    assert place("https://Lists.example.org/policy.json") == WEB
    assert place("https://b\u00fccher.example/a") == Https("xn--bcher-kva.example", "/a")


@pytest.mark.parametrize(
    "text",
    [
        "http://lists.example.org/policy.json",
        "https://lists.example.org",
        "https://lists.example.org/",
        "https://lists.example.org:8443/policy.json",
        "https://user@lists.example.org/policy.json",
        "https://lists.example.org/policy.json?a=1",
        "https://lists.example.org/policy.json#a",
        "https://[::1]/policy.json",
        "https://[/policy.json",
        "https:///policy.json",
        "ftp://lists.example.org/a\x1b",
    ],
)
def test_other_urls_are_no_places(text):
    with pytest.raises(BadPlace, match="is not https://host/path") as error:
        place(text)
    assert str(error.value).isprintable()


def test_a_signature_is_beside_its_list():
    assert beside(Path("a/policy.json")) == Path("a/policy.json.asc")
    assert beside(WEB) == Https("lists.example.org", "/policy.json.asc")
