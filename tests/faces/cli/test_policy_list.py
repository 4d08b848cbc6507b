"""`unstrip policy list`: shown, verified and signed, and nothing signed that nobody could use."""

from __future__ import annotations

import json
import re
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from pysequoia import Tsk

from unstrip.faces.cli.policy_list import list_
from unstrip.faces.cli.speech import Complaint, Exit
from unstrip.io.configuration import parse
from unstrip.io.openpgp import sign, verify
from unstrip.io.store import KeptList, open_store

PAGE = Path(__file__).parents[3] / "docs/howto/policy-list.md"
NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
KEY, STRANGER = Tsk.generate(user_id="signer"), Tsk.generate(user_id="stranger")
FINGERPRINT = KEY.extract_certificate().fingerprint.upper()


def written(**changes: object) -> str:
    keys = {
        "timestamp": (NOW - DAY).isoformat(),
        "expires": (NOW + 7 * DAY).isoformat(),
        "version": "0.1",
        "author": "Example\x1b[2J",
        "policy-aliases": {},
        "policies": {
            "example.org": {"mode": "enforce", "mxs": ["mx.example.org", ".example.net"]},
            "example.com": {"mode": "testing", "mxs": ["mx.example.com"]},
        },
    }
    return json.dumps({**keys, **changes})


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    words: str = ""
    hint: str = ""


def run(*words: object) -> Ran:
    """Run the group by itself; what `main` would tell as an error is among what came of it."""
    done = CliRunner().invoke(list_, [str(word) for word in words])
    if isinstance(done.exception, Complaint):
        return Ran(done.exception.code, done.output, str(done.exception), done.exception.hint)
    assert isinstance(done.exception, SystemExit | None)
    return Ran(done.exit_code, done.output)


@pytest.fixture
def folder(tmp_path) -> Path:
    """A list and keys, in files."""
    (tmp_path / "list.json").write_text(written())
    (tmp_path / "public.asc").write_text(str(KEY.extract_certificate()))
    (tmp_path / "stranger.asc").write_text(str(STRANGER.extract_certificate()))
    (tmp_path / "secret.asc").write_text(str(KEY))
    return tmp_path


@pytest.fixture
def signed(folder) -> Path:
    assert run("sign", folder / "list.json", "--key", folder / "secret.asc").code == Exit.MEETS
    return folder


# show


def test_show_says_what_the_list_asks_of_each_domain(folder):
    ran = run("show", folder / "list.json")
    assert ran.code == Exit.MEETS
    assert ran.out.splitlines() == [
        r"2 domains by Example\x1b[2J",
        f"made {NOW - DAY:%Y-%m-%d %H:%M}, expires {NOW + 7 * DAY:%Y-%m-%d %H:%M} UTC",
        "  example.com  testing  mx.example.com",
        "  example.org  enforce  mx.example.org, .example.net",
    ]


def test_show_tells_of_pins_and_of_a_single_domain(folder):
    entry = {"mode": "enforce", "mxs": ["mx.example"], "pin": "a"}
    sets = {"a": {"static-spki-hashes": [f"sha256/{'A' * 43}="]}}
    text = written(policies={"a.example": entry}, pinsets=sets, author="")
    (folder / "list.json").write_text(text)
    lines = run("show", folder / "list.json").out.splitlines()
    assert lines[0] == "1 domain"
    assert lines[2] == "  a.example  enforce  mx.example, 1 pinned"


def test_show_as_json_is_one_object(folder):
    found = json.loads(run("show", folder / "list.json", "--json").out)
    assert set(found) == {"timestamp", "expires", "policies", "author"}
    assert found["policies"]["example.com"] == {
        "mode": "testing",
        "mxs": ["mx.example.com"],
        "pins": [],
    }


def test_show_shows_a_list_whose_time_is_over(folder):
    (folder / "list.json").write_text(written(expires=NOW.isoformat()))
    assert run("show", folder / "list.json").code == Exit.MEETS


@pytest.mark.parametrize("command", ["show", "verify", "sign"])
def test_a_list_that_is_none_is_refused_by_name(signed, command):
    file = signed / "list.json"
    file.write_text(written(version="0.2"))
    signature = signed / "signature"
    if command == "verify":
        signature.write_bytes(signature_by(KEY, file))
    keys = {"verify": "public.asc", "sign": "secret.asc"}
    more = ["--key", signed / keys[command], "--signature", signature] if command in keys else []
    ran = run(command, file, *more)
    assert ran.code == Exit.USAGE
    assert ran.words.startswith(f"{file}: ")
    assert "'version'" in ran.words


def signature_by(key: Tsk, file: Path) -> bytes:
    return sign(file.read_bytes(), bytes(key))


@pytest.fixture
def settings(folder) -> Path:
    """A configuration that names the list."""
    path = folder / "config.toml"
    path.write_text('store = "store.sqlite3"\n[list]\nfile = "list.json"\nkey = "public.asc"\n')
    return path


def keep(folder: Path, **changes: object) -> None:
    with closing(open_store(folder / "store.sqlite3")) as store:
        body = written(**changes).encode()
        new = KeptList(FINGERPRINT, NOW, body)
        assert store.keep_list(str(folder / "list.json"), (FINGERPRINT,), new)


def test_show_without_a_file_shows_what_is_kept_of_the_list_that_is_configured(settings):
    keep(settings.parent, author="Kept")
    ran = run("show", "--config", settings)
    assert (ran.code, ran.out.splitlines()[0]) == (Exit.MEETS, "2 domains by Kept")
    other = settings.parent / "other.sqlite3"
    open_store(other).close()
    elsewhere = run("show", "--config", settings, "--store", other)
    assert elsewhere.words == "nothing is kept of the list that is configured"
    assert elsewhere.code == Exit.FALLS_SHORT


def test_show_without_a_file_says_that_the_time_of_what_is_kept_is_over(settings):
    keep(settings.parent, expires=NOW.isoformat())
    ran = run("show", "--config", settings)
    assert (ran.code, ran.out) == (Exit.FALLS_SHORT, "")
    assert ran.words == f"the one that is kept expired on {NOW:%Y-%m-%d}"


def test_show_without_a_file_or_a_configuration_has_nothing_to_show():
    ran = run("show")
    assert (ran.code, ran.words) == (Exit.USAGE, "no list is configured")


def test_show_tells_a_store_that_is_damaged_from_an_empty_one(settings):
    keep(settings.parent, version="0.2")
    ran = run("show", "--config", settings)
    assert ran.code == Exit.UNKNOWN
    assert "is damaged" in ran.words


def test_the_example_of_the_page_is_shown_as_the_page_says(tmp_path):
    page = PAGE.read_text("utf-8")
    (example,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    (shown,) = re.findall(r"```text\nsigned by [0-9A-F]{40}\n(.*?)```", page, re.DOTALL)
    (tmp_path / "policy.json").write_text(example)
    assert run("show", tmp_path / "policy.json").out == shown


def test_the_configuration_of_the_page_is_one_that_has_a_list():
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    found = parse(example, Path("/etc/unstrip")).list
    assert found is not None
    assert found.key == Path("/etc/unstrip/lists.asc")


def test_show_without_a_file_wants_the_store_that_is_named(folder):
    config = folder / "config.toml"
    config.write_text('[list]\nfile = "list.json"\nkey = "public.asc"\n')
    ran = run("show", "--config", config, "--store", folder / "nowhere.sqlite3")
    assert ran.code == Exit.UNKNOWN
    assert not (folder / "nowhere.sqlite3").exists()


# verify


def test_verify_says_who_signed(signed):
    ran = run("verify", signed / "list.json", "--key", signed / "public.asc")
    assert ran.code == Exit.MEETS
    assert ran.out.splitlines()[0] == f"signed by {FINGERPRINT}"
    assert "  example.com  testing  mx.example.com" in ran.out


def test_verify_as_json_is_the_list_alone(signed):
    ran = run("verify", signed / "list.json", "--key", signed / "public.asc", "--json")
    assert ran.out == run("show", signed / "list.json", "--json").out


def test_verify_takes_a_signature_from_elsewhere(signed):
    (signed / "list.json.asc").rename(signed / "elsewhere")
    words = ["verify", signed / "list.json", "--key", signed / "public.asc"]
    assert "list.json.asc cannot be read" in run(*words).words
    assert run(*words, "--signature", signed / "elsewhere").code == Exit.MEETS


def test_verify_falls_short_where_another_signed_or_other_bytes(signed):
    ran = run("verify", signed / "list.json", "--key", signed / "stranger.asc")
    assert ran.code == Exit.FALLS_SHORT
    assert ran.words.startswith(f"{signed / 'list.json'}: not a signature of these bytes by ")
    (signed / "list.json").write_text(written(author="Mallory"))
    ran = run("verify", signed / "list.json", "--key", signed / "public.asc")
    assert (ran.code, ran.out) == (Exit.FALLS_SHORT, "")


def test_verify_falls_short_where_the_time_of_the_list_is_over(signed):
    file = signed / "list.json"
    file.write_text(written(expires=NOW.isoformat()))
    (signed / "list.json.asc").write_bytes(signature_by(KEY, file))
    ran = run("verify", file, "--key", signed / "public.asc")
    assert ran.code == Exit.FALLS_SHORT
    assert f"it expired on {NOW:%Y-%m-%d}" in ran.words
    assert ran.hint == "give it a new timestamp and expires, and sign it again"


def test_a_key_that_is_none_is_a_mistake_of_the_user(signed):
    ran = run("verify", signed / "list.json", "--key", signed / "list.json")
    assert ran.code == Exit.USAGE
    assert "not a public key" in ran.words
    assert ran.hint == "gpg --armor --export KEY"


# sign


def test_what_sign_writes_is_a_signature_beside_the_list(signed):
    signature = (signed / "list.json.asc").read_bytes()
    assert signature.startswith(b"-----BEGIN PGP SIGNATURE-----")
    public = (signed / "public.asc").read_bytes()
    assert verify((signed / "list.json").read_bytes(), signature, public, NOW) == FINGERPRINT


def test_sign_says_where_it_wrote(folder):
    elsewhere = folder / "elsewhere"
    words = ["sign", folder / "list.json", "--key", folder / "secret.asc"]
    assert run(*words, "--signature", elsewhere).out == f"signature written to {elsewhere}\n"
    assert elsewhere.exists()


@pytest.mark.parametrize(
    ("changes", "words", "code"),
    [
        ({"policies": {"a.example": {}}}, "policies: a.example: ", Exit.USAGE),
        ({"expires": NOW.isoformat()}, "it expired on", Exit.FALLS_SHORT),
        ({"timestamp": (NOW + 2 * DAY).isoformat()}, "is yet to come", Exit.FALLS_SHORT),
    ],
)
def test_sign_signs_nothing_that_nobody_could_use(folder, changes, words, code):
    (folder / "list.json").write_text(written(**changes))
    ran = run("sign", folder / "list.json", "--key", folder / "secret.asc")
    assert ran.code == code
    assert words in ran.words
    assert not (folder / "list.json.asc").exists()


def test_sign_takes_no_public_key(folder):
    ran = run("sign", folder / "list.json", "--key", folder / "public.asc")
    assert (ran.code, ran.hint) == (Exit.USAGE, "gpg --armor --export-secret-keys KEY")
    assert not (folder / "list.json.asc").exists()


def test_sign_says_where_it_cannot_write(folder):
    nowhere = folder / "missing" / "signature"
    ran = run("sign", folder / "list.json", "--key", folder / "secret.asc", "--signature", nowhere)
    assert ran.code == Exit.USAGE
    assert ran.words == f"{nowhere} cannot be written: no such file or directory"


@pytest.mark.parametrize("command", ["verify", "sign"])
def test_a_key_has_to_be_named(folder, command):
    assert run(command, folder / "list.json").code == Exit.USAGE


def test_a_file_that_is_not_there_is_a_mistake_of_the_user(folder):
    assert run("show", folder / "missing.json").code == Exit.USAGE
