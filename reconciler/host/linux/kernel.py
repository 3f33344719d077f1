"""The kernel's list of reserved ports: reading it whole, and changing it.

Kernel documentation (ip-sysctl, `ip_local_reserved_ports`): a comma-separated list of ports and ranges; a write
replaces the list; it applies to TCP and UDP over IPv4 and IPv6, and each network namespace has its own. Measured on
kernel 6.18: a `write()` takes in about one page; one at the beginning of the file replaces the list, one at any
other position adds to it; only the first `read()` gives anything; reading gives merged runs, so only sets can be
compared.
"""

from __future__ import annotations

import errno
import os
import time

from reconciler.host.interface import BeforeWrite
from reconciler.ports import FIRST_PORT, LAST_PORT, PortRange, PortSet

CHUNK_BYTES = 3500
"""Bytes in one write: well under the page that the kernel takes at once."""

READ_BYTES = 262_144
"""Bytes in the one read: more than the longest list there can be (21,845 runs of two ports: about 254,740 bytes)."""

PAUSE_SECONDS = 0.001
READINGS = 100
"""A list over one page is replaced in pieces, so two readings in a row must agree."""

_SHOWN = 60
"""Characters of what is no port that a message has."""

_REPLACE, _ADD = 0, 1  # positions in the file


def read_list(path: str) -> PortSet:
    """The ports of the list. Port 0, which the kernel accepts, is no port here and is left out.

    Raises OSError if it cannot be read and ValueError if it is not a list of ports, whole.
    """
    return parse_list(_read_text(path))


def parse_list(text: str) -> PortSet:
    """`8080,30000-32767` as a set. Raises ValueError for anything that is not such a list."""
    ranges = []
    for part in text.strip().split(",") if text.strip() else ():
        first, dash, last = part.partition("-")
        low = _port(first, part)
        high = _port(last, part) if dash else low
        if low > high:
            raise ValueError(f"{part[:_SHOWN]!r} runs backwards")
        if high >= FIRST_PORT:
            ranges.append(PortRange(max(low, FIRST_PORT), high))
    return PortSet.of(ranges)


def list_text(ports: PortSet) -> str:
    """The set as the kernel and sysctl files write it, the fewest ranges, without a line end."""
    return ",".join(map(str, ports.runs()))


def change_list(path: str, add: PortSet, remove: PortSet, before: BeforeWrite) -> None:
    """Take ports out of the list and put ports in; all others stay. Raises OSError, and ValueError like `read_list`.

    Where nothing has to go, ports are only added: then no port is missing at any instant, whoever else writes and
    wherever this process is killed. Otherwise the list is replaced, and what another program has changed since it
    was last read is lost. A list over one chunk then comes back piece by piece; what `before` returns comes last.
    `before` may take its time: the list is read again after it.
    """
    text, in_pieces = _read_text(path), False
    for _ in range(READINGS):
        now = parse_list(text)
        wanted = (now - remove) | add
        replaces = bool(now & remove)
        in_pieces |= replaces and len(chunks(list_text(wanted))) > 1
        last = before(now, in_pieces)
        pieces = _replacing(text, wanted, last) if replaces else _adding(add - now)
        again = _read_text(path)
        if again == text and (in_pieces or not replaces or len(pieces) == 1):
            _write(path, _REPLACE if replaces else _ADD, pieces)
            return
        text, in_pieces = again, replaces and len(pieces) > 1
    raise _restless(path)


def _adding(ports: PortSet) -> list[bytes]:
    return chunks(list_text(ports)) if ports else []


def _replacing(text: str, wanted: PortSet, last: PortSet) -> list[bytes]:
    """The pieces of the new list. Port 0, which is no port here, stays if it was there."""
    parts = ["0"] if text.startswith("0") else []
    parts += [list_text(wanted - last), list_text(wanted & last)]
    return chunks(",".join(part for part in parts if part))


def chunks(text: str) -> list[bytes]:
    """The text in pieces of at most CHUNK_BYTES, each whole ranges, each ending its line or with a comma."""
    pieces: list[bytes] = []
    start = 0
    while len(text) - start >= CHUNK_BYTES:
        end = text.rindex(",", start, start + CHUNK_BYTES) + 1
        pieces.append(text[start:end].encode("ascii"))
        start = end
    pieces.append(f"{text[start:]}\n".encode("ascii"))
    return pieces


def _write(path: str, position: int, pieces: list[bytes]) -> None:
    if not pieces:
        return
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.lseek(descriptor, position, os.SEEK_SET)
        for piece in pieces:
            written = os.write(descriptor, piece)
            if written != len(piece):
                raise OSError(errno.EIO, f"the kernel took {written} of {len(piece)} bytes", path)
    finally:
        os.close(descriptor)


def _read_text(path: str) -> str:
    text = _read_once(path)
    for _ in range(READINGS):
        time.sleep(PAUSE_SECONDS)
        again = _read_once(path)
        if again == text:
            return text
        text = again
    raise _restless(path)


def _restless(path: str) -> OSError:
    return OSError(errno.EAGAIN, "it changes all the time; find out which program writes it", path)


def _read_once(path: str) -> str:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        text = os.read(descriptor, READ_BYTES).decode("ascii")
    finally:
        os.close(descriptor)
    if not text.endswith("\n"):
        raise ValueError("it was not read to its end")
    return text


def _port(text: str, part: str) -> int:
    """0..65535: the kernel lets port 0 into the list."""
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= LAST_PORT):
        raise ValueError(f"{part[:_SHOWN]!r} is not a port or a range of ports")
    return int(text)
