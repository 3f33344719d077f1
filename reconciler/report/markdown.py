"""A plan, or a difference of policies, as Markdown for a pull request: the summary first, the details folded.

Whatever is somebody else's text stands in a code block or a code span, where nothing is markup, a mention or a link;
and each is fenced with more backticks than stand in it. Everything else is a word or a number of this program.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from reconciler.plan.model import PlanView
from reconciler.plan.policy_diff import PolicyDiff
from reconciler.report.compared import diff_sections, diff_summary
from reconciler.report.palette import Palette
from reconciler.report.text import plan_sections, plan_summary
from reconciler.text import visible

LONGEST = 60_000
"""Characters; a comment on GitHub has room for 65,536."""
_BACKTICKS = re.compile("`+")
_CHANGES = ("Apply will", "Apply will try")


def plan_markdown(plan: PlanView, palette: Palette) -> list[str]:
    """The whole plan, one string a line. Of the palette only the symbols count."""
    plain = Palette(symbols=palette.symbols)
    head = [f"### {plan_summary(plan)}", "", f"Host {code(plan.facts.name)} ({plan.facts.kind}), plan {code(plan.id)}"]
    sections = {
        title: [[thing.head, *thing.below] for thing in things] for title, things in plan_sections(plan, plain).items()
    }
    return [*head, *folded(sections.items(), _CHANGES)]


def diff_markdown(diff: PolicyDiff, names: tuple[str, str], palette: Palette) -> list[str]:
    """The whole difference of two policies, one string a line."""
    plain = Palette(symbols=palette.symbols)
    sections = diff_sections(diff, plain)
    head = [f"### {diff_summary(diff)}", "", f"Policies {code(names[0])} {palette.symbol('arrow')} {code(names[1])}"]
    return [*head, *folded(sections, [title for title, _ in sections])]


def folded(sections: Iterable[tuple[str, Sequence[list[str]]]], changes: Sequence[str]) -> list[str]:
    """Each section that is not empty, folded, its blocks in a code block; those named are `changes`, with signs.

    Of very many blocks as many are shown as a comment has room for; the others are counted.
    """
    filled = [(title, blocks) for title, blocks in sections if blocks]
    lines = []
    for title, blocks in filled:
        shown = _cut(blocks, LONGEST // len(filled))
        fence = "`" * max(3, _longest_run(shown) + 1)
        language = "diff" if title in changes else "text"
        lines += ["", "<details>", f"<summary>{title} ({len(blocks):,})</summary>", ""]
        lines += [f"{fence}{language}", *shown, fence, "", "</details>"]
    return lines


def code(text: str) -> str:
    """A code span with this text, on one line."""
    shown = visible(text) or " "
    fence = "`" * (_longest_run([shown]) + 1)
    return f"{fence} {shown} {fence}" if len(fence) > 1 or shown.strip(" ") != shown else f"{fence}{shown}{fence}"


def _cut(blocks: Sequence[list[str]], room: int) -> list[str]:
    """The lines of the blocks that there is room for, without their margin, and how many others there are."""
    lines: list[str] = []
    for number, block in enumerate(blocks):
        room -= sum(len(line) + 1 for line in block)
        if room < 0:
            return [*lines, f"... and {len(blocks) - number:,} more"]
        lines += [line[2:] for line in block]
    return lines


def _longest_run(lines: Iterable[str]) -> int:
    return max((len(run) for line in lines for run in _BACKTICKS.findall(line)), default=0)
