"""The documentation of the rules, made from the rules: `reconciler check --rules > docs/lint.md`. ASCII only."""

from __future__ import annotations

import re
from collections.abc import Iterable
from inspect import cleandoc

from reconciler.policy.lint import ALL_RULES, Rule
from reconciler.policy.lint.rule import SYSTEMS

_TOML = re.compile(r"```toml\n(.*?)```", re.DOTALL)

_HEAD = """\
# Lint rules

Made by `reconciler check --rules`; do not edit.

`reconciler check` reads policy files and asks no host. What is plainly wrong is an error, and the exit code is 1. What
is allowed, but brings trouble in the field, is a **finding**: it does not change the exit code unless `--strict` is
given. Findings know the policy only; what needs a host is a note of the plan.

- `--select R1,R302` applies only these rules, `--ignore R403` leaves some out; the beginning of an id stands for all
  rules that begin with it, both options may be repeated, and `--ignore` counts more.
- `allow = ["R104"]` in an entry says that a rule does not apply to it. Say why in a comment.
- `--json` prints each finding with `id`, `file`, `line`, `column`, `severity`, `policy`, `entry` and `message`; other
  formats, and how findings stand beside errors, are in [Check](check.md).
- `--rules` prints this page, and with `--select` the chapters of some rules.

Findings are looked for among files that meet on one host, as far as `[target]` shows: an entry for Linux and one for
Windows do not overlap, and a file for Linux only is not checked by rules for Windows.

A **warning** means that something does not work, or is not covered, on a host; **advice** that the policy could be
better kept.

| rule | severity | for | finds |
| --- | --- | --- | --- |
"""

_TAIL = """\
## What is an error, not a finding

An exclusion and a reservation that overlap, two reservations that overlap, unknown keys, and whatever else cannot be
done as it stands. [The policy file](policy.md#errors) has examples.
"""


def page() -> str:
    """The whole of docs/lint.md."""
    table = "".join(
        f"| [{rule.id}](#{rule.id.lower()}) | {rule.severity} | {_for(rule)} | {rule.title} |\n" for rule in ALL_RULES
    )
    return f"{_HEAD}{table}\n{chapters(ALL_RULES)}\n{_TAIL}"


def chapters(rules: Iterable[Rule]) -> str:
    """The chapters of some rules, with an empty line between them."""
    return "\n".join(_chapter(rule) for rule in rules)


def _chapter(rule: Rule) -> str:
    return f"## {rule.id}\n\n**{rule.title}** ({rule.severity}; {_for(rule)})\n\n{cleandoc(rule.__doc__ or '')}\n"


def _for(rule: Rule) -> str:
    return "every host" if rule.systems == SYSTEMS else " and ".join(rule.systems)


def examples(rule: Rule) -> tuple[str, ...]:
    """The TOML blocks of a rule's documentation: what it finds, then the same put right."""
    return tuple(_TOML.findall(cleandoc(rule.__doc__ or "")))
