"""What a check of policy files came to, in lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from reconciler.policy.lint import severity_of
from reconciler.policy.messages import MOST_PROBLEMS
from reconciler.report.palette import Palette
from reconciler.text import counted, shorten, visible

if TYPE_CHECKING:
    from reconciler.policy.entries import PolicySet
    from reconciler.policy.lint import Finding


def check_lines(policies: PolicySet, findings: Sequence[Finding], palette: Palette) -> list[str]:
    """Every finding with its place, every policy, and what it amounts to."""
    lines = list(_finding_lines(findings, palette))
    if findings:
        lines += ["", "  what a rule means: reconciler check --rules --select RULE", ""]
    total = 0
    for policy in policies.policies:
        exclusions, reservations = len(policy.exclusions), len(policy.reservations)
        total += exclusions + reservations
        files = shorten([visible(file) for file in policy.files])
        counts = f"{counted(exclusions, 'exclusion')}, {counted(reservations, 'reservation')}"
        lines.append(f"  {visible(policy.name)}: {counts} ({files})")
    found = f"{counted(len(policies.policies), 'policy', 'policies')}, {counted(total, 'entry', 'entries')}"
    return [*lines, palette.paint(f"Check: {found}, {_summary(findings)}", "strong")]


def _finding_lines(findings: Sequence[Finding], palette: Palette) -> Iterator[str]:
    """Of very many in one file the first, and how many others there are, as with errors."""
    for file, group in groupby(findings, key=lambda finding: finding.place.file):
        of_file = list(group)
        yield from (_finding_line(finding, palette) for finding in of_file[:MOST_PROBLEMS])
        if len(of_file) > MOST_PROBLEMS:
            yield f"{visible(file)}: and {len(of_file) - MOST_PROBLEMS:,} more"


def _finding_line(finding: Finding, palette: Palette) -> str:
    severity = severity_of(finding)
    label = palette.paint(f"{finding.rule} {severity}", "warn" if severity == "warning" else "dim")
    owner = visible(f"{finding.policy}/{finding.entry}")
    return f"{visible(str(finding.place))}: {label}: {owner} {visible(finding.message)}"


def _summary(findings: Sequence[Finding]) -> str:
    if not findings:
        return "nothing wrong"
    warnings = sum(severity_of(finding) == "warning" for finding in findings)
    parts = f"{counted(warnings, 'warning')}, {len(findings) - warnings} advice"
    return f"{counted(len(findings), 'finding')} ({parts})"
