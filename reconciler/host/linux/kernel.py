"""The kernel's list of reserved ports: reading and writing it whole.

Kernel documentation (ip-sysctl, `ip_local_reserved_ports`): a comma-separated list of ports and ranges; a write
replaces the list; it applies to TCP and UDP over IPv4 and IPv6, and each network namespace has its own. Measured on
kernel 6.18: a `write()` takes in about one page, and further writes *on the same descriptor* add to it, while a new
open replaces; only the first `read()` gives anything; reading gives merged runs, so only sets can be compared.
"""

from __future__ import annotations

import os

from reconciler.ports import FIRST_PORT, LAST_PORT, PortRange, PortSet

CHUNK_BYTES = 3500
"""Bytes in one write: well under the page that the kernel takes at once."""

READ_BYTES = 262_144
"""Bytes in the one read: more than the longest list there can be (32,768 runs of two ports: 254,732 bytes)."""


def read_list(path: str) -> PortSet:
    """The ports of the list. Port 0, which the kernel accepts, is no port here and is left out.

    Raises OSError if it cannot be read and ValueError if it is not a list of ports.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        text = os.read(descriptor, READ_BYTES)
    finally:
        os.close(descriptor)
    return parse_list(text.decode("ascii"))


def parse_list(text: str) -> PortSet:
    """`8080,30000-32767` as a set. Raises ValueError for anything that is not such a list."""
    ranges = []
    for part in text.strip().split(","):
        first, dash, last = part.strip().partition("-")
        if not first and not dash and text.strip() == "":
            break
        low, high = int(first), int(last if dash else first)
        if not 0 <= low <= high <= LAST_PORT:
            raise ValueError(f"{part!r} is not a range of ports")
        if high >= FIRST_PORT:
            ranges.append(PortRange(max(low, FIRST_PORT), high))
    return PortSet.of(ranges)


def list_text(ports: PortSet) -> str:
    """The set as the kernel and sysctl files write it, the fewest ranges, without a line end."""
    return ",".join(map(str, ports.runs()))


def write_list(path: str, ports: PortSet) -> None:
    """Replace the list, on one descriptor, in chunks that end at a comma. An empty set clears it.

    Not atomic for a list over one chunk: for about a millisecond readers see the beginning only. Raises OSError;
    the kernel then keeps what had been taken in, so the caller reads again.
    """
    descriptor = os.open(path, os.O_WRONLY)
    try:
        for chunk in chunks(list_text(ports)):
            written = os.write(descriptor, chunk)
            if written != len(chunk):
                raise OSError(f"the kernel took {written} of {len(chunk)} bytes")
    finally:
        os.close(descriptor)


def chunks(text: str) -> list[bytes]:
    """The text in pieces of at most CHUNK_BYTES, each whole ranges, each ending its line or with a comma."""
    pieces: list[bytes] = []
    rest = text
    while len(rest) > CHUNK_BYTES:
        end = rest.rindex(",", 0, CHUNK_BYTES) + 1
        pieces.append(rest[:end].encode("ascii"))
        rest = rest[end:]
    pieces.append(f"{rest}\n".encode("ascii"))
    return pieces
