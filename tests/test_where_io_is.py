"""Input, output and the clock are in few places, and nowhere else: a reader of the rest need not think of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import reconciler

ROOT = Path(reconciler.__file__).parent

PLACES = (
    *("policy/files.py", "policy/recorded.py", "ledger/store.py", "state_files.py"),
    *("host/", "apply/", "cli/", "lab/", "doctor/"),
    *("report/audit.py", "report/past.py", "report/revision.py", "report/console.py", "report/progress.py"),
    *("api.py", "sockets.py"),
)
"""Where the world outside may be reached: the host, files, locks, the terminal, the clock."""

MODULES = {
    *("os", "io", "pathlib", "tempfile", "shutil", "glob", "fcntl", "msvcrt", "winreg", "ctypes"),
    *("socket", "select", "subprocess", "signal", "threading", "multiprocessing", "psutil", "filelock"),
    *("time", "random", "secrets"),
}
METHODS = {"read_text", "read_bytes", "write_text", "write_bytes", "unlink", "mkdir", "iterdir", "rglob"}
"""Of a path; one that was handed over needs no import."""


def reached(tree: ast.AST) -> Iterator[str]:
    """The ways to the outside in a module: an import, an `open(...)`, a method of paths."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in MODULES:
            yield f"{node.module}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("open", "input"):
            yield f"{node.func.id}()"
        elif (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in METHODS | {"open"}
        ):
            yield f".{node.func.attr}()"


@cache
def found() -> dict[str, set[str]]:
    """Every module of the package that reaches outside, and how."""
    every = {
        path.relative_to(ROOT).as_posix(): set(reached(ast.parse(path.read_text(encoding="utf-8"))))
        for path in sorted(ROOT.rglob("*.py"))
    }
    return {name: ways for name, ways in every.items() if ways}


def test_nothing_else_reaches_outside() -> None:
    assert {name: ways for name, ways in found().items() if not name.startswith(PLACES)} == {}


@pytest.mark.parametrize("place", PLACES)
def test_each_of_these_places_is_needed(place: str) -> None:
    assert any(name.startswith(place) for name in found())


@pytest.mark.parametrize(
    "text",
    [
        *("import os", "import os.path", "from io import StringIO", "def f():\n    import time"),
        *("open('x')", "path.open('rb')", "path.read_text()", "input('?')"),
    ],
)
def test_a_way_out_is_seen(text: str) -> None:
    assert list(reached(ast.parse(text)))


@pytest.mark.parametrize(
    "text", ["import json", "from reconciler.ports import LANES", "opened(x)", "from __future__ import annotations"]
)
def test_what_is_none_is_not_taken_for_one(text: str) -> None:
    assert not list(reached(ast.parse(text)))


def test_a_dll_is_loaded_by_its_whole_path_but_for_the_one_that_is_in_every_process() -> None:
    """We run elevated, so nothing is searched for."""
    calls = [
        ast.unparse(node.args[0])
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "ctypes.WinDLL"
    ]
    assert set(calls) == {"'kernel32.dll'", "f'{system_directory()}\\\\{name}'"}
