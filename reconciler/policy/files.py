"""Policy files, found and read: the only I/O of this package.

`load_policies` is for one host, and raises PolicyError with everything that is wrong in all files together.
`check_policies` is for none, and tells what is wrong beside what could be read.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from reconciler.errors import PolicyError
from reconciler.policy.document import Document, read_document
from reconciler.policy.entries import Place, PolicySet
from reconciler.policy.merge import HostWords, matches, merge, name_problems, scope_problems, scopes
from reconciler.policy.problems import Problem, Source, as_error, raise_all
from reconciler.policy.recorded import identity
from reconciler.state_files import read_plain
from reconciler.text import visible

LARGEST_FILE = 8 * 2**20
"""Bytes of one file; 10,000 entries with all their keys take half of it."""
MOST_OF_A_RUN, MOST_ENTRIES_OF_A_RUN = 64 * 2**20, 200_000
"""Bytes and entries of all files of a run, as the policies of a whole fleet have them."""
ENOUGH = 1000
"""Once so many problems are known, no further file is read."""

STDIN = "-"
"""The name of standard input, as a path of `check_policies` and in places."""

AnyPath = str | os.PathLike[str]
_FEWER = "name fewer files at a time"
_MIB = 2**20
_LAST_ASCII = 0x7F
_STDIN = Path(STDIN)
_ON_WINDOWS = os.name == "nt"


class Checked(NamedTuple):
    """What a check has read: everything as one set; and each set of files that meet on one host, with its systems.

    `error` has all that is wrong; what it is about is left out of the others. `files`: every file that was found.
    """

    everything: PolicySet
    meetings: tuple[tuple[PolicySet, frozenset[str]], ...]
    error: PolicyError | None
    files: tuple[str, ...]
    contents: Mapping[str, bytes]

    def columns(self, places: Sequence[Place]) -> list[int]:
        """For each place the column of the first character in its line, from 1; sorted by file, they take no time."""
        found: list[int] = []
        for file, group in groupby(places, key=lambda place: place.file):
            source = Source(_shown_text(self.contents.get(file, b"")))
            found += [source.find(place.line)[1] for place in group]
        return found


def load_policies(paths: Sequence[AnyPath], facts_os: str, host_name: str, tags: Collection[str]) -> PolicySet:
    """Read every policy file, as it concerns one host.

    Args:
        paths: files, or folders of which every `*.toml` is read, subfolders included, what is hidden left out.
        facts_os: `windows` or `linux`.
        host_name: what `[target] hosts` is compared with, case-insensitive.
        tags: what `[target] tags` is compared with.

    Raises:
        PolicyError: with all problems of all files.
    """
    documents, problems, whole, absolute, contents = _read_all(paths)
    host = HostWords(facts_os, host_name, frozenset(tags))
    active = [document for document in documents if matches(document.target, host)]
    policies = merge(documents, active)
    problems += name_problems(documents, whole=whole)
    problems += scope_problems(policies, active)
    error = as_error(problems, lambda file: _shown_text(contents.get(file, b"")))
    if error:
        raise error
    named = {visible(str(Path(path))) for path in paths}
    others = [document for document in documents if not matches(document.target, host)]
    return replace(
        policies,
        paths=absolute,
        digests={file: hashlib.sha256(content).hexdigest() for file, content in contents.items()},
        idle=tuple(sorted(document.file for document in others if document.file in named)),
        asked_tags=tuple(sorted({tag for document in others for tag in document.target.tags or ()})),
    )


def check_policies(paths: Sequence[AnyPath], stdin: Callable[[int], bytes] | None = None) -> Checked:
    """Read every policy file as if all were in scope and no entry disabled, and as the files meet on hosts.

    Entries and settings that contradict each other are problems where two files surely meet on one host
    (`merge.scopes` says when). Of settings that may differ from target to target, the first file's count.

    Args:
        paths: as of `load_policies`; and `-`, which stands for standard input.
        stdin: reads at most so many bytes of standard input.
    """
    documents, problems, whole, absolute, contents = _read_all(paths, stdin)
    problems += name_problems(documents, whole=whole)
    meetings = []
    found = scopes(documents)
    if found is None:
        text = "the targets of these files stand for too many hosts to look at each; check fewer files at a time"
        problems.append(Problem(Place(documents[0].file, 0), text, "E103"))
    for active, systems in found or ():
        policies = merge(active, active)
        problems += scope_problems(policies, active)
        meetings.append((policies, systems))
    error = as_error(problems, lambda file: _shown_text(contents.get(file, b"")))
    enabled = [document._replace(disable=()) for document in documents]
    return Checked(merge(enabled, enabled), tuple(meetings), error, tuple(absolute), contents)


def read_documents(path: AnyPath) -> tuple[Document, ...]:
    """Every policy file of one path, for no host. Raises PolicyError with all problems of all files."""
    documents, problems, whole, _, contents = _read_all([path])
    raise_all([*problems, *name_problems(documents, whole=whole)], lambda file: _shown_text(contents.get(file, b"")))
    return tuple(documents)


def parse_documents(contents: Mapping[str, bytes]) -> tuple[Document, ...]:
    """The same of policy files by their names that are no files here. Raises PolicyError."""
    shown = {visible(name): content for name, content in contents.items()}
    documents, problems, whole = _parse(shown.items(), len(shown))
    raise_all([*problems, *name_problems(documents, whole=whole)], lambda file: _shown_text(shown.get(file, b"")))
    return tuple(documents)


def read_to_extend(path: AnyPath) -> tuple[bytes, str]:
    """The bytes of one policy file, and its text; both empty where there is no such file. Raises PolicyError."""
    name = visible(str(Path(path)))
    if not os.path.lexists(path):
        return b"", ""
    content = _read(Path(path), name)
    text = content if isinstance(content, Problem) else _decode(content, name)
    if isinstance(content, Problem) or isinstance(text, Problem):
        raise_all([problem for problem in (content, text) if isinstance(problem, Problem)])
        raise AssertionError("a problem is raised")
    return content, text


def read_beside(folder: AnyPath, path: AnyPath) -> tuple[Document, ...]:
    """The policy files of a folder but this one, as far as they can be read; none if it is not one of the folder."""
    mine = identity(path)
    if not mine.startswith(identity(folder) + os.sep):
        return ()
    documents, _, _, absolute, _ = _read_all([folder])
    return tuple(document for document in documents if identity(absolute[document.file]) != mine)


class _Read(NamedTuple):
    """All files that could be read, everything wrong with the others, and whether there are no others; `paths`: the
    absolute path of each file by its name; `contents`: what is in each, for the places of problems."""

    documents: list[Document]
    problems: list[Problem]
    whole: bool
    paths: dict[str, str]
    contents: dict[str, bytes]


class _Spent:
    """How much a run has read, which what it takes grows with."""

    def __init__(self) -> None:
        self._bytes = self._entries = self._wrong = 0

    def add(self, content: bytes | Problem, document: Document | None, problems: Sequence[Problem]) -> None:
        """Add one file."""
        self._bytes += 0 if isinstance(content, Problem) else len(content)
        self._entries += len(document.exclusions) + len(document.reservations) if document else 0
        self._wrong += sum(problem.others or 1 for problem in problems)
        if document is None and not isinstance(content, Problem):
            self._wrong += len(content) // 1024  # nothing was read of it, and it took as long

    def too_much(self, *, last: bool) -> str:
        """Why no further file is to be read; empty if there is no reason. `last`: there is no further file."""
        if self._entries > MOST_ENTRIES_OF_A_RUN:
            return f"with this file there are over {MOST_ENTRIES_OF_A_RUN:,} entries: {_FEWER}"
        if self._bytes > MOST_OF_A_RUN:
            return f"with this file there are over {MOST_OF_A_RUN // _MIB} MiB of policies: {_FEWER}"
        return "so much is wrong that no further file was read" if self._wrong > ENOUGH and not last else ""


def _read_all(paths: Sequence[AnyPath], stdin: Callable[[int], bytes] | None = None) -> _Read:
    files, problems = _find(paths, stdin)
    contents: dict[str, bytes] = {}

    def sources() -> Iterator[tuple[str, bytes | Problem]]:
        for path in files:
            name = visible(str(path))
            content = _received(stdin) if stdin and path is _STDIN else _read(path, name)
            if not isinstance(content, Problem):
                contents[name] = content
            yield name, content

    documents, found, whole = _parse(sources(), len(files))
    absolute = {visible(str(path)): os.path.abspath(path) for path in files}  # noqa: PTH100  Path.absolute keeps `..`
    return _Read(documents, [*problems, *found], whole and not problems, absolute, contents)


def _parse(sources: Iterable[tuple[str, bytes | Problem]], count: int) -> tuple[list[Document], list[Problem], bool]:
    """The documents of so many sources, everything wrong with the others, and whether there are no others."""
    documents, problems, whole = [], [], True
    spent = _Spent()
    for number, (name, content) in enumerate(sources, 1):
        text = content if isinstance(content, Problem) else _decode(content, name)
        document, found = (None, [text]) if isinstance(text, Problem) else read_document(text, name)
        problems += found
        if document:
            documents.append(document)
        whole = whole and document is not None
        spent.add(content, document, found)
        too_much = spent.too_much(last=number == count)
        if too_much:
            problems.append(Problem(Place(name, 0), too_much, "E103"))
            whole = False
            break
    return documents, problems, whole


def _shown_text(content: bytes) -> str:
    """The text as far as it can be shown beside what is wrong with it."""
    return "" if _is_utf16(content) else content.decode("utf-8", "replace").removeprefix("\ufeff")


def _find(paths: Sequence[AnyPath], stdin: object) -> tuple[list[Path], list[Problem]]:
    """The files of all paths, each once, in the order of the paths and by name within a folder."""
    found: dict[str, Path] = {}
    problems: list[Problem] = []
    for given in paths:
        if not os.fspath(given):  # as a Path it would be the working folder
            problems.append(_problem("PATH", "a path is empty; write . if the working folder is meant"))
            continue
        path = _STDIN if stdin and given == STDIN else Path(given)
        name = visible(str(path))
        if path is not _STDIN and os.path.isdir(path):  # noqa: PTH112  unlike Path.is_dir, it never raises
            files = list(_walk(path, problems))
            if not files:
                problems.append(_problem(name, "no policy file found: this folder holds no *.toml"))
        else:
            files = [path]
        for file in files:
            found.setdefault(identity(file), file)
    if not paths:
        problems.append(_problem("PATH", "no policy file found: name a file or a folder"))
    return list(found.values()), problems


def _walk(folder: Path, problems: list[Problem]) -> Iterator[Path]:
    """Every `*.toml` below a folder, without what is hidden. Links are followed, to each folder once."""
    seen = {identity(folder)}

    def is_new(path: str) -> bool:
        known = len(seen)
        seen.add(identity(path))
        return len(seen) > known

    def unreadable(error: OSError) -> None:
        problems.append(_unreadable(visible(str(error.filename)), error))

    for where, folders, files in os.walk(folder, onerror=unreadable, followlinks=True):
        unhidden = sorted(name for name in folders if not name.startswith("."))
        folders[:] = [name for name in unhidden if is_new(os.path.join(where, name))]  # noqa: PTH118
        for name in sorted(files):
            if name.lower().endswith(".toml") and not name.startswith("."):
                yield Path(where, name)


def _read(path: Path, name: str) -> bytes | Problem:
    """The bytes of one file. Only a regular file of at most LARGEST_FILE bytes is opened."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return _problem(name, "this is neither a file nor a folder; name a *.toml file or a folder of them")
        if status.st_size > LARGEST_FILE:
            return _too_large(name, status.st_size)
        content, _ = read_plain(path, LARGEST_FILE + 1)
    except FileNotFoundError:
        return _problem(name, "no such file or folder; check the path")
    except (OSError, ValueError) as error:
        return _unreadable(name, error)
    return content if len(content) <= LARGEST_FILE else _too_large(name, len(content))


def _received(stdin: Callable[[int], bytes]) -> bytes | Problem:
    """The bytes of standard input."""
    content = stdin(LARGEST_FILE + 1)
    return content if len(content) <= LARGEST_FILE else _too_large(STDIN, len(content))


def _is_utf16(content: bytes) -> bool:
    """With its byte order mark, or without: a policy begins with ASCII, of which every other byte is then zero."""
    return content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content[:2]


def _decode(content: bytes, name: str) -> str | Problem:
    """UTF-8 as text, without the byte order mark that editors under Windows write."""
    if _is_utf16(content):
        has_mark = content[0] > _LAST_ASCII
        advice = f"convert it to UTF-8: {_conversion(name)}" if has_mark and name != STDIN else "save it as UTF-8"
        return Problem(Place(name, 1), f"this is UTF-16; {advice}", "E102")
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        byte = f"byte 0x{content[error.start]:02x} at offset {error.start}"
        line = content.count(b"\n", 0, error.start) + 1
        before = content[content.rfind(b"\n", 0, error.start) + 1 : error.start].decode("utf-8")
        column = len(before.removeprefix("\ufeff")) + 1
        return Problem(Place(name, line), f"{byte} is not UTF-8; save the file as UTF-8", "E102", column=column)


def _conversion(name: str) -> str:
    """The command that makes a UTF-16 file UTF-8, for the shell of this system."""
    if _ON_WINDOWS:
        quoted = "'" + name.replace("'", "''") + "'"
        return f"(Get-Content {quoted}) | Set-Content {quoted} -Encoding UTF8"
    quoted = shlex.quote(name)
    return f"iconv -f UTF-16 -t UTF-8 {quoted} > new.toml && mv new.toml {quoted}"


def _too_large(name: str, size: int) -> Problem:
    sizes = f"the file has {size / _MIB:.1f} MiB; a policy file may have {LARGEST_FILE // _MIB} MiB"
    return Problem(Place(name, 0), f"{sizes}: split it into several files", "E103")


def _unreadable(name: str, error: OSError | ValueError) -> Problem:
    reason = getattr(error, "strerror", None) or str(error)
    return _problem(name, f"cannot be read ({reason}); check the path and the permissions")


def _problem(name: str, message: str) -> Problem:
    return Problem(Place(name, 0), message, "E101")
