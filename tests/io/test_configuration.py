"""The configuration: every key, and that a file with a mistake in it is not used at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from platformdirs import user_config_path

from unstrip.io.configuration import (
    LIMIT,
    BadConfiguration,
    Configuration,
    ListSettings,
    ResolverSettings,
    default_path,
    parse,
    read,
)
from unstrip.policy.questions import Https

HERE = Path("/etc/unstrip")
WHOLE = """\
store = "postgresql://unstrip:secret@db.example.org/unstrip"

[resolver]
servers = ["127.0.0.1", "192.0.2.53@5353"]
trusted = ["192.0.2.53"]
backend = "stub"
validates = "good.example"
fails = ""
timeout = 5
mix-case = true

[list]
url = "https://policy.example.org/list.json"
key = "keys/list.asc"
signature = "https://policy.example.org/list.sig"
"""


def resolver(text: str) -> ResolverSettings:
    return parse(f"[resolver]\n{text}", HERE).resolver


def listed(text: str) -> ListSettings | None:
    return parse(f"[list]\n{text}", HERE).list


def test_every_key_is_optional():
    found = parse("", HERE)
    assert found == Configuration()
    assert (found.store, found.list) == (None, None)
    assert found.resolver.servers == found.resolver.trusted == ()
    assert (found.resolver.backend, found.resolver.timeout) == ("stub", 15)
    assert (found.resolver.validates, found.resolver.fails) == ("iana.org", "dnssec-failed.org")


def test_every_key_is_read():
    found = parse(WHOLE, HERE)
    assert found.store == "postgresql://unstrip:secret@db.example.org/unstrip"
    assert found.resolver == ResolverSettings(
        servers=("127.0.0.1", "192.0.2.53@5353"),
        trusted=("192.0.2.53",),
        validates="good.example",
        fails="",
        timeout=5.0,
        mix_case=True,
    )
    assert found.list is not None
    assert found.list.source == Https("policy.example.org", "/list.json")
    assert found.list.signed == Https("policy.example.org", "/list.sig")
    assert found.list.key == HERE / "keys/list.asc"


def test_libunbound_has_its_own_keys():
    found = resolver('backend = "libunbound"\nservers = ["192.0.2.1"]\ntrust-anchor = "root.key"')
    assert found.backend == "libunbound"
    assert found.trust_anchor == HERE / "root.key"


def test_files_are_looked_for_beside_the_configuration(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    found = listed('file = "list.json"\nkey = "~/key.asc"\nsignature = "/var/list.sig"')
    assert found is not None
    assert found.source == HERE / "list.json"
    assert found.key == tmp_path / "key.asc"
    assert found.signed == Path("/var/list.sig")
    assert replace(found, signature=None).signed is None
    assert parse('store = "db/store.sqlite3"', HERE).store == "/etc/unstrip/db/store.sqlite3"


def test_a_path_is_whole_even_where_that_of_the_configuration_is_not(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert parse('store = "s"', Path()).store == str(tmp_path / "s")


def test_a_location_knows_whether_it_is_a_url():
    database, file = parse(WHOLE, HERE).store, parse('store = "s"', HERE).store
    assert database is not None
    assert file is not None
    assert database.remote
    assert not file.remote


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("shop = 1", "unknown key 'shop'"),
        ("[resolver]\nserver = []", "resolver: unknown key 'server'"),
        ("[resolver]\nmix_case = true", "unknown key 'mix_case'"),
        ("[list]\nkey = 'k'\nfile = 'f'\nsign = 's'", "list: unknown key 'sign'"),
        ("[[rule]]\nhost = '*'", "unknown key 'rule'"),  # that is the other file
    ],
)
def test_an_unknown_key_is_an_error_that_names_it(text, words):
    with pytest.raises(BadConfiguration, match=words):
        parse(text, HERE)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("store = 5", "store: "),
        ("store = ''", "store: '' is no name of a file"),
        ("store = ':memory:'", "store: ':memory:' is no name of a file"),
        ("store = 'postgresql:u:secret@db/x'", "is written postgresql://HOST/DATABASE"),
        ("store = 'a\\u0000b'".replace("'", '"'), "store: .* is no name of a file"),
        ("store = 'mysql://root:secret@db'", "store: neither a file nor a postgresql:// URL"),
        ("store = '~nobody-has-this-name/x'", "store: "),
        ("resolver = 1", "resolver: expected a table"),
        ("list = []", "list: expected a table"),
    ],
)
def test_a_wrong_value_is_an_error_that_names_the_key(text, words):
    with pytest.raises(BadConfiguration, match=words):
        parse(text, HERE)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("servers = '127.0.0.1'", "resolver.servers: expected "),
        ("servers = ['dns.example.org']", "servers: 'dns.example.org' is no address"),
        ("servers = ['192.0.2.1:53']", "servers: "),
        ("servers = ['192.0.2.1@0']", "servers: "),
        ("servers = [53]", "resolver.servers 1: expected text"),
        ("trusted = ['resolver']", "trusted: 'resolver' does not appear to be"),
        ("trusted = ['192.0.2.1@53']", "trusted: "),
        ("trusted = ['192.0.2.2']\nservers = ['192.0.2.1']", "trusted: '192.0.2.2' is none of"),
        ("backend = 'unbound'", "resolver.backend: 'unbound' is none of stub, libunbound"),
        ("validates = 'a b'", "validates: 'a b' is no host name"),
        ("fails = 'a..b'", "fails: 'a..b' is no host name"),
        ("timeout = 0", "resolver.timeout: expected "),
        ("timeout = -1.5", "resolver.timeout: expected "),
        ("timeout = 3601", "resolver.timeout: expected "),
        ("timeout = nan", "resolver.timeout: expected "),
        ("timeout = inf", "resolver.timeout: expected "),
        ("timeout = true", "resolver.timeout: expected "),
        ("mix-case = 1", "resolver.mix-case: expected "),
    ],
)
def test_a_wrong_value_for_the_resolver_is_an_error_that_names_the_key(text, words):
    with pytest.raises(BadConfiguration, match=words):
        resolver(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("trust-anchor = 'root.key'", "trust-anchor: of no use with 'stub'"),
        ("backend = 'libunbound'\ntrusted = ['::1']", "trusted: of no use with 'libunbound'"),
        ("backend = 'libunbound'\nvalidates = ''", "validates: of no use with 'libunbound'"),
        ("backend = 'libunbound'\nfails = 'x'", "fails: of no use with 'libunbound'"),
    ],
)
def test_what_a_backend_has_no_use_for_is_an_error_since_it_would_do_nothing(text, words):
    with pytest.raises(BadConfiguration, match=words):
        resolver(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "list: 'key' is missing"),
        ("key = 'k'", "list: give either file or url"),
        ("key = 'k'\nfile = 'f'\nurl = 'https://example.org/'", "give either file or url"),
        ("file = 'f'", "'key' is missing"),
        ("key = 'k'\nurl = 'http://example.org/l'", "url: 'http://example.org/l' is not https:"),
        ("key = 'k'\nurl = 'list.json'", "url: 'list.json' is not https://host/path"),
        ("key = 'k'\nurl = ''", "url: '' is not https"),
        ("key = 'k'\nurl = 'https:///list.json'", "url: .* is not https"),
        ("key = 'k'\nurl = 'https://example.org:8443/l'", "url: .* is not https"),
        ("key = 'k'\nurl = 'https://[::1'", "url: .* is not https"),
        ("key = 'k'\nfile = 'f'\nsignature = 'ftp://example.org/s'", "signature: .* is not https"),
    ],
)
def test_a_list_that_could_not_be_verified_is_an_error(text, words):
    with pytest.raises(BadConfiguration, match=words):
        listed(text)


@pytest.mark.parametrize(
    "text", [WHOLE, "store = 'mysql://u:secret@db'", "store = 'postgres:u:secret@db'"]
)
def test_a_password_is_not_repeated(text):
    with pytest.raises(BadConfiguration) as caught:
        parse(f"{text}\nnonsense = 1", HERE)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "data", [b"store = ", b"[", b"\xff", b"a=" + b"[" * 9000, b"#" * (LIMIT + 1)]
)
def test_what_is_no_toml_is_an_error_that_names_the_file(tmp_path, data):
    path = tmp_path / "Config.toml"
    path.write_bytes(data)
    with pytest.raises(BadConfiguration, match=r"/Config\.toml(: | is )"):
        read(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\n[resolver]\ntimeout = 0", "resolver.timeout: expected a number > 0.0 (at line 3)"),
        ("[resolver]\n\nserver = []", "resolver: unknown key 'server' (at line 3)"),
        ("resolver.servers = [\n'::1',\n1]", "resolver.servers 2: expected text"),
        ("resolver.servers = [\n'::1',\n1]", " (at line 3)"),
        ('store = """s\n["""\nresolver = {\'servers\' = [\'x\']}', "DNS server (at line 3)"),
        ("[resolver]\ntrusted = ['x']\nservers = ['::1']", "address (at line 2)"),
        ("[list]\nfile = 'f'\n# no key", "list: 'key' is missing (at line 1)"),
        ("store = 1 2", "(at line 1, column 11)"),
    ],
)
def test_a_mistake_is_told_with_file_key_and_line(tmp_path, text, words):
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(BadConfiguration) as caught:
        read(tmp_path / "c.toml")
    assert str(caught.value).startswith(f"{tmp_path}/c.toml: ")
    assert words in str(caught.value)


def test_what_is_repeated_is_escaped():
    with pytest.raises(BadConfiguration, match=r"\\x1b\[31m") as caught:
        parse('"\\u001b[31m" = 1', HERE)
    assert "\x1b" not in str(caught.value)


def test_a_file_as_long_as_may_be_is_read(tmp_path):
    path = tmp_path / "config.toml"
    path.write_bytes(b"#" * LIMIT)
    assert read(path) == Configuration()


def test_a_file_that_is_named_has_to_be_there(tmp_path):
    with pytest.raises(BadConfiguration, match=r"none\.toml cannot be read: no such file"):
        read(tmp_path / "none.toml")


def test_a_directory_is_no_file(tmp_path):
    with pytest.raises(BadConfiguration, match="is a directory"):
        read(tmp_path)


def test_what_is_no_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (Path("/dev/zero"), tmp_path / "pipe"):
        with pytest.raises(BadConfiguration, match="is a pipe or a device"):
            read(path)


def test_who_has_no_home_is_told_what_to_give():
    code = (
        "import sys; sys.modules['pwd'] = None; from unstrip.io import configuration\n"
        "try: configuration.read()\n"
        "except configuration.BadConfiguration as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={}, capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout == "there is no home directory to find the configuration in; give --config\n"


def test_the_default_file_is_in_the_users_configuration_and_need_not_be_there(
    monkeypatch, tmp_path
):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert default_path() == user_config_path("unstrip") / "config.toml"
    assert read() == Configuration()
    default_path().parent.mkdir(parents=True)
    default_path().write_text("resolver.timeout = 3")
    assert read().resolver.timeout == 3


def test_a_default_file_that_cannot_be_read_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    default_path().parent.mkdir(parents=True)
    default_path().symlink_to(tmp_path / "nowhere")
    with pytest.raises(BadConfiguration, match="no such file"):
        read()


def test_a_folder_that_cannot_be_entered_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "unstrip").symlink_to("unstrip")  # for root, who may enter all others
    with pytest.raises(BadConfiguration, match="cannot be read: too many levels"):
        read()


def test_the_table_is_beside_the_configuration_unless_another_one_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    default_path().parent.mkdir(parents=True)
    (usual := default_path().with_name("policy.toml")).touch()
    assert read().policy == usual
    (named := tmp_path / "c.toml").touch()
    assert read(named).policy is None
    (beside := tmp_path / "policy.toml").touch()
    assert read(named).policy == read(Path("c.toml")).policy == beside
    named.write_text("policy = 'other.toml'")
    assert read(named).policy == tmp_path / "other.toml"


@pytest.mark.parametrize("leads", ["nowhere", "policy.toml"])
def test_a_table_that_leads_nowhere_is_taken_for_one(tmp_path, leads):
    (tmp_path / "c.toml").touch()
    (tmp_path / "policy.toml").symlink_to(leads)
    assert read(tmp_path / "c.toml").policy == tmp_path / "policy.toml"


def test_the_configuration_costs_no_import_of_dns():
    code = (
        "import sys; from unstrip.io.configuration import read; read();"
        "print([m for m in sys.modules if m.startswith('dns')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "XDG_CONFIG_HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert done.stdout.strip() == "[]"


VALUES = st.text(max_size=20) | st.integers() | st.floats() | st.booleans()


def toml(value: object) -> str:
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(char):08x}" for char in value) + '"'
    return str(value).lower()


KEYS = ["store", *(f"resolver.{name}" for name in ("servers", "trusted", "backend", "validates"))]
KEYS += ["resolver.timeout", "resolver.trust-anchor", "list.key", "list.url", "list.signature"]


@given(st.dictionaries(st.sampled_from(KEYS), VALUES | st.lists(VALUES, max_size=3), max_size=4))
def test_whatever_stands_there_is_a_configuration_or_a_named_error(found):
    def line(value):
        return f"[{', '.join(map(toml, value))}]" if isinstance(value, list) else toml(value)

    text = "\n".join(f"{key} = {line(value)}" for key, value in found.items())
    try:
        words = repr(parse(text, HERE))
    except BadConfiguration as error:
        words = str(error)
    assert words.isprintable()
