"""How two policies differ, as text and as a document."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from reconciler.plan.policy_diff import EVERY_HOST, Change, ChangeWord, FieldChange, PolicyDiff
from reconciler.plan.saved import Field
from reconciler.report import FORMAT_VERSION
from reconciler.report.palette import Palette, Style
from reconciler.text import counted, visible

if TYPE_CHECKING:
    from reconciler.report import more_shapes

_SIGNS: dict[ChangeWord, tuple[str, Style]] = {
    "added": ("+", "good"),
    "removed": ("-", "bad"),
    "changed": ("~", "change"),
}


def diff_lines(diff: PolicyDiff, names: tuple[str, str], palette: Palette) -> list[str]:
    """The whole difference, one string a line."""
    lines = [f"Policies {visible(names[0])} {palette.symbol('arrow')} {visible(names[1])}", ""]
    for title, blocks in diff_sections(diff, palette):
        if blocks:
            lines += [palette.paint(title, "strong"), *(line for block in blocks for line in block), ""]
    return [*lines, palette.paint(diff_summary(diff), "strong")]


def diff_sections(diff: PolicyDiff, palette: Palette) -> list[tuple[str, list[list[str]]]]:
    """The parts of a difference with their titles; a block is the lines of one change."""
    return [
        ("Entries", [_entry_lines(change, palette) for change in diff.entries]),
        ("Settings", [_settings_lines(change, palette) for change in diff.settings]),
    ]


def diff_summary(diff: PolicyDiff) -> str:
    """One line: `Diff: 1 added, 2 changed, 12 the same`; zeroes are left out."""
    words = [f"{count} {word}" for word, count in _counts(diff).items() if count]
    words += [f"settings of {counted(len(diff.settings), 'policy', 'policies')}"] if diff.settings else []
    if not words:
        return f"Diff: none ({counted(diff.same, 'entry', 'entries')})"
    words += [f"{diff.same} the same"] if diff.same else []
    return f"Diff: {', '.join(words)}"


def _entry_lines(change: Change, palette: Palette) -> list[str]:
    subject = f"{change.policy}/{change.name}"
    if change.change != "changed":
        said = {field.field: field.old if field.new is None else field.new for field in change.fields}
        subject += f": {said['kind']} {said['ports']} {str(said['protocol']).replace(', ', '+')}{_for(said['target'])}"
    fields = change.fields if change.change == "changed" else ()
    return [_head(change, subject, palette), *_field_lines(fields, palette)]


def _settings_lines(change: Change, palette: Palette) -> list[str]:
    return [_head(change, f"policy {change.policy}{_for(change.name)}", palette), *_field_lines(change.fields, palette)]


def _for(target: Field | None) -> str:
    return "" if target == EVERY_HOST else f", for {target}"


def _head(change: Change, subject: str, palette: Palette) -> str:
    sign, style = _SIGNS[change.change]
    return f"  {palette.paint(sign, style)} {visible(subject)}  ({visible(change.place)})"


def _field_lines(fields: Iterable[FieldChange], palette: Palette) -> list[str]:
    arrow = palette.symbol("arrow")
    return [f"      {item.field}: {_value(item.old)} {arrow} {_value(item.new)}" for item in fields]


def _value(value: Field | None) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "none" if value is None or value == "" else visible(str(value))


def diff_document(diff: PolicyDiff, old: str, new: str) -> more_shapes.DiffDocument:
    """The whole difference, as `plan --diff --json` prints it."""
    counts = _counts(diff)
    return {
        "format_version": FORMAT_VERSION,
        "kind": "diff",
        "old": old,
        "new": new,
        "differ": diff.differ,
        "summary": {
            "added": counts["added"],
            "removed": counts["removed"],
            "changed": counts["changed"],
            "same": diff.same,
        },
        "entries": [
            {
                "policy": item.policy,
                "entry": item.name,
                "change": item.change,
                "place": item.place,
                "fields": _fields(item),
            }
            for item in diff.entries
        ],
        "settings": [
            {
                "policy": item.policy,
                "target": item.name,
                "change": item.change,
                "place": item.place,
                "fields": _fields(item),
            }
            for item in diff.settings
        ],
    }


def _fields(change: Change) -> list[more_shapes.FieldDocument]:
    return [{"field": item.field, "old": item.old, "new": item.new} for item in change.fields]


def _counts(diff: PolicyDiff) -> dict[ChangeWord, int]:
    return {word: sum(item.change == word for item in diff.entries) for word in _SIGNS}
