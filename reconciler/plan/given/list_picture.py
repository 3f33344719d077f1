"""The picture of a host that keeps one list of ports (Linux): ownership by port.

The kernel merges what it lists, ours with everybody else's. So a row of ours is there as far as its ports are, and the
listing is cut into our rows and what is left, as if the host had kept them apart.

Ours is what the ledger says, and what our file holds for a lasting claim: so a lost ledger puts itself right.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from reconciler.host.interface import ListSnapshot, Row, Snapshot
from reconciler.ledger.records import Claim, Intent, Ledger, OwnedRow
from reconciler.plan.given.claims import ClaimIndex
from reconciler.plan.given.desired import gather
from reconciler.plan.given.owned import confirmed
from reconciler.plan.given.picture import Picture, arranged
from reconciler.plan.model import Options, RowRef, State
from reconciler.ports import LANES, Lane, PortSet, Store, cut, missing_in

LIST_LANE: Lane = LANES[0]
"""The lane under which rows of such a host are recorded; they are in all of them."""


def take_list_picture(state: State, options: Options) -> Picture:
    """The picture of such a host. Raises RefusedError for options that name what is not there."""
    owned = confirmed(state.ledger, state.snapshot, confirm_ports)
    desired = gather(state.policies, state.snapshot, owned, options)
    owned = replace(owned, rows=tuple(_with_held(owned.rows, desired.declared, state.snapshot)))
    snapshot = replace(state.snapshot, rows=cut_rows(state.snapshot, owned.rows))
    everywhere = replace(owned, rows=tuple(row._replace(lane=lane) for row in owned.rows for lane in LANES))
    picture = arranged(replace(state, snapshot=snapshot), options, everywhere, desired)
    return replace(picture, state=state, owned=owned)


def confirm_ports(ledger: Ledger, snapshot: Snapshot) -> tuple[list[OwnedRow], list[OwnedRow]]:
    """See `given.owned.Confirm`: a row may be partly there and partly gone. What our file holds for a claim is there.

    What was about to be created is of later date than a row of the same ports, so it counts where it is there. Only
    a row that was to end with this boot still lasts while our file holds it.
    """
    assert isinstance(snapshot, ListSnapshot)
    still = of_store("persistent", ledger.rows) & (snapshot.stored or PortSet())
    listed = PortSet.of(row.ports for row in snapshot.rows if row.lane == LIST_LANE)
    made = [_made(intent) for intent in ledger.intents if intent.verb == "create"]
    ended = {"active": still, "persistent": PortSet()}
    there = [piece for row in made for piece in _pieces(row, _outlived(row, snapshot, listed) - ended[row.store])]
    renewed = PortSet.of(row.ports for row in there)
    gone: list[OwnedRow] = []
    for row in ledger.rows:
        present = _outlived(row, snapshot, listed) - renewed
        there += _pieces(row, present)
        gone += _pieces(row, missing_in(row.ports, present | renewed))
    return _with_held(there, ledger.claims, snapshot), gone


def _with_held(rows: Iterable[OwnedRow], claims: Iterable[Claim], snapshot: Snapshot) -> list[OwnedRow]:
    """Our rows, and what is listed and our file holds for a lasting claim; ascending.

    The run that writes that into the ledger will date it. A file that others may write proves nothing.
    """
    assert isinstance(snapshot, ListSnapshot)
    file = snapshot.stored if snapshot.stored and not snapshot.stored_unsafe else PortSet()
    held_for = lasting(claims)
    listed = PortSet.of(row.ports for row in snapshot.rows)
    held = (file & listed & ports_of(held_for)) - of_store("persistent", rows)
    found = [piece for row in rows for piece in _pieces(row, missing_in(row.ports, held))]
    index = ClaimIndex(held_for)
    for run in cut(held, (ports for claim in held_for for ports in claim.ports)):
        row = RowRef("exclusion", (LIST_LANE,), run, "persistent")
        found.append(OwnedRow(LIST_LANE, run, row.kind, row.store, snapshot.boot, "", "", index.label(row)))
    return sorted(found, key=lambda row: row.ports.first)


def ports_of(claims: Iterable[Claim]) -> PortSet:
    """The ports of these claims."""
    return PortSet.of(ports for claim in claims for ports in claim.ports)


def of_store(store: Store, rows: Iterable[OwnedRow | RowRef]) -> PortSet:
    """The ports of the rows that have this store."""
    return PortSet.of(row.ports for row in rows if row.store == store)


def lasting(claims: Iterable[Claim]) -> list[Claim]:
    """Those of which the ports must be set again at boot."""
    return [claim for claim in claims if claim.kind == "exclusion" and claim.store == "persistent"]


def _outlived(row: OwnedRow, snapshot: Snapshot, listed: PortSet) -> PortSet:
    """The ports of a row of ours that are still there; a reboot ends those of the active store."""
    return listed.within(row.ports) if row.store == "persistent" or row.boot == snapshot.boot else PortSet()


def _pieces(row: OwnedRow, ports: PortSet) -> list[OwnedRow]:
    """The row as far as these ports of it go."""
    return [row] if ports.covers(row.ports) else [row._replace(ports=run) for run in ports.runs()]


def _made(intent: Intent) -> OwnedRow:
    return OwnedRow(
        LIST_LANE, intent.ports, intent.kind, intent.store, intent.boot, intent.plan, intent.time, intent.label
    )


def cut_rows(snapshot: Snapshot, owned: Iterable[OwnedRow]) -> tuple[Row, ...]:
    """The listing, cut into our rows as far as they are listed, and the runs of what is not ours; in every lane."""
    listed = PortSet.of(row.ports for row in snapshot.rows)
    mine = (row.ports for row in owned)
    ours = [run for ports in mine for run in ([ports] if listed.covers(ports) else listed.within(ports).runs())]
    others = (listed - PortSet.of(ours)).runs()
    runs = sorted((*ours, *others), key=lambda ports: ports.first)
    return tuple(Row(lane, ports, True) for lane in LANES for ports in runs)
