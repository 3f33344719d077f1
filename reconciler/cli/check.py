"""`reconciler check`: are the policy files right, and are they wise? Asks no host and writes nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from enum import Enum
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from reconciler.cli import codes, options
from reconciler.cli.commands import new_app
from reconciler.cli.streams import out_document, out_lines, out_painted
from reconciler.errors import PolicyError, ReconcilerError, UsageError

if TYPE_CHECKING:
    from reconciler.policy.files import Checked
    from reconciler.policy.lint import Rule
    from reconciler.report.check import Outcome

app = new_app()


class Format(str, Enum):
    """How errors and findings are printed."""

    text = "text"
    json = "json"
    github = "github"
    sarif = "sarif"
    junit = "junit"


Paths = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PATH", help="Policy files and folders; - is standard input.", show_default=options.DEFAULT_PATH
    ),
]
OutputFormat = Annotated[
    Format | None,
    typer.Option(
        "--output-format",
        help="text for people; json is our own document; github annotates a pull request; sarif and junit are what "
        "other CI systems and editors read.",
        show_default="text",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Short for --output-format json.")]
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
    output_format: OutputFormat = None
    as_json: Json = False

    def format(self) -> Format:
        """How to print. Raises UsageError where the options disagree."""
        if self.as_json and self.output_format not in (None, Format.json):
            raise UsageError("--json is short for --output-format json; name one format")
        return Format.json if self.as_json else self.output_format or Format.text


_EXAMPLES = """Examples:

\b
  reconciler check
  reconciler check desired/node.toml --ignore R403
  reconciler check --strict --output-format github
  reconciler check - < desired/node.toml
  reconciler check --rules --select R101

Exit codes: 0 no error; 1 errors, all of them named, with --strict also findings; 64 wrong usage;
130 interrupted.
"""


@app.command(epilog=_EXAMPLES)
@options.spread
def check(*, paths: Paths = None, chosen: Chosen, mode: Mode) -> int:
    """Check policy files without a host, as if every file targeted one: errors, and findings of the lint rules."""
    rules = _rules(chosen)
    if mode.rules:
        if paths or mode.as_json or mode.output_format or mode.strict:
            raise UsageError("--rules goes with --select and --ignore only; leave all else out")
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
    from reconciler.policy.lint import lint_all
    from reconciler.report.check import Outcome

    how = mode.format()
    checked = _checked(paths)
    problems = checked.error.problems if checked.error else ()
    findings = lint_all(checked.meetings, [rule for rule in rules if not (problems and rule.needs_all)])
    columns = checked.columns([finding.place for finding in findings])
    ok = not problems and not (mode.strict and findings)
    outcome = Outcome(checked.everything, problems, findings, columns, ok)
    if how is not Format.text:
        _print_for_programs(outcome, checked, mode)
    elif checked.error:
        from reconciler.report.check import finding_lines

        out_painted(lambda palette: finding_lines(outcome.remarks()[len(problems) :], palette))
        raise checked.error
    else:
        from reconciler.report.check import check_lines

        out_painted(lambda palette: check_lines(checked.everything, outcome.remarks(), palette))
    return codes.OK if ok else codes.ERROR


def _checked(paths: Iterable[str] | None) -> Checked:
    from reconciler.policy.entries import PolicySet
    from reconciler.policy.files import Checked, check_policies

    try:
        return check_policies(options.policy_paths(paths), _stdin)
    except PolicyError as error:  # no path was given, and the default is not there
        return Checked(PolicySet(()), (), error, (), {})


def _print_for_programs(outcome: Outcome, checked: Checked, mode: Mode) -> None:
    import reconciler
    from reconciler.report import check_formats
    from reconciler.report.documents import json_text

    how = mode.format()
    if how is Format.json:
        out_document(check_formats.check_document(outcome))
    elif how is Format.sarif:
        out_lines([json_text(check_formats.sarif_document(outcome.remarks(), reconciler.__version__))])
    elif how is Format.github:
        out_lines(check_formats.github_lines(outcome.remarks()))
    else:
        out_lines(check_formats.junit_lines(outcome.remarks(), checked.files, strict=mode.strict))


def _stdin(most: int) -> bytes:
    if sys.stdin is None:
        raise ReconcilerError("standard input is closed; name a file", where="-")
    return sys.stdin.buffer.read(most)
