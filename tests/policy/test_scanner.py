from __future__ import annotations

import time

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from reconciler.policy.scanner import Newer, scan, scan_headers

TRICKY = '''\
# [policy]
version = 1 # [[exclusion]]
"policy".name = "p"
policy . 'description' = """
[[exclusion]]
name = \\""" still a string"""""
disable = [ # ]
  "a", "[x]",
  'b',   # "
]

[ target ]
  os = ["windows"]  # one

[[exclusion]]
name = "a"
ports = [[80], [
81]]
reason = \'\'\'
[[exclusion]] \'\'\'\'
[[ "exclusion" ]]
name = 'b'
"ports" = "80"
[exclusion.sub]
key = {a = 1, b = [
  1]}
deep.er.still = 1
[[exclusion]]
name = "c\\"d"  # [[exclusion]]
[[exclusion.list]]
x = 1'''

EXPECTED: list[tuple[tuple[str | int, ...], int]] = [
    (("version",), 2),
    (("policy",), 3),
    (("policy", "name"), 3),
    (("policy", "description"), 4),
    (("disable",), 7),
    (("target",), 12),
    (("target", "os", 0), 13),
    (("exclusion",), 15),
    (("exclusion", 0), 15),
    (("exclusion", 0, "ports", 1), 17),
    (("exclusion", 0, "reason"), 19),
    (("exclusion", 1), 21),
    (("exclusion", 1, "name"), 22),
    (("exclusion", 1, "ports"), 23),
    (("exclusion", 1, "sub"), 24),
    (("exclusion", 1, "sub", "key"), 24),
    (("exclusion", 1, "missing"), 21),
    (("exclusion", 2), 28),
    (("exclusion", 2, "name"), 29),
    (("exclusion", 2, "list"), 30),
    (("unknown",), 1),
    ((), 1),
]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(("path", "line"), EXPECTED)
def test_tables_and_keys_are_found_whatever_stands_around_them(
    path: tuple[str | int, ...], line: int, newline: str
) -> None:
    text = TRICKY.replace("\n", newline)
    tomli.loads(text)  # or the case is worth nothing
    assert scan(text).of(path) == line
    assert scan(text).newer == ()


INLINE = """\
policy = { name = "p", 'formerly' = [] }
exclusion = [
  { name = "a", ports = [80, 81] }, # { name = "x" },
  { "n\\u0061me" = "b, { c = 1 }", ports = [
      [80], 90 ], deep = { er = 1 } },

  {name="c"}, {
}]
[limits]
"max_\\u0064eletes" = 1
reservation = [[{ a = 1 }]]
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("policy", "formerly"), 1),
        (("exclusion",), 2),
        (("exclusion", 0), 3),
        (("exclusion", 0, "ports", 1), 3),
        (("exclusion", 1, "name"), 4),
        (("exclusion", 1, "ports"), 4),
        (("exclusion", 1, "deep"), 5),
        (("exclusion", 1, "missing"), 4),
        (("exclusion", 2, "name"), 7),
        (("exclusion", 3), 7),
        (("limits",), 9),
        (("limits", "max_deletes"), 10),
        (("limits", "reservation", 0), 11),
    ],
)
def test_inline_tables_and_escaped_keys_are_found(path: tuple[str | int, ...], line: int, newline: str) -> None:
    text = INLINE.replace("\n", newline)
    tomli.loads(text)  # or the case is worth nothing
    assert scan(text).of(path) == line


def test_a_key_that_is_no_toml_is_taken_as_it_stands() -> None:
    assert scan('"\\q" = 1\n\nb = 1\n').of(("b",)) == 3


@given(st.text("ab=.[]{}\"'#\\\r\n, 1ex", max_size=60) | st.text(max_size=60))
def test_any_text_comes_to_an_end(text: str) -> None:
    lines = scan(text)
    last = text.count("\n") + 1
    assert all(
        1 <= line <= last for line in (lines.of(("a",)), lines.of(("b", 0, "a")), *(n.line for n in lines.newer))
    )


@pytest.mark.parametrize("text", ["a = ]\nb = 1\n", 'a = "\\"", 1\nb = 1\n', "a = [1]]}\nb = 1\n", "???\nb = 1\n"])
def test_after_what_is_no_toml_the_next_line_is_found(text: str) -> None:
    assert scan(text).of(("b",)) == 2


@pytest.mark.parametrize("text", ['a = """x', 'a = "x\\', "a = 'x", "a = '''x", "a = [", "a = [ # x"])
def test_what_never_ends_ends_with_the_text(text: str) -> None:
    assert scan(text).of(("a",)) == 1


NAMES = st.sampled_from(["policy", "target", "exclusion", "reservation"])
PLAIN_VALUES = st.sampled_from(
    ["1", "true", '"x"', "'y'", '["a", "b"]', "[\n  1, # [policy]\n  2\n]", '""', "[[1], [2]]"]
)
HARD_VALUES = st.sampled_from(
    ['"""\n[[exclusion]]\n"""', "'''\n[policy]\n'''", r'"a \" [b"', "{ a = 1 }", '""""x"""""', r"'c:\'", '{ a = "}" }']
)
FILLERS = st.sampled_from(["", "# [[exclusion]]\n", "\n\n", "  \t\n", "# 'open\n"])


@st.composite
def files(draw: st.DrawFn, values: st.SearchStrategy[str]) -> tuple[str, dict[tuple[str | int, ...], int]]:
    """A valid file of random layout, and where everything stands in it."""
    text = ""
    expected: dict[tuple[str | int, ...], int] = {}
    counts: dict[str, int] = {}
    for name in draw(st.lists(NAMES, max_size=6)):
        repeated = name in {"exclusion", "reservation"}
        if not repeated and name in counts:
            continue
        path: tuple[str | int, ...] = (name, counts.get(name, 0)) if repeated else (name,)
        counts[name] = counts.get(name, 0) + 1
        text += draw(FILLERS)
        expected[path] = text.count("\n") + 1
        text += draw(st.sampled_from(["", " "])) + (f"[[{name}]]" if repeated else f"[ {name} ]") + "\n"
        for key in draw(st.lists(st.sampled_from(["name", "ports", "reason"]), unique=True)):
            text += draw(FILLERS)
            expected[(*path, key)] = text.count("\n") + 1
            text += f"{key} = {draw(values)}{draw(st.sampled_from(['', '  # end']))}\n"
    return text, expected


@given(files(PLAIN_VALUES | HARD_VALUES))
def test_everything_is_found_in_any_layout(case: tuple[str, dict[tuple[str | int, ...], int]]) -> None:
    text, expected = case
    tomli.loads(text)
    lines = scan(text)
    assert {path: lines.of(path) for path in expected} == expected


@given(files(PLAIN_VALUES))
def test_the_quick_way_finds_the_same_headers(case: tuple[str, dict[tuple[str | int, ...], int]]) -> None:
    text, expected = case
    data = tomli.loads(text)
    quick = scan_headers(text, {key: len(value) if isinstance(value, list) else 1 for key, value in data.items()})
    assert quick is not None
    headers = {path: line for path, line in expected.items() if path[-1] not in {"name", "ports", "reason"}}
    assert {path: quick.of(path) for path in headers} == headers


def test_the_quick_way_is_not_taken_in_by_a_line_of_an_array() -> None:
    text = 'a = [\n[true],\n]\n[policy]\nname = "p"\n'
    assert tomli.loads(text)["a"] == [[True]]
    quick = scan_headers(text, {"policy": 1})
    assert quick is not None
    assert quick.of(("policy",)) == 4


@pytest.mark.parametrize(
    "text",
    [
        'policy.name = "p"\n',
        '["policy"]\nname = "p"\n',
        '[policy]\nname = """\n[policy]\n"""\n',
        "[policy]\nname = '''p'''\n",
        "policy = { name = 1 }\n",
        '[policy]\nname = "\\u0041"\n',
    ],
)
def test_the_quick_way_declines_what_it_cannot_be_sure_of(text: str) -> None:
    assert tomli.loads(text)["policy"]
    assert scan_headers(text, {"policy": 1}) is None


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a = 1\nb = { c = 1,\n d = 2 }\n", 2, "an inline table of several lines"),
        ("b = { # why\n c = 1 }\n", 1, "an inline table of several lines"),
        ("b = { c = 1, }\n", 1, "a comma before the } of an inline table"),
        ("b = [\n { c = [1], },\n]\n", 2, "a comma before the } of an inline table"),
        ('b = "x\\e[0m"\n', 1, "the escape \\e"),
        ('b = """\n\\x41"""\n', 2, "the escape \\x"),
        ('b = "\\x41\\x42"\n', 1, "the escape \\x"),
    ],
)
def test_what_goes_beyond_toml_1_0_is_found(text: str, line: int, what: str) -> None:
    assert scan(text).newer == (Newer(line, what),)


@pytest.mark.parametrize(
    "text",
    [
        "a = { b = [\n1,\n] }\n",
        "a = [ # x\n1, ]\n",
        'a = "\\\\e"\n',
        "a = '\\e'\n",
        "a = '''\\e'''\n",
        'a = { b = "," }\n',
    ],
)
def test_what_toml_1_0_has_is_left_alone(text: str) -> None:
    tomli.loads(text)
    assert scan(text).newer == ()


@pytest.mark.parametrize(
    "text",
    [
        "a = [" + "1," * 200_000 + "]\n",
        'a = "' + "\\n" * 200_000 + '"\n',
        'a = """' + '"\n' * 200_000 + '"""\n',
        " " * 400_000 + "a = [1]\n",
        "a = 1" + " " * 400_000 + "'\n",
        '"' + "x" * 400_000 + "\n",
        "a." * 200_000 + "a = 1\n",
        "a = {" * 100_000,
        "a = [" + "{b = 1},\n" * 60_000 + "]\n",
        '"\\u0061" = 1\n' * 30_000,
    ],
)
def test_half_a_megabyte_of_anything_is_quick(text: str) -> None:
    begin = time.process_time()
    scan(text)
    assert time.process_time() - begin < 5  # a scan of squared cost would take hours
