"""The host as `show` prints it: rows with their kinds and owners, the dynamic range, and what the ledger claims."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from reconciler.host.interface import ListSnapshot, Snapshot
from reconciler.plan import reasons
from reconciler.plan.given.picture import MissingClaim, Picture, RowInfo
from reconciler.plan.model import State
from reconciler.plan.planner import picture_of
from reconciler.ports import LANES, Lane, PortRange, Protocol, lanes_of
from reconciler.report.palette import Palette
from reconciler.report.words import lane_words
from reconciler.text import AT_MOST, counted, shorten, visible

_KINDS = {"exclusion": "exclusion", "reservation": "reservation", "unknown": "unknown kind", "block": "block"}


class Wanted(NamedTuple):
    """Which rows are asked for: those that touch these ports, of this protocol and kind, and ours only. None: any."""

    ports: PortRange | None = None
    protocol: Protocol | None = None
    kind: str | None = None
    owned: bool = False

    def rows(self, picture: Picture) -> list[RowInfo]:
        """The rows of the host that are meant."""
        rows = [row for row in picture.snapshot.rows if self.ports is None or row.ports.overlaps(self.ports)]
        rows = [row for row in rows if self.protocol in (None, row.lane.protocol)]
        return [
            item
            for item in picture.rows(rows)
            if self.kind in (None, item.kind) and (item.record is not None or not self.owned)
        ]


EVERY = Wanted()


def show_lines(state: State, palette: Palette, wanted: Wanted = EVERY) -> list[str]:
    """What `show` prints, one string a line; rows that several lanes list alike stand there once."""
    snapshot = state.snapshot
    picture = picture_of(state)
    alike = _alike(wanted.rows(picture), by_protocol=not isinstance(snapshot, ListSnapshot))
    lines = [*_head(snapshot), *_table(alike, palette)]
    if picture.owned.copied:
        lines += [palette.paint("The ledger is of another machine, so nothing here is ours", "warn")]
    whose = [shown.whose for shown in alike]
    owners = ", ".join(f"{whose.count(word)} {word}" for word in ("owned", "system", "foreign"))
    what = "range" if wanted == EVERY else "range of those asked for"
    lines.append(palette.paint(f"{counted(len(alike), what, what.replace('range', 'ranges', 1))}: {owners}", "strong"))
    missing = list(picture.missing_claims())
    return [*lines, palette.paint(_missing(missing), "warn")] if missing else lines


def _missing(missing: Sequence[MissingClaim]) -> str:
    """`1 applied range is missing: 8080 tcp (web/front); apply makes it again`."""
    shown = [_missing_words(item) for item in missing[:AT_MOST]]
    words = shorten([*shown, *[""] * (len(missing) - len(shown))])
    one = len(missing) == 1
    what, then = "applied", f"apply makes {'it' if one else 'them'} again"
    if not all(item.was_applied for item in missing):
        what, then = "claimed", "plan says what is in the way"
    return f"{counted(len(missing), f'{what} range')} {'is' if one else 'are'} missing: {words}; {then}"


def _missing_words(item: MissingClaim) -> str:
    protocols = dict.fromkeys(lane.protocol for lane in item.lanes)
    whole = all(lane in item.lanes for protocol in protocols for lane in lanes_of(protocol))
    where = "+".join(protocols if whole else map(str, item.lanes))
    why = {reasons.RESTARTED: ", gone with a restart", reasons.RESTORE: ", could not be put back"}
    why[reasons.CLAIMED] = ", not made yet or gone since"
    return visible(f"{item.ports} {where} ({item.unit.entry.policy}/{item.unit.entry.name}{why.get(item.reason, '')})")


def _head(snapshot: Snapshot) -> list[str]:
    facts = snapshot.facts
    traits = [facts.kind]
    if not facts.read_only:
        traits.append("elevated" if snapshot.elevated else "not elevated")
    if snapshot.winnat != "absent":
        traits.append(f"WinNAT {snapshot.winnat}")
    if facts.read_only:
        traits.append("read-only")
    dynamic = [f"{protocol} {ports}" for protocol, ports in sorted(snapshot.dynamic.items())]
    lines = [f"Host {visible(facts.name)} ({', '.join(traits)})", f"Dynamic range: {', '.join(dynamic) or 'not known'}"]
    if snapshot.known_lanes != LANES:
        lines.append(
            f"Captured: {', '.join(map(str, snapshot.known_lanes)) or 'no listing'}; of the others nothing is known"
        )
    if snapshot.shared:
        groups = ["; ".join(lane_words(group) for group in snapshot.shared)]
        lines.append(f"One table each: {groups[0]}")
    return [*lines, ""]


class _Line(NamedTuple):
    """What a line of the table says, but for the lanes that say the same."""

    protocol: str
    ports: PortRange
    administered: bool
    kind: str
    whose: str
    entries: str


def _alike(rows: Iterable[RowInfo], *, by_protocol: bool) -> dict[_Line, list[Lane]]:
    """The lines of the table in their order, each with its lanes."""
    alike: dict[_Line, list[Lane]] = {}
    for item in rows:
        lane, ports, administered = item.row
        whose = "owned" if item.record is not None else "system" if item.system else "foreign"
        entries = shorten([visible(name) for name in item.entries])
        line = _Line(lane.protocol if by_protocol else "", ports, administered, _KINDS[item.kind], whose, entries)
        alike.setdefault(line, []).append(lane)
    return dict(sorted(alike.items()))


def _table(alike: Mapping[_Line, Sequence[Lane]], palette: Palette) -> list[str]:
    lines = [palette.paint(f"  {'PORTS':>11}    {'KIND':<12} {'OWNER':<8} {'WHERE':<15} ENTRIES", "dim")]
    said = cache(lane_words)
    for (_, ports, administered, kind, whose, entries), lanes in alike.items():
        star = "*" if administered else " "
        words = f"{ports!s:>11} {star}  {kind:<12} {whose:<8} {said(tuple(lanes)):<15} {entries}".rstrip()
        lines.append(f"  {palette.paint(words, 'good') if whose == 'owned' else words}")
    return [*lines, ""] if alike else ["  no ranges", ""]
