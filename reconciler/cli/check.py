"""`reconciler check`: are the policy files right, and are they wise? Asks no host and writes nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from reconciler.cli import codes, options
from reconciler.cli.commands import new_app
from reconciler.cli.streams import out_document, out_lines, out_painted
from reconciler.errors import PolicyError, ReconcilerError, UsageError

if TYPE_CHECKING:
    from reconciler.policy.lint import Rule

app = new_app()

Select = Annotated[
    list[str] | None,
    typer.Option(
        "--select",
        metavar="RULE",
        help="Only these lint rules: R101, R1 (all that begin so), or R101,R3; may be repeated.",
    ),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option("--ignore", metavar="RULE", help="Not these lint rules; counts more than --select; may be repeated."),
]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with 1 for findings too.")]
Rules = Annotated[bool, typer.Option("--rules", help="Print what the lint rules mean, and read no policy.")]


class Chosen(NamedTuple):
    """The options that choose lint rules."""

    select: Select = None
    ignore: Ignore = None


class Mode(NamedTuple):
    """The options that say what is done with them."""

    strict: Strict = False
    rules: Rules = False
    as_json: options.Json = False


_EXAMPLES = """Examples:

\b
  reconciler check
  reconciler check desired/node.toml --ignore R403
  reconciler check --strict --json
  reconciler check --rules --select R101

Exit codes: 0 no error; 1 errors, all of them named, with --strict also findings; 64 wrong usage;
130 interrupted.
"""


@app.command(epilog=_EXAMPLES)
@options.spread
def check(*, paths: options.Paths = None, chosen: Chosen, mode: Mode) -> int:
    """Check policy files without a host, as if every file targeted one: errors, and findings of the lint rules."""
    rules = _rules(chosen)
    if mode.rules:
        if paths or mode.as_json or mode.strict:
            raise UsageError("--rules goes with --select and --ignore only; leave PATH, --json and --strict out")
        _print_rules(rules, whole=chosen == Chosen())
        return codes.OK
    return _check(paths, rules, mode)


def _rules(chosen: Chosen) -> tuple[Rule, ...]:
    from reconciler.policy.lint import choose

    try:
        return choose(_ids(chosen.select), _ids(chosen.ignore))
    except ValueError as error:
        raise UsageError(str(error)) from None


def _ids(values: Iterable[str] | None) -> list[str]:
    return [word.strip() for value in values or () for word in value.split(",")]


def _print_rules(rules: tuple[Rule, ...], *, whole: bool) -> None:
    from reconciler.policy.lint.document import chapters, page

    if sys.flags.optimize > 1:
        raise ReconcilerError("Python's option -OO leaves the text of the rules out; start it without")
    text = page() if whole else chapters(rules)
    out_lines(text.splitlines())


def _check(paths: Iterable[str] | None, rules: tuple[Rule, ...], mode: Mode) -> int:
    from reconciler.policy.files import check_policies
    from reconciler.policy.lint import lint_all
    from reconciler.report.documents import check_document

    try:
        checked = check_policies(options.policy_paths(paths))
    except PolicyError as error:
        if not mode.as_json:
            raise
        out_document(check_document(None, error.problems, (), ok=False))
        return codes.ERROR
    findings = lint_all(checked.meetings, rules)
    ok = not (mode.strict and findings)
    if mode.as_json:
        out_document(check_document(checked.everything, (), findings, ok=ok))
    else:
        from reconciler.report.check import check_lines

        out_painted(lambda palette: check_lines(checked.everything, findings, palette))
    return codes.OK if ok else codes.ERROR
