"""Ports as `explain` prints them: who holds them, whether they can be bound, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.plan.explain import Answer, Bind
from reconciler.plan.explanation import Command, Explained, Explanation
from reconciler.plan.given.picture import MissingClaim, RowInfo
from reconciler.plan.likely import likely_owner
from reconciler.plan.model import Reason, State
from reconciler.plan.nearby import Nearby
from reconciler.plan.notes import KIND_WORDS
from reconciler.plan.planner import picture_of
from reconciler.ports import Asked
from reconciler.report.console import Verbatim
from reconciler.report.palette import Palette, Style
from reconciler.report.words import lane_words, owner_words
from reconciler.text import counted, joined, shorten, visible

_MOST_MISSING = 20
_INDENT = "      "
_TITLES: dict[Bind, tuple[str, Style]] = {
    "works": ("can be bound", "good"),
    "in-use": ("is in use", "warn"),
    "refused": ("cannot be bound", "bad"),
    "with-token": ("can be bound with the token of its reservation only", "warn"),
    "unknown": ("it is not known whether it can be bound", "warn"),
}


def explain_lines(state: State, found: Explanation, palette: Palette) -> list[str]:
    """What `explain` prints, one string a line."""
    lines: list[str] = []
    for item in found.items:
        lines += [*([""] if lines else []), *_item_lines(state, item, palette)]
    if found.keep:
        lines += ["", f"{keep_command(found.keep)} writes this, and it may be pasted into a policy as well:", ""]
        lines += _indented(keep_toml(found.keep))
    if found.low_range:
        lines += [
            "",
            f"Behind this, most likely: {found.low_range.text}. In a policy this puts it right, after a restart:",
        ]
        lines += ["", *_indented(found.low_range.toml)]
    if found.commands:
        lines += ["", "What was not captured, these tell on that machine:", "", *_command_lines(found.commands)]
    if picture_of(state).owned.copied:
        lines += ["", palette.paint("The ledger is of another machine, so nothing here is ours", "warn")]
    return lines


def keep_command(keep: Sequence[Asked]) -> str:
    """What makes a policy of them."""
    words = [str(item.ports) if item.protocols == ("tcp",) else str(item) for item in keep]
    return f"reconciler keep {' '.join(words)}"


def keep_toml(keep: Sequence[Asked]) -> str:
    """The entries that `keep` writes, to be pasted into a policy."""
    from reconciler.policy.keeping import entries_to_keep
    from reconciler.policy.writing import entry_text

    return "\n".join(map(entry_text, entries_to_keep(keep)))


def _item_lines(state: State, item: Explained, palette: Palette) -> list[str]:
    """One argument; ports of which the same is to be said stand together."""
    facts, asked = state.snapshot.facts, item.asked.ports
    lines = [f"Port{'s' if asked.count > 1 else ''} {asked} on {visible(facts.name)} ({facts.kind})", ""]
    alike: dict[tuple[str, ...], list[Answer]] = {}
    for answer in item.answers:
        alike.setdefault(tuple(_body(state, answer, palette)), []).append(answer)
    for (title, *body), answers in alike.items():
        ports = f"{shorten([str(answer.ports) for answer in answers])} " if asked.count > 1 else ""
        lines += [f"  {ports}{title}", *body]
    if not item.answers:
        lines.append("  of these protocols nothing was captured")
    return lines + (_nearby_lines(state, item.nearby) if item.nearby else [])


def _body(state: State, answer: Answer, palette: Palette) -> list[str]:
    title, style = _TITLES[answer.outlook.bind]
    lines = [f"{lane_words(answer.lanes)}: {palette.paint(title, style)}"]
    for row in answer.holding.rows:
        lines.append(f"{_INDENT}{_row_words(row)}")
        if row.kind == "block":
            lines.append(f"{_INDENT}{visible(likely_owner(state.snapshot, row.row).text)}")
    missing = answer.holding.missing
    lines += [f"{_INDENT}{_missing_words(item, answer.outlook.reason)}" for item in missing[:_MOST_MISSING]]
    if len(missing) > _MOST_MISSING:
        lines.append(f"{_INDENT}and {len(missing) - _MOST_MISSING:,} more that are missing")
    lines.append(f"{_INDENT}{visible(answer.outlook.reason.text)}")
    if answer.outlook.remedy:
        lines.append(f"{_INDENT}remedy: {visible(answer.outlook.remedy.text)}")
    return lines


def _nearby_lines(state: State, nearby: Nearby) -> list[str]:
    where = "+".join(nearby.asked.protocols)
    more = "; they lie in the dynamic range, so keep them" if nearby.ephemeral else ""
    more += "; sockets were not captured" if state.snapshot.facts.read_only else ""
    lines = []
    if nearby.ports and nearby.asked.ports.count == 1:
        lines.append(f"  nearest free in {where}: {joined(list(map(str, nearby.ports)))}{more}")
    if nearby.size > 1:
        size = counted(nearby.size, "port")
        found = f"{nearby.range}{more}" if nearby.range else "there is none"
        lines.append(f"  nearest free range of {size} in {where}: {found}")
    return lines


def _command_lines(commands: Iterable[Command]) -> list[str]:
    width = max(len(command.line) for command in commands) + 3
    return [Verbatim(f"    {command.line:<{width}}{command.tells}") for command in commands]


def _indented(text: str) -> list[str]:
    return [Verbatim(f"    {line}" if line else "") for line in text.splitlines()]


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
