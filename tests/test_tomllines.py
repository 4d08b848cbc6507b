"""The line of each key is found, whatever way it is written in."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unstrip.tomllines import lines

TEXT = '''\
# [not]
store = "a # b"  # = "c"
"quoted key" = 1
'it''s' = { a = 1, "b.c" = [1, 2] }
a.b . "c.d" = """
x = 1
[x]
""""" # two quotes belong to it

text = \'\'\'
"""
y = \'\'z
\'\'\'
dates = [1979-05-27 07:32:00, 1979-05-27T07:32:00Z]  # ]
[[rule]]
host = "*"
[rule.more]
deep.er = 1.5
[[ rule ]]

host = "\\\\"
list = [
    1,  # one, and no ]
    { port = 2, of = ["]", \'"\'] },
    [3,
     4],
]
[[rule.sub]]
[[rule.sub]]
x = -inf
[ table . "with \\u0022" ]
last = 0x_f
'''.replace("'it''s'", "'it.s'").replace("0x_f", "0xf")


@pytest.mark.parametrize(
    ("way", "line"),
    [
        (("store",), 2),
        (("quoted key",), 3),
        (("it.s", "a"), 4),
        (("it.s", "b.c", 1), 4),
        (("a",), 5),
        (("a", "b", "c.d"), 5),
        (("text",), 10),
        (("dates", 1), 14),
        (("rule",), 15),
        (("rule", 0), 15),
        (("rule", 0, "host"), 16),
        (("rule", 0, "more"), 17),
        (("rule", 0, "more", "deep", "er"), 18),
        (("rule", 1), 19),
        (("rule", 1, "host"), 21),
        (("rule", 1, "list"), 22),
        (("rule", 1, "list", 0), 23),
        (("rule", 1, "list", 1, "of", 1), 24),
        (("rule", 1, "list", 2, 0), 25),
        (("rule", 1, "list", 2, 1), 26),
        (("rule", 1, "sub", 0), 28),
        (("rule", 1, "sub", 1, "x"), 30),
        (("table", 'with "'), 31),
        (("table", 'with "', "last"), 32),
    ],
)
def test_each_key_has_its_line(way, line):
    assert lines(TEXT)[way] == line


@pytest.mark.parametrize("text", ["", "\n\n# x", "a = 1", "[a]", "a = []", "a = {}", 'a = """"""'])
def test_a_text_may_end_anywhere(text):
    assert set(lines(text)) == {(key,) for key in tomllib.loads(text)}


def test_lines_may_end_as_on_windows():
    assert lines("a = 1\r\n[b]\r\nc = '''\r\n'''\r\nd = 2\r\n")["b", "d"] == 5


def ways(value, way=()):
    """Every way into a value that tomllib has read."""
    if way:
        yield way
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in pairs:
        if isinstance(inner, dict | list):
            yield from ways(inner, (*way, key))
        else:
            yield (*way, key)


PARTS = ["[[a]]", "[a.b]", "[c]", "d.e = {f = [1, {g = 2}], h = ''}", 'i = """\n[x]\n\\""""""']
PARTS += ["j = [\n[],\n{},\n'''\n''''',\n1.5e3]", "'k' = 1 # ]", "\n", "[[a.l]]", '"[m]" = "\\"["']


@given(st.lists(st.sampled_from(PARTS) | st.text(max_size=8), max_size=8).map("\n".join))
def test_every_way_into_what_tomllib_reads_has_a_line(text):
    try:
        read = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return
    found = lines(text)
    assert set(found) == set(ways(read))
    assert all(1 <= line <= text.count("\n") + 1 for line in found.values())


def test_a_long_text_is_gone_over_once():
    text = "a = [\n" + '"""\n#""",\n' * 100_000 + "]\nb = 1"
    assert lines(text)["b",] == 200_003
