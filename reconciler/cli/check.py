"""`reconciler check`: are the policy files right? Asks no host and writes nothing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.cli import codes, options
from reconciler.cli.commands import new_app
from reconciler.errors import PolicyError

if TYPE_CHECKING:
    from reconciler.policy.entries import Policy, PolicySet

app = new_app()

FORMAT_VERSION = 1
_EXAMPLES = """Examples:

\b
  reconciler check
  reconciler check desired/node.toml
  reconciler check --json

Exit codes: 0 nothing wrong; 1 problems, all of them told; 64 wrong usage.
"""


@app.command(epilog=_EXAMPLES)
def check(paths: options.Paths = None, as_json: options.Json = False) -> int:
    """Check policy files without a host, as if every file targeted it."""
    from reconciler.policy.files import check_policies

    try:
        policies = check_policies([Path(path) for path in paths or (options.DEFAULT_PATH,)])
    except PolicyError as error:
        if not as_json:
            raise
        _print_json(None, error)
        return codes.ERROR
    if as_json:
        _print_json(policies, None)
    else:
        _print_text(policies)
    return codes.OK


def _print_json(policies: PolicySet | None, error: PolicyError | None) -> None:
    from reconciler.report.json_report import write_json

    problems = error.problems if error else ()
    document = {
        "format_version": FORMAT_VERSION,
        "kind": "check",
        "ok": error is None,
        "problems": [{"where": problem.where, "message": problem.message} for problem in problems],
        "policies": [_policy(policy) for policy in policies.policies] if policies else [],
    }
    write_json(document, sys.stdout)


def _policy(policy: Policy) -> dict[str, Any]:
    return {
        "name": policy.name,
        "files": list(policy.files),
        "exclusions": [entry.name for entry in policy.exclusions],
        "reservations": [entry.name for entry in policy.reservations],
    }


def _print_text(policies: PolicySet) -> None:
    from reconciler.report.console import Console
    from reconciler.report.palette import visible
    from reconciler.report.words import counted, shorten

    lines, total = [], 0
    for policy in policies.policies:
        exclusions, reservations = len(policy.exclusions), len(policy.reservations)
        total += exclusions + reservations
        files = shorten([visible(file) for file in policy.files])
        counts = f"{counted(exclusions, 'exclusion')}, {counted(reservations, 'reservation')}"
        lines.append(f"  {visible(policy.name)}: {counts} ({files})")
    found = f"{counted(len(policies.policies), 'policy', 'policies')}, {counted(total, 'entry', 'entries')}"
    console = Console(sys.stdout)
    console.lines([*lines, console.palette.paint(f"Check: {found}, nothing wrong", "strong")])
