"""What a saved plan is bound to, as a keyed view: section, then key, then fields that hold one text, number or flag.

Keyed and flat, so that two of them can be compared at once and the difference said in sentences, and so that one read
from a file equals one made afresh. Files and lines stand in it to be shown; they do not bind.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from reconciler.host.interface import ListSnapshot, Row, Snapshot, Socket
from reconciler.ledger.records import Ledger
from reconciler.plan.model import Options, Plan
from reconciler.policy.entries import Exclusion, Policy, PolicySet, Reservation
from reconciler.ports import PROTOCOLS, PortRange, PortSet, Protocol
from reconciler.text import visible

Field = str | int | bool
Section = dict[str, dict[str, Field]]
Inputs = dict[str, Section]

SECTIONS = ("options", "host", "limits", "policies", "entries", "rows", "ledger", "claims", "sockets")
NOT_BINDING = ("sockets",)  # they explain why a plan differs; by themselves they make no plan stale
PLACE = "place"  # the one field that does not bind
MOST_EXPLAINED = 500
"""Keys that differ, of which it is said in what: deepdiff takes a millisecond for each, and nobody reads more."""


def inputs(policies: PolicySet, snapshot: Snapshot, ledger: Ledger | None, options: Options) -> Inputs:
    """Everything that the plan of these four rests on."""
    concerned = _concerned(policies, ledger)
    return {
        "options": {"options": _options(options)},
        "host": _host(snapshot, ledger, options),
        "limits": _host_wide(policies),
        "policies": {policy.name: _policy(policy) for policy in policies.policies},
        "entries": _entries(policies),
        "rows": {str(row): {"kind": snapshot.kind_of(row)} for row in _rows(policies, snapshot, concerned)},
        "ledger": _ledger_rows(snapshot, ledger),
        "claims": _claims(policies, ledger),
        "sockets": _sockets(snapshot, concerned),
    }


def policy_digest(policies: PolicySet) -> str:
    """The same for policies whose entries and settings are the same for this host, whatever their files are like."""
    said = (_host_wide(policies), {policy.name: _policy(policy) for policy in policies.policies}, _entries(policies))
    bare = [{key: {**fields, PLACE: ""} for key, fields in section.items()} for section in said]
    return hashlib.sha256(json.dumps(bare, sort_keys=True).encode()).hexdigest()[:16]


def plan_inputs(plan: Plan) -> Inputs:
    """The inputs of a plan."""
    state = plan.state
    return inputs(state.policies, state.snapshot, state.ledger, plan.options)


def binding(whole: Inputs) -> Inputs:
    """The part of the inputs that makes a plan stale when it differs."""
    return {
        section: {
            key: {name: value for name, value in fields.items() if name != PLACE} for key, fields in keyed.items()
        }
        for section, keyed in whole.items()
        if section not in NOT_BINDING
    }


def _options(options: Options) -> dict[str, Field]:
    return {
        "retire": _join(options.retire),
        "unprotect": _join(options.unprotect),
        "force": _join(options.force),
        "release-winnat": options.release_winnat,
    }


def _host(snapshot: Snapshot, ledger: Ledger | None, options: Options) -> Section:
    facts = snapshot.facts
    host: dict[str, Field] = {"kind": facts.kind, "os": facts.os, "name": facts.name, "machine": facts.machine}
    if options.release_winnat:
        host["WinNAT"] = snapshot.winnat
    if isinstance(snapshot, ListSnapshot) and snapshot.stored is not None:
        host["ports set at boot"] = str(snapshot.stored)
        host["other file that sets them"] = snapshot.stored_elsewhere or "none"
    record: dict[str, Field] = {"present": ledger is not None}
    if ledger is not None:
        record["machine"] = ledger.machine
        record["calls of unknown outcome"] = len(ledger.intents)
        record["WinNAT to start"] = ledger.winnat_to_start
    dynamic: dict[str, Field] = {protocol: str(ports) for protocol, ports in snapshot.dynamic.items()}
    return {"host": host, "ledger": record, "dynamic range": dynamic}


def _host_wide(policies: PolicySet) -> Section:
    limits = policies.limits
    section: Section = {
        "limits": {
            "max_deletes": limits.max_deletes,
            "max_delete_percent": limits.max_delete_percent,
            "min_dynamic_ports": limits.min_dynamic_ports,
        }
    }
    unmanaged, dynamic = policies.unmanaged, policies.dynamic_range
    if unmanaged is not None:
        section["unmanaged"] = {
            "action": unmanaged.action,
            "ports": _join(unmanaged.ports),
            PLACE: str(unmanaged.place),
        }
    if dynamic is not None:
        wanted: dict[str, Field] = {protocol: str(ports) for protocol, ports in dynamic.ranges.items()}
        section["dynamic_range"] = {**wanted, PLACE: str(dynamic.place)}
    return section


def _policy(policy: Policy) -> dict[str, Field]:
    return {
        "in scope": policy.in_scope,
        "formerly": _join(policy.formerly),
        "entries only for other hosts": _join(policy.elsewhere),
    }


def _entries(policies: PolicySet) -> Section:
    section: Section = {}
    for policy in policies.in_scope():
        for exclusion in policy.exclusions:
            section[f"{policy.name}/{exclusion.name}"] = _exclusion(exclusion)
        for reservation in policy.reservations:
            section[f"{policy.name}/{reservation.name}"] = _reservation(reservation)
        entries: tuple[Exclusion | Reservation, ...] = (*policy.exclusions, *policy.reservations)
        for entry in entries:
            section[f"{policy.name}/{entry.name}"]["on_remove"] = policies.on_remove(entry)
    return section


def _exclusion(entry: Exclusion) -> dict[str, Field]:
    return {
        "kind": "exclusion",
        "ports": _join(entry.ports, sort=False),
        "lanes": _join(entry.lanes),
        "store": entry.store,
        "busy": entry.busy,
        "protect": entry.protect,
        "state": entry.state,
        PLACE: str(entry.place),
    }


def _reservation(entry: Reservation) -> dict[str, Field]:
    return {
        "kind": "reservation",
        "ports": str(entry.ports),
        "lanes": entry.protocol,
        "protect": entry.protect,
        PLACE: str(entry.place),
    }


def _concerned(policies: PolicySet, ledger: Ledger | None) -> dict[Protocol, PortSet]:
    """The ports that an entry in scope declares or the ledger knows, per protocol (families may share a table)."""
    ranges: dict[Protocol, list[PortRange]] = {protocol: [] for protocol in PROTOCOLS}
    for policy in policies.in_scope():
        for exclusion in policy.exclusions:
            for protocol in exclusion.protocols:
                ranges[protocol].extend(exclusion.ports)
        for reservation in policy.reservations:
            ranges[reservation.protocol].append(reservation.ports)
    if ledger is not None:
        for row in ledger.rows:
            ranges[row.lane.protocol].append(row.ports)
        for to_restore in ledger.to_restore:
            ranges[to_restore.lane.protocol].append(to_restore.ports)
        for intent in ledger.intents:
            ranges[intent.lanes[0].protocol].append(intent.ports)
        for claim in ledger.claims:
            for lane in claim.lanes:
                ranges[lane.protocol].extend(claim.ports)
    return {protocol: PortSet.of(found) for protocol, found in ranges.items()}


def _rows(policies: PolicySet, snapshot: Snapshot, concerned: dict[Protocol, PortSet]) -> Iterable[Row]:
    unmanaged = policies.unmanaged
    window = PortSet.of(unmanaged.ports) if unmanaged is not None and unmanaged.action == "delete" else PortSet()
    for row in snapshot.rows:
        if concerned[row.lane.protocol].touches(row.ports) or (row.administered and window.covers(row.ports)):
            yield row


def _ledger_rows(snapshot: Snapshot, ledger: Ledger | None) -> Section:
    section: Section = {}
    if ledger is None:
        return section
    for row in ledger.rows:
        fields: dict[str, Field] = {"store": row.store}
        if row.store == "active":
            fields["made in this boot"] = row.boot == snapshot.boot
        section[f"{row.kind} {row.lane} {row.ports}"] = fields
    for to_restore in ledger.to_restore:
        section[f"to restore {to_restore.kind} {to_restore.lane} {to_restore.ports}"] = {"store": to_restore.store}
    return section


def _claims(policies: PolicySet, ledger: Ledger | None) -> Section:
    """By entry; an entry may have several: one of each kind, and of each file that it was applied from."""
    section: Section = {}
    seen: dict[str, int] = {}
    for claim in ledger.claims if ledger else ():
        key = f"{claim.policy}/{claim.entry}"
        fields: dict[str, Field] = {
            "kind": claim.kind,
            "ports": _join(claim.ports),
            "lanes": _join(claim.lanes),
            "store": claim.store,
            "protect": claim.protect,
            "on_remove": claim.on_remove,
            "its file": policies.file(claim.file).state,
        }
        number = seen[key] = seen.get(key, 0) + 1
        section[f"{key} ({number})" if number > 1 else key] = fields
    return section


def _sockets(snapshot: Snapshot, concerned: dict[Protocol, PortSet]) -> Section:
    if not snapshot.sockets_matter:
        return {}
    return {
        f"{socket.lane} {socket.port}": {"process": str(socket)}
        for socket in sorted(snapshot.sockets, key=Socket.rank, reverse=True)
        if socket.port in concerned[socket.lane.protocol]
    }


def _join(items: Iterable[object], *, sort: bool = True) -> str:
    words = [str(item) for item in items]
    return ", ".join(sorted(words) if sort else words) or "none"


Path = tuple[str, ...]
_TOLD_AS = {
    "options": "the options",
    "limits": "the policies' [{key}]",
    "policies": "policy {key}",
    "entries": "entry {entry} of policy {policy}",
    "rows": "range {key}",
    "ledger": "the ledger's range {key}",
    "claims": "the ledger's claim of entry {entry} of policy {policy}",
    "sockets": "port {key}",
}


def is_stale(old: Inputs, new: Inputs) -> bool:
    """Does anything that a saved plan is bound to differ?"""
    return binding(old) != binding(new)


def explain_changes(old: Inputs, new: Inputs) -> tuple[str, ...]:
    """Every difference as one sentence without a full stop, for a terminal, sorted; empty if there is none.

    Moved lines in a policy file are said only where nothing else differs. Both arguments come from `inputs` or were
    checked to have its form.
    """
    found = sorted(differences(old, new), key=lambda item: (SECTIONS.index(item[0][0]), item[0]))
    matter = [item for item in found if item[0][-1] != PLACE]
    return tuple(visible(_sentence(path, before, after, new)) for path, before, after in matter or found)


def differences(old: Inputs, new: Inputs) -> list[tuple[Path, Any, Any]]:
    """Path, old and new value of each difference; None stands for nothing. Of very many keys that differ the last ones
    are not looked into. Both have the same sections."""
    from deepdiff import DeepDiff

    keys = [
        (section, key)
        for section in old
        for key in sorted({*old[section], *new[section]})
        if old[section].get(key) != new[section].get(key)
    ]
    tree = DeepDiff(
        _part(old, keys[:MOST_EXPLAINED]),
        _part(new, keys[:MOST_EXPLAINED]),
        view="tree",
        threshold_to_diff_deeper=0,  # or mostly different sections would be one change
    )
    found = []
    for change, levels in tree.items():
        for level in levels:
            path = tuple(level.path(output_format="list"))
            before = None if change == "dictionary_item_added" else level.t1
            after = None if change == "dictionary_item_removed" else level.t2
            found.append((path, before, after))
    return found + [_whole(key, old, new) for key in keys[MOST_EXPLAINED:]]


def _part(whole: Inputs, keys: Sequence[tuple[str, str]]) -> Inputs:
    part: Inputs = {section: {} for section, _ in keys}
    for section, key in keys:
        if key in whole[section]:
            part[section][key] = whole[section][key]
    return part


def _whole(path: tuple[str, str], old: Inputs, new: Inputs) -> tuple[Path, Any, Any]:
    """The difference of one key as a whole."""
    section, key = path
    before, after = old[section].get(key), new[section].get(key)
    if before is not None and after is not None and {**before, PLACE: ""} == {**after, PLACE: ""}:
        return (*path, PLACE), before.get(PLACE), after.get(PLACE)
    return path, before, after


def _sentence(path: Path, before: Any, after: Any, new: Inputs) -> str:
    section, key = path[0], path[1]
    subject = _subject(section, key)
    if section == "sockets":
        return _socket_sentence(subject, after)
    if len(path) == 2:
        what = "is new" if before is None else "is gone" if after is None else "differs"
        return f"{subject} {what}{_place(after)}"
    if path[2] == PLACE:
        return f"{subject} moved from {before} to {after}"
    return f"{subject}: {path[2]} {_value(before)} -> {_value(after)}{_place(new[section][key])}"


def _subject(section: str, key: str) -> str:
    if section == "host":
        return f"the {key}"
    policy, _, entry = key.partition("/")
    return _TOLD_AS[section].format(key=key, policy=policy, entry=entry)


def _socket_sentence(subject: str, after: Any) -> str:
    if after is None:
        return f"{subject} is free now"
    who = after["process"] if isinstance(after, dict) else after
    return f"{subject} is in use now, by {who}"


def _value(value: Field | None) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _place(fields: dict[str, Field] | None) -> str:
    place = None if fields is None else fields.get(PLACE)
    return f" ({place})" if place else ""
