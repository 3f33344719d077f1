"""`net.ipv4.ip_local_reserved_ports` as kernel 6.18 has it, in memory: what stands in for `os` in `kernel.py`."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable

PAGE = 4095
"""Bytes that one write takes in; of more, those up to the last comma before it."""

PART = re.compile(r"([0-9]+)(?:-([0-9]+))?")


class FakeKernel:
    """The list and the calls that were made. `after_write` is called after each write."""

    O_RDONLY, O_WRONLY, SEEK_SET = os.O_RDONLY, os.O_WRONLY, os.SEEK_SET

    def __init__(self, text: str = "") -> None:
        self.ports: set[int] = parsed(text) if text else set()
        self.reads = 0
        self.writes: list[bytes] = []
        self.after_write: Callable[[], None] = lambda: None
        self._open: dict[int, int] = {}
        self._opened = 100

    def text(self) -> str:
        """The list as a read gives it: runs, ascending."""
        runs: list[list[int]] = []
        for port in sorted(self.ports):
            if runs and runs[-1][1] == port - 1:
                runs[-1][1] = port
            else:
                runs.append([port, port])
        return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs) + "\n"

    @property
    def is_closed(self) -> bool:
        return not self._open

    def open(self, path: str, flags: int) -> int:
        self._opened += 1
        self._open[self._opened] = 0
        return self._opened

    def close(self, descriptor: int) -> None:
        del self._open[descriptor]

    def lseek(self, descriptor: int, position: int, whence: int) -> int:
        self._open[descriptor] = position
        return position

    def read(self, descriptor: int, count: int) -> bytes:
        self.reads += 1
        if self._open[descriptor]:
            return b""
        data = self.text().encode()[:count]
        self._open[descriptor] += len(data)
        return data

    def write(self, descriptor: int, data: bytes) -> int:
        taken = data
        if len(data) > PAGE:
            taken = data[: data.rindex(b",", 0, PAGE) + 1]
        found = parsed(taken.decode())
        self.ports = found | (self.ports if self._open[descriptor] else set())
        self._open[descriptor] += len(taken)
        self.writes.append(taken)
        self.after_write()
        return len(taken)


def parsed(text: str) -> set[int]:
    """What the kernel makes of a text; OSError for what it refuses. A comma may stand at the end."""
    found: set[int] = set()
    body = text.removesuffix("\n").removesuffix(",")
    for part in body.split(",") if body else ():
        match = PART.fullmatch(part)
        first = int(match[1]) if match else -1
        last = int(match[2] or first) if match else -1
        if not 0 <= first <= last <= 65535:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        found |= set(range(first, last + 1))
    return found
