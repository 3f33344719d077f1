"""What a check of policy files came to, in lines; and errors in a policy, as every command tells them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Literal, NamedTuple

from reconciler.report.palette import Palette
from reconciler.text import counted, shorten, visible

if TYPE_CHECKING:
    from reconciler.errors import PolicyError, PolicyProblem
    from reconciler.policy.entries import PolicySet
    from reconciler.policy.lint import Finding

Level = Literal["error", "warning", "advice"]

_WIDTH = 100
"""Characters of a line of the policy that are shown; of a longer one, those about the place."""


class Remark(NamedTuple):
    """An error or a finding, in the one form that every output has. Line and column from 1; 0: not known."""

    id: str
    level: Level
    file: str
    line: int
    column: int
    message: str


class Outcome(NamedTuple):
    """What a check came to. `columns` are those of the findings; `ok`: the exit code is 0."""

    policies: PolicySet
    problems: Sequence[PolicyProblem]
    findings: Sequence[Finding]
    columns: Sequence[int]
    ok: bool

    def remarks(self) -> list[Remark]:
        """Errors first, then findings, each in their order."""
        from reconciler.policy.lint import severity_of

        errors = [Remark(item.id, "error", item.file, item.line, item.column, item.message) for item in self.problems]
        found = [
            Remark(item.rule, severity_of(item), *item.place, column, f"{item.policy}/{item.entry} {item.message}")
            for item, column in zip(self.findings, self.columns, strict=True)
        ]
        return errors + found


def problem_lines(error: PolicyError, *, with_source: bool) -> Iterator[str]:
    """Every problem as `file:line:column: id message`; `with_source`: then the line, and a caret under the place."""
    for problem in error.problems:
        yield visible(str(problem))
        if with_source and problem.column and problem.source:
            yield from _source_lines(problem)


def _source_lines(problem: PolicyProblem) -> tuple[str, str]:
    at = problem.column - 1
    begin = max(0, at - _WIDTH // 2) if len(problem.source) > _WIDTH else 0
    before, after = problem.source[begin:at], problem.source[at : begin + _WIDTH]
    before, after = (visible(text.replace("\t", " ")) for text in (before, after))
    number = str(problem.line)
    return f"  {number} | {before}{after}", f"  {' ' * len(number)} | {' ' * _columns(before)}^"


def _columns(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return sum(0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF") for char in text)


def check_lines(policies: PolicySet, found: Sequence[Remark], palette: Palette) -> list[str]:
    """Every finding with its place, every policy, and what it amounts to."""
    lines = finding_lines(found, palette)
    total = 0
    for policy in policies.policies:
        exclusions, reservations = len(policy.exclusions), len(policy.reservations)
        total += exclusions + reservations
        files = shorten([visible(file) for file in policy.files])
        counts = f"{counted(exclusions, 'exclusion')}, {counted(reservations, 'reservation')}"
        lines.append(f"  {visible(policy.name)}: {counts} ({files})")
    read = f"{counted(len(policies.policies), 'policy', 'policies')}, {counted(total, 'entry', 'entries')}"
    return [*lines, palette.paint(f"Check: {read}, {_summary(found)}", "strong")]


def finding_lines(found: Sequence[Remark], palette: Palette) -> list[str]:
    """Every finding, and how to learn what it means. Of very many in one file the first, and how many others."""
    from reconciler.policy.problems import MOST_PROBLEMS

    lines: list[str] = []
    for file, group in groupby(found, key=lambda item: item.file):
        of_file = list(group)
        lines += [_finding_line(item, palette) for item in of_file[:MOST_PROBLEMS]]
        if len(of_file) > MOST_PROBLEMS:
            lines.append(f"{visible(file)}: and {len(of_file) - MOST_PROBLEMS:,} more")
    return [*lines, "", "  what a rule means: reconciler check --rules --select RULE", ""] if lines else []


def _finding_line(item: Remark, palette: Palette) -> str:
    label = palette.paint(f"{item.id} {item.level}", "warn" if item.level == "warning" else "dim")
    return f"{visible(f'{item.file}:{item.line}:{item.column}')}: {label}: {visible(item.message)}"


def _summary(found: Sequence[Remark]) -> str:
    if not found:
        return "nothing wrong"
    warnings = sum(item.level == "warning" for item in found)
    parts = f"{counted(warnings, 'warning')}, {len(found) - warnings} advice"
    return f"{counted(len(found), 'finding')} ({parts})"
