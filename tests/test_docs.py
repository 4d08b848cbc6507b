"""The documentation says what is there: no more, no less, and its examples run."""

from __future__ import annotations

import ast
import asyncio
import dataclasses
import enum
import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, get_args, get_type_hints

import click
import msgspec
import pytest
from platformdirs.macos import MacOS
from platformdirs.unix import Unix

import unstrip
from unstrip.faces.cli.advice import ADVICE
from unstrip.faces.cli.explanation import Explanation
from unstrip.faces.cli.outgoing import OutgoingReport
from unstrip.faces.cli.policies import PolicyRecord
from unstrip.faces.cli.publication import PublicationRecord
from unstrip.faces.cli.record import ComparisonRecord, DomainRecord, Record
from unstrip.faces.cli.report_alarms import WatchRecord
from unstrip.faces.cli.report_lines import ReportsRecord
from unstrip.faces.cli.rollout_lines import RolloutRecord
from unstrip.faces.cli.speech import Exit
from unstrip.faces.cli.trail import TrailRecord
from unstrip.faces.mta.metrics import MEASURES
from unstrip.io.configuration import Configuration, ResolverSettings, parse
from unstrip.io.store import Remembered
from unstrip.lab.authority import Authority
from unstrip.lab.crossings import Crossing
from unstrip.lab.servers import serve
from unstrip.lab.tricks import TRICKS
from unstrip.mta.decision import MailDecision
from unstrip.policy import dane, local, mta_sts
from unstrip.program import cli
from unstrip.protocols import REGISTRY, SCHEMES
from unstrip.tlsrpt import received
from unstrip.verdict import Code

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
SOURCE = Path(unstrip.__file__).parent
TOP = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")]
PAGES = [*TOP, *sorted(DOCS.rglob("*.md"))]
ATTACK = re.compile(r"\b(?:[SJFBTCPX]-[0-9]{2}[a-z]?|R[0-9]{1,2}|G[0-9]{1,2}|P[0-9])\b")
VARIABLE = re.compile(r"environ(?:\.get\(|\[)\s*[\"']([A-Z_]+)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
OWN_FILE = re.compile(r"`((?:src|tests|docs|requirements|\.ci)/[\w./-]+)`")


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def prose(path: Path) -> str:
    """The text of a page without its fences."""
    return FENCE.sub("", path.read_text("utf-8"))


def fences(path: Path, language: str) -> list[str]:
    return [body for kind, body in FENCE.findall(path.read_text("utf-8")) if kind == language]


def section(text: str, title: str) -> str:
    """What stands below a heading, up to the next one."""
    found = re.search(rf"^##+ {re.escape(title)}\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"there is no heading {title!r}"
    return found[1]


def rows(text: str) -> set[str]:
    """The first cells of a table, without their backquotes."""
    return set(re.findall(r"^\| `?([^`|]*?)`? \|", text, re.MULTILINE))


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


each_page = pytest.mark.parametrize("path", PAGES, ids=named)


# The generated pages


def generator() -> Any:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_generated_page_is_stale():
    """In a process of its own, in which no other test has been."""
    command = [sys.executable, ROOT / "docs/generate.py", "--check"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_checking_the_generated_pages_fails_when_one_is_stale(tmp_path, monkeypatch, capsys):
    script = generator()
    monkeypatch.setattr(script, "HERE", tmp_path)
    assert script.main([]) == 0
    assert script.main(["--check"]) == 0
    (tmp_path / "cli.md").write_text("something else")
    assert script.main(["--check"]) == 1
    assert "cli.md is stale" in capsys.readouterr().err


# Everything is there


def commands() -> dict[str, click.Command]:
    """Every command by its words, "unstrip history list"."""
    found: dict[str, click.Command] = {}

    def walk(command: click.Command, words: str) -> None:
        found[words] = command
        if isinstance(command, click.Group):
            for name, sub in command.commands.items():
                walk(sub, f"{words} {name}")

    walk(cli, "unstrip")
    return found


COMMANDS = commands()


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_is_documented_with_all_its_options(words):
    text = section(page("reference/cli.md"), words)
    for parameter in COMMANDS[words].params:
        if isinstance(parameter, click.Option):
            assert all(re.search(rf"`.*{option}\b", text) for option in parameter.opts), parameter


@pytest.mark.parametrize("name", REGISTRY)
def test_every_protocol_is_documented(name):
    text, protocol = section(page("reference/protocols.md"), name), REGISTRY[name]
    ports = {**protocol.PORTS, **protocol.IMPLICIT_PORTS}
    words = [protocol.OFFER, protocol.VERB, protocol.ALPN or "none", *ports, *ports.values()]
    words += protocol.SERVICES
    assert [word for word in words if str(word) not in text] == []


@pytest.mark.parametrize("name", TRICKS)
def test_every_trick_is_documented_and_leads_to_its_threat(name):
    text = page("reference/tricks.md")
    assert TRICKS[name].WHAT in text
    assert section(text, name)
    identifier = TRICKS[name].ID
    assert identifier == "control" or identifier in rows(page("topics/threats.md"))


def test_every_verdict_code_is_documented_and_no_other():
    assert set(generator().MEANINGS) == set(Code)
    codes = {code.value for code in Code}
    assert {cell for cell in rows(page("reference/verdicts.md")) if "_" in cell} <= codes
    assert codes <= rows(page("reference/verdicts.md"))


def fixed_confidences() -> Iterator[tuple[str, float]]:
    """Every code that a rule gives with a confidence in figures."""
    for path in (SOURCE / "verdict").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding":
                code, confidence = node.args[:2]
                for figure in ast.walk(confidence):
                    if isinstance(code, ast.Attribute) and isinstance(figure, ast.Constant):
                        yield code.attr, figure.value


def test_the_confidences_that_are_documented_are_those_of_the_rules():
    given = set(fixed_confidences())
    assert ("OFFER_MASKED", 0.97) in given
    for code, figure in given:
        documented = [
            float(n) for n in re.findall(r"\d\.\d\d", generator().MEANINGS[Code(code)][1])
        ]
        assert min(documented) <= figure <= max(documented), code


def test_every_code_that_falls_short_says_what_to_do():
    fine = {Code.TLS_OK_AUTHENTICATED}
    assert {code for code in Code if not code.note} - fine == set(ADVICE)


@pytest.mark.parametrize("code", [code for code in Code if code.tampering], ids=lambda c: c.value)
def test_every_kind_of_tampering_has_its_own_words_of_help(code):
    assert len(section(page("howto/stripped.md"), code.value).split()) > 30


def test_every_name_in_capitals_on_a_page_is_in_the_code():
    code = "".join(path.read_text("utf-8") for path in SOURCE.rglob("*.py"))
    ours = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", code)) | {"XDG_STATE_HOME", "XDG_CONFIG_HOME"}
    for path in PAGES:
        names = re.findall(r"`\$?([A-Z]+(?:_[A-Z]+)+)\b", path.read_text("utf-8"))
        assert set(names) <= ours, path


@pytest.mark.parametrize("code", Exit)
def test_every_exit_code_is_documented(code):
    text = page("reference/exit-codes.md")
    assert str(code.value) in rows(text)
    assert str(code.value) in rows((ROOT / "README.md").read_text("utf-8"))
    assert code is Exit.INTERRUPTED or f"{code.value} " in (COMMANDS["unstrip check"].epilog or "")


def test_every_key_of_the_policy_file_is_documented_and_no_other():
    keys = {field.name for field in msgspec.structs.fields(local.Rule)}
    assert rows(page("reference/policy-file.md")) - {"key", "---"} == keys
    level = get_type_hints(local.Rule)["require"]
    text = page("reference/policy-file.md")
    assert [word for word in get_args(level) if f"`{word}`" not in text] == []


def keys(kind: type, prefix: str = "") -> Iterator[str]:
    """Every key of the configuration as TOML has it, "resolver.servers"."""
    for field in msgspec.structs.fields(kind):
        tables = [t for t in (field.type, *get_args(field.type)) if is_table(t)]
        for table in tables:
            yield from keys(table, f"{prefix}{field.encode_name}.")
        if not tables:
            yield f"{prefix}{field.encode_name}"


def is_table(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def test_every_key_of_the_configuration_is_documented_and_no_other():
    text = section(page("reference/configuration.md"), "The configuration file")
    assert rows(text) - {"key", "---"} == set(keys(Configuration))
    for backend in get_args(get_type_hints(ResolverSettings)["backend"]):
        assert f"`{backend}`: " in text


def test_what_is_set_where_a_key_is_left_out_is_documented():
    text = section(page("reference/configuration.md"), "The configuration file")
    left_out = dict(
        re.findall(r"^\| `resolver\.([^`]+)` \|.*\| `?([^`|]+)`? \|$", text, re.MULTILINE)
    )
    for field in msgspec.structs.fields(ResolverSettings):
        if isinstance(field.default, str | float):
            shown = str(field.default).lower().removesuffix(".0")
            assert left_out[field.encode_name] == shown


@pytest.mark.parametrize("text", fences(DOCS / "reference/configuration.md", "toml"))
def test_the_example_of_a_configuration_is_one(text):
    found = parse(text, Path("/etc/unstrip"))
    assert found.resolver.trusted == ("192.0.2.53",)
    assert found.list is not None
    assert str(found.list.key) == "/etc/unstrip/operator.asc"


def test_the_examples_of_policy_files_do_what_the_page_says():
    table, last, patient = fences(DOCS / "reference/policy-file.md", "toml")
    (freed,) = local.opinions(local.parse(last), ("example.org",), 25, "smtp")
    assert freed.overrides
    assert local.waiting(local.parse(patient), "example.org", 25, "smtp", "no answer")
    parsed = local.parse(table)

    def level(host: str, port: int = 25) -> str:
        (found,) = local.opinions(parsed, (host,), port, "smtp")
        return found.level.value

    assert level("mx.example.org") == "verify"
    assert level("mx.example.org", 587) == level("a.b.example.org") == "encrypt"
    assert level("example.org") == level("elsewhere.example") == "may"


def test_every_metric_is_documented_and_no_other():
    shown = rows(page("reference/metrics.md")) - {"metric", "---"}
    assert shown == {measure.shown for measure in MEASURES}


def test_every_environment_variable_in_the_source_is_documented():
    used = {name for path in SOURCE.rglob("*.py") for name in VARIABLE.findall(path.read_text())}
    used |= set(re.findall(r"^([A-Z]+) \?=", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"SSL_CERT_FILE", "NO_COLOR", "INTEROP"} <= used
    text = page("reference/configuration.md")
    assert [name for name in sorted(used) if f"`{name}`" not in text] == []


def test_the_paths_that_are_documented_are_those_of_the_platforms(monkeypatch):
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    text = page("reference/configuration.md")
    for kind in (Unix, MacOS):
        here = kind("unstrip", None)
        for path in (
            f"{here.user_state_dir}/store.sqlite3",
            f"{here.user_config_dir}/config.toml",
            f"{here.user_config_dir}/policy.toml",
        ):
            assert path.replace(str(Path.home()), "~") in text


def kinds(*roots: Any) -> Iterator[type]:
    """Every dataclass, struct and enumeration that `roots` are made of."""
    waiting, seen = list(roots), set()
    while waiting:
        kind = waiting.pop()
        waiting.extend(get_args(kind))
        if not isinstance(kind, type) or kind in seen:
            continue
        seen.add(kind)
        if issubclass(kind, enum.Enum):
            yield kind
        elif dataclasses.is_dataclass(kind) or issubclass(kind, msgspec.Struct):
            yield kind
            waiting.extend(get_type_hints(kind).values())


# those that have the name of another kind
TITLES = {
    dane.Standing: "DaneStanding",
    mta_sts.Trouble: "StsTrouble",
    received.Proof: "ReportProof",
}
PRINTED = (
    *(Record, DomainRecord, ComparisonRecord, Remembered, Crossing),
    *(PublicationRecord, Explanation, PolicyRecord, MailDecision, OutgoingReport),
    *(ReportsRecord, WatchRecord, RolloutRecord, TrailRecord),
)
JSON = {TITLES.get(kind, kind.__name__): kind for kind in kinds(*PRINTED)}
VALUES = {name: kind for name, kind in JSON.items() if issubclass(kind, enum.Enum)}


@pytest.mark.parametrize("name", sorted(JSON.keys() - VALUES.keys()))
def test_every_field_of_the_json_is_documented_and_no_other(name):
    fields = set(get_type_hints(JSON[name])) - {"__struct_fields__", "__struct_config__"}
    documented = rows(section(page("reference/json.md"), name)) - {"field", "---"}
    assert documented == {field for field in fields if not field.startswith("_")}


@pytest.mark.parametrize("name", sorted(VALUES))
def test_every_value_in_the_json_is_documented(name):
    if name == "Code":
        return  # has a page of its own
    line = re.search(
        rf"^\| {name} \| (.*) \|$", section(page("reference/json.md"), "Values"), re.MULTILINE
    )
    assert line
    assert re.findall(r"`([^`]+)`", line[1]) == [value.value for value in VALUES[name]]


def test_every_threat_that_the_source_names_is_documented():
    named_in_source = {
        identifier
        for path in SOURCE.rglob("*.py")
        for identifier in ATTACK.findall(path.read_text())
    }
    assert {"S-01", "X-02b", "R2", "P-12"} <= named_in_source
    assert named_in_source - rows(page("topics/threats.md")) == set()


@each_page
def test_every_threat_that_a_page_names_is_documented(path):
    assert set(ATTACK.findall(prose(path))) <= rows(page("topics/threats.md"))


# What is shown is so


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as they are made on the usual sites."""
    titles = re.findall(r"^#+ (.*)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@each_page
def test_every_link_leads_somewhere(path):
    for link in LINK.findall(prose(path)):
        assert "://" not in link, f"{link} leads out of the project"
        target, _, anchor = link.partition("#")
        there = (path.parent / target).resolve() if target else path
        assert there.exists(), link
        assert not anchor or anchor in anchors(there), link


def test_every_page_can_be_reached_from_the_start_page():
    seen, waiting = set(), [DOCS / "index.md"]
    while waiting:
        here = waiting.pop()
        if here not in seen and here.suffix == ".md":
            seen.add(here)
            targets = (link.partition("#")[0] for link in LINK.findall(prose(here)))
            waiting += [(here.parent / target).resolve() for target in targets if target]
    assert set(PAGES) - seen == set()


@each_page
def test_every_file_that_a_page_names_is_there(path):
    for name in OWN_FILE.findall(prose(path)):
        if "NAME" not in name and "FILE" not in name:
            assert (ROOT / name).exists(), name


def command_lines() -> list[str]:
    found = [body for path in PAGES for body in fences(path, "sh")]
    return sorted({line for body in found for line in body.splitlines() if "unstrip " in line})


@pytest.mark.parametrize("line", command_lines())
def test_every_command_line_shown_is_understood(line):
    words = shlex.split(re.split("[>|]", line)[0])
    assert words.pop(0) == "unstrip"
    command, context = cli, click.Context(cli, info_name="unstrip")
    while isinstance(command, click.Group):
        _, sub, words = command.resolve_command(context, words)
        assert sub is not None
        command, context = sub, click.Context(sub, info_name=sub.name, parent=context)
    given, rest, _ = command.make_parser(context).parse_args(list(words))
    assert rest == []
    for parameter in command.params:
        if isinstance(parameter, click.Option) and isinstance(parameter.type, click.Choice):
            assert given.get(parameter.name) in {None, *parameter.type.choices}


def test_the_make_targets_that_are_shown_are_there():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = {
        name
        for path in PAGES
        for name in re.findall(r"[`\n]make ([a-z]+)", path.read_text("utf-8"))
    }
    assert {"demo", "test", "bench", "lock"} <= shown <= targets


def test_the_packages_that_the_tests_need_are_named_where_the_readme_says():
    script = (ROOT / "tests/interop/install.sh").read_text()
    installed = re.findall(r"^PACKAGES\+?=\((.*)\)$", script, re.MULTILINE)
    unpacked = re.search(r"^declare -A UNPACKED=\((.*?)^\)$", script, re.MULTILINE | re.DOTALL)
    exim = re.search(r"^EXIM_PACKAGE=(.*)$", script, re.MULTILINE)
    assert unpacked
    assert exim
    others = re.findall(r'\]="?([^$"\n]+)', unpacked[1])
    names = " ".join([*installed, exim[1], *others]).split()
    assert {"postfix", "stunnel4", "exim4-daemon-heavy", "inn2-inews", "vsftpd"} <= set(names)
    assert "(CONTRIBUTING.md#real-servers)" in (ROOT / "README.md").read_text("utf-8")
    text = section((ROOT / "CONTRIBUTING.md").read_text("utf-8"), "Real servers")
    assert [name for name in names if f"`{name}`" not in text] == []


@each_page
def test_nothing_on_a_page_belongs_to_one_machine_or_is_no_plain_text(path):
    text = path.read_text("utf-8")
    assert not re.search(r"/(?:work|root|home|tmp)/", text)
    assert set(re.findall(r"[^\x00-\x7f]", text)) <= set("─┐┼┘")


# The examples run

EXAMPLES = [
    pytest.param(example, id=f"{named(path)}-{number}")
    for path in PAGES
    for number, example in enumerate(fences(path, "python"), 1)
]


@contextmanager
def open_house() -> Iterator[dict[str, str]]:
    """Our servers, for as long as the block lasts: what stands for each URL scheme, and the CA."""
    loop, ready, over = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    found: dict[str, str] = {}

    async def hold() -> None:
        async with AsyncExitStack() as stack:
            authority = stack.enter_context(Authority())
            context = authority.context("localhost")
            for scheme in SCHEMES.values():
                serving = serve(scheme.protocol, context, implicit=scheme.implicit)
                found[scheme.name] = str((await stack.enter_async_context(serving)).port)
            found["ca"] = str(authority.ca_file)
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(hold()))
    thread.start()
    assert ready.wait(20)
    try:
        yield found
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def house():
    with open_house() as found:
        yield found


def at_home(example: str, house: dict[str, str]) -> str:
    """An example with our servers in the places of those it names."""
    host = r"[a-z]+\.example\.org"
    text = re.sub(rf'"(\w+)://{host}"', lambda m: f'"{m[1]}://localhost:{house[m[1]]}"', example)
    text = re.sub(rf'\("{host}", 25\)', f'("localhost", {house["smtp"]})', text)
    text = text.replace("our-ca.pem", house["ca"])
    return re.sub(
        r'(server_name=|context, )"mail.example.org"|(context, )"mx.example.org"',
        lambda m: f'{m[1] or m[2]}"localhost"',
        text,
    )


def run(example: str, house: dict[str, str], directory: Path) -> str:
    environment = {**os.environ, "SSL_CERT_FILE": house["ca"], "HOME": str(directory)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", at_home(example, house)],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_in_python_runs(example, house, tmp_path):
    said = run(example, house, tmp_path)
    assert said.strip()
    assert "not protected" not in said
    assert "False" not in said


@pytest.mark.parametrize("name", ["howto/lab.md", "howto/add-a-trick.md"])
def test_an_example_says_what_the_page_says_it_does(name, house, tmp_path):
    path = DOCS / name
    (example,) = fences(path, "python")
    assert fences(path, "text")[-1] == run(example, house, tmp_path)


def test_an_example_of_a_link_tells_a_server_that_nobody_vouches_for(house, tmp_path):
    (example,) = [e for e in fences(DOCS / "howto/library.md", "python") if "not protected" in e]
    with Authority() as stranger:
        said = run(example, {**house, "ca": str(stranger.ca_file)}, tmp_path)
    assert "not protected" in said
    assert "CERTIFICATE_INVALID" in said


def test_the_json_of_a_check_has_the_fields_that_are_documented(house, tmp_path):
    target = f"smtp://localhost:{house['smtp']}"
    command = [sys.executable, "-m", "unstrip", "check", target, "--no-store", "--json"]
    done = subprocess.run(
        [*command, "--ca-file", house["ca"]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == Exit.MEETS
    documented = rows(section(page("reference/json.md"), "Record"))
    assert set(json.loads(done.stdout)) == documented - {"field", "---"}
