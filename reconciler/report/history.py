"""Past applies as `history` prints them: as text, and as a document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, cast

from reconciler.apply.results import VERDICTS
from reconciler.plan.undo import SHORT_ID
from reconciler.policy.recorded import shown
from reconciler.report import FORMAT_VERSION
from reconciler.report.documents import host_facts, step_result_document
from reconciler.report.palette import Palette
from reconciler.report.past import History, Past, PastPolicy, PolicyFile
from reconciler.report.text import told_result, verdict_words
from reconciler.report.told import told_lines
from reconciler.text import counted, shorten, visible

if TYPE_CHECKING:
    from reconciler.host.interface import Facts
    from reconciler.report import history_shapes, shapes

_HEADS = ("ID", "time (UTC)", "user", "policies", "came of it")
_NAMES = 3
_DIGITS = 12


def history_lines(history: History, palette: Palette) -> list[str]:
    """All applies, newest first, one string a line."""
    if not history.applies:
        lines = ["Nothing was applied here, as far as the audit log tells"]
    else:
        table = [_HEADS, *(_cells(past, newest=at == 0) for at, past in enumerate(history.applies))]
        widths = [max(len(row[column]) for row in table) for column in range(len(_HEADS) - 1)]
        head, *rows = (
            "  ".join([*(cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True))]).rstrip()
            for row in table
        )
        lines = [palette.paint(head, "strong"), *rows]
    return [*lines, *strange_lines(history, palette)]


def strange_lines(history: History, palette: Palette) -> list[str]:
    """What is said of lines that are none of ours; nothing where there are none."""
    if not history.strange:
        return []
    one = history.strange == 1
    text = f"{counted(history.strange, 'line')} of the audit log {'is' if one else 'are'} none of this program"
    return [palette.paint(f"{text}, and left out", "warn")]


def _cells(past: Past, *, newest: bool) -> tuple[str, ...]:
    names = visible(shorten(past.names(), _NAMES)) or "none"
    return (past.id[:SHORT_ID], visible(past.time), visible(past.user), names, came_of(past, newest=newest))


def came_of(past: Past, *, newest: bool) -> str:
    """What came of an apply, in words. `newest`: it may be still at work."""
    words = [f"undo of {past.undoes[:SHORT_ID]}"] if past.undoes else []
    ending = past.ending
    if ending is None:
        words.append("did not finish" + (", or is still at work" if newest else ""))
    else:
        words += verdict_words(ending.verdicts) or ["only the ledger changed"]
        words += ["interrupted"] if ending.interrupted else []
        words += [counted(len(ending.problems), "problem")] if ending.problems else []
    return ", ".join(words)


def past_lines(past: Past, palette: Palette, *, newest: bool) -> list[str]:
    """One apply with its steps, one string a line. Raises ReconcilerError where its lines are damaged."""
    lines = [f"Apply {past.id} of {visible(past.time)}, by {visible(past.user)}, version {visible(past.version)}", ""]
    policies = past.details().policies
    if policies:
        files = [line for policy in policies for line in _policy_lines(policy)]
        lines += [palette.paint("Policies", "strong"), *files, ""]
    if past.changed:
        names = shorten([f"{name.policy}/{name.entry}" for name in past.changed])
        lines += [palette.paint("Entries whose claims it changed", "strong"), f"  {visible(names)}", ""]
    blocks = told_lines((told_result(item, palette) for item in past.steps()), full=True)
    if blocks:
        lines += [palette.paint("Steps", "strong"), *blocks, ""]
    if past.ending is not None and past.ending.problems:
        problems = [f"  {palette.symbol('failed')} {visible(text)}" for text in past.ending.problems]
        lines += [palette.paint("Problems", "strong"), *problems, ""]
    return [*lines, palette.paint(f"Came of it: {came_of(past, newest=newest)}", "strong")]


def _policy_lines(policy: PastPolicy) -> Iterable[str]:
    if not policy.files:
        yield f"  {visible(policy.name)}"
    for file in policy.files:
        yield visible(f"  {policy.name}: {_file_words(file)}")


def _file_words(file: PolicyFile) -> str:
    words = [shown(file.file)]
    words += [f"sha256 {file.sha256[:_DIGITS]}"] if file.sha256 else []
    words += [f"revision {file.revision[:_DIGITS]}"] if file.revision else []
    return ", ".join(words)


def history_document(
    history: History, facts: Facts, applies: Sequence[Past], *, steps: bool
) -> history_shapes.HistoryDocument:
    """These applies, as `history --json` prints them. `steps`: with what came of their steps."""
    return {
        "format_version": FORMAT_VERSION,
        "kind": "history",
        "host": host_facts(facts),
        "applies": [_past(past, steps=steps) for past in applies],
        "strange_lines": history.strange,
    }


def _past(past: Past, *, steps: bool) -> history_shapes.PastDocument:
    ending, details = past.ending, past.details()
    return {
        "id": past.id,
        "time": past.time,
        "ended": ending.time if ending else None,
        "user": past.user,
        "version": past.version,
        "machine": past.machine,
        "policies": [
            {
                "name": policy.name,
                "files": [
                    {"file": file.file, "sha256": file.sha256, "revision": file.revision} for file in policy.files
                ],
            }
            for policy in details.policies
        ],
        "changed": [{"policy": name.policy, "entry": name.entry} for name in past.changed],
        "undoes": past.undoes,
        "summary": cast("shapes.PlanCounts", dict(details.counts)),
        "outcome": _outcome(past),
        "verdicts": _verdicts(past),
        "problems": list(ending.problems) if ending else [],
        "steps": [step_result_document(item.step, item) for item in past.steps()] if steps else None,
    }


def _verdicts(past: Past) -> shapes.VerdictCounts | None:
    if past.ending is None:
        return None
    counts = {word.replace("-", "_"): past.ending.verdicts.get(word, 0) for word in VERDICTS}
    return cast("shapes.VerdictCounts", counts)


def _outcome(past: Past) -> history_shapes.Outcome:
    if past.ending is None:
        return "not-finished"
    if past.ending.interrupted:
        return "interrupted"
    return "converged" if past.ending.converged else "unresolved"
