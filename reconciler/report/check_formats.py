"""What a check found, in the forms that programs read: our own JSON, GitHub's annotations, SARIF 2.1.0 and JUnit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from reconciler.policy.lint import ALL_RULES, severity_of
from reconciler.policy.problems import IDS
from reconciler.report import FORMAT_VERSION
from reconciler.report.check import Outcome, Remark
from reconciler.text import visible

if TYPE_CHECKING:
    from reconciler.report import shapes

_SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_COMMANDS = {"error": "error", "warning": "warning", "advice": "notice"}
_LEVELS = {"error": "error", "warning": "warning", "advice": "note"}
_TITLES = {**IDS, **{rule.id: rule.title for rule in ALL_RULES}}

_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_NOT_IN_A_URI = re.compile(r"[^A-Za-z0-9._~!$&'()*+,;=@/-]")
"""What a path of RFC 3986 has as it is; all else is written as `%` and two digits for each byte of UTF-8."""


def check_document(outcome: Outcome) -> shapes.CheckDocument:
    """Our own JSON; without policies where they have errors."""
    policies = () if outcome.problems else outcome.policies.policies
    found = outcome.remarks()
    return {
        "format_version": FORMAT_VERSION,
        "kind": "check",
        "ok": outcome.ok,
        "problems": [
            {"where": problem.where, **_place(item), "message": item.message}
            for problem, item in zip(outcome.problems, found, strict=False)
        ],
        "findings": [
            {
                **_place(item),
                "rule": finding.rule,
                "severity": severity_of(finding),
                "place": str(finding.place),
                "policy": finding.policy,
                "entry": finding.entry,
                "message": finding.message,
            }
            for finding, item in zip(outcome.findings, found[len(outcome.problems) :], strict=True)
        ],
        "policies": [
            {
                "name": policy.name,
                "files": list(policy.files),
                "exclusions": [entry.name for entry in policy.exclusions],
                "reservations": [entry.name for entry in policy.reservations],
            }
            for policy in policies
        ],
    }


def _place(item: Remark) -> shapes.RemarkPlace:
    return {"id": item.id, "file": item.file, "line": item.line or None, "column": item.column or None}


def github_lines(found: Sequence[Remark]) -> Iterator[str]:
    """The workflow commands that make GitHub show each remark at its line."""
    for item in found:
        place = {"file": item.file.replace("\\", "/"), "line": item.line, "col": item.column, "title": item.id}
        stated = ",".join(f"{key}={_github_property(str(value))}" for key, value in place.items() if value)
        yield f"::{_COMMANDS[item.level]} {stated}::{_github_data(item.message)}"


def _github_data(text: str) -> str:
    return visible(text).replace("%", "%25")


def _github_property(text: str) -> str:
    return _github_data(text).replace(":", "%3A").replace(",", "%2C")


def sarif_document(found: Sequence[Remark], version: str) -> dict[str, Any]:
    """One run in SARIF 2.1.0. `version` is that of this program."""
    ids = sorted({item.id for item in found})
    levels = {item.id: _LEVELS[item.level] for item in found}
    rules = [
        {"id": name, "shortDescription": {"text": _TITLES[name]}, "defaultConfiguration": {"level": levels[name]}}
        for name in ids
    ]
    driver = {"name": "port-reconciler", "version": version, "rules": rules}
    results = [_sarif_result(item, ids.index(item.id)) for item in found]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}


def _sarif_result(item: Remark, rule: int) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(item.file)}}
    if item.line:
        place["region"] = {"startLine": item.line, "startColumn": item.column}
    return {
        "ruleId": item.id,
        "ruleIndex": rule,
        "level": _LEVELS[item.level],
        "message": {"text": visible(item.message)},
        "locations": [{"physicalLocation": place}],
    }


def _uri(file: str) -> str:
    """A path as a URI: relative to the working folder, or with its scheme."""
    drive, rest = (file[:2], file[2:]) if _DRIVE.match(file) else ("", file)
    path = rest.replace("\\", "/")
    quoted = drive + _NOT_IN_A_URI.sub(lambda found: "".join(f"%{byte:02X}" for byte in _bytes(found[0])), path)
    if drive:
        return f"file:///{quoted}"
    return f"file://{quoted}" if path.startswith("/") else quoted


def _bytes(char: str) -> bytes:
    return char.encode("utf-8", "replace")


def junit_lines(found: Sequence[Remark], files: Sequence[str], *, strict: bool) -> Iterator[str]:
    """One suite for each file, one test case for each remark, or for the file where there is none.

    What does not change the exit code is no failure: findings that are not `strict`.
    """
    by_file: dict[str, list[Remark]] = {file: [] for file in files}
    for item in found:
        by_file.setdefault(item.file, []).append(item)
    failures = {file: sum(strict or item.level == "error" for item in items) for file, items in by_file.items()}
    tests = sum(len(items) or 1 for items in by_file.values())
    yield '<?xml version="1.0" encoding="us-ascii"?>'
    yield f'<testsuites name="reconciler check" tests="{tests}" failures="{sum(failures.values())}" errors="0">'
    for file, items in by_file.items():
        counts = f'tests="{len(items) or 1}" failures="{failures[file]}" errors="0" skipped="0" time="0"'
        yield f'  <testsuite name="{_xml(file)}" {counts}>'
        if not items:
            yield f'    <testcase name="check" classname="{_xml(file)}" time="0"/>'
        for item in items:
            yield from _junit_case(item, fails=strict or item.level == "error")
        yield "  </testsuite>"
    yield "</testsuites>"


def _junit_case(item: Remark, *, fails: bool) -> Iterator[str]:
    name = ":".join(map(str, filter(None, (item.id, item.line, item.column))))
    text = _xml(f"{item.file}:{item.line}:{item.column}: {item.message}" if item.line else item.message)
    yield f'    <testcase name="{name}" classname="{_xml(item.file)}" time="0">'
    if fails:
        yield f'      <failure type="{item.level}" message="{_xml(item.message)}">{text}</failure>'
    else:
        yield f"      <system-out>{item.level}: {text}</system-out>"
    yield "    </testcase>"


def _xml(text: str) -> str:
    for char, name in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(char, name)
    return visible(text).encode("ascii", "xmlcharrefreplace").decode("ascii")
