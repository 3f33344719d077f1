"""The sysctl files that set the list at boot: ours, and any other that names the same key (sysctl.d(5)).

Files are read from /etc, /run, /usr/local/lib, /usr/lib and /lib; of files with one name the first folder's counts.
/etc/sysctl.conf is read last by `sysctl --system`. Ours is written whole, atomically, and holds nothing else.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from errno import EACCES, EINVAL
from pathlib import Path
from typing import NamedTuple

from reconciler.errors import HostError
from reconciler.host.linux.kernel import list_text, parse_list
from reconciler.ports import PortSet
from reconciler.state_files import read_plain, replace_file, sync_folder

KEY = "net.ipv4.ip_local_reserved_ports"
OWN_NAME = "60-port-reconciler.conf"
FOLDERS = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d")
LAST_FILE = "/etc/sysctl.conf"
LARGEST_FILE = 2**20
"""Bytes; the longest list takes a quarter of a MiB."""

_ROOT = 0
_HEAD = "# Written by `reconciler apply`, and replaced whole by it: change the policy, not this file.\n"


class OtherFile(NamedTuple):
    """Another file that sets the list: `file:line`, empty if there is none, and whether the kernel refuses its value.
    `not_read`: files that may set it too, and that this user cannot read."""

    place: str
    refused: bool
    not_read: tuple[str, ...]


class OwnFile(NamedTuple):
    """Our file as it is. `ports`: None where this user may not read it. `unsafe`: why it may hold what somebody else
    wrote into it, in words that follow "the file"; empty if it may not."""

    ports: PortSet | None
    unsafe: str = ""


@dataclass(frozen=True, slots=True)
class SysctlFiles:
    """Where the files are; other folders are for tests."""

    folders: tuple[str, ...] = FOLDERS
    last_file: str = LAST_FILE
    own: str = field(default=f"{FOLDERS[0]}/{OWN_NAME}")

    def own_file(self) -> OwnFile:
        """Our file; no ports where there is none. Raises HostError for what is not a file of ours.

        A link is refused: what it leads to may be another file that sets the list, and would pass for ours.
        """
        try:
            status = Path(self.own).lstat()
            if not stat.S_ISREG(status.st_mode):
                what = "a symbolic link" if stat.S_ISLNK(status.st_mode) else "not a file"
                raise HostError(f"our own sysctl file is {what}; look who made it, and remove it", where=self.own)
            data, status = read_plain(Path(self.own), LARGEST_FILE + 1, follow=False)
            text = _decoded(data, self.own)
        except (FileNotFoundError, NotADirectoryError):
            return OwnFile(PortSet())
        except PermissionError:
            return OwnFile(None)
        except OSError as error:
            raise HostError(f"our own sysctl file cannot be read: {error.strerror}", where=self.own) from error
        return OwnFile(self._ports(text), _unsafe(status))

    def _ports(self, text: str) -> PortSet:
        found = list(_settings(text))
        if len(found) > 1 or any(key != KEY for key, _, _ in found):
            raise HostError(f"it holds more than our one line of {KEY}; move the rest away", where=self.own)
        try:
            return parse_list(found[0][1]) if found else PortSet()
        except ValueError as error:
            raise HostError(f"{KEY} is no list of ports here: {error}; delete the file", where=self.own) from error

    def others(self) -> OtherFile:
        """The first other file that sets the key; its last line counts."""
        not_read: list[str] = []
        for path in self._others(not_read):
            try:
                lines = [(line, value) for key, value, line in _settings(_text(path)) if key == KEY]
            except OSError:
                not_read.append(str(path))
                continue
            if lines:
                line, value = lines[-1]
                return OtherFile(f"{path}:{line}", _is_refused(value), tuple(not_read))
        return OtherFile("", False, tuple(not_read))

    def write(self, ports: PortSet) -> None:
        """Replace our file; an empty set removes it. Raises OSError."""
        target = Path(self.own)
        if not ports:
            target.unlink(missing_ok=True)
            sync_folder(target.parent)
            return
        replace_file(target, f"{_HEAD}{KEY} = {list_text(ports)}\n".encode("ascii"), 0o644)  # everybody may plan

    def check_folder(self) -> None:
        """Make our file's folder if there is none, and look whether a file can be replaced in it. Raises OSError.

        Whoever else may write there could swap our file for one of theirs.
        """
        folder = Path(self.own).parent
        try:
            folder.mkdir(0o755)
            folder.chmod(0o755)  # whatever the umask: everybody may plan
        except FileExistsError:
            pass
        if _unsafe(folder.stat()):
            text = "others may write in this folder; make it root's and chmod go-w it"
            raise PermissionError(EACCES, text, str(folder))
        if not may_write(folder):
            raise PermissionError(EACCES, "no file can be written here; is it mounted read-only?", str(folder))

    def _others(self, not_read: list[str]) -> Iterator[Path]:
        """Every file that counts but ours, each once. Folders that cannot be read are added to `not_read`."""
        seen = {Path(self.own).name}
        real = {os.path.realpath(self.own)}
        for folder in self.folders:
            for name in _names(folder, not_read):
                path = Path(folder, name)
                if name not in seen and os.path.realpath(path) not in real:
                    real.add(os.path.realpath(path))
                    yield path
                seen.add(name)
        if os.path.realpath(self.last_file) not in real:
            yield Path(self.last_file)


def _names(folder: str, not_read: list[str]) -> list[str]:
    try:
        return sorted(path.name for path in Path(folder).iterdir() if path.suffix == ".conf")
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError:
        not_read.append(folder)
        return []


def _text(path: Path) -> str:
    """The text of a file, empty where there is none. Raises OSError."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode) or (stat.S_ISCHR(status.st_mode) and path.samefile(os.devnull)):
            return ""  # a link to /dev/null masks the files of that name in later folders
        return _decoded(read_plain(path, LARGEST_FILE + 1)[0], str(path))
    except (FileNotFoundError, NotADirectoryError):
        return ""


def _decoded(data: bytes, path: str) -> str:
    if len(data) > LARGEST_FILE:
        raise OSError(EINVAL, f"it is larger than {LARGEST_FILE} bytes", path)
    return data.decode("utf-8", "replace")


def _settings(text: str) -> Iterator[tuple[str, str, int]]:
    """Key, value and line number of each setting. `-` before a key and `/` for `.` are sysctl's own forms."""
    for number, line in enumerate(text.split("\n"), start=1):
        key, equals, value = line.partition("=")
        name = key.strip().removeprefix("-").strip().replace("/", ".")
        if equals and not name.startswith(("#", ";")):
            yield name, value.strip(), number


def _is_refused(value: str) -> bool:
    """Does the kernel refuse the whole value? A comma at its end is no matter to it."""
    try:
        parse_list(value.removesuffix(",") or value)
    except ValueError:
        return True
    return False


def may_write(path: str | Path) -> bool:
    """May this process write there? Its capabilities count; without `effective_ids` the kernel would leave them out."""
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _unsafe(status: os.stat_result) -> str:
    """Who else may write there, in words that follow what it is."""
    if status.st_uid not in (_ROOT, _user()):
        return f"belongs to user {status.st_uid}"
    return "may be written by others" if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) else ""


def _user() -> int:
    return os.geteuid() if hasattr(os, "geteuid") else _ROOT
