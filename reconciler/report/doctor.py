"""What `doctor` found, in lines. The JSON document has more: every listing that was read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.doctor.model import Check, CheckVerdict, Report
from reconciler.lab.bench import UNDO
from reconciler.lab.model import UNKNOWN, Call, Experiment, Trial
from reconciler.report.palette import Palette, Style
from reconciler.text import counted, visible

_STYLES: Mapping[CheckVerdict, Style] = {"ok": "good", "warn": "warn", "fail": "bad"}
_WIDTH = 4


def doctor_lines(report: Report, palette: Palette) -> list[str]:
    """What `doctor` prints, one string a line."""
    return [*check_lines(report, palette), *(trial_lines(report.trial, palette) if report.trial else ())]


def check_lines(report: Report, palette: Palette) -> list[str]:
    """The host and its checks, with their sum."""
    facts = report.facts
    head = [f"Host {visible(facts.name)} ({facts.kind})"] if facts else []
    about = [f"{name.replace('_', ' ')} {visible(value)}" for name, value in report.about.items()]
    counts = {verdict: sum(check.verdict == verdict for check in report.checks) for verdict in _STYLES}
    parts = [f"{counts['ok']} ok"]
    parts += [counted(counts["warn"], "warning")] if counts["warn"] else []
    parts += [f"{counts['fail']} failed"] if counts["fail"] else []
    word = palette.paint("not fit", "bad") if counts["fail"] else palette.paint("fit", "good")
    lines = [*head, *([", ".join(about)] if about else []), *([""] if head else [])]
    for check in report.checks:
        lines += _check_lines(check, palette)
    return [*lines, "", f"Doctor: {word} ({', '.join(parts)})"]


def _check_lines(check: Check, palette: Palette) -> Iterator[str]:
    verdict = palette.paint(check.verdict.ljust(_WIDTH), _STYLES[check.verdict])
    yield f"  {verdict}  {check.id}: {visible(check.text)}"
    if check.remedy:
        yield f"        remedy: {visible(check.remedy)}"


def trial_lines(trial: Trial, palette: Palette) -> list[str]:
    """The experiments, the variant, and what is left over."""
    lines = ["", f"Experiments on {trial.ports}"]
    lines += [f"  Removed, left over by an earlier run: {row}" for row in trial.removed]
    for experiment in trial.experiments:
        lines += _experiment_lines(experiment, palette)
    if trial.experiments:
        lines += ["", "This host has the variant"]
        for switch, value in trial.variant.items():
            why = f"  {visible(trial.reasons[switch])}" if switch in trial.reasons else ""
            setting = f"{switch}={value}"
            lines.append(f"  {palette.paint(setting, 'warn' if value == UNKNOWN else 'strong')}{why}")
    return [*lines, "", *_end_lines(trial, palette)]


def _experiment_lines(experiment: Experiment, palette: Palette) -> Iterator[str]:
    yield f"  {palette.paint(experiment.question, 'strong')}"
    if experiment.skipped:
        yield f"      not done: {visible(experiment.skipped)}"
    for call in experiment.calls:
        if call.purpose != UNDO:
            yield f"      {call.purpose}: {_answer(call)}"
    if experiment.problem:
        yield f"      {palette.paint('cut short', 'bad')}: {visible(experiment.problem)}"


def _answer(call: Call) -> str:
    said = call.said
    if said.done:
        return "said that it was done"
    if said.done is None:
        return visible(said.text)
    code = f", {said.code}" if said.code is not None else ""
    return f"refused ({said.reason}{code}): {visible(said.text)}"


def _end_lines(trial: Trial, palette: Palette) -> Iterator[str]:
    if trial.interrupted:
        yield palette.paint("The experiments were stopped before their end.", "warn")
    if not trial.left_over:
        yield "Everything is undone: nothing is left on these ports."
        return
    yield palette.paint("LEFT OVER on these ports:", "bad")
    for item in trial.left_over:
        whose = "made by an experiment" if item.ours else "made by somebody else meanwhile, not touched"
        yield f"  {visible(item.text)}  {whose}"
    if any(item.ours for item in trial.left_over):
        yield f"  remedy: run doctor --experiments --ports {trial.ports} again; it removes them first"
