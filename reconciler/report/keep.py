"""What `keep` and `init` print: what stands in the file now, and what to type next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reconciler.policy.writing import entry_text
from reconciler.report.console import Verbatim
from reconciler.report.palette import Palette
from reconciler.text import counted, visible

if TYPE_CHECKING:
    from reconciler.policy.keeping import Kept

BREAKS = (
    "Any program that asks for a kept port still gets it, but what goes through http.sys (IIS, HttpListener), MsQuic "
    "and port mappings of containers fails there with error 32"
)
"""windows-facts 5.1, 5.4."""


def kept_lines(kept: Kept, file: str, paths: Sequence[str], palette: Palette) -> list[str]:
    """What `keep` prints, one string a line. `paths`: what plan and apply are to be given."""
    name = visible(file)
    entries = counted(len(kept.added), "entry", "entries")
    lines = [f"Wrote {entries} to {name}" if kept.added else f"Nothing to write: {name} keeps these ports already"]
    for entry in kept.added:
        lines += ["", *(Verbatim(f"  {palette.paint(line, 'good')}") for line in entry_text(entry).splitlines())]
    lines += [""] if kept.already else []
    for item in kept.already:
        where = f"{item.entry.name} ({visible(str(item.entry.place))})"
        lines.append(f"  {item.ports} {'+'.join(item.protocols)} is kept already by {where}")
    lines += [""] if kept.findings else []
    for finding in kept.findings:
        name = f"{palette.paint('note', 'warn')}: {finding.policy}/{finding.entry}"
        lines.append(f"  {name}: {visible(finding.message)} ({finding.rule}, allowed in what was written)")
    return [*lines, "", BREAKS, "", *next_lines(paths)]


def next_lines(paths: Sequence[str]) -> list[str]:
    """What to type next."""
    words = "".join(f' "{path}"' if " " in path else f" {path}" for path in map(visible, paths))
    plan, apply = f"reconciler plan{words}", f"reconciler apply{words}"
    width = max(len(plan), len(apply)) + 3
    return [
        "Next:",
        f"  {plan:<{width}}what would change on this machine; writes nothing",
        f"  {apply:<{width}}makes it so; from an elevated prompt (Run as administrator; on Linux as root)",
    ]
