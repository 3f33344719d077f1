"""`python -m tests.pages` puts right what a page says is printed, and leaves everything else."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from reconciler.cli.main import main
from tests.kernel.box import Box, BoxError
from tests.pages import ROOT, Update, folder, update, update_all

PAGE = """# A page

```toml file=web.toml fresh
version = 1

[policy]
name = "web"

[[exclusion]]
name = "front"
ports = 8000
reason = "a test"
```

```console
$ reconciler check web.toml
{}```

The end.
"""
RIGHT = PAGE.format("  web: 1 exclusion, 0 reservations (web.toml)\nCheck: 1 policy, 1 entry, nothing wrong\n")


def page(folder: Path, text: str) -> Path:
    path = folder / "page.md"
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


@pytest.mark.parametrize(
    "printed", ["", "Check: all is well\n", "Check: 1 policy, 2 entries, nothing wrong\nand more\n"]
)
def test_a_wrong_page_is_put_right(printed: str, tmp_path: Path) -> None:
    path = page(tmp_path, PAGE.format(printed))
    assert update(path) == Update(True, ())
    assert path.read_text(encoding="utf-8") == RIGHT
    assert update(path) == Update(False, ())


@pytest.mark.parametrize("name", ["README.md", "docs/explain.md"])
def test_a_right_page_stays_to_the_byte_whatever_the_time(name: str, tmp_path: Path) -> None:
    before = (ROOT / name).read_bytes()
    path = tmp_path / "page.md"
    path.write_bytes(before)
    assert update(path) == Update(False, ())
    assert path.read_bytes() == before


def test_another_exit_code_is_written_and_told(tmp_path: Path) -> None:
    path = page(tmp_path, RIGHT.replace("nothing wrong\n", "nothing wrong\n[exit 3]\n"))
    assert update(path) == Update(True, ("15: other exit codes: [exit 3] before, none now",))
    assert path.read_text(encoding="utf-8") == RIGHT


@pytest.mark.parametrize(
    ("block", "why"),
    [
        ("```console\n$ ls\nweb.toml\n```\n", "no command line of reconciler alone"),
        ("```console\n$ reconciler check web.toml | sort\nweb\n```\n", "no command line of reconciler alone"),
        ("```text\n$ reconciler check web.toml\nweb\n```\n", "no `console`"),
        ("```\n$ reconciler check web.toml\nweb\n```\n", "no `console`"),
        ('```json run="reconciler check web.toml --json" part=nowhere\n{}\n```\n', "KeyError"),
        ("```python run\nprint(1 / 0)\n```\n", "ZeroDivisionError"),
        ("```text printed\n1\n```\n", "no code above it"),
        ("```diff edit=web.toml\n-ports = 9000\n+ports = 9001\n```\n", "has not exactly once"),
    ],
)
def test_a_block_that_cannot_be_played_is_left_and_named(block: str, why: str, tmp_path: Path) -> None:
    text = "Before:\n\n" + block
    path = page(tmp_path, PAGE.format("").replace("The end.\n", text))
    changed, (told,) = update(path)
    assert changed
    assert told.startswith("23: left as it is: ")
    assert why in told
    assert path.read_text(encoding="utf-8") == RIGHT.replace("The end.\n", text)


def test_blocks_of_linux_are_left_and_named_where_no_namespace_can_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Box) -> Box:
        raise BoxError("not here")

    monkeypatch.setattr(Box, "__enter__", refuse)
    path = page(tmp_path, RIGHT + "\n```text linux\n$ true\nno\n```\n")
    assert update(path) == Update(False, ("23: left as it is, and all `text linux` below: BoxError: not here",))


def test_a_page_does_not_depend_on_how_fast_the_machine_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.report.progress.SILENT_SECONDS", -1.0)
    errors = io.StringIO()
    with folder(tmp_path) as here:
        here.play(RIGHT)
        here.run("reconciler sim init host.json")
        here.run("reconciler sim init other.json")
        printed = here.run("reconciler apply web.toml --yes")
        with redirect_stdout(io.StringIO()), redirect_stderr(errors):
            main(["apply", "web.toml", "--yes", "--host", "sim:other.json"])
    assert errors.getvalue().startswith("[1/")
    assert printed.startswith("Applied\n")
    assert "[1/" not in printed


def test_it_says_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong, right = page(tmp_path, PAGE.format("")), tmp_path / "right.md"
    right.write_text(RIGHT, encoding="utf-8", newline="\n")
    assert update_all([str(wrong), str(right)]) == 0
    assert capsys.readouterr().out == f"{wrong}: changed\n1 of 2 pages changed, 0 blocks to look at\n"
    wrong.write_text("```console\n$ ls\n```\n", encoding="utf-8")
    assert update_all([str(wrong)]) == 1
    assert f"{wrong}:1: left as it is" in capsys.readouterr().out
