"""One port as `explain` prints it: who holds it, whether it can be bound, and what to do."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.plan.explain import Answer, Bind
from reconciler.plan.given.picture import MissingClaim, RowInfo
from reconciler.plan.model import Reason, State
from reconciler.plan.notes import KIND_WORDS
from reconciler.plan.planner import picture_of
from reconciler.report.palette import Palette, Style
from reconciler.report.words import lane_words, owner_words
from reconciler.text import shorten, visible

_MOST_MISSING = 20
_INDENT = "      "
_TITLES: dict[Bind, tuple[str, Style]] = {
    "works": ("can be bound", "good"),
    "in-use": ("is in use", "warn"),
    "refused": ("cannot be bound", "bad"),
    "with-token": ("can be bound with the token of its reservation only", "warn"),
    "unknown": ("it is not known whether it can be bound", "warn"),
}


def explain_lines(state: State, port: int, answers: Sequence[Answer], palette: Palette) -> list[str]:
    """What `explain` prints, one string a line."""
    facts = state.snapshot.facts
    lines = [f"Port {port} on {visible(facts.name)} ({facts.kind})", ""]
    for answer in answers:
        title, style = _TITLES[answer.outlook.bind]
        lines.append(f"  {lane_words(answer.lanes)}: {palette.paint(title, style)}")
        lines += [f"{_INDENT}{_row_words(item)}" for item in answer.holding.rows]
        missing = answer.holding.missing
        lines += [f"{_INDENT}{_missing_words(item, answer.outlook.reason)}" for item in missing[:_MOST_MISSING]]
        if len(missing) > _MOST_MISSING:
            lines.append(f"{_INDENT}and {len(missing) - _MOST_MISSING:,} more that are missing")
        lines.append(f"{_INDENT}{visible(answer.outlook.reason.text)}")
        if answer.outlook.remedy:
            lines.append(f"{_INDENT}remedy: {visible(answer.outlook.remedy.text)}")
    if picture_of(state).owned.copied:
        lines += ["", palette.paint("The ledger is of another machine, so nothing here is ours", "warn")]
    return lines if answers else [*lines, "  of these protocols nothing was captured"]


def _row_words(shown: RowInfo) -> str:
    """`8000-8099, an exclusion, ours since 2026-11-25T14:00:00Z, for web/front`."""
    words = [str(shown.row.ports), KIND_WORDS[shown.kind], _whose(shown)]
    if shown.entries:
        words.append(f"for {shorten([visible(name) for name in shown.entries])}")
    return ", ".join(word for word in words if word)


def _missing_words(item: MissingClaim, reason: Reason) -> str:
    """`8000-8099, an exclusion, missing, claimed by web/front (web.toml:6): it was applied here and is gone`."""
    why = "" if item.reason.id == reason.id else f": {item.reason.text}"
    return f"{item.ports}, {KIND_WORDS[item.unit.kind]}, missing, claimed by {owner_words([item.unit.owner])}{why}"


def _whose(shown: RowInfo) -> str:
    if shown.record is not None:
        return f"ours since {shown.record.time}" if shown.record.time else "ours, as our boot file says"
    if shown.system:
        return "the system's (HNS)"
    return "" if shown.kind == "block" else "not made by this tool"
