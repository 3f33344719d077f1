"""The plan and the result of an apply as text for people: the same steps, in the same words, in the same order."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from reconciler.apply.results import ApplyResult, StepResult, Verdict, WriteResult
from reconciler.plan.model import ACTIONS, STATUSES, Breach, Note, Plan, Step
from reconciler.plan.notes import PROTECTED
from reconciler.report.palette import Palette, Style
from reconciler.report.words import blocker_words, lane_words, owner_words, sign, what_words
from reconciler.text import counted, shorten, visible

_VERDICTS: dict[Verdict, tuple[str, Style]] = {  # in the order of the summary
    "done": ("done", "good"),
    "already": ("already there", "good"),
    "deferred": ("deferred", "warn"),
    "blocked": ("blocked", "warn"),
    "refused": ("refused", "bad"),
    "unknown": ("unknown", "bad"),
    "cover-lost": ("COVER LOST", "bad"),
    "not-run": ("not run", "warn"),
}
_VERDICT_SYMBOLS = {"done": "done", "already": "done", "deferred": "waiting", "not-run": "waiting"}
_STATUS_SYMBOLS = {"deferred": "waiting", "blocked": "failed"}
_ACTION_STYLES: dict[str, Style] = {"+": "good", "-": "bad", "~": "change", "-/+": "change"}
_INDENT = "      "


def plan_lines(plan: Plan, palette: Palette) -> list[str]:
    """The whole plan, one string a line. Nothing in it that a terminal would obey but the palette's colours."""
    ready = [step for step in plan.steps if step.status == "ready" and not step.tried]
    tried = [step for step in plan.steps if step.status == "ready" and step.tried]
    skipped = [step for step in plan.steps if step.status == "skipped"]
    lines = [f"Host {visible(plan.facts.name)} ({plan.facts.kind})", ""]
    lines += _section("Apply will", (_ready_lines(step, palette) for step in ready), palette)
    lines += _section("Apply will try", (_tried_lines(step, palette) for step in tried), palette)
    lines += _section("Deferred or blocked", (_stuck_lines(step, palette) for step in plan.waiting()), palette)
    lines += _section("Skipped", (_stuck_lines(step, palette) for step in skipped), palette)
    lines += _section("Notes", ([_note_line(note, palette)] for note in plan.notes), palette)
    lines += _section("Limits", ([_breach_line(breach, palette)] for breach in plan.breaches), palette)
    return [*lines, palette.paint(plan_summary(plan), "strong")]


def plan_summary(plan: Plan) -> str:
    """One line: `Plan: 3 to create, 1 to delete, 1 blocked, 12 in sync`; zeroes are left out."""
    counts = plan.counts()
    words = [
        f"{counts[name]} {action.one if counts[name] == 1 else action.many}"
        for name, action in ACTIONS.items()
        if counts[name]
    ]
    words += _not_done(plan)
    if plan.converged:
        words = [_in_sync(plan), *words]
    elif plan.in_sync:
        words.append(f"{plan.in_sync} in sync")
    refused = ", ".join(map(_limit, plan.refused_by()))
    return f"Plan: {', '.join(words)}" + (f"; apply will refuse: {refused}" if refused else "")


def _not_done(plan: Plan) -> list[str]:
    counts = plan.counts()
    words = [f"{counts[status]} {status}" for status in STATUSES[1:] if counts[status]]
    protected = sum(note.id == PROTECTED for note in plan.notes)
    if protected:
        differ = "range differs" if protected == 1 else "ranges differ"
        words.append(f"{protected} protected {differ} from the policy")
    return words


def _in_sync(plan: Plan) -> str:
    if plan.state.policies.policies and not plan.state.policies.in_scope():
        return "no entry is for this host"
    return f"in sync ({counted(plan.in_sync, 'entry', 'entries')})"


def _limit(breach: Breach) -> str:
    return breach.limit.replace("_", "-")  # as --force has it


def _section(title: str, blocks: Iterable[list[str]], palette: Palette) -> list[str]:
    lines = [line for block in blocks for line in block]
    return [palette.paint(title, "strong"), *lines, ""] if lines else []


def _ready_lines(step: Step, palette: Palette) -> list[str]:
    mark = sign(step)
    head = f"  {palette.paint(mark, _ACTION_STYLES[mark])} {what_words(step, palette)}"
    return [_with_owner(head, step, palette), *_why(step)]


def _tried_lines(step: Step, palette: Palette) -> list[str]:
    return [*_ready_lines(step, palette), *_way_out(step)]


def _stuck_lines(step: Step, palette: Palette) -> list[str]:
    status = palette.paint(step.status, "warn")
    symbol = palette.symbol(_STATUS_SYMBOLS.get(step.status, "dot"))
    head = f"  {symbol} {status}: {what_words(step, palette)}"
    tried = [f"{_INDENT}apply tries it all the same, since only the call decides"] if step.tried else []
    return [_with_owner(head, step, palette), *_why(step), *_way_out(step), *tried]


def _with_owner(head: str, step: Step, palette: Palette) -> str:
    owners = owner_words(step.owners)
    return f"{head}  {palette.paint(owners, 'dim')}" if owners else head


def _why(step: Step) -> list[str]:
    drift = "drift: " if step.cause == "drift" else ""
    return [f"{_INDENT}{drift}{visible(step.reason.text)}"] if step.reason.text else []


def _way_out(step: Step, *, was_tried: bool = False) -> list[str]:
    """What is in the way that the reason does not name, what stays for now, and what a person can do."""
    lines = []
    unnamed = {item.text: item for item in reversed(step.blockers) if item.text not in step.reason.text}
    if unnamed:
        lines.append(f"{_INDENT}in the way: {shorten([blocker_words(item) for item in reversed(unnamed.values())])}")
    if step.over_covered:
        sockets = [str(blocker.ports) for blocker in step.blockers if blocker.what == "socket"]
        when = f"in use, removed when {shorten(sockets)} is free" if sockets else "that cannot be replaced yet"
        lines.append(f"{_INDENT}kept for now: {step.over_covered}, part of a range {when}")
    if step.remedy:
        text = (was_tried and step.remedy.after) or step.remedy.text
        lines.append(f"{_INDENT}remedy: {visible(text)}")
    return lines


def _note_line(note: Note, palette: Palette) -> str:
    place = f" ({visible(note.place)})" if note.place else ""
    return f"  {palette.symbol('dot')} {visible(note.text)}{place}"


def _breach_line(breach: Breach, palette: Palette) -> str:
    name = _limit(breach)
    if breach.forced:
        return f"  {palette.symbol('dot')} {name}: {visible(breach.text)}; overridden by --force"
    words = palette.paint("refused", "bad")
    return f"  {palette.symbol('failed')} {words} by {name}: {visible(breach.text)}; --force {name} overrides it"


def result_lines(result: ApplyResult, palette: Palette) -> list[str]:
    """The whole result, one string a line."""
    steps = list(result.steps())
    done = [item for _, item in steps if item is not None]
    title = "Cut short" if any(item.verdict == "unknown" for item in done) else "Not applied"
    title = "Applied" if any(_VERDICTS[item.verdict][1] == "good" for item in done) else title
    lines = _section(title, (_result_block(item, palette) for item in done), palette)
    skipped = [step for step, item in steps if item is None]
    lines += _section("Skipped", (_stuck_lines(step, palette) for step in skipped), palette)
    lines += _section("Notes", ([_note_line(note, palette)] for note in result.plan.notes), palette)
    problems = [[f"  {palette.symbol('failed')} {visible(text)}"] for text in result.problems]
    lines += _section("Problems", problems, palette)
    if result.interrupted:
        lines += [palette.paint("Interrupted: what was begun was finished, the rest was not run", "warn"), ""]
    return [*lines, palette.paint(result_summary(result), "strong")]


def result_summary(result: ApplyResult) -> str:
    """One line: `Apply: 3 done, 1 deferred, 12 in sync`; zeroes are left out."""
    verdicts = result.verdicts()
    words = [f"{verdicts.count(verdict)} {word}" for verdict, (word, _) in _VERDICTS.items() if verdict in verdicts]
    if not words:
        return f"Apply: {', '.join(['nothing to do', _in_sync(result.plan), *_not_done(result.plan)])}"
    if result.plan.in_sync:
        words.append(f"{result.plan.in_sync} in sync")
    return f"Apply: {', '.join(words)}"


def _result_block(item: StepResult, palette: Palette) -> list[str]:
    word, style = _VERDICTS[item.verdict]
    symbol = palette.symbol(_VERDICT_SYMBOLS.get(item.verdict, "failed"))
    head = f"  {palette.paint(f'{symbol} {word}', style)}: {what_words(item.step, palette)}"
    lines = [_with_owner(head, item.step, palette)]
    refusals = [write.refusal.text for write in item.writes if write.refusal is not None]
    if item.text and (style == "good" or item.text not in refusals):
        lines.append(f"{_INDENT}{visible(item.text)}")
    if style == "good":
        return lines
    why = _why(item.step) if item.verdict in ("deferred", "blocked") else []
    return lines + why + _write_lines(item.writes) + _way_out(item.step, was_tried=bool(item.writes))


def _write_lines(writes: Iterable[WriteResult]) -> list[str]:
    """One line a call; calls that were repeated (a put-back is tried for 30 s) stand there once, with their number."""
    lines = []
    for words, same in groupby(map(_write_words, writes)):
        times = len(list(same))
        lines.append(f"{_INDENT}{words}{f', {times} times' if times > 1 else ''}")
    return lines


def _write_words(write: WriteResult) -> str:
    words = f"{write.verb} {write.row.ports} {lane_words(write.row.lanes)}: {write.outcome}"
    if write.refusal is not None:
        code = "" if write.refusal.code is None else f", Win32 {write.refusal.code}"
        words += f" ({write.refusal.reason}{code}: {visible(write.refusal.text)})"
    return f"{words}; {visible(write.note)}" if write.note else words
