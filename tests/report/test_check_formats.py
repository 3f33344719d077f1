"""What CI systems read of a check: each form by its own grammar, whatever stands in messages and names of files."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any
from urllib.parse import unquote, urlsplit

from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from reconciler.policy.lint import ALL_RULES
from reconciler.policy.problems import IDS
from reconciler.report.check import Remark
from reconciler.report.check_formats import github_lines, junit_lines, sarif_document

PROBLEM = Remark("E203", "error", "desired/a.toml", 3, 9, "exclusion 'web': ports: 0 is not a port")
NOWHERE = Remark("E101", "error", "gone.toml", 0, 0, "no such file or folder; check the path")
WARNING = Remark("R101", "warning", "desired/a.toml", 7, 1, "web/http takes 80 (tcp) of IIS")
ADVICE = Remark("R501", "advice", "C:\\x, y\\b%.toml", 1, 1, 'web/"a" <has> & no reason: 100%')

LEVELS = {"error": "error", "warning": "warning", "advice": "note"}
PLACES = st.integers(1, 70_000)
REMARKS = st.lists(
    st.one_of(
        st.builds(
            Remark, st.sampled_from(sorted(IDS)), st.just("error"), st.text(min_size=1), PLACES, PLACES, st.text()
        ),
        st.builds(
            lambda rule, file, line, message: Remark(rule.id, rule.severity, file, line, 1, message),
            st.sampled_from(ALL_RULES),
            st.text(min_size=1),
            PLACES,
            st.text(),
        ),
        st.builds(lambda file, message: Remark("E101", "error", file, 0, 0, message), st.text(min_size=1), st.text()),
    ),
    max_size=8,
)


# --- GitHub: docs.github.com, "Workflow commands for GitHub Actions"

GITHUB = re.compile(r"::(error|warning|notice) ([a-z]+=[^,:\r\n]*(?:,[a-z]+=[^,:\r\n]*)*)::([^\r\n]*)")
ESCAPES = {"%25": "%", "%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ","}


def unescaped(text: str) -> str:
    """What the runner of GitHub makes of a value, which may have no other percent sign."""
    assert re.fullmatch("(?:[^%]|%25|%0D|%0A|%3A|%2C)*", text)
    return re.sub("%..", lambda found: ESCAPES[found[0]], text)


def annotation(line: str) -> tuple[str, dict[str, str], str]:
    found = GITHUB.fullmatch(line)
    assert found, line
    properties = dict(item.split("=", 1) for item in found[2].split(","))
    return found[1], {key: unescaped(value) for key, value in properties.items()}, unescaped(found[3])


def test_github_gets_a_command_for_each_remark() -> None:
    assert list(github_lines([PROBLEM, NOWHERE, WARNING, ADVICE])) == [
        "::error file=desired/a.toml,line=3,col=9,title=E203::exclusion 'web': ports: 0 is not a port",
        "::error file=gone.toml,title=E101::no such file or folder; check the path",
        "::warning file=desired/a.toml,line=7,col=1,title=R101::web/http takes 80 (tcp) of IIS",
        '::notice file=C%3A/x%2C y/b%25.toml,line=1,col=1,title=R501::web/"a" <has> & no reason: 100%25',
    ]


@given(REMARKS)
def test_any_remark_is_a_command_of_github(found: list[Remark]) -> None:
    lines = list(github_lines(found))
    assert len(lines) == len(found)
    for item, line in zip(found, lines, strict=True):
        _, properties, message = annotation(line)
        assert properties["title"] == item.id
        assert properties.get("line") == (str(item.line) if item.line else None)
        if item.message.isprintable():
            assert message == item.message
        if item.file.isprintable():
            assert properties["file"] == item.file.replace("\\", "/")


# --- SARIF

TEXT = {
    "type": "object",
    "required": ["text"],
    "properties": {"text": {"type": "string"}},
    "additionalProperties": False,
}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
SARIF: dict[str, Any] = {  # what SARIF 2.1.0 requires of the parts that are written here, and nothing beside them
    "type": "object",
    "required": ["version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string", "pattern": r"^https://docs\.oasis-open\.org/sarif/.*\.json$"},
        "version": {"const": "2.1.0"},
        "runs": {"type": "array", "minItems": 1, "maxItems": 1, "items": {"$ref": "#/$defs/run"}},
    },
    "$defs": {
        "run": {
            "type": "object",
            "required": ["tool", "results"],
            "additionalProperties": False,
            "properties": {
                "tool": {
                    "type": "object",
                    "required": ["driver"],
                    "additionalProperties": False,
                    "properties": {"driver": {"$ref": "#/$defs/driver"}},
                },
                "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                "results": {"type": "array", "items": {"$ref": "#/$defs/result"}},
            },
        },
        "driver": {
            "type": "object",
            "required": ["name"],
            "additionalProperties": False,
            "properties": {
                "name": {"type": "string"},
                "version": {"type": "string"},
                "rules": {"type": "array", "uniqueItems": True, "items": {"$ref": "#/$defs/rule"}},
            },
        },
        "rule": {
            "type": "object",
            "required": ["id"],
            "additionalProperties": False,
            "properties": {
                "id": {"type": "string"},
                "shortDescription": TEXT,
                "defaultConfiguration": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {"level": LEVEL},
                },
            },
        },
        "result": {
            "type": "object",
            "required": ["message"],
            "additionalProperties": False,
            "properties": {
                "ruleId": {"type": "string"},
                "ruleIndex": {"type": "integer", "minimum": 0},
                "level": LEVEL,
                "message": TEXT,
                "locations": {"type": "array", "items": {"$ref": "#/$defs/location"}},
            },
        },
        "location": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "physicalLocation": {
                    "type": "object",
                    "required": ["artifactLocation"],
                    "additionalProperties": False,
                    "properties": {
                        "artifactLocation": {
                            "type": "object",
                            "additionalProperties": False,
                            # of RFC 3986: a URI, or a relative reference, of which the first segment has no colon
                            "properties": {
                                "uri": {
                                    "type": "string",
                                    "pattern": r"^(file://(/[A-Za-z]:)?|[^:/?#]+(/|$))?"
                                    r"([A-Za-z0-9._~!$&'()*+,;=@:/-]|%[0-9A-F]{2})*$",
                                }
                            },
                        },
                        "region": {
                            "type": "object",
                            "additionalProperties": False,
                            "properties": {
                                "startLine": {"type": "integer", "minimum": 1},
                                "startColumn": {"type": "integer", "minimum": 1},
                            },
                        },
                    },
                }
            },
        },
    },
}


def test_sarif_has_a_result_for_each_remark_and_a_rule_for_each_id() -> None:
    document = sarif_document([PROBLEM, NOWHERE, WARNING, ADVICE], "1.2.3")
    Draft202012Validator(SARIF).validate(document)
    (run,) = document["runs"]
    assert run["tool"]["driver"]["version"] == "1.2.3"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["E101", "E203", "R101", "R501"]
    assert [result["level"] for result in run["results"]] == ["error", "error", "warning", "note"]
    places = [result["locations"][0]["physicalLocation"] for result in run["results"]]
    assert places[0] == {
        "artifactLocation": {"uri": "desired/a.toml"},
        "region": {"startLine": 3, "startColumn": 9},
    }
    assert places[1] == {"artifactLocation": {"uri": "gone.toml"}}
    assert places[3]["artifactLocation"] == {"uri": "file:///C:/x,%20y/b%25.toml"}


def test_a_path_from_the_root_has_the_scheme_of_a_file() -> None:
    document = sarif_document([PROBLEM._replace(file="/etc/\u00fc?.toml")], "1")
    (result,) = document["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "file:///etc/%C3%BC%3F.toml"


@given(REMARKS)
def test_any_remarks_are_sarif(found: list[Remark]) -> None:
    document = sarif_document(found, "1")
    Draft202012Validator(SARIF).validate(document)
    (run,) = document["runs"]
    rules = run["tool"]["driver"]["rules"]
    for item, result in zip(found, run["results"], strict=True):
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == item.id
        assert rules[result["ruleIndex"]]["defaultConfiguration"]["level"] == result["level"] == LEVELS[item.level]
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert urlsplit(uri).scheme in ("", "file")
        if "\\" not in item.file and not item.file.startswith("/") and not re.search("[\ud800-\udfff]", item.file):
            assert unquote(uri) == item.file


# --- JUnit: what the schema of the Ant task and Jenkins both take

ATTRIBUTES = {
    "testsuites": {"name", "tests", "failures", "errors"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time"},
    "testcase": {"name", "classname", "time"},
    "failure": {"type", "message"},
    "system-out": set(),
}
CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"testcase"},
    "testcase": {"failure", "system-out"},
    "failure": set(),
    "system-out": set(),
}


def junit(found: list[Remark], files: tuple[str, ...] = (), *, strict: bool = False) -> ET.Element:
    """The root of the report, read by a parser; each element is one of the schema, and its counts are right."""
    text = "\n".join(junit_lines(found, files, strict=strict))
    root = ET.fromstring(text.encode("ascii"))
    assert root.tag == "testsuites"
    for element in root.iter():
        assert set(element.attrib) == ATTRIBUTES[element.tag]
        assert {child.tag for child in element} <= CHILDREN[element.tag]
    for element in (root, *root.iter("testsuite")):
        assert int(element.attrib["tests"]) == len(list(element.iter("testcase")))
        assert int(element.attrib["failures"]) == len(list(element.iter("failure")))
        assert element.attrib["errors"] == "0"
    return root


def test_junit_has_a_suite_for_each_file_and_a_case_for_each_remark() -> None:
    root = junit([PROBLEM, NOWHERE, WARNING, ADVICE], ("desired/a.toml", "good.toml"))
    suites = {suite.attrib["name"]: [case.attrib["name"] for case in suite] for suite in root}
    assert suites == {
        "desired/a.toml": ["E203:3:9", "R101:7:1"],
        "good.toml": ["check"],
        "gone.toml": ["E101"],
        ADVICE.file: ["R501:1:1"],
    }
    failures = [failure.attrib["message"] for failure in root.iter("failure")]
    assert failures == [PROBLEM.message, NOWHERE.message]
    said = [element.text for element in root.iter("system-out")]
    assert said[0] == "warning: desired/a.toml:7:1: web/http takes 80 (tcp) of IIS"


def test_in_junit_findings_fail_where_they_count() -> None:
    root = junit([WARNING, ADVICE], strict=True)
    assert [failure.attrib["type"] for failure in root.iter("failure")] == ["warning", "advice"]


@given(REMARKS, st.booleans())
def test_any_remarks_are_junit(found: list[Remark], strict: bool) -> None:
    root = junit(found, strict=strict)
    names = {suite.attrib["name"] for suite in root}
    assert {item.file for item in found if item.file.isprintable()} <= names
    if strict and all(item.message.isprintable() for item in found):
        messages = sorted(failure.attrib["message"] for failure in root.iter("failure"))
        assert messages == sorted(item.message for item in found)
