"""Notes: what is worth knowing about a plan and is not a step. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.host.interface import Row, Snapshot
from reconciler.plan.given.desired import Demand, Pairs
from reconciler.plan.given.owned import Settled
from reconciler.plan.given.rows import KIND_WORDS, ShownRow, shown_rows
from reconciler.plan.given.tables import Table, closure
from reconciler.plan.model import Note, Options, State, Step
from reconciler.plan.rules.foreign import unclaimed_rows
from reconciler.policy.entries import PolicySet, Reservation
from reconciler.ports import LANES, Lane, PortRange, PortSet, RangeIndex


def notes(
    policies: PolicySet,
    demand: Demand,
    pairs: Pairs,
    snapshot: Snapshot,
    foreign_reservations: Sequence[Reservation],
    steps: Iterable[Step],
) -> tuple[Note, ...]:
    """All notes of a plan: first what concerns everything, then entry by entry."""
    found: list[Note] = []
    found += _unread_files(policies, demand)
    found += _shared_lanes(policies, demand)
    found += _foreign_cover(demand, pairs)
    for entry in foreign_reservations:
        text = f"{entry.policy}/{entry.name}: the reservation {entry.ports} is there, and this tool did not make it"
        found.append(Note("foreign-reservation", text, str(entry.place)))
    found += _plain_binds(demand, steps)
    found += _url_reservations(demand, snapshot)
    if policies.unmanaged is not None and policies.unmanaged.action == "report":
        windows = PortSet.of(policies.unmanaged.ports).runs()
        for ports, lanes in _by_ports(unclaimed_rows(demand, pairs, snapshot)).items():
            if windows and not any(window.contains(ports) for window in windows):
                continue
            text = f"{_lanes(lanes)} {ports} is administered, and nobody claims it"
            found.append(Note("unmanaged", text, str(policies.unmanaged.place)))
    return tuple(found)


def ledger_notes(state: State, settled: Settled, demand: Demand, pairs: Pairs) -> Iterable[Note]:
    """What must be said first: that nothing here can be ours, because the ledger is lost or another machine's."""
    if settled.copied:
        text = "the ledger here was written on another machine, so every row counts as foreign and none is deleted"
        yield Note("ledger-copied", text)
    elif state.ledger is None and _any_covered(demand, pairs):
        text = "there is no ledger of this host, so every row that is there counts as foreign and none is deleted"
        yield Note("ledger-missing", text)


def _unread_files(policies: PolicySet, demand: Demand) -> Iterable[Note]:
    """An entry may be given up only because one of several files of its policy was forgotten."""
    forgotten: dict[str, list[str]] = {}
    for claim in demand.given_up:
        if not policies.answers_for(claim.file):
            forgotten.setdefault(claim.file, []).append(f"{claim.policy}/{claim.entry}")
    for file, entries in sorted(forgotten.items()):
        names = ", ".join(sorted(set(entries)))
        are = "is" if len(set(entries)) == 1 else "are"
        text = (
            f"{names} {are} given up although {file} is still there and was not read; "
            "give all files of a policy together"
        )
        yield Note("file-not-read", text, file)


def _any_covered(demand: Demand, pairs: Pairs) -> bool:
    return any(
        table.cover.touches(wish.unit.ports) and not set(table.lanes).isdisjoint(wish.lanes)
        for wish in demand.wishes
        for table, _ in pairs
    )


def _shared_lanes(policies: PolicySet, demand: Demand) -> Iterable[Note]:
    """Told once, however many entries it concerns (design 4.3)."""
    declared = {(entry.policy, entry.name): entry for policy in policies.in_scope() for entry in policy.exclusions}
    fewer = [
        entry
        for claim in demand.fresh
        if claim.kind == "exclusion"
        for entry in [declared[claim.policy, claim.entry]]
        if len(entry.protocols) * len(entry.families) != len(claim.lanes)
    ]
    if fewer:
        names = ", ".join(f"{entry.policy}/{entry.name}" for entry in fewer[:3])
        more = f" and {len(fewer) - 3} more" if len(fewer) > 3 else ""
        text = f"on this host the lanes share a table, so lanes that are not declared are covered too: {names}{more}"
        yield Note("shared-lanes", text, str(fewer[0].place))


def _foreign_cover(demand: Demand, pairs: Pairs) -> Iterable[Note]:
    tables = [table for table, _ in pairs]
    where: dict[tuple[Lane, ...], list[Table]] = {}
    found: dict[tuple[str, str], tuple[str, dict[PortRange, bool]]] = {}
    for wish in demand.wishes:
        if wish.lanes not in where:
            where[wish.lanes] = [table for table in tables if set(table.lanes) & set(wish.lanes)]
        for table in where[wish.lanes]:
            if not table.cover.touches(wish.unit.ports):
                continue
            for ports, _ in table.covering.touching(wish.unit.ports):
                if ports not in table.owned:
                    key = (wish.entry.policy, wish.entry.name)
                    _, rows = found.setdefault(key, (str(wish.entry.place), {}))
                    rows[ports] = rows.get(ports, False) or ports in table.unknown
    for (policy, name), (place, rows) in found.items():
        shown = ", ".join(
            f"{ports}{' (of unknown kind)' if unknown else ''}" for ports, unknown in list(rows.items())[:3]
        )
        more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
        text = (
            f"{policy}/{name} is covered wholly or partly by rows that are not ours, "
            f"and nothing proves that they outlive a restart: {shown}{more}"
        )
        yield Note("foreign-cover", text, place)


def _plain_binds(demand: Demand, steps: Iterable[Step]) -> Iterable[Note]:
    """Whoever binds the ports today finds them closed once they are reserved (windows-facts 5.2)."""
    acting = [step for step in steps if step.done_by_apply]
    created = {
        (spec.lanes[0].protocol, spec.ports) for step in acting for spec in step.creates if spec.kind == "reservation"
    }
    for entry in demand.reservations:
        if (entry.protocol, entry.ports) in created:
            what = f"{entry.policy}/{entry.name}: a plain bind to {entry.protocol} {entry.ports}"
            who = f": {entry.bound_by}" if entry.bound_by else "; bound_by does not say who that is"
            text = f"{what} will be refused with 10013; who binds it must present its token{who}"
            yield Note("plain-bind", text, str(entry.place))


def _url_reservations(demand: Demand, snapshot: Snapshot) -> Iterable[Note]:
    """An exclusion over a port that http.sys serves breaks the service at its next restart (windows-facts 5.4)."""
    declared = RangeIndex((wish.unit.ports, wish) for wish in demand.wishes if wish.unit.protocol == "tcp")
    for item in snapshot.url_reservations:
        for _, wish in declared.touching(PortRange(item.port, item.port)):
            name = f"{wish.entry.policy}/{wish.entry.name}"
            text = f"{name} excludes port {item.port}, which http.sys keeps for {item.url}: it may not start again"
            yield Note("url-reservation", text, str(wish.entry.place))


def _by_ports(rows: Iterable[tuple[Row, Table]]) -> dict[PortRange, list[Lane]]:
    found: dict[PortRange, list[Lane]] = {}
    for row, table in rows:
        found.setdefault(row.ports, []).extend(table.lanes)
    return found


def _lanes(lanes: Iterable[Lane]) -> str:
    return ", ".join(map(str, sorted(lanes)))


_ROWS_SHOWN = 3


def target_notes(policies: PolicySet, snapshot: Snapshot) -> Iterable[Note]:
    """Files that were given and are not for this host, where that is not what folders are for."""
    host = f"{snapshot.facts.name}, {snapshot.facts.os}"
    says = "[target] says which hosts, systems and tags a file is for"
    if policies.policies and not policies.in_scope():
        yield Note("nothing-targeted", f"no file targets this host ({host}) in this run; {says}")
        return
    for file in policies.idle:
        yield Note(
            "not-targeted", f"{file} was named, and does not target this host ({host}) in this run; {says}", file
        )


def release_note(options: Options, snapshot: Snapshot, steps: Iterable[Step]) -> Iterable[Note]:
    """`--release-winnat` was given, a step is blocked, and WinNAT is not asked."""
    if not options.release_winnat or not any(step.status == "blocked" and not step.tried for step in steps):
        return
    if any(step.action == "release-winnat" for step in steps):
        return
    why = "no step is held by blocks alone that can be WinNAT's"
    if snapshot.winnat != "running":
        why = {"stopped": "it is stopped", "absent": "this host has none"}.get(
            snapshot.winnat, "its state is not known"
        )
    yield Note("winnat-not-released", f"--release-winnat was given, and WinNAT is left as it is: {why}")


def absent_notes(demand: Demand, settled: Settled, snapshot: Snapshot, steps: Iterable[Step]) -> Iterable[Note]:
    """Ports that are declared absent and stay held by a row that no step names."""
    if not demand.absent or not snapshot.keeps_rows:
        return
    acting = [step for step in steps if step.done_by_apply]
    leaving = {(lane, spec.ports) for step in acting for spec in step.deletes for lane in spec.lanes}
    staying = [item for item in shown_rows(snapshot, settled) if (item.row.lane, item.row.ports) not in leaving]
    rows = {lane: RangeIndex((item.row.ports, item) for item in staying if item.row.lane == lane) for lane in LANES}
    for entry in demand.absent:
        lanes = closure(snapshot, entry.lanes)
        for ports in entry.ports:
            near = [item for lane in lanes for _, item in rows[lane].touching(ports)]
            held = dict.fromkeys(
                _words(item) for item in near if not (item.row.administered and item.row.ports == ports)
            )
            if held:
                text = (
                    f"{entry.policy}/{entry.name}: {ports} is declared absent, and still held, wholly or in part, by "
                    f"{_some(list(held))}; absent deletes an exclusion of exactly its ports, and nothing else"
                )
                yield Note("absent-and-held", text, str(entry.place))


def _words(item: ShownRow) -> str:
    whose = "the system's (HNS)" if item.system else "ours" if item.record else ""
    return f"{item.row.ports} ({', '.join(filter(None, (KIND_WORDS[item.kind], whose, *item.entries)))})"


def _some(words: list[str]) -> str:
    more = f" and {len(words) - _ROWS_SHOWN} more" if len(words) > _ROWS_SHOWN else ""
    return f"{', '.join(words[:_ROWS_SHOWN])}{more}"
