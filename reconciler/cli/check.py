"""`reconciler check`: are the policy files right, and are they wise? Asks no host and writes nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli import codes, options
from reconciler.cli.commands import new_app
from reconciler.errors import PolicyError, ReconcilerError

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

_EXAMPLES = """Examples:

\b
  reconciler check
  reconciler check desired/node.toml --ignore R403
  reconciler check --strict --json
  reconciler check --rules --select R101

Exit codes: 0 no error; 1 errors, all of them told, with --strict also findings; 64 wrong usage;
130 interrupted.
"""


@app.command(epilog=_EXAMPLES)
def check(
    ctx: typer.Context,
    paths: options.Paths = None,
    select: Select = None,
    ignore: Ignore = None,
    strict: Strict = False,
    rules: Rules = False,
    as_json: options.Json = False,
) -> int:
    """Check policy files without a host, as if every file targeted one: errors, and findings of the lint rules."""
    chosen = _chosen(ctx, select, ignore)
    if rules:
        if paths or as_json or strict:
            ctx.fail("--rules goes with --select and --ignore only; leave PATH, --json and --strict out")
        _print_rules(chosen, whole=not select and not ignore)
        return codes.OK
    return _check(paths, chosen, strict=strict, as_json=as_json)


def _chosen(ctx: typer.Context, select: Iterable[str] | None, ignore: Iterable[str] | None) -> tuple[Rule, ...]:
    from reconciler.policy.lint import choose

    try:
        return choose(_ids(select), _ids(ignore))
    except ValueError as error:
        ctx.fail(str(error))


def _ids(values: Iterable[str] | None) -> list[str]:
    return [word.strip() for value in values or () for word in value.split(",")]


def _print_rules(chosen: tuple[Rule, ...], *, whole: bool) -> None:
    from reconciler.policy.lint.document import chapters, page

    if sys.flags.optimize > 1:
        raise ReconcilerError("Python's option -OO leaves the text of the rules out; start it without")
    sys.stdout.write(page() if whole else chapters(chosen))


def _check(paths: Iterable[str] | None, chosen: tuple[Rule, ...], *, strict: bool, as_json: bool) -> int:
    from reconciler.policy.files import check_policies
    from reconciler.policy.lint import lint_all
    from reconciler.report.check_report import check_document, check_lines

    try:
        checked = check_policies(options.policy_paths(paths))
    except PolicyError as error:
        if not as_json:
            raise
        from reconciler.report.documents import write_json

        write_json(check_document(None, error.problems, (), ok=False), sys.stdout)
        return codes.ERROR
    findings = lint_all(checked.meetings, chosen)
    ok = not (strict and findings)
    if as_json:
        from reconciler.report.documents import write_json

        write_json(check_document(checked.everything, (), findings, ok=ok), sys.stdout)
    else:
        from reconciler.report.console import Console

        console = Console(sys.stdout)
        console.lines(check_lines(checked.everything, findings, console.palette))
    return codes.OK if ok else codes.ERROR
