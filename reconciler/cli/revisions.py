"""Policy files of a git revision, read by git without a shell, and without anything of the repository being run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import NamedTuple

from reconciler.errors import ReconcilerError
from reconciler.policy.files import LARGEST_FILE, MOST_OF_A_RUN

_SECONDS = 60
_NO_FILE = "there is no such file or folder"
_OPTIONS = (
    "--no-pager",
    "--no-optional-locks",
    "--no-replace-objects",
    *("-c", "core.fsmonitor=false"),
    *("-c", f"core.hooksPath={os.devnull}"),
)
"""What a repository may name to be run, and is not."""
_ENVIRONMENT = {
    "GIT_ALLOW_PROTOCOL": "none",  # a partial clone would fetch what it lacks, by a program that it names itself
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}


class _Blob(NamedTuple):
    """A file of a revision: its object, its size in bytes, and its path below what was asked for."""

    id: str
    size: int
    path: str = ""


def read_revision(name: str, default: str) -> Mapping[str, bytes]:
    """The policy files of `REV:PATH`, or of `REV` alone those of `default` below the working folder, by their names.

    A folder's are all its `*.toml`, without what is hidden; no links. Raises ReconcilerError, one sentence.
    """
    git = _Git(_find_git(name), name)
    folder = default.rstrip("/")
    asked, shown = (name, name) if ":" in name else (f"{name}:./{folder}", f"{name}:{folder}")
    kind, found = _resolve(git, asked)
    if kind == "blob":
        _check([found], git)
        return {shown: _contents(git, [found])[0]}
    blobs = list(_listed(git.run("ls-tree", "-r", "-z", "-l", "--full-tree", found.id)))
    _check(blobs, git)
    contents = _contents(git, blobs)
    return {f"{shown}/{blob.path}": content for blob, content in zip(blobs, contents, strict=True)}


def _find_git(name: str) -> str:
    """The absolute path of git, never that of the working folder, which Windows would search first."""
    program = "git.exe" if sys.platform == "win32" else "git"
    for folder in os.get_exec_path():
        found = shutil.which(os.path.join(folder, program)) if os.path.isabs(folder) else None  # noqa: PTH117, PTH118
        if found:
            return found
    raise ReconcilerError(f"{_NO_FILE}, and no git here that may know it as a revision", where=name)


class _Git(NamedTuple):
    """The program, and the name that it is asked about."""

    program: str
    name: str

    def run(self, *words: str, told: str = "") -> bytes:
        """What git prints. Whatever a user named is told to its standard input, so that it can be no option."""
        kept = {key: value for key, value in os.environ.items() if not key.upper().startswith("GIT_")}
        try:
            done = subprocess.run(
                [self.program, *_OPTIONS, *words],
                input=told.encode("utf-8", "surrogateescape"),
                capture_output=True,
                env={**kept, **_ENVIRONMENT},
                timeout=_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise self.error(f"git cannot be run: {error}") from None
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
            raise self.error(f"{_NO_FILE}, and git says: {said.removeprefix('fatal: ')}")
        return done.stdout

    def error(self, text: str) -> ReconcilerError:
        """What is wrong with the name."""
        return ReconcilerError(text, where=self.name)


def _resolve(git: _Git, asked: str) -> tuple[str, _Blob]:
    """What kind of object this is, and which."""
    words = []
    if asked.isprintable():  # one line is one question
        words = git.run("cat-file", "--batch-check", told=f"{asked}\n").decode("utf-8", "replace").split()
    if len(words) != 3 or words[1] not in ("blob", "tree"):
        raise git.error(f"{_NO_FILE}, and git knows no {asked}; name a file, a folder, REV:PATH or REV")
    return words[1], _Blob(words[0], int(words[2]))


def _listed(answer: bytes) -> Iterator[_Blob]:
    """The policy files of a tree: `MODE TYPE OBJECT SIZE<tab>PATH<nul>` each (git-ls-tree, OUTPUT FORMAT)."""
    for line in answer.decode("utf-8", "surrogateescape").split("\0")[:-1]:
        facts, _, path = line.partition("\t")
        mode, _, found, size = facts.split()
        hidden = any(part.startswith(".") for part in path.split("/"))
        if mode.startswith("100") and path.lower().endswith(".toml") and not hidden:
            yield _Blob(found, int(size), path)


def _check(blobs: list[_Blob], git: _Git) -> None:
    if not blobs:
        raise git.error("no policy file found: this folder holds no *.toml")
    if max(blob.size for blob in blobs) > LARGEST_FILE or sum(blob.size for blob in blobs) > MOST_OF_A_RUN:
        raise git.error("its policies are larger than any that a plan reads; name fewer")


def _contents(git: _Git, blobs: list[_Blob]) -> list[bytes]:
    """The bytes of each: `OBJECT TYPE SIZE<newline>BYTES<newline>` (git-cat-file, BATCH OUTPUT)."""
    answer = BytesIO(git.run("cat-file", "--batch", told="".join(f"{blob.id}\n" for blob in blobs)))
    contents = []
    for blob in blobs:
        if answer.readline().split()[1:] != [b"blob", str(blob.size).encode()]:
            raise git.error(f"git has no contents of {blob.path or git.name} here; fetch them first")
        contents.append(answer.read(blob.size))
        answer.read(1)
    return contents
