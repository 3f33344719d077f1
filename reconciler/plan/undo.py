"""Going back: what an apply changed of the claims, and the policies that want it as it was before.

An apply is undone by what it changed of what is claimed, entry by entry, as a commit is reverted: the planner gets the
entries as they were, and what was new is given up. All else is not asked, and stays. What an apply merely made again or
made at last had been claimed before, and stays too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, NamedTuple, get_args

from reconciler import codec
from reconciler.codec import FLAG, KIND, LANES, PORTS, STORE, TEXT
from reconciler.host.interface import Snapshot
from reconciler.ledger.records import Claim, Ledger, claim_key
from reconciler.plan.model import Note, Plan, RowRef, Step
from reconciler.policy.entries import DynamicRange, Exclusion, Limits, Place, Policy, PolicySet, Reservation
from reconciler.ports import PROTOCOLS, Kind, Lane, OnRemove, PortRange, Protocol, Store
from reconciler.text import shorten

SHORT_ID = 8
"""Characters of an id that people are shown."""


class EntryName(NamedTuple):
    """An entry by the names that claims have."""

    policy: str
    entry: str


@dataclass(frozen=True, slots=True)
class Before:
    """What was before an apply, as far as that changes it.

    Attributes:
        entries: those whose claims it changes, sorted; `claims` are their claims before it.
        foreign: exclusions that were not ours and that it deletes.
        dynamic_ranges: those that it sets, as they were.
        limits: those of its policies.
    """

    entries: tuple[EntryName, ...] = ()
    claims: tuple[Claim, ...] = ()
    foreign: tuple[RowRef, ...] = ()
    dynamic_ranges: Mapping[Protocol, PortRange] = field(default_factory=dict)
    limits: Limits = Limits()

    @property
    def is_empty(self) -> bool:
        """Is there nothing to go back to?"""
        return not (self.entries or self.foreign or self.dynamic_ranges)


class Undone(NamedTuple):
    """An apply that is to be undone. `when` and `who` are for people.

    `later`: the entries that other applies changed since, with the id of the last one. `revisions`: those of its
    policy files, as version control knows them.
    """

    id: str
    when: str
    who: str
    before: Before
    later: Mapping[EntryName, str]
    revisions: tuple[str, ...] = ()

    @property
    def policy(self) -> str:
        """The policy that holds what was not ours and is made again."""
        return f"undo-{self.id[:SHORT_ID]}"


def before_of(plan: Plan) -> Before:
    """What is before an apply of this plan."""
    state, update = plan.state, plan.update
    ledger = state.ledger
    old = ledger.claims if ledger is not None and ledger.machine == update.machine else ()
    was, will = _by_entry(old), _by_entry(update.claims)
    changed = sorted(name for name in {*was, *will} if was.get(name) != will.get(name))
    names = set(changed)
    steps = plan.to_do()
    return Before(
        entries=tuple(changed),
        claims=tuple(sorted((claim for claim in old if _name(claim) in names), key=claim_key)),
        foreign=tuple(_foreign(plan, steps)),
        dynamic_ranges={
            step.lanes[0].protocol: state.snapshot.dynamic[step.lanes[0].protocol]
            for step in steps
            if step.action == "set-dynamic-range" and step.lanes[0].protocol in state.snapshot.dynamic
        },
        limits=state.policies.limits,
    )


def _name(claim: Claim) -> EntryName:
    return EntryName(claim.policy, claim.entry)


def _by_entry(claims: Iterable[Claim]) -> dict[EntryName, frozenset[Claim]]:
    """The claims of each entry; the line of an entry does not make it another one."""
    found: dict[EntryName, list[Claim]] = {}
    for claim in claims:
        found.setdefault(_name(claim), []).append(claim._replace(line=0))
    return {name: frozenset(items) for name, items in found.items()}


def _foreign(plan: Plan, steps: Iterable[Step]) -> Iterator[RowRef]:
    ours = {(row.lane, row.ports) for row in plan.update.rows}
    for row in (row for step in steps for row in step.deletes if row.kind == "exclusion"):
        if lanes := tuple(lane for lane in row.lanes if (lane, row.ports) not in ours):
            yield row._replace(lanes=lanes)


def undo_policies(undone: Undone, ledger: Ledger | None, shown: Callable[[str], str] = str) -> PolicySet:
    """The policies that want what this apply changed as it was before. `shown`: how a file of a claim is shown.

    What was not ours is wanted by a policy of its own, which nothing else speaks for. Whatever the ledger holds by the
    time of the apply, nothing but these entries is asked.
    """
    before, now = undone.before, ledger.claims if ledger else ()
    names = set(before.entries)
    files = [claim.file for claim in (*before.claims, *now) if _name(claim) in names]
    entries = [entry for claim in before.claims for entry in _entries_of(claim, shown)]
    policies = [
        _policy(
            name,
            [entry for entry in entries if entry.policy == name],
            {claim.entry for claim in now if claim.policy == name and _name(claim) not in names},
        )
        for name in sorted({name.policy for name in names})
    ]
    foreign = list(_made_again(undone))
    held = {claim.entry for claim in now if claim.policy == undone.policy} - {entry.name for entry in foreign}
    ranges = dict(before.dynamic_ranges)
    return PolicySet(
        policies=(*policies, *([_policy(undone.policy, foreign, held)] if foreign else [])),
        limits=before.limits,
        dynamic_range=DynamicRange(ranges, undone.policy, Place("", 0)) if ranges else None,
        paths={shown(file): file for file in files},
        releasing=frozenset(shown(claim.file) for claim in before.claims if claim.on_remove == "release"),
        asked=frozenset({*names, *(EntryName(entry.policy, entry.name) for entry in foreign)}),
    )


def _policy(name: str, entries: Sequence[Exclusion | Reservation], elsewhere: Iterable[str] = ()) -> Policy:
    return Policy(
        name=name,
        in_scope=True,
        files=tuple(dict.fromkeys(entry.place.file for entry in entries)),
        exclusions=tuple(entry for entry in entries if isinstance(entry, Exclusion)),
        reservations=tuple(entry for entry in entries if isinstance(entry, Reservation)),
        elsewhere=frozenset(elsewhere),
    )


def _entries_of(claim: Claim, shown: Callable[[str], str]) -> Iterator[Exclusion | Reservation]:
    """The entries that claim just this; of an exclusion several, where its protocols differ in their families."""
    place = Place(shown(claim.file), claim.line)
    if claim.kind == "reservation":
        protocol = claim.lanes[0].protocol
        for ports in claim.ports:
            yield Reservation(claim.policy, claim.entry, place, ports, protocol, protect=claim.protect)
        return
    yield from (entry._replace(protect=claim.protect) for entry in _exclusions(claim, place, claim))


def _exclusions(name: Claim | EntryName, place: Place, what: Claim | RowRef) -> Iterator[Exclusion]:
    ranges = what.ports if isinstance(what, Claim) else (what.ports,)
    families = {
        protocol: tuple(lane.family for lane in what.lanes if lane.protocol == protocol) for protocol in PROTOCOLS
    }
    for chosen, same in groupby((item for item in PROTOCOLS if families[item]), key=families.__getitem__):
        yield Exclusion(name.policy, name.entry, place, ranges, tuple(same), chosen, store=what.store)


def _made_again(undone: Undone) -> Iterator[Exclusion]:
    for row in undone.before.foreign:
        name = f"{row.ports} {' '.join(map(str, row.lanes))}"  # one for each, or one would give up what another holds
        yield from _exclusions(EntryName(undone.policy, name), Place("", 0), row)


def but_listed(undone: Undone, snapshot: Snapshot) -> Undone:
    """The same without what was not ours and is there in all its lanes: nobody needs to make it again."""
    listed = {(row.lane, row.ports) for row in snapshot.rows if row.administered}
    foreign = [row for row in undone.before.foreign if not listed.issuperset((lane, row.ports) for lane in row.lanes)]
    return undone._replace(before=replace(undone.before, foreign=tuple(foreign)))


def as_undo(plan: Plan, said: Iterable[Note]) -> Plan:
    """The plan with notes that say what it is; without those on what an undo never asks."""
    said = tuple(said)
    others = (note for note in plan.notes if note.id != "not-in-this-run" and note not in said)
    return replace(plan, notes=(*said, *others))


def undo_notes(undone: Undone) -> Iterator[Note]:
    """What a person must know of an undo."""
    before = undone.before
    what = f"this undoes {undone.id[:SHORT_ID]} ({undone.when}, {undone.who})"
    if before.is_empty:
        yield Note("undo", f"{what}, which changed nothing that is claimed; what it made again stays")
        return
    names = [f"{name.policy}/{name.entry}" for name in before.entries]
    names += [f"the dynamic range of {protocol}" for protocol in before.dynamic_ranges]
    yield Note("undo", f"{what}: {shorten(names)} as before it" if names else what)
    revision = f" (they were of revision {shorten(undone.revisions, 3)})" if undone.revisions else ""
    text = f"no policy file is changed{revision}: the next apply of the same files does it again"
    yield Note("undo-files", f"{text}; revert them too")
    if undone.later:
        names = [f"{name.policy}/{name.entry} by {by[:SHORT_ID]}" for name, by in undone.later.items()]
        yield Note("undo-later", f"changed again since, which is undone as well: {shorten(names)}")
    if before.foreign:
        ports = shorten([str(ports) for ports in sorted({row.ports for row in before.foreign})])
        text = f"{ports} was not ours: it is made again, and is ours from then on, held by policy {undone.policy}"
        yield Note("undo-foreign", f"{text} whatever the files say; --retire {undone.policy} lets it go")


# What the audit log has of it. Entries that differ in nothing but name, ports and line stand together.


class _Item(NamedTuple):
    entry: str
    ports: tuple[PortRange, ...]
    line: int


class _Group(NamedTuple):
    policy: str
    file: str
    kind: Kind
    lanes: tuple[Lane, ...]
    store: Store
    protect: bool
    on_remove: OnRemove
    entries: tuple[_Item, ...] = ()


_ITEM = codec.line(_Item, {"entry": TEXT, "ports": codec.several(PORTS), "line": codec.number()})
_GROUP = codec.record(
    _Group,
    {
        "policy": TEXT,
        "file": TEXT,
        "kind": KIND,
        "lanes": LANES,
        "store": STORE,
        "protect": FLAG,
        "on_remove": codec.one_of(get_args(OnRemove)),
        "entries": codec.listed(_ITEM),
    },
)
_ROW = codec.line(RowRef, {"kind": KIND, "lanes": LANES, "ports": PORTS, "store": STORE})
_LIMITS = codec.record(
    Limits, dict.fromkeys(("max_deletes", "max_delete_percent", "min_dynamic_ports"), codec.number())
)
_FIELDS: codec.Fields = {
    "entries": codec.mapping(codec.listed(TEXT)),
    "claims": codec.listed(_GROUP),
    "foreign": codec.listed(_ROW),
    "dynamic_ranges": codec.mapping(PORTS),
    "limits": _LIMITS,
}
_SHAPE: codec.Shape[dict[str, Any]] = codec.record(dict, _FIELDS)


def before_document(before: Before) -> dict[str, Any]:
    """As the audit log has it."""
    names: dict[str, list[str]] = {}
    for name in before.entries:
        names.setdefault(name.policy, []).append(name.entry)
    groups: dict[_Group, list[_Item]] = {}
    for claim in before.claims:
        key = (claim.policy, claim.file, claim.kind, claim.lanes, claim.store, claim.protect, claim.on_remove)
        groups.setdefault(_Group(*key), []).append(_Item(claim.entry, claim.ports, claim.line))
    values = {
        "entries": names,
        "claims": [group._replace(entries=tuple(items)) for group, items in groups.items()],
        "foreign": before.foreign,
        "dynamic_ranges": before.dynamic_ranges,
        "limits": before.limits,
    }
    return {name: _FIELDS[name].write(value) for name, value in values.items()}


def read_before(value: Any) -> Before:
    """Read what `before_document` made. Raises ValueError for anything else."""
    found = _SHAPE.read(value)
    entries = tuple(EntryName(policy, entry) for policy, names in found["entries"].items() for entry in names)
    claims = []
    for group in found["claims"]:
        if group.kind == "reservation" and len({lane.protocol for lane in group.lanes}) > 1:
            raise codec.ShapeError("a reservation has one protocol", "claims")
        for item in group.entries:
            made = (group.policy, item.entry, group.kind, group.lanes, item.ports, group.store, group.protect)
            claims.append(Claim(*made, group.file, item.line, group.on_remove))
    if not {_name(claim) for claim in claims} <= set(entries):
        raise codec.ShapeError("it has an entry that is not among entries", "claims")
    if not set(found["dynamic_ranges"]) <= set(PROTOCOLS):
        raise codec.ShapeError("it has what is no protocol", "dynamic_ranges")
    if any(row.kind != "exclusion" for row in found["foreign"]):
        raise codec.ShapeError("it has what is no exclusion", "foreign")
    return Before(entries, tuple(claims), found["foreign"], found["dynamic_ranges"], found["limits"])
