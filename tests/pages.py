"""The pages of `docs/`: their fenced blocks, and what the program really prints for them.

The words after a block's language say what is done with it, in order, in one folder:

- `console`: each `$ reconciler ...` is run. The block holds what standard output and standard error print, and
  `[exit N]` where the exit code is not 0.
- `toml file=NAME` (or any other language): the block is written to that file.
- `json run=COMMAND part=STEPS`: a part of the document that a command prints, such as `steps/0`.
- `json audit=EVENT`: the last line of that event in the audit log.
- `fresh` beside one of these: before it, everything begins anew in an empty folder.
- `python run`, and after it `text printed`: the code is run; the block holds what it prints.

`python -m tests.pages` writes into `docs/` what is printed now.
"""

from __future__ import annotations

import io
import json
import re
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.main import main

ROOT = Path(__file__).resolve().parent.parent
PAGES = tuple(sorted((ROOT / "docs").glob("*.md")))
BLOCK = re.compile(r"^(```+)(\w+)([^\n]*)\n(.*?)^\1$", re.DOTALL | re.MULTILINE)
_COMMAND = re.compile(r"^\$ (.*)$", re.MULTILINE)
_CHANGING = {  # what differs from run to run
    re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"): "MACHINE",
    re.compile(r"\b(?=\w*[0-9])[0-9a-f]{16}\b"): "DIGEST",
    re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"): "TIME",
}


def steady(text: str) -> str:
    """The text without what differs from run to run: identities, digests and times."""
    for pattern, word in _CHANGING.items():
        text = pattern.sub(word, text)
    return text


class Folder:
    """The folder that a page is played through in: the working directory, and the home of host and ledger."""

    def __init__(self, path: Path, patch: pytest.MonkeyPatch) -> None:
        self.path = path
        self._base = path
        self._patch = patch
        self._printed = ""
        self._enter(path)

    def play(self, text: str) -> str:
        """The page as it is when every block holds what is printed here and now."""
        return BLOCK.sub(self._fill, text)

    def run(self, command: str) -> str:
        """Run one command line in this process: what it prints on both streams, and its exit code if it is not 0."""
        program, *args = shlex.split(command)
        assert program == "reconciler", command
        out = io.StringIO()
        with redirect_stdout(out), redirect_stderr(out):
            code = main(args)
        return out.getvalue() + (f"[exit {code}]\n" if code else "")

    def _fill(self, found: re.Match[str]) -> str:
        fence, language, info, body = found.groups()
        words = dict(word.partition("=")[::2] for word in shlex.split(info))
        if "fresh" in words:
            self._enter(Path(tempfile.mkdtemp(dir=self._base)))
        if language == "console":
            commands = _COMMAND.findall(body)
            body = "".join(f"$ {command}\n{self.run(command)}" for command in commands)
        elif "file" in words:
            path = self.path / words["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(body, encoding="utf-8", newline="\n")
        elif "audit" in words:
            body = _pretty(self._audited(words["audit"]))
        elif language == "json":
            document = json.loads(self.run(words["run"]).partition("\n")[0])
            body = _pretty(_part(document, words["part"]))
        elif "printed" in words:
            body = self._printed
        elif "run" in words:
            out = io.StringIO()
            with redirect_stdout(out):
                exec(compile(body, "example", "exec"), {"__name__": "example"})
            self._printed = out.getvalue()
        return f"{fence}{language}{info}\n{_kept(found[4], body)}{fence}"

    def _enter(self, path: Path) -> None:
        self.path = path
        self._patch.chdir(path)
        self._patch.setenv("RECONCILER_STATE_DIR", str(path / "state"))

    def _audited(self, event: str) -> Any:
        (log,) = (self.path / "state").glob("*.audit.jsonl")
        lines = map(json.loads, log.read_text(encoding="ascii").splitlines())
        return [line for line in lines if line["event"] == event][-1]


@contextmanager
def folder(path: Path) -> Iterator[Folder]:
    """Be in this folder, with the environment that the pages speak of."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECONCILER_HOST", "sim:host.json")
        yield Folder(path, patch)


def block_of(page: str, file: str) -> str:
    """The block of a page that is written to this file."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    (body,) = (found[4] for found in BLOCK.finditer(text) if f"file={file}" in found[3].split())
    return body


def _kept(old: str, new: str) -> str:
    """The old text where it differs only in what differs from run to run."""
    return old if steady(old) == steady(new) else new


def _part(document: Any, steps: str) -> Any:
    for step in steps.split("/"):
        document = document[int(step) if isinstance(document, list) else step]
    return document


def _pretty(document: Any) -> str:
    """JSON for a reader: arrays of plain values on one line."""
    text = json.dumps(document, indent=2)
    return re.sub(r"\[[^\[\]{}]*\]", lambda found: re.sub(r"\s+", " ", found[0]), text) + "\n"


def _write_pages() -> None:
    for page in PAGES:
        with tempfile.TemporaryDirectory() as name, folder(Path(name)) as here:
            page.write_text(here.play(page.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    _write_pages()
