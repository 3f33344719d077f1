"""Forty mistakes that people make on the command line, each with what is said of it, whole, for somebody to judge."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.cli.mistakes import PAGE, mistakes, prepared
from tests.pages import folder

_BEGINS = re.compile(r"reconciler: error: |Try: reconciler|[^ :]+(:[0-9]+)*: E[0-9]{3} ")


@pytest.mark.skipif(sys.platform == "win32", reason="the system's own words stand in some of it")
def test_the_page_has_what_is_said_now(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    with folder(tmp_path, PAGE) as here:
        assert here.play(page) == page
    assert len(mistakes()) == 40


def test_each_mistake_is_told_in_whole_lines_and_writes_nothing(tmp_path: Path) -> None:
    with prepared(tmp_path) as here:
        before = _files(tmp_path)
        for mistake in mistakes():
            command = mistake.partition("$ ")[2].partition("\n")[0]
            *told, code = here.run(command).splitlines()
            assert told
            assert all(map(_BEGINS.match, told)), told
            assert code in ("[exit 1]", "[exit 64]")
            assert _files(tmp_path) == before, command


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
