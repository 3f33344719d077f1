"""The sysctl files that set the list at boot: ours, and any other that names the same key (sysctl.d(5)).

Files are read from /etc, /run, /usr/local/lib, /usr/lib and /lib; of files with one name the first folder's counts.
/etc/sysctl.conf is read last by `sysctl --system`. Ours is written whole, atomically, and holds nothing else.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from errno import EACCES
from pathlib import Path

from reconciler.errors import HostError
from reconciler.host.linux.kernel import list_text, parse_list
from reconciler.ports import PortSet

KEY = "net.ipv4.ip_local_reserved_ports"
OWN_NAME = "60-port-reconciler.conf"
FOLDERS = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d")
LAST_FILE = "/etc/sysctl.conf"
LARGEST_FILE = 4 * 2**20
"""Bytes; the longest list takes a quarter of a MiB."""

_HEAD = "# Written by `reconciler apply`, and replaced whole by it: change the policy, not this file.\n"


@dataclass(frozen=True, slots=True)
class SysctlFiles:
    """Where the files are; other folders are for tests."""

    folders: tuple[str, ...] = FOLDERS
    last_file: str = LAST_FILE
    own: str = field(default=f"{FOLDERS[0]}/{OWN_NAME}")

    def stored(self) -> PortSet:
        """The ports of our file; none where there is none. Raises HostError if somebody else wrote in it."""
        text = _text(Path(self.own))
        values = [value for key, value, _ in _settings(text)]
        keys = {key for key, _, _ in _settings(text)}
        if keys - {KEY} or len(values) > 1:
            raise HostError(f"it holds more than our one line of {KEY}; move the rest away", where=self.own)
        try:
            return parse_list(values[0]) if values else PortSet()
        except ValueError as error:
            raise HostError(f"{KEY} is no list of ports here: {error}; delete the file", where=self.own) from error

    def rival(self) -> str:
        """`file:line` of another file that sets the key, or empty."""
        for path in self._others():
            for key, _, line in _settings(_text(path)):
                if key == KEY:
                    return f"{path}:{line}"
        return ""

    def write(self, ports: PortSet) -> None:
        """Replace our file; an empty set removes it. Raises OSError."""
        target = Path(self.own)
        if not ports:
            target.unlink(missing_ok=True)
            return
        draft = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(f"{_HEAD}{KEY} = {list_text(ports)}\n")
                file.flush()
                os.fsync(file.fileno())
            draft.replace(target)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise

    def check_folder(self) -> None:
        """Whoever may write in our file's folder could swap it for one of theirs. Raises PermissionError."""
        folder = Path(self.own).parent
        if folder.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise PermissionError(EACCES, "others may write in this folder; chmod go-w it first", str(folder))

    def _others(self) -> Iterator[Path]:
        seen = {Path(self.own).name}
        real = {os.path.realpath(self.own)}
        for folder in self.folders:
            for path in sorted(Path(folder).glob("*.conf")):
                if path.name not in seen and os.path.realpath(path) not in real:
                    real.add(os.path.realpath(path))
                    yield path
                seen.add(path.name)
        last = Path(self.last_file)
        if os.path.realpath(last) not in real:
            yield last


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_FILE).decode("utf-8", "replace")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return ""
    except OSError as error:
        raise HostError(f"this sysctl file cannot be read: {error.strerror}", where=str(path)) from error


def _settings(text: str) -> Iterator[tuple[str, str, int]]:
    """Key, value and line number of each setting. `-` before a key and `/` for `.` are sysctl's own forms."""
    for number, line in enumerate(text.splitlines(), start=1):
        key, equals, value = line.partition("=")
        name = key.strip().removeprefix("-").strip().replace("/", ".")
        if equals and not name.startswith(("#", ";")):
            yield name, value.strip(), number
