"""Windows as a `Host`: netsh for exclusions and the dynamic range, iphlpapi for reservations.

Whatever is UNKNOWN about Windows is looked at, not assumed: whether the families share a table is what the two
listings say now, and whether Lookup tells reservations from exclusions shows by the administered rows it does not find.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from reconciler.errors import HostError
from reconciler.host.interface import (
    Change,
    Describing,
    Facts,
    Lookup,
    Refusal,
    RefusalReason,
    Row,
    Snapshot,
    WinNat,
    nat_users,
)
from reconciler.host.windows.dynamic import read_dynamic_range
from reconciler.host.windows.listing import read_listing
from reconciler.host.windows.system import Ran, ReservationCall, System
from reconciler.ports import FAMILIES, LANES, PROTOCOLS, Lane, PortRange, Store, lanes_of
from reconciler.ports import Protocol as PortProtocol

REASONS: dict[int, RefusalReason] = {
    2: "not-found",
    5: "denied",
    32: "busy",
    87: "invalid",
    740: "elevation",
    1168: "not-found",
}
"""Win32 codes by what they mean here (windows-facts 4, 7)."""

TEXTS: dict[RefusalReason, str] = {
    "busy": "a port of it is in use, or it overlaps an existing range",
    "denied": "Windows denies the access",
    "elevation": "Windows wants administrator rights",
    "not-found": "Windows knows no such range",
    "invalid": "Windows does not accept this range",
}


FOUND, NOT_FOUND = 0, 1168
"""What Lookup answers (windows-facts 4.4)."""


class _Found(NamedTuple):
    """What Lookup answered yes and no to; `supported`: this Windows has the function."""

    yes: frozenset[Lookup]
    no: frozenset[Lookup]
    supported: bool


class WindowsHost:
    """The port tables of one Windows, through a `System`."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._last: Ran | None = None

    def facts(self) -> Facts:
        """See `Host`."""
        identity = self._system.identity()
        return Facts("windows", "windows", identity.name, identity.machine, "windows")

    def prepare(self) -> str:
        """See `Host`: a mark that a reboot removes tells active rows of this boot from earlier ones."""
        if self._system.is_elevated():
            self._system.mark_boot()
        return self._system.identity().boot

    def snapshot(self, lookups: Collection[Lookup] = ()) -> Snapshot:
        """See `Host`. The four listings and both ephemeral ranges are read at once."""
        with ThreadPoolExecutor(max_workers=len(LANES) + len(PROTOCOLS)) as pool:
            first = pool.map(self._listing, LANES)
            ranges = dict(zip(PROTOCOLS, pool.map(self.dynamic_range, PROTOCOLS), strict=True))
            listings = list(first)
            doubtful = [lane for lane in LANES if not _alike(listings, lane.protocol)]  # or changed in between
            again = dict(zip(doubtful, pool.map(self._listing, doubtful), strict=True))
            listings = [again.get(lane, old) for lane, old in zip(LANES, listings, strict=True)]
        rows = tuple(row for listing in listings for row in listing)
        found = self._look_up(rows, lookups)
        hns = self._system.hns_range()
        return Snapshot(
            facts=self.facts(),
            boot=self._system.identity().boot,
            rows=tuple(sorted(rows)),
            lookups=found.yes,
            lookup_tells_kinds=_tells_kinds(rows, found.no),
            sockets=self._system.sockets(),
            dynamic={protocol: ports for protocol, ports in ranges.items() if ports is not None},
            shared=tuple(lanes_of(protocol) for protocol in PROTOCOLS if _alike(listings, protocol)),
            reservations_supported=found.supported,
            elevated=self._system.is_elevated(),
            winnat=self._system.winnat(),
            system_ranges=(hns,) if hns else (),
            url_reservations=self._system.url_reservations(),
            nat_users=nat_users(self._system.processes()),
        )

    def rows(self, lanes: Collection[Lane]) -> tuple[Row, ...]:
        """See `Host`."""
        wanted = sorted(set(lanes))
        with ThreadPoolExecutor(max_workers=len(LANES)) as pool:
            listings = list(pool.map(self._listing, wanted))
        return tuple(sorted(row for listing in listings for row in listing))

    def stored_rows(self, lanes: Collection[Lane], store: Store) -> tuple[Row, ...]:
        """See `StoreListing`."""
        return tuple(row for lane in sorted(set(lanes)) for row in self._listing(lane, store))

    def describe(self) -> Mapping[str, str]:
        """See `Describing`: what the system tells of itself."""
        return self._system.describe() if isinstance(self._system, Describing) else {}

    def last_output(self) -> Ran | None:
        """See `Telling`."""
        return self._last

    def lookup(self, wanted: Lookup) -> bool:
        """See `Host`. Raises HostError for an answer that is neither yes nor no."""
        code = self._system.reservation("Lookup", wanted.protocol, wanted.ports)
        if code not in (None, FOUND, NOT_FOUND):
            raise HostError(f"Windows does not look up the reservation {wanted.ports} (error {code}); run elevated")
        return code == FOUND

    def write(self, change: Change) -> Refusal | None:
        """See `Host`: one netsh process, or one call of iphlpapi."""
        self._last = None
        if change.kind == "reservation":
            call: ReservationCall = "Create" if change.verb == "create" else "Delete"
            code = self._system.reservation(call, change.lane.protocol, change.ports)
            if code is None:
                return Refusal("unsupported", "this Windows has no persistent port reservations")
            return None if code == 0 else refusal_of(code)
        verb = "add" if change.verb == "create" else "delete"
        return self._said(
            [
                "interface",
                change.lane.family,
                verb,
                "excludedportrange",
                *_tagged(change.lane.protocol, change.ports, change.store),
            ]
        )

    def dynamic_range(self, protocol: PortProtocol) -> PortRange | None:
        """See `Host`. The range has no family (windows-facts 2.3, 2.4)."""
        ran = self._system.netsh(["interface", "ipv4", "show", "dynamicportrange", f"protocol={protocol}"])
        try:
            return read_dynamic_range(ran.output)
        except HostError:
            return None

    def set_dynamic_range(self, protocol: PortProtocol, ports: PortRange) -> Refusal | None:
        """See `Host`."""
        return self._said(["interface", "ipv4", "set", "dynamicportrange", *_tagged(protocol, ports, "persistent")])

    def set_winnat(self, running: bool) -> Refusal | None:
        """See `Host`."""
        failed = self._system.set_winnat(running)
        if failed is None:
            return None
        code, text = failed
        return Refusal(REASONS.get(code, "failed") if code else "failed", text, code)

    def winnat(self) -> WinNat:
        """See `Host`."""
        return self._system.winnat()

    def _listing(self, lane: Lane, store: Store | None = None) -> tuple[Row, ...]:
        words = ["interface", lane.family, "show", "excludedportrange", f"protocol={lane.protocol}"]
        words += [f"store={store}"] if store else []
        try:
            return read_listing(self._system.netsh(words).output, lane)
        except HostError as error:
            raise HostError(
                f"its listing is not understood: {error.message}", where=f"netsh {' '.join(words)}"
            ) from error

    def _look_up(self, rows: Collection[Row], asked: Collection[Lookup]) -> _Found:
        """Lookup over every listed row and every range asked for. Raises HostError if one asked for is not answered."""
        answers: dict[Lookup, int] = {}
        for item in sorted({*asked, *(Lookup(row.lane.protocol, row.ports) for row in rows)}):
            code = self._system.reservation("Lookup", item.protocol, item.ports)
            if code is None:
                return _Found(frozenset(), frozenset(), supported=False)
            if code not in (FOUND, NOT_FOUND) and item in asked:
                raise HostError(f"Windows does not look up the reservation {item.ports} (error {code}); run elevated")
            answers[item] = code
        yes, no = (frozenset(item for item, code in answers.items() if code == said) for said in (FOUND, NOT_FOUND))
        return _Found(yes, no, supported=True)

    def _said(self, words: Sequence[str]) -> Refusal | None:
        """Run netsh; its exit code is a hint and its text is for people, in the language of this Windows.

        That it hung or could not be started is a refusal too: reading again tells what became of it.
        """
        try:
            ran = self._last = self._system.netsh(words)
        except HostError as error:
            return Refusal("failed", str(error))
        if ran.code == 0:
            return None
        text = " ".join(self._system.console_text(ran.output).split())
        return Refusal("failed", f"netsh says: {text[:300]}" if text else f"netsh left with exit code {ran.code}")


def refusal_of(code: int) -> Refusal:
    """A Win32 code as a refusal."""
    reason = REASONS.get(code, "failed")
    return Refusal(reason, TEXTS.get(reason, f"Windows answers with error {code}"), code)


def _tagged(protocol: PortProtocol, ports: PortRange, store: str) -> list[str]:
    return [f"protocol={protocol}", f"startport={ports.first}", f"numberofports={ports.count}", f"store={store}"]


def _alike(listings: Sequence[tuple[Row, ...]], protocol: PortProtocol) -> bool:
    one, other = (listings[LANES.index(Lane(protocol, family))] for family in FAMILIES)
    return [row[1:] for row in one] == [row[1:] for row in other]


def _tells_kinds(rows: Collection[Row], not_found: frozenset[Lookup]) -> bool:
    """A Lookup that answered for exclusions would find every administered row: one not found proves it."""
    return any(row.administered and Lookup(row.lane.protocol, row.ports) in not_found for row in rows)
