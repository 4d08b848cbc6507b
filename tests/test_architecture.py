"""The house rules: who may import whom, where its tests are, and how long a room may be."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import GeneratorType

import pytest

import unstrip

TESTS = Path(__file__).parent
SOURCE = Path(unstrip.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
LONGEST_FILE, LONGEST_FUNCTION = 400, 60  # lines

# from the bottom up: a room imports from rooms before it, or from its own
LAYERS = [
    *(
        "escaping",
        "tomllines",
        "mistakes",
        "hostname",
        "transcript",
        "certificates",
        "tlsa",
        "handshake",
    ),
    *("trouble", "upgrade", "wire", "framing", "literals", "xmlstream", "protocols"),
    *("tunnel", "bundled", "conversation", "evidence", "target", "policy", "derivation", "mta"),
    *("verdict", "tlsrpt", "publication", "rollout", "comparison", "io", "lab", "faces", "program"),
]
EDGES = {"io", "lab", "faces", "program"}
# what a pure room never imports, and never calls
WORLD = {"socket", "asyncio", "threading", "time", "select", "subprocess", "uvloop"}
# TLS is spoken in few rooms: by Python's ssl, and by the newer OpenSSL of pyOpenSSL
TLS = {"ssl": {"tunnel"}, "OpenSSL": {"bundled", "certificates", "tlsa"}}
# the byte boundary is held in one place: these know nothing of the words of a protocol
WORDLESS = ["wire", "tunnel", "bundled", "conversation", "evidence"]
SHARED_BY_POLICIES = {"values", "questions"}
# what a protocol is made of; and those that are another one with a word or two changed
SPEECH = {"wire", "framing", "literals", "xmlstream", "escaping", "trouble", "upgrade"}
FAMILIES = {"lmtp": "smtp", "xmpp_server": "xmpp_client"}

# where the tests of a package's own code are, if not in test_<package>.py
PACKAGE_TESTS = {
    "protocols": "test_every_protocol.py",  # the registry, and what all in it must hold
    "lab/tricks": "test_every_trick.py",  # the same of tricks
    "verdict": "test_judge.py",  # named after its one function
}
UNMIRRORED = {
    "__init__.py": "its names are tried below",
    "__main__.py": "one call, tried below",
}


def name_of(path: Path) -> str:
    """The module's name below `unstrip`: "protocols.smtp", and "" for `unstrip` itself."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(path): path for path in FILES}


def each(files):
    return pytest.mark.parametrize("path", files, ids=lambda p: str(p.relative_to(SOURCE)))


each_file = each(FILES)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def imports(module: ast.AST) -> Iterator[str]:
    """Every module imported, also inside functions and for types alone."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def ours(module: ast.AST) -> set[str]:
    """What is imported of this project, below `unstrip`."""
    known = {
        name.removeprefix("unstrip").lstrip(".") for name in imports(module) if in_project(name)
    }
    return {name for name in known if name in NAMES} - {""}


def in_project(name: str) -> bool:
    return name == "unstrip" or name.startswith("unstrip.")


def room(name: str) -> str:
    return name.partition(".")[0]


def is_pure(name: str) -> bool:
    return bool(name) and room(name) not in EDGES and name != "__main__"


# Imports


@each_file
def test_imports_are_absolute(path):
    assert not [name for name in imports(tree(path)) if name.startswith(".")]


def test_every_room_has_its_place_in_the_layers():
    assert {room(name) for name in NAMES} - {"", "__main__"} == set(LAYERS)


@each([path for name, path in NAMES.items() if name not in ("", "__main__")])
def test_imports_run_one_way(path):
    name = name_of(path)
    below = {*LAYERS[: LAYERS.index(room(name))], room(name)}
    assert {room(found) for found in ours(tree(path))} <= below


@each([path for name, path in NAMES.items() if is_pure(name)])
def test_a_pure_room_has_no_sockets_no_clocks_no_threads_and_no_files(path):
    found = set(imports(tree(path)))
    assert not {name for name in found if room(name) in WORLD}
    assert not {name for name in ours(tree(path)) if room(name) in EDGES}
    assert not [node.lineno for node in ast.walk(tree(path)) if opens(node)]


def opens(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open"


@each_file
def test_tls_is_spoken_in_few_rooms(path):
    name = name_of(path)
    for library, rooms in TLS.items():
        used = any(room(found) == library for found in imports(tree(path)))
        assert not used or room(name) in rooms | {"io", "lab"}, library


@each([path for name, path in NAMES.items() if name.startswith("protocols.")])
def test_a_protocol_knows_only_the_wire_and_its_framing(path):
    family = {f"protocols.{FAMILIES[path.stem]}"} if path.stem in FAMILIES else set()
    assert ours(tree(path)) <= SPEECH | family


@each([path for name, path in NAMES.items() if name.startswith("policy.")])
def test_a_policy_source_knows_no_other_source(path):
    known = {found.split(".")[1] for found in ours(tree(path)) if found.startswith("policy.")}
    assert known <= SHARED_BY_POLICIES | {name_of(path).split(".")[1]}


@each([path for name, path in NAMES.items() if name.startswith("faces.")])
def test_no_face_knows_another(path):
    own = name_of(path).split(".")[1]
    assert {found.split(".")[1] for found in ours(tree(path)) if "faces." in found} <= {own}


@pytest.mark.parametrize("name", WORDLESS)
def test_what_holds_the_boundary_knows_no_protocol(name):
    known = ours(tree(NAMES[name]))
    assert not {found for found in known if room(found) in ("protocols", "framing")}


def test_nothing_imports_in_a_circle():
    graph = {name: ours(tree(path)) - {name} for name, path in NAMES.items() if name}
    settled: set[str] = set()
    while ready := {n for n, needs in graph.items() if needs <= settled and n not in settled}:
        settled |= ready
    assert set(graph) == settled


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import socket", {"socket"}),
        ("import os.path as p", {"os.path"}),
        ("from unstrip.io import session", {"unstrip.io", "unstrip.io.session"}),
        ("def f():\n    from time import sleep", {"time", "time.sleep"}),
        ("from . import wire", {".", "..wire"}),
    ],
)
def test_every_way_to_import_is_noticed(text, expected):
    assert set(imports(ast.parse(text))) == expected


def test_opening_a_file_is_noticed():
    assert [opens(n) for n in ast.walk(ast.parse("open('x')"))].count(True) == 1
    assert not any(opens(node) for node in ast.walk(ast.parse("tunnel.open()")))


# Mirrored tests


def has_code(module: ast.Module) -> bool:
    """More than words about it, imports, and a list of its names."""
    return any(not is_label(node) for node in module.body)


def is_label(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assign):
        return ast.unparse(node.targets[0]) == "__all__"
    said = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return said or isinstance(node, ast.Import | ast.ImportFrom)


def is_mirrored(path: Path) -> bool:
    return str(path.relative_to(SOURCE)) not in UNMIRRORED and has_code(tree(path))


@each([path for path in FILES if is_mirrored(path)])
def test_every_file_has_its_tests(path):
    relative = path.relative_to(SOURCE)
    if path.name == "__init__.py":
        package = relative.parent
        name = PACKAGE_TESTS.get(package.as_posix(), f"test_{package.name}.py")
        mirrored = TESTS / package / name
    else:
        mirrored = TESTS / relative.parent / f"test_{path.name}"
    assert mirrored.is_file(), f"{mirrored.relative_to(TESTS.parent)} is missing"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", False),
        ('"""Words."""\nimport a\nfrom b import c\n__all__ = ["c"]', False),
        ("X = 1", True),
        ("def f(): pass", True),
        ("class C: pass", True),
    ],
)
def test_a_file_of_imports_alone_has_no_code(text, expected):
    assert has_code(ast.parse(text)) is expected


def test_what_is_said_to_be_unmirrored_or_elsewhere_is_there():
    assert all((SOURCE / name).is_file() for name in UNMIRRORED)
    assert all((SOURCE / package / "__init__.py").is_file() for package in PACKAGE_TESTS)


# Dialogs


def dialogs(module: ast.Module) -> set[str]:
    """The names of the functions and methods that are generators."""
    functions = [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)]
    return {f.name for f in functions if any(is_yield(n) for n in own_nodes(f))}


def is_yield(node: ast.AST) -> bool:
    return isinstance(node, ast.Yield | ast.YieldFrom)


def own_nodes(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """What is in a function, without what is in the functions inside it."""
    queue: list[ast.AST] = list(function.body)
    while queue:
        node = queue.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            queue.extend(ast.iter_child_nodes(node))


def unyielded(module: ast.Module) -> list[str]:
    """Calls of dialogs that nobody waits for: they would do nothing at all."""
    waited_for = {id(n.value) for n in ast.walk(module) if isinstance(n, ast.YieldFrom)}
    calls = [n for n in ast.walk(module) if isinstance(n, ast.Call) and id(n) not in waited_for]
    known = dialogs(module) | (dialogs(tree(NAMES["framing"])) & imported_names(module))
    return [ast.unparse(call) for call in calls if calls_dialog(call.func, known)]


def imported_names(module: ast.Module) -> set[str]:
    return {name.rpartition(".")[2] for name in imports(module)}


def calls_dialog(function: ast.expr, known: set[str]) -> bool:
    """By a name of this file, or as a method of the wire."""
    if isinstance(function, ast.Name):
        return function.id in known
    if not (isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name)):
        return False
    on_wire = function.value.id in ("wire", "self")
    return on_wire and function.attr in dialogs(tree(NAMES["wire"]))


SPEAKING = [p for n, p in NAMES.items() if room(n) in ("wire", "framing", "xmlstream", "protocols")]


@pytest.mark.parametrize("path", SPEAKING, ids=lambda p: p.stem)
def test_no_call_of_a_dialog_goes_unheard(path):
    assert unyielded(tree(path)) == []


def test_the_dialogs_are_known():
    known = dialogs(tree(NAMES["wire"]))
    assert known == {"request", "petition", "start_tls", "conclude", "accept_tls", "more", "flush"}
    assert dialogs(tree(NAMES["framing"])) == {"line", "dotted", "exactly", "conclude"}
    assert {"client", "server", "reply", "ehlo"} <= dialogs(tree(NAMES["protocols.smtp"]))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("wire.flush()", ["wire.flush()"]),
        ("wire.start_tls()", ["wire.start_tls()"]),
        ("x = line(wire)", ["line(wire)"]),
        ("return line(wire)", ["line(wire)"]),
        ("ask(wire)", ["ask(wire)"]),
        ("yield from wire.flush()", []),
        ("x = yield from line(wire)", []),
        ("wire.send(b'x')", []),
        ("wire.command('x')", []),
        ("file.flush()", []),
    ],
)
def test_a_dialog_that_nobody_waits_for_is_noticed(text, found):
    module = ast.parse(
        "from unstrip.framing import line\n"
        "def ask(wire):\n    yield 1\n"
        f"def client(wire):\n    yield 0\n    {text}\n"
    )
    assert unyielded(module) == found


def test_a_dialog_does_nothing_until_it_is_driven():
    wire = importlib.import_module("unstrip.wire").Wire()
    wire.send(b"x")
    assert isinstance(wire.flush(), GeneratorType)
    assert list(wire.flush()) != []


# Rooms


@each_file
def test_every_file_says_what_it_is(path):
    assert ast.get_docstring(tree(path)), "no docstring"


@each_file
def test_no_file_is_too_long(path):
    assert len(path.read_text("utf-8").splitlines()) <= LONGEST_FILE


@each_file
def test_no_function_is_too_long(path):
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    long = {
        node.name: node.end_lineno - node.lineno + 1
        for node in ast.walk(tree(path))
        if isinstance(node, functions) and node.end_lineno - node.lineno >= LONGEST_FUNCTION
    }
    assert not long


# The front door


def test_the_front_door_defines_nothing():
    defined = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    names = {node.name for node in tree(SOURCE / "__init__.py").body if isinstance(node, defined)}
    assert names <= {"__getattr__", "__dir__"}


def test_every_public_name_leads_somewhere():
    assert unstrip.__all__
    for name in unstrip.__all__:
        found = getattr(unstrip, name)
        assert found is not None
        assert name in dir(unstrip)
        if inspect.isclass(found) or inspect.isfunction(found):
            assert found.__doc__, name


def test_a_name_that_is_not_public_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nonsense"):
        unstrip.nonsense  # noqa: B018  # the look itself is what is tried


def test_knocking_at_the_front_door_loads_nothing():
    code = "import sys, unstrip; print(*[m for m in sys.modules if m.startswith('unstrip.')])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""


def test_the_package_can_be_run():
    run = subprocess.run(
        [sys.executable, "-m", "unstrip", "--help"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert "check" in run.stdout
