from __future__ import annotations

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from reconciler.policy.scanner import scan

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
        (("exclusion", 1, "deep"), 4),
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
    assert all(1 <= line <= last for line in (lines.of(("a",)), lines.of(("b", 0, "a"))))
    assert all(lines.of(path) for path in lines.unknown({"": ()}))
    assert lines.count() >= 0


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


@given(files(PLAIN_VALUES | HARD_VALUES))
def test_the_top_level_is_what_tomli_finds(case: tuple[str, dict[tuple[str | int, ...], int]]) -> None:
    text, _ = case
    assert [path[0] for path in scan(text).unknown({"": ()})] == list(tomli.loads(text))


@pytest.mark.parametrize(
    "text",
    [
        "a = [" + "1," * 50_000 + "]\n",
        'a = "' + "\\n" * 50_000 + '"\n',
        'a = """' + '"\n' * 50_000 + '"""\n',
        " " * 100_000 + "a = [1]\n",
        "a = 1" + " " * 100_000 + "'\n",
        '"' + "x" * 100_000 + "\n",
        "a." * 50_000 + "a = 1\n",
        "a = {" * 25_000,
        "a = [" + "{b = 1},\n" * 15_000 + "]\n",
        '"\\u0061" = 1\n' * 7_500,
    ],
)
def test_a_hundred_kilobytes_of_anything_comes_to_an_end(text: str) -> None:
    """How the time grows with the length is measured by `make bench`; squared cost would take minutes."""
    scan(text)
