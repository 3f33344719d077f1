"""The pages of `docs/` and README: their fenced blocks, and what the program really prints for them.

The words after a block's language say what is done with it, in order, in one folder:

- `console`: each `$ reconciler ...` is run. The block holds what standard output and standard error print, and
  `[exit N]` where the exit code is not 0. An id of an apply in a command is the one that stands there in what the
  commands before it printed.
- `toml file=NAME` (or any other language): the block is written to that file.
- `diff edit=NAME`: in that file, the lines with `-` are replaced by those with `+`.
- `sh gone=NAME`: that file is taken away.
- `json run=COMMAND part=STEPS`: a part of the document that a command prints, such as `steps/0`.
- `json audit=EVENT`: the last line of that event in the audit log.
- `fresh` beside one of these: before it, everything begins anew in an empty folder.
- `python run`, and after it `text printed`: the code is run; the block holds what it prints.

`python -m tests.pages [FILE...]` writes into the pages what is printed now; into `docs/linux.md`, too, where a
namespace can be made; and without FILE the schemas of `docs/schemas/`. It names the pages that it changed, the blocks
whose exit codes changed, and those that it had to leave.
"""

from __future__ import annotations

import io
import json
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from reconciler.cli.main import main
from reconciler.report import audit
from reconciler.report.schema import DOCUMENTS

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PAGES = tuple(sorted((ROOT / "docs").glob("*.md")))
SCHEMAS = ROOT / "docs" / "schemas"
BLOCK = re.compile(r"^(```+)(\w+)([^\n]*)\n(.*?)^\1$", re.DOTALL | re.MULTILINE)
_COMMAND = re.compile(r"^\$ (.*)$", re.MULTILINE)
_EXIT_CODE = re.compile(r"^\[exit \d+\]$", re.MULTILINE)
_LINUX = re.compile(r"^```text linux$", re.MULTILINE)
_NOT_RUN = re.compile(r"^(```+)(?!`|console\b|text linux$)[^\n]*\n\$ ", re.MULTILINE)
_SHELL = frozenset("|<>&;")
_PROGRESS = re.compile(r"^\[\d+/\d+\] .*\n", re.MULTILINE)
_FOLDER_ON_WINDOWS = re.compile(r"(?<=\w)\\{1,2}(?=[\w-]+\.toml)")
"""As in `desired\\kept.toml`, in text and in JSON."""
_CHANGING = {  # what differs from run to run
    re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"): "MACHINE",
    re.compile(r"\b(?=\w*[0-9])[0-9a-f]{16}\b"): "DIGEST",
    (_ID := re.compile(r"\b(?=\w*[0-9])[0-9a-f]{8}\b")): "ID",
    re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"): "TIME",
    re.compile(r'(?<="tool_version": ")[^"]+'): "VERSION",
    re.compile(r"\b20\d\d-\d\d-\d\d\b"): "DATE",
}


def steady(text: str) -> str:
    """The text without what differs from run to run: identities, digests and times."""
    for pattern, word in _CHANGING.items():
        text = pattern.sub(word, text)
    return text


def without_progress(printed: str) -> str:
    """What a run printed without the progress that an apply tells once it takes longer than a second."""
    return _PROGRESS.sub("", printed)


class Folder:
    """The folder that a page is played through in: the working directory, and the home of host and ledger."""

    def __init__(self, path: Path, patch: pytest.MonkeyPatch) -> None:
        self.path = path
        self.told: list[str] = []
        self._base = path
        self._patch = patch
        self._printed: str | None = None
        self._ids: dict[str, str] = {}
        self._enter(path)

    def play(self, text: str) -> str:
        """The page as it is when every block holds what is printed here and now."""
        return BLOCK.sub(self._fill, text)

    def play_on(self, text: str) -> str:
        """The same, but a block that fails stays as it is. `told` names it, and blocks whose exit codes changed."""
        played, end = "", 0
        for found in BLOCK.finditer(text):
            played += text[end : found.start()]
            line, end = _line(played), found.end()
            try:
                filled = self._fill(found)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is, the other blocks go on
                self.told.append(f"{line}: left as it is: {type(error).__name__}: {error}")
                filled = found[0]
            before, now = (" ".join(_EXIT_CODE.findall(block)) or "none" for block in (found[4], filled))
            if before != now:
                self.told.append(f"{line}: other exit codes: {before} before, {now} now")
            played += filled
        return played + text[end:]

    def run(self, command: str) -> str:
        """Run one command line in this process: what it prints on both streams, and its exit code if it is not 0."""
        program, *args = shlex.split(command)
        if program != "reconciler" or _SHELL.intersection(args):
            raise ValueError(f"this is no command line of reconciler alone: {command}")
        out = io.StringIO()
        with redirect_stdout(out), redirect_stderr(out):
            code = main(args)
        self._patch.chdir(self.path)  # which -C left
        printed = _FOLDER_ON_WINDOWS.sub("/", out.getvalue()) if sys.platform == "win32" else out.getvalue()
        return without_progress(printed) + (f"[exit {code}]\n" if code else "")

    def _run_as(self, command: str, expected: str) -> str:
        """Run a command of a page, in which ids are those of the page, and learn which of today these are."""
        printed = self.run(_ID.sub(lambda found: self._ids.get(found[0], found[0]), command))
        self._ids.update(zip(_ID.findall(expected), _ID.findall(printed), strict=False))
        for here, today in self._ids.items():
            printed = printed.replace(today, here)
        return printed

    def _fill(self, found: re.Match[str]) -> str:
        fence, language, info, body = found.groups()
        words = dict(word.partition("=")[::2] for word in shlex.split(info))
        if "fresh" in words:
            self._enter(Path(tempfile.mkdtemp(dir=self._base)))
        if language == "console":
            _, *parts = _COMMAND.split(body)
            body = "".join(
                f"$ {command}\n{self._run_as(command, expected.removeprefix(chr(10)))}"
                for command, expected in zip(parts[::2], parts[1::2], strict=True)
            )
        elif "file" in words:
            path = self.path / words["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(body, encoding="utf-8", newline="\n")
        elif "gone" in words:
            (self.path / words["gone"]).unlink()
        elif "edit" in words:
            _edit(self.path / words["edit"], body)
        elif "audit" in words:
            body = _pretty(self._audited(words["audit"]))
        elif language == "json":
            document = json.loads(self.run(words["run"]).partition("\n")[0])
            body = _pretty(_part(document, words["part"]))
        elif "printed" in words:
            if self._printed is None:
                raise ValueError("no code above it that ran")
            body = self._printed
        elif "run" in words:
            out, self._printed = io.StringIO(), None
            with redirect_stdout(out):
                exec(compile(body, "example", "exec"), {"__name__": "example"})
            self._printed = out.getvalue()
        return f"{fence}{language}{info}\n{kept(found[4], body)}{fence}"

    def _enter(self, path: Path) -> None:
        self.path = path
        self._patch.chdir(path)
        self._patch.setenv("RECONCILER_STATE_DIR", str(path / "state"))

    def _audited(self, event: str) -> Any:
        (log,) = (self.path / "state").glob("*.audit.jsonl")
        lines = map(json.loads, log.read_text(encoding="ascii").splitlines())
        return [line for line in lines if line["event"] == event][-1]


@contextmanager
def folder(path: Path, page: Path | None = None) -> Iterator[Folder]:
    """Be in this folder, with the environment that the pages speak of and no other settings of a user."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("RECONCILER_HOST", "RECONCILER_TAGS", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "CLICOLOR_FORCE"):
            patch.delenv(name, raising=False)
        if page != README:  # which says --host each time
            patch.setenv("RECONCILER_HOST", "sim:host.json")
        patch.setattr(audit, "current_user", lambda: "alice")
        yield Folder(path, patch)


def block_of(page: str, file: str) -> str:
    """The block of a page that is written to this file."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    (body,) = (found[4] for found in BLOCK.finditer(text) if f"file={file}" in found[3].split())
    return body


def kept(old: str, new: str) -> str:
    """The old text where it differs only in what differs from run to run."""
    return old if steady(old) == steady(new) else new


def _edit(path: Path, change: str) -> None:
    text = path.read_text(encoding="utf-8")
    old, new = ("".join(line[1:] for line in change.splitlines(keepends=True) if line[0] == sign) for sign in "-+")
    if text.count(old) != 1:
        raise ValueError(f"{path.name} has not exactly once: {old}")
    path.write_text(text.replace(old, new), encoding="utf-8", newline="\n")


def _part(document: Any, steps: str) -> Any:
    for step in steps.split("/"):
        document = document[int(step) if isinstance(document, list) else step]
    return document


def _pretty(document: Any) -> str:
    """JSON for a reader: arrays of plain values on one line."""
    text = json.dumps(document, indent=2)
    return re.sub(r"\[[^\[\]{}]*\]", lambda found: re.sub(r"\s+", " ", found[0]), text) + "\n"


class Update(NamedTuple):
    """What became of a page: was it rewritten, and what somebody should look at, each with its line."""

    changed: bool
    told: tuple[str, ...]


def update(page: Path) -> Update:
    """Write into a page what is printed now. A page that holds it already is not written."""
    text = page.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as name, folder(Path(name), page) as here:
        played = here.play_on(text)
    told = here.told
    for found in _NOT_RUN.finditer(played):
        told.append(f"{_line(played[: found.start()])}: left as it is: commands, but the block is no `console`")
    linux = _LINUX.search(played)
    if linux:
        try:
            played = _played_in_a_namespace(played)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other blocks are right
            line = _line(played[: linux.start()])
            told.append(f"{line}: left as it is, and all `text linux` below: {type(error).__name__}: {error}")
    if played != text:
        page.write_text(played, encoding="utf-8", newline="\n")
    return Update(played != text, tuple(told))


def _played_in_a_namespace(text: str) -> str:
    from tests.kernel.box import Box
    from tests.kernel.page import play

    with tempfile.TemporaryDirectory() as name, Box(Path(name)) as box:
        return play(text, box)


def _line(before: str) -> int:
    """The number of the line that begins after this text."""
    return before.count("\n") + 1


def write_schemas(folder: Path = SCHEMAS) -> None:
    """Publish the schema of each document, as `reconciler schema NAME` prints it."""
    for name in DOCUMENTS:
        out = io.StringIO()
        with redirect_stdout(out):
            main(["schema", name])
        (folder / f"{name}.json").write_text(out.getvalue(), encoding="utf-8", newline="\n")


def update_all(files: Sequence[str]) -> int:
    """Update these pages, or all, and say what became of them. 0, or 1 if somebody should look."""
    if not files:
        write_schemas()
    pages = [Path(file).resolve() for file in files] or [README, *PAGES]
    changes = remarks = 0
    for page in pages:
        name = page.relative_to(ROOT) if page.is_relative_to(ROOT) else page
        changed, told = update(page)
        changes += changed
        remarks += len(told)
        for line in ([f"{name}: changed"] if changed else []) + [f"{name}:{remark}" for remark in told]:
            print(line, flush=True)
    print(f"{changes} of {len(pages)} pages changed, {remarks} blocks to look at")
    return 1 if remarks else 0


if __name__ == "__main__":
    sys.exit(update_all(sys.argv[1:]))
