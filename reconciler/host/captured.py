"""Captured listings as a `Host` that can be read and not changed: what netsh printed on a Windows somewhere else.

Of which lane a file is, option, name and text say, in this order.
"""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple, cast

from reconciler.errors import HostError
from reconciler.host.interface import Change, Facts, Lookup, Refusal, Row, Snapshot, WinNat
from reconciler.host.windows.dynamic import no_range, range_in
from reconciler.host.windows.listing import listing_in
from reconciler.host.windows.text import lines_of
from reconciler.ports import FAMILIES, LANES, PROTOCOLS, Family, Lane, PortRange, Protocol, lanes_of
from reconciler.ports import Protocol as PortProtocol
from reconciler.state_files import read_plain

LARGEST_FILE = 8 * 2**20
"""Bytes; a listing of 65535 single ports takes 4 MiB in UTF-16."""
HNS_PORTS = PortRange(50000, 50059)
"""The row that the Host Network Service makes for itself unless set otherwise (windows-facts 6.1)."""
BOOT = "captured"
UNSUPPORTED = Refusal("unsupported", "a captured listing cannot be changed")

_SUFFIXES = (".txt", ".log", "")
_FAMILY = r"(?:ip|inet)v?([46])|v([46])(?!\.[0-9])"
_WORD = re.compile(rf"(?<![a-z0-9])(?:(tcp|udp)(?:{_FAMILY}|([46]))?|(?:{_FAMILY})(tcp|udp)?)(?![a-z0-9])")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_FIRST = re.compile(r"^([46])[-_. ](tcp|udp)(?![a-z0-9])")
_LAST = re.compile(r"(?<![a-z0-9])(tcp|udp)[-_. ]([46])(?=(?:\.[a-z]+)?$)")


class Captured(NamedTuple):
    """Everything that was captured: the rows of each lane, and the ephemeral range of each protocol."""

    facts: Facts
    listings: dict[Lane, tuple[Row, ...]]
    dynamic: dict[PortProtocol, PortRange]


class CapturedHost:
    """The Windows that the listings were captured on. Files are read once, when it is first asked something."""

    def __init__(self, path: str, lane: Lane | None = None) -> None:
        self._path = path
        self._lane = lane
        self._read: Captured | None = None

    def facts(self) -> Facts:
        """See `Host`."""
        return self._captured().facts

    def prepare(self) -> str:
        """See `Host`: nothing is needed."""
        return BOOT

    def snapshot(self, lookups: Collection[Lookup] = ()) -> Snapshot:
        """See `Host`."""
        listings = self._captured().listings
        rows = self.rows(listings)
        return Snapshot(
            facts=self.facts(),
            boot=BOOT,
            rows=rows,
            lookups=frozenset(Lookup(row.lane.protocol, row.ports) for row in rows if row.administered),
            lookup_tells_kinds=False,
            sockets_matter=False,
            dynamic=dict(self._captured().dynamic),
            shared=tuple(lanes_of(protocol) for protocol in PROTOCOLS if _alike(listings, protocol)),
            reservations_supported=False,
            elevated=False,
            winnat=self.winnat(),
            system_ranges=(HNS_PORTS,),
            known_lanes=tuple(sorted(listings)),
        )

    def rows(self, lanes: Collection[Lane]) -> tuple[Row, ...]:
        """See `Host`. Raises HostError for a lane that was not captured."""
        listings = self._captured().listings
        for lane in lanes:
            if lane not in listings:
                raise HostError(f"no listing of {lane} was captured", where=self._path)
        return tuple(row for lane in sorted(set(lanes)) for row in listings[lane])

    def lookup(self, wanted: Lookup) -> bool:
        """See `Host`: nobody can be asked."""
        return False

    def write(self, change: Change) -> Refusal | None:
        """See `Host`."""
        return UNSUPPORTED

    def dynamic_range(self, protocol: PortProtocol) -> PortRange | None:
        """See `Host`."""
        return self._captured().dynamic.get(protocol)

    def set_dynamic_range(self, protocol: PortProtocol, ports: PortRange) -> Refusal | None:
        """See `Host`."""
        return UNSUPPORTED

    def set_winnat(self, running: bool) -> Refusal | None:
        """See `Host`."""
        return UNSUPPORTED

    def winnat(self) -> WinNat:
        """See `Host`: not captured."""
        return "unknown"

    def _captured(self) -> Captured:
        if self._read is None:
            self._read = _capture(self._path, self._lane)
        return self._read


def open_captured(argument: str) -> CapturedHost:
    """Open `PATH` or `FILE@LANE`. Raises HostError if it cannot be one."""
    path, _, text = argument.rpartition("@")
    lane = next((lane for lane in LANES if text == str(lane)), None)
    path = path if lane is not None else argument
    if not path or "\0" in path:
        raise HostError("captured listings are a file or a folder; name it, as in netsh:capture.txt", where="--host")
    if lane is None and "@" in argument and Path(argument.rpartition("@")[0]).exists() and not Path(argument).exists():
        raise HostError(
            f"{text!r} is no protocol/family; behind the @ stands one of {', '.join(map(str, LANES))}", where=argument
        )
    return CapturedHost(path, lane)


def _capture(path: str, option: Lane | None) -> Captured:
    listings: dict[Lane, tuple[Row, ...]] = {}
    dynamic: dict[PortProtocol, PortRange] = {}
    digest = hashlib.sha256()
    for file in _files(path, option):
        data = _bytes(file)
        digest.update(hashlib.sha256(data).digest())
        try:
            _read(data, _said(file, option), listings, dynamic)
        except HostError as error:
            raise HostError(error.message, where=str(file)) from None
    return Captured(_facts(path, digest.hexdigest()[:16]), listings, dynamic)


def _said(file: Path, option: Lane | None) -> tuple[PortProtocol | None, Family | None]:
    """What option or name say of protocol and family."""
    return (option.protocol, option.family) if option is not None else lane_words(file.name)


def _read(
    data: bytes,
    said: tuple[PortProtocol | None, Family | None],
    listings: dict[Lane, tuple[Row, ...]],
    dynamic: dict[PortProtocol, PortRange],
) -> None:
    """Add what one file holds. Where it holds both, option and name are about the listing."""
    lines = lines_of(data)
    listing, found = listing_in(lines), range_in(lines)
    if listing is None and found is None:
        raise no_range(lines)
    if listing is not None:
        lane = Lane(said[0] or listing.protocol or "tcp", said[1] or listing.family or "ipv4")
        if lane in listings:
            raise HostError(
                f"this is a second listing of {lane}; keep one of them, or say in their names which is which"
            )
        listings[lane] = listing.of(lane)
    if found is not None:
        _keep_range(dynamic, (said[0] if listing is None else None) or found.protocol, found.ports)


def _facts(path: str, digest: str) -> Facts:
    """The name is that of the folder, or of the file without its suffix; no ledger is of such a machine."""
    place = Path(path).resolve()
    name = (place.name if place.is_dir() else place.stem) or path
    return Facts("netsh", "windows", name, f"capture-{digest}", f"netsh-{digest}", read_only=True)


def _files(path: str, option: Lane | None) -> list[Path]:
    try:
        if not Path(path).is_dir():
            return [Path(path)]
        if option is not None:
            raise HostError(
                f"this is a folder, whose files say in their names what they list; leave @{option} away", where=path
            )
        found = sorted(item for item in Path(path).iterdir() if item.name[0] != "." and not item.is_dir())
    except OSError as error:
        raise HostError(f"this folder cannot be read ({error.strerror}); check its rights", where=path) from None
    for item in found:
        if item.suffix.lower() not in _SUFFIXES and lane_words(item.name) != (None, None):
            raise HostError("its name says a protocol, but it is no *.txt; rename it, or move it away", where=str(item))
    captures = [item for item in found if item.suffix.lower() in _SUFFIXES]
    if not captures:
        raise HostError("there is no *.txt in this folder; save each listing as one, such as tcp-ipv4.txt", where=path)
    return captures


def _bytes(file: Path) -> bytes:
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise HostError("this is not an ordinary file; name a captured listing", where=str(file))
        data, _ = read_plain(file, LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise HostError(
            f"it cannot be read ({reason}); name a captured listing, or a folder", where=str(file)
        ) from None
    if len(data) > LARGEST_FILE:
        raise HostError("this is too large for a listing; name another file", where=str(file))
    return data


def _keep_range(dynamic: dict[PortProtocol, PortRange], protocol: PortProtocol, ports: PortRange) -> None:
    """Windows has one ephemeral range for both families of a protocol (windows-facts 2.3), so two must be alike."""
    if dynamic.setdefault(protocol, ports) != ports:
        raise HostError(f"it says {ports} for {protocol}, and another file here {dynamic[protocol]}; keep one of them")


def _alike(listings: Mapping[Lane, tuple[Row, ...]], protocol: PortProtocol) -> bool:
    """Were both families captured, with the same rows?"""
    both = [[row[1:] for row in listings[lane]] for lane in lanes_of(protocol) if lane in listings]
    return len(both) == len(FAMILIES) and both[0] == both[1]


def lane_words(name: str) -> tuple[Protocol | None, Family | None]:
    """The protocol and the family that a file name says; None where it says none, or both.

    `udp-ipv6.txt`, `TcpV4.log`, `udp6`, `6-tcp`: both are words of their own or stand together in one word. A lone 6 or
    4 counts only beside a protocol, where the name begins or ends with it. `v6.2` is a version.
    """
    name = _HUMP.sub("-", name).lower()
    name = _LAST.sub(r"\1\2", _FIRST.sub(r"\2\1", name))
    said = {word for match in _WORD.finditer(name) for word in match.groups() if word}
    protocols, families = said & {"tcp", "udp"}, said & {"4", "6"}
    protocol = protocols.pop() if len(protocols) == 1 else None
    family = f"ipv{families.pop()}" if len(families) == 1 else None
    return cast("Protocol | None", protocol), cast("Family | None", family)
