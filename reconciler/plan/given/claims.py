"""What becomes of the ledger's claims: superseded, out of scope, left over by protection, or given up.

A claim ends only by its file: one that was read in this run, for a policy *in scope*, and does not declare it any more,
or that is gone. So a forgotten file, tag or host name deletes nothing (design 4.6).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import product
from operator import attrgetter, or_
from typing import get_args

from reconciler.errors import LedgerError
from reconciler.ledger.records import MOST_CLAIMED, Claim, OwnedRow, RestoreRow, claim_key
from reconciler.plan.model import Options, RowRef
from reconciler.policy.entries import Policy, PolicySet
from reconciler.ports import Kind, Lane, PortRange, PortSet, RangeIndex, Store

TOO_MANY_PIECES = (
    f"what stays of the claims in the ledger of this host would be over {MOST_CLAIMED:,} ranges; restore it from a "
    "backup, or move it away, and every range here counts as foreign from then on"
)
_AT_LEAST: dict[Store, tuple[Store, ...]] = {"persistent": ("persistent",), "active": ("persistent", "active")}
"""The stores in which ports are kept at least as long."""


@dataclass(frozen=True, slots=True)
class SortedClaims:
    """The ledger's claims, by what becomes of them; those that an entry in scope supersedes are in none.

    Attributes:
        out_of_scope: of policies, entries and files that nobody speaks for in this run.
        leftovers: given up, but protected: their rows stay, untouched, until --unprotect names the entry.
        released: of files that are gone and said `on_remove = "release"`.
        given_up: the rest.
    """

    out_of_scope: tuple[Claim, ...]
    leftovers: tuple[Claim, ...]
    released: tuple[Claim, ...]
    given_up: tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class Scope:
    """Who speaks in this run: the policies in scope, and what the caller allows."""

    given: PolicySet
    options: Options

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Those in scope."""
        return self.given.in_scope()

    def renamed(self, claims: Iterable[Claim], declared: Sequence[Claim]) -> tuple[Claim, ...]:
        """The claims under present names: of what it was `formerly`, a policy takes over what it declares itself."""
        now = {old: policy.name for policy in self.policies for old in policy.formerly}
        if not now:
            return tuple(claims)
        names = {policy.name: policy.names() for policy in self.policies if policy.formerly}
        mine = {
            (name, store): ClaimIndex([item for item in declared if item.policy == name and item.store in stores])
            for name, (store, stores) in product(names, _AT_LEAST.items())
        }

        def present(claim: Claim) -> Claim:
            policy = now.get(claim.policy)
            if policy is None or self.given.file(claim.file).state == "not read":
                return claim
            takes_over = claim.entry in names[policy] or mine[policy, claim.store].covers(claim)
            return claim._replace(policy=policy) if takes_over else claim

        return tuple(present(claim) for claim in claims)

    def speaks_for(self, claims: Iterable[Claim]) -> Iterator[tuple[Claim, bool]]:
        """Each claim, and whether this run can end it."""
        elsewhere = {policy.name: policy.elsewhere for policy in self.policies}
        for claim in claims:
            here = claim.policy in elsewhere and claim.entry not in elsewhere[claim.policy]
            answers = here and self._is_asked(claim) and self.given.file(claim.file).state != "not read"
            yield claim, answers or claim.policy in self.options.retire

    def _is_asked(self, claim: Claim) -> bool:
        return self.given.asked is None or (claim.policy, claim.entry) in self.given.asked

    def releases(self, claims: Sequence[Claim]) -> Iterator[Claim]:
        """Those that end and leave on the host what is ours for them: their file is gone, or their policy retired.

        Nobody needs to be in scope for that, since nothing is deleted. An entry that still stands anywhere stays. A
        run that speaks for a few entries only reads no file, and so lets nothing go.
        """
        asked = [claim for claim in claims if claim.on_remove == "release" and self.given.asked is None]
        known = {policy.name: policy.names() for policy in self.given.policies} if asked else {}
        for claim in asked:
            ends = claim.policy in self.options.retire or self.given.file(claim.file).state == "gone"
            if ends and claim.entry not in known.get(claim.policy, ()):
                yield claim

    def protects(self, claim: Claim) -> bool:
        """Is the claim protected, and not lifted by --unprotect?"""
        return claim.protect and not unprotected(claim, self.options)


def sort_claims(
    recorded: Sequence[Claim], declared: Sequence[Claim], rows: Sequence[OwnedRow | RestoreRow], scope: Scope
) -> SortedClaims:
    """Hold the claims of the ledger against those of the entries in scope. `rows`: owned ones, and those to restore.

    A file lifts the protection of its entry; what goes back to an entry without one does not.
    """
    successors = {(claim.policy, claim.entry, claim.kind): claim for claim in declared}
    guards = ClaimIndex([claim for claim in declared if scope.protects(claim)])
    held = _by_lane(rows)
    out_of_scope: list[Claim] = []
    leftovers: list[Claim] = []
    given_up: list[Claim] = []
    count = 0
    released = dict.fromkeys(scope.releases(recorded))
    for claim, spoken_for in scope.speaks_for(claim for claim in recorded if claim not in released):
        if not spoken_for:
            out_of_scope.append(claim)
            continue
        successor = successors.get((claim.policy, claim.entry, claim.kind))
        lifted = successor is not None and not successor.protect and scope.given.asked is None
        protected = scope.protects(claim) and not lifted
        remainder = list(_remainder(claim, successor, held)) if protected else []
        remainder = [part for part in remainder if not guards.covers(part)]  # as after a rename or a split
        leftovers += remainder
        count += sum(len(part.ports) for part in remainder)
        if count > MOST_CLAIMED:
            raise LedgerError(TOO_MANY_PIECES)
        if successor is None and not remainder:
            given_up.append(claim)
    return SortedClaims(tuple(out_of_scope), tuple(leftovers), tuple(released), tuple(given_up))


def still_guarded(before: Iterable[Claim], after: Sequence[Claim], rows: Sequence[OwnedRow]) -> Iterator[Claim]:
    """What protected claims hold of rows that were to go and did not: --unprotect lifts the protection with the row."""
    successors = {(claim.policy, claim.entry, claim.kind, claim.file): claim for claim in after}
    guards, held = ClaimIndex([claim for claim in after if claim.protect]), _by_lane(rows)
    for claim in before:
        successor = successors.get((claim.policy, claim.entry, claim.kind, claim.file))
        if claim.protect and (successor is None or successor.protect):
            yield from (part for part in _remainder(claim, successor, held) if not guards.covers(part))


@dataclass(frozen=True, slots=True)
class _Held:
    """What rows of ours hold of one kind in one lane."""

    ranges: frozenset[PortRange]
    ports: PortSet


_HeldBy = Mapping[tuple[Kind, Lane], _Held]


def _by_lane(rows: Iterable[OwnedRow | RestoreRow]) -> _HeldBy:
    found: dict[tuple[Kind, Lane], list[PortRange]] = {}
    for row in rows:
        found.setdefault((row.kind, row.lane), []).append(row.ports)
    return {key: _Held(frozenset(ranges), PortSet.of(ranges)) for key, ranges in found.items()}


def _remainder(old: Claim, successor: Claim | None, rows: _HeldBy) -> Iterable[Claim]:
    """The part of a protected claim that its entry gave up and that owned rows still hold."""
    lanes = tuple(lane for lane in old.lanes if successor is None or lane not in successor.lanes)
    if lanes:
        yield from _held_by_rows(old, lanes, old.ports, rows)
    if successor is not None:
        common = tuple(lane for lane in old.lanes if lane in successor.lanes)
        yield from _held_by_rows(old, common, _without(old, [successor]), rows)


def _held_by_rows(old: Claim, lanes: tuple[Lane, ...], ports: tuple[PortRange, ...], rows: _HeldBy) -> Iterable[Claim]:
    near = [rows[old.kind, lane] for lane in lanes if (old.kind, lane) in rows]
    if old.kind == "reservation":
        left = tuple(item for item in ports if any(item in held.ranges for held in near))
    else:
        left = (PortSet.of(ports) & reduce(or_, (held.ports for held in near), PortSet())).runs()
    if left:
        yield old._replace(lanes=lanes, ports=left)


def _without(old: Claim, others: Sequence[Claim]) -> tuple[PortRange, ...]:
    theirs = [ports for other in others for ports in other.ports]
    if old.kind == "reservation":
        return tuple(item for item in old.ports if item not in theirs)
    return (PortSet.of(old.ports) - PortSet.of(theirs)).runs()


class ClaimIndex:
    """Claims by what they touch. Each kind and lane is sorted when it is first asked for."""

    def __init__(self, claims: Sequence[Claim]) -> None:
        self._claims = claims
        self._sorted: dict[tuple[Kind, Lane], RangeIndex[Claim]] = {}

    def touching(self, kind: Kind, lane: Lane, ports: PortRange) -> list[tuple[PortRange, Claim]]:
        """The ranges of this kind and lane that share a port with the given one, and the claims they belong to."""
        key = (kind, lane)
        if key not in self._sorted:
            mine = (claim for claim in self._claims if claim.kind == kind and lane in claim.lanes)
            self._sorted[key] = RangeIndex((item, claim) for claim in mine for item in claim.ports)
        return self._sorted[key].touching(ports)

    def covers(self, claim: Claim) -> bool:
        """Do these claims, together, hold all ports of that one? A reservation must be exactly the same."""
        for lane, ports in product(claim.lanes, claim.ports):
            near = [found for found, _ in self.touching(claim.kind, lane, ports)]
            if not (ports in near if claim.kind == "reservation" else PortSet.of(near).covers(ports)):
                return False
        return True

    def label(self, row: RowRef) -> str:
        """The `policy/entry` that a row is made for: one that claims all of it comes first. Empty if nobody does.

        A claim that waits for the other kind of row comes last.
        """
        touching = [item for kind in get_args(Kind) for item in self.touching(kind, row.lanes[0], row.ports)]
        touching.sort(key=lambda item: (item[1].kind != row.kind, not item[0].contains(row.ports)))
        return f"{touching[0][1].policy}/{touching[0][1].entry}" if touching else ""


def let_go(rows: Iterable[OwnedRow], ended: Sequence[Claim], staying: Sequence[Claim]) -> Iterator[OwnedRow]:
    """The rows that are not ours any more when these claims end without a delete.

    A row that others claim whole, as it is, stays ours. One that they claim in part or as the other kind does not: it
    would be cut to their part or be replaced, and what was let go would be deleted.
    """
    old, others = ClaimIndex(ended), ClaimIndex(staying)
    for row in rows if ended else ():
        held = [ports for ports, _ in others.touching(row.kind, row.lane, row.ports)]
        stays = row.ports in held if row.kind == "reservation" else PortSet.of(held).covers(row.ports)
        if not stays and any(old.touching(kind, row.lane, row.ports) for kind in get_args(Kind)):
            yield row


def unprotected(claim: Claim, options: Options) -> bool:
    """Does --unprotect name this claim's entry?"""
    return claim.entry in options.unprotect or f"{claim.policy}/{claim.entry}" in options.unprotect


_but_ports = attrgetter("policy", "entry", "kind", "lanes", "store", "protect", "on_remove", "file")


def merged_claims(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    """All claims, sorted; those that differ in nothing but their ports and line are one, with the first's line."""
    alike: dict[object, list[Claim]] = {}
    for claim in claims:
        alike.setdefault(_but_ports(claim), []).append(claim)
    return tuple(sorted(map(_merged, alike.values()), key=claim_key))


def _merged(claims: Sequence[Claim]) -> Claim:
    first, *others = claims
    if not others:
        return first
    ports = {item for claim in claims for item in claim.ports}
    return first._replace(ports=tuple(sorted(ports)) if first.kind == "reservation" else PortSet.of(ports).runs())
