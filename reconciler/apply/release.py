"""Release: ranges and claims leave the ledger, because a person says so. The host is not touched.

What stays on the host is foreign from then on, and so is never deleted by this tool on its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple, get_args

from reconciler.apply.adoption import Chosen, NearMiss, Tell
from reconciler.apply.session import Session
from reconciler.errors import RefusedError
from reconciler.ledger.records import Claim, Ledger, OwnedRow
from reconciler.plan.given.claims import ClaimIndex, let_go
from reconciler.plan.given.desired import lookups
from reconciler.plan.model import State
from reconciler.plan.planner import picture_of
from reconciler.policy.entries import PolicySet
from reconciler.ports import Kind, PortRange, PortSet


class Released(NamedTuple):
    """What leaves the ledger: rows of ours, and claims or parts of them. `kept`: what was meant and stays.

    `after` is the ledger then; the one before if nothing leaves.
    """

    rows: tuple[OwnedRow, ...]
    claims: tuple[Claim, ...]
    kept: tuple[NearMiss, ...]
    after: Ledger | None

    @property
    def is_empty(self) -> bool:
        """Does nothing leave?"""
        return not self.rows and not self.claims


def released(state: State, chosen: Chosen) -> Released:
    """What leaves the ledger of this host when these entries and ranges do.

    A named entry leaves with all its claims, and with its rows but for those that other entries claim whole. A named
    range takes the rows wholly inside it along, whoever claims them. Raises RefusedError for an entry that the
    ledger does not know, and for a ledger of another machine.
    """
    owned = picture_of(state).owned
    if owned.copied:
        raise RefusedError("the ledger here was written on another machine, so nothing here is ours")
    ledger = state.ledger
    if ledger is None:
        return Released((), (), _nothing_in(chosen.ranges, ()), None)
    rows = tuple(
        {(row.lane, row.ports, row.kind): row for row in (*owned.drifted, *owned.hidden, *owned.rows)}.values()
    )
    labels = ((policy, entry) for policy, _, entry in (row.label.partition("/") for row in rows))
    chosen.check_names([*((claim.policy, claim.entry) for claim in owned.claims), *labels], "the ledger here has")
    leaving = _leaving(rows, owned.claims, chosen)
    staying = [row for row in rows if row not in leaving]
    inside = PortSet.of(chosen.ranges) - PortSet.of(row.ports for row in staying)
    claims = [
        (claim, None if chosen.names(claim.policy, claim.entry) else _without(claim, inside)) for claim in owned.claims
    ]
    ended = tuple(claim for claim, left in claims if left != claim)
    here = [*(row.ports for row in rows), *(ports for claim in ended for ports in claim.ports)]
    kept = (*_shared(rows, leaving, owned.claims, chosen), *_nothing_in(chosen.ranges, here))
    if not leaving and not ended:
        return Released((), (), kept, ledger)
    left = tuple(left for _, left in claims if left)
    known = ClaimIndex(left)
    after = replace(
        ledger,
        rows=(),
        claims=left,
        intents=(),  # the reading has judged them
        to_restore=tuple(row for row in ledger.to_restore if known.touching(row.kind, row.lane, row.ports)),
    ).with_rows(row for row in staying if row.plan)  # the others are known by our file alone
    return Released(tuple(sorted(leaving, key=lambda row: (row.ports, row.lane))), ended, kept, after)


def _leaving(rows: Sequence[OwnedRow], claims: Sequence[Claim], chosen: Chosen) -> set[OwnedRow]:
    ending = [claim for claim in claims if chosen.names(claim.policy, claim.entry)]
    others = [claim for claim in claims if not chosen.names(claim.policy, claim.entry)]
    leaving = set(let_go(rows, ending, others))
    known = ClaimIndex(claims)
    for row in rows:
        policy, _, entry = row.label.partition("/")
        unclaimed = chosen.names(policy, entry) and not _over(known, row)  # its delete was refused
        if unclaimed or chosen.holds(row.ports):
            leaving.add(row)
    return leaving


def _over(claims: ClaimIndex, row: OwnedRow) -> list[Claim]:
    """The claims that hold a port of the row, of whatever kind they are (design 4.6)."""
    return [claim for kind in get_args(Kind) for _, claim in claims.touching(kind, row.lane, row.ports)]


def _without(claim: Claim, ports: PortSet) -> Claim | None:
    """The claim without these ports; None where nothing is left of it. A reservation is whole or not there."""
    if claim.kind == "reservation":
        left = tuple(item for item in claim.ports if not ports.covers(item))
    else:
        left = (PortSet.of(claim.ports) - ports).runs()
    if PortSet.of(left) == PortSet.of(claim.ports):
        return claim
    return claim._replace(ports=left) if left else None


def _shared(
    rows: Iterable[OwnedRow], leaving: set[OwnedRow], claims: Sequence[Claim], chosen: Chosen
) -> Iterable[NearMiss]:
    """Rows that were meant and stay ours, each once, and why."""
    ending = ClaimIndex([claim for claim in claims if chosen.names(claim.policy, claim.entry)])
    others = ClaimIndex([claim for claim in claims if not chosen.names(claim.policy, claim.entry)])
    found: dict[NearMiss, None] = {}
    for row in rows:
        if row in leaving:
            continue
        if _over(ending, row):
            names = ", ".join(sorted({f"{claim.policy}/{claim.entry}" for claim in _over(others, row)}))
            found[NearMiss(row.ports, names, f"stays ours, since {names} claims all of it")] = None
        elif any(item.overlaps(row.ports) for item in chosen.ranges):
            found[NearMiss(row.ports, row.label, "stays ours, since it is only partly in what you name")] = None
    return found


def _nothing_in(ranges: Iterable[PortRange], here: Sequence[PortRange]) -> tuple[NearMiss, ...]:
    empty = (item for item in ranges if not any(item.overlaps(ports) for ports in here))
    return tuple(NearMiss(item, "", "has nothing of ours in it") for item in empty)


def release_locked(chosen: Chosen, session: Session, tell: Tell) -> Released:
    """Take out of the ledger what is named; nothing is written where there is nothing.

    Raises BusyError, RefusedError, HostError or LedgerError, all before anything is written.
    """
    with session.lock:
        boot, ledger = session.host.prepare(), session.store.load()
        nobody = PolicySet(())
        snapshot = replace(session.host.snapshot(lookups(nobody, ledger)), boot=boot)
        found = released(State(nobody, snapshot, ledger), chosen)
        if found.after is not None and not found.is_empty:
            session.store.save(found.after)
            tell(found.rows)
        return found
