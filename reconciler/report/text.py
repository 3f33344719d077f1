"""The plan and the result of an apply as text for people: the same steps, in the same words, in the same order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from reconciler.apply.results import ApplyResult, StepResult, Verdict, WriteResult
from reconciler.plan.model import ACTIONS, STATUSES, Breach, Note, PlanView, Step
from reconciler.plan.notes import NOTHING_TARGETED, PROTECTED
from reconciler.report.palette import Palette, Style
from reconciler.report.told import Extent, Told, told_lines
from reconciler.report.words import blockers_words, lane_words, owner_words, sign, what_parts
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


def plan_lines(plan: PlanView, palette: Palette, extent: Extent = "short") -> list[str]:
    """The plan, one string a line, with nothing in it that a terminal would obey but the palette's colours.

    In the quiet form it is what cannot be done, which limit is passed, and the sum.
    """
    sections = plan_sections(plan, palette)
    head = [f"Host {visible(plan.facts.name)} ({plan.facts.kind})", ""]
    if extent == "quiet":
        head, sections = [], {title: sections[title] for title in ("Deferred or blocked", "Limits")}
    return [*head, *_told(sections, palette, extent), palette.paint(plan_summary(plan), "strong")]


def plan_sections(plan: PlanView, palette: Palette) -> dict[str, list[Told]]:
    """The parts of a plan by their titles, what is empty too."""
    ready = [step for step in plan.steps if step.status == "ready" and not step.tried]
    tried = [step for step in plan.steps if step.status == "ready" and step.tried]
    skipped = [step for step in plan.steps if step.status == "skipped"]
    return {
        "Apply will": [_ready(step, palette) for step in ready],
        "Apply will try": [_tried(step, palette) for step in tried],
        "Deferred or blocked": [_stuck(step, palette) for step in plan.waiting()],
        "Skipped": [_stuck(step, palette) for step in skipped],
        "Notes": [_note(note, palette) for note in plan.notes],
        "Limits": [_breach(breach, palette) for breach in plan.breaches],
    }


def plan_summary(plan: PlanView) -> str:
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


def _not_done(plan: PlanView) -> list[str]:
    counts = plan.counts()
    words = [f"{counts[status]} {status}" for status in STATUSES[1:] if counts[status]]
    protected = sum(note.id == PROTECTED for note in plan.notes)
    if protected:
        differ = "range differs" if protected == 1 else "ranges differ"
        words.append(f"{protected} protected {differ} from the policy")
    return words


def _in_sync(plan: PlanView) -> str:
    if any(note.id == NOTHING_TARGETED for note in plan.notes):
        return "no entry is for this host"
    return f"in sync ({counted(plan.in_sync, 'entry', 'entries')})"


def _limit(breach: Breach) -> str:
    return breach.limit.replace("_", "-")  # as --force has it


def _told(sections: Mapping[str, Sequence[Told]], palette: Palette, extent: Extent) -> list[str]:
    """The sections that hold anything, each under its title and with an empty line behind it."""
    lines: list[str] = []
    for title, things in sections.items():
        if things:
            lines += [palette.paint(title, "strong"), *told_lines(things, full=extent == "full"), ""]
    return lines


def _ready(step: Step, palette: Palette) -> Told:
    mark = sign(step)
    return _of_step(step, f"  {palette.paint(mark, _ACTION_STYLES[mark])} ", palette, _why(step))


def _tried(step: Step, palette: Palette) -> Told:
    told = _ready(step, palette)
    return told._replace(below=(*told.below, *_way_out(step)))


def _stuck(step: Step, palette: Palette) -> Told:
    symbol = palette.symbol(_STATUS_SYMBOLS.get(step.status, "dot"))
    tried = [f"{_INDENT}apply tries it all the same, since only the call decides"] if step.tried else []
    head = f"  {symbol} {palette.paint(step.status, 'warn')}: "
    return _of_step(step, head, palette, [*_why(step), *_way_out(step), *tried])


def _of_step(step: Step, head: str, palette: Palette, below: Iterable[str]) -> Told:
    before, ports, after = what_parts(step, palette)
    owners = owner_words(step.owners)
    after += f"  {palette.paint(owners, 'dim')}" if owners else ""
    return Told(f"{head}{before}", ports, after, tuple(below), f"{head}{step.action} {step.kind} {step.reason.id}")


def _why(step: Step) -> list[str]:
    drift = "drift: " if step.cause == "drift" else ""
    return [f"{_INDENT}{drift}{visible(step.reason.text)}"] if step.reason.text else []


def _way_out(step: Step, *, was_tried: bool = False) -> list[str]:
    """What is in the way that the reason does not name, what stays for now, and what a person can do."""
    lines = []
    unnamed = [item for item in step.blockers if item.text not in step.reason.text]
    if unnamed:
        too = " too" if step.reason.id == "in-the-way" else ""
        lines.append(f"{_INDENT}in the way{too}: {blockers_words(unnamed)}")
    if step.over_covered:
        sockets = [str(blocker.ports) for blocker in step.blockers if blocker.what == "socket"]
        when = f"in use, removed when {shorten(sockets)} is free" if sockets else "that cannot be replaced yet"
        lines.append(f"{_INDENT}kept for now: {step.over_covered}, part of a range {when}")
    if step.remedy:
        text = (was_tried and step.remedy.after) or step.remedy.text
        lines.append(f"{_INDENT}remedy: {visible(text)}")
    return lines


def _note(note: Note, palette: Palette) -> Told:
    place = f" ({visible(note.place)})" if note.place else ""
    return Told(f"  {palette.symbol('dot')} {visible(note.text)}{place}", alike=note.id)


def _breach(breach: Breach, palette: Palette) -> Told:
    name = _limit(breach)
    if breach.forced:
        return Told(f"  {palette.symbol('dot')} {name}: {visible(breach.text)}; overridden by --force", alike=name)
    words = f"{palette.paint('refused', 'bad')} by {name}: {visible(breach.text)}; --force {name} overrides it"
    return Told(f"  {palette.symbol('failed')} {words}", alike=name)


def result_lines(result: ApplyResult, palette: Palette, extent: Extent = "short") -> list[str]:
    """The result, one string a line. In the quiet form it is what was not done, what went wrong, and the sum."""
    steps = list(result.steps())
    done = [item for _, item in steps if item is not None]
    title = "Cut short" if any(item.verdict == "unknown" for item in done) else "Not applied"
    title = "Applied" if any(_VERDICTS[item.verdict][1] == "good" for item in done) else title
    failed = palette.symbol("failed")
    sections = {
        title: [told_result(item, palette) for item in done],
        "Skipped": [_stuck(step, palette) for step, item in steps if item is None],
        "Notes": [_note(note, palette) for note in result.plan.notes],
        "Problems": [Told(f"  {failed} {visible(text)}", alike=text) for text in result.problems],
    }
    if extent == "quiet":
        bad = [told_result(item, palette) for item in done if _VERDICTS[item.verdict][1] != "good"]
        sections = {"Not applied": bad, "Problems": sections["Problems"]}
    lines = _told(sections, palette, extent)
    if result.interrupted:
        lines += [palette.paint("Interrupted: what was begun was finished, the rest was not run", "warn"), ""]
    return [*lines, palette.paint(result_summary(result), "strong")]


def result_summary(result: ApplyResult) -> str:
    """One line: `Apply: 3 done, 1 deferred, 12 in sync`; zeroes are left out."""
    words = verdict_words(Counter(result.verdicts()))
    if not words:
        return f"Apply: {', '.join(['nothing to do', _in_sync(result.plan), *_not_done(result.plan)])}"
    if result.plan.in_sync:
        words.append(f"{result.plan.in_sync} in sync")
    return f"Apply: {', '.join(words)}"


def verdict_words(counts: Mapping[Verdict, int]) -> list[str]:
    """How many steps came to what: `3 done`, `1 deferred`; zeroes are left out."""
    return [f"{counts[verdict]} {word}" for verdict, (word, _) in _VERDICTS.items() if counts.get(verdict)]


def told_result(item: StepResult, palette: Palette) -> Told:
    """One step and what came of it."""
    word, style = _VERDICTS[item.verdict]
    symbol = palette.symbol(_VERDICT_SYMBOLS.get(item.verdict, "failed"))
    head = f"  {palette.paint(f'{symbol} {word}', style)}: "
    lines = []
    refusals = [write.refusal.text for write in item.writes if write.refusal is not None]
    if item.text and (style == "good" or item.text not in refusals):
        lines.append(f"{_INDENT}{visible(item.text)}")
    if style != "good":
        lines += _why(item.step) if item.verdict in ("deferred", "blocked") else []
        lines += [*_write_lines(item.writes), *_way_out(item.step, was_tried=bool(item.writes))]
    told = _of_step(item.step, head, palette, lines)
    if item.verdict == "cover-lost":  # none of these is only counted
        return told._replace(alike="\n".join([told.head, *told.below]))
    return told


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
