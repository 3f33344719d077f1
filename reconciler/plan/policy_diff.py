"""How two policies differ, entry by entry and field by field, whatever the host: for whoever reviews a change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from reconciler.plan.saved import Field, Inputs, differences
from reconciler.policy.document import Document, Target
from reconciler.policy.entries import Exclusion, Reservation

ChangeWord = Literal["added", "removed", "changed"]
Fields = Mapping[str, Field]
EVERY_HOST = "every host"


class FieldChange(NamedTuple):
    """One field; None where it is not there."""

    field: str
    old: Field | None
    new: Field | None


class Change(NamedTuple):
    """What became of an entry, or of the settings of a policy for a target, whose words `name` holds then.

    `place`: `file:line`, in the new policies unless it was removed. `fields` are those that differ; of what was added
    or removed, all.
    """

    policy: str
    name: str
    change: ChangeWord
    place: str
    fields: tuple[FieldChange, ...]


class PolicyDiff(NamedTuple):
    """All that differs between two sets of policy files, by policy and name; `same` counts the entries that do not."""

    entries: tuple[Change, ...]
    settings: tuple[Change, ...]
    same: int

    @property
    def differ(self) -> bool:
        """Does anything differ?"""
        return bool(self.entries or self.settings)


class _View(NamedTuple):
    """All that files say, by section and `policy/name`, and where it stands."""

    said: Inputs
    places: dict[tuple[str, str], str]


def policy_diff(old: Sequence[Document], new: Sequence[Document]) -> PolicyDiff:
    """Compare two sets of policy files. An entry is known by its policy and its name, in whichever file it stands."""
    before, after = _view(old), _view(new)
    found: dict[tuple[str, str], list[FieldChange]] = {}
    for (section, key, *field), was, now in differences(before.said, after.said):
        changes = [FieldChange(field[0], was, now)] if field else _every_field(was or {}, now or {})
        found.setdefault((section, key), []).extend(changes)
    changed: dict[str, list[Change]] = {section: [] for section in before.said}
    for (section, key), fields in sorted(found.items()):
        word: ChangeWord = "changed"
        if key not in before.said[section] or key not in after.said[section]:
            word = "removed" if key in before.said[section] else "added"
        place = (before if word == "removed" else after).places[section, key]
        policy, _, name = key.partition("/")
        changed[section].append(Change(policy, name, word, place, tuple(sorted(fields))))
    entries = changed["entries"]
    same = len(after.said["entries"]) - sum(item.change != "removed" for item in entries)
    return PolicyDiff(tuple(entries), tuple(changed["settings"]), same)


def _every_field(old: Fields, new: Fields) -> list[FieldChange]:
    """The fields that differ of what is there on one side only, or of one of very many that differ."""
    return [
        FieldChange(name, old.get(name), new.get(name))
        for name in {**old, **new}
        if name not in old or name not in new or old[name] != new[name]
    ]


def _view(documents: Sequence[Document]) -> _View:
    view = _View({"entries": {}, "settings": {}}, {})
    for document in documents:
        target = target_words(document.target)
        for entry in document.entries():
            key = f"{entry.policy}/{entry.name}"
            fields = _exclusion(entry) if isinstance(entry, Exclusion) else _reservation(entry)
            view.said["entries"][key] = {**fields, "target": target}
            view.places["entries", key] = str(entry.place)
        key = f"{document.policy}/{target}"
        for name, value in _settings(document).items():
            known = view.said["settings"].setdefault(key, {})
            known[name] = f"{known[name]}; {value}" if name in known else value  # of another file
        view.said["settings"].setdefault(key, {})
        view.places.setdefault(("settings", key), str(document.place))
    return view


def target_words(target: Target) -> str:
    """`os windows, tags node`, or EVERY_HOST."""
    parts = [f"{key} {_join(words)}" for key, words in target._asdict().items() if words]
    return ", ".join(parts) or EVERY_HOST


def _exclusion(entry: Exclusion) -> dict[str, Field]:
    return {
        "kind": "exclusion",
        "ports": _join(entry.ports),
        "protocol": _join(entry.protocols),
        "family": _join(entry.families),
        "store": entry.store,
        "reason": entry.reason,
        "busy": entry.busy,
        "protect": entry.protect,
        "state": entry.state,
        "allow": _join(entry.allow),
    }


def _reservation(entry: Reservation) -> dict[str, Field]:
    return {
        "kind": "reservation",
        "ports": str(entry.ports),
        "protocol": entry.protocol,
        "bound_by": entry.bound_by,
        "reason": entry.reason,
        "protect": entry.protect,
        "allow": _join(entry.allow),
    }


def _settings(document: Document) -> dict[str, Field]:
    """What a file says besides its entries, as far as it says it."""
    unmanaged, dynamic = document.unmanaged, document.dynamic_range
    said: dict[str, Field] = {
        "description": document.description,
        "formerly": _join(document.formerly),
        "disable": _join(document.disable),
        **{f"limits.{name}": value for name, value in document.limits.items()},
    }
    if unmanaged:
        said |= {"unmanaged.action": unmanaged.action, "unmanaged.ports": _join(unmanaged.ports)}
    if dynamic:
        said |= {f"dynamic_range.{protocol}": str(ports) for protocol, ports in dynamic.ranges.items()}
    return {name: value for name, value in said.items() if value != ""}


def _join(items: Iterable[object]) -> str:
    return ", ".join(map(str, items))
