"""What changed since a plan was saved, in sentences: two bases (`basis.py`) compared with deepdiff.

deepdiff takes about a third of a second to import, so it is imported when somebody asks. Both sides are keyed, so
the order of nothing matters and `ignore_order` is never needed.
"""

from __future__ import annotations

from typing import Any

from reconciler.plan.basis import PLACE, SECTIONS, Basis, Field, binding

Path = tuple[str, ...]
_TOLD_AS = {
    "options": "the options",
    "limits": "the policies' [{key}]",
    "policies": "policy {key}",
    "entries": "entry {entry} of policy {policy}",
    "rows": "row {key}",
    "ledger": "the ledger's row {key}",
    "claims": "the ledger's claim of entry {entry} of policy {policy}",
    "sockets": "port {key}",
}


def is_stale(old: Basis, new: Basis) -> bool:
    """Does anything that a saved plan is bound to differ?"""
    return binding(old) != binding(new)


def explain_changes(old: Basis, new: Basis) -> tuple[str, ...]:
    """Every difference as one sentence without a full stop, sorted; empty if there is none.

    Moved lines in a policy file are told only where nothing else differs. Both arguments come from `basis` or were
    checked to have its form.
    """
    found = sorted(_differences(old, new), key=lambda item: (SECTIONS.index(item[0][0]), item[0]))
    matter = [item for item in found if item[0][-1] != PLACE]
    return tuple(_sentence(path, before, after, new) for path, before, after in matter or found)


def _differences(old: Basis, new: Basis) -> list[tuple[Path, Any, Any]]:
    """Path, old and new value of each difference; None stands for nothing."""
    from deepdiff import DeepDiff

    parts = [section for section in SECTIONS if old[section] != new[section]]
    tree = DeepDiff(
        {section: old[section] for section in parts},
        {section: new[section] for section in parts},
        view="tree",
        threshold_to_diff_deeper=0,  # or mostly different sections would be told as one change
    )
    found = []
    for change, levels in tree.items():
        for level in levels:
            path = tuple(level.path(output_format="list"))
            before = None if change == "dictionary_item_added" else level.t1
            after = None if change == "dictionary_item_removed" else level.t2
            found.append((path, before, after))
    return found


def _sentence(path: Path, before: Any, after: Any, new: Basis) -> str:
    section, key = path[0], path[1]
    subject = _subject(section, key)
    if section == "sockets":
        return _socket_sentence(subject, before, after)
    if len(path) == 2:
        return f"{subject} is {'new' if before is None else 'gone'}{_place(after)}"
    if path[2] == PLACE:
        return f"{subject} moved from {before} to {after}"
    return f"{subject}: {path[2]} {_value(before)} -> {_value(after)}{_place(new[section][key])}"


def _subject(section: str, key: str) -> str:
    if section == "host":
        return f"the {key}"
    policy, _, entry = key.partition("/")
    return _TOLD_AS[section].format(key=key, policy=policy, entry=entry)


def _socket_sentence(subject: str, before: Any, after: Any) -> str:
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
