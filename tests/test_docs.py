"""The pages of `docs/`: they print what they say, name every word that the program knows, and link to what is there."""

from __future__ import annotations

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic.fields import FieldInfo

import reconciler
from reconciler.apply.results import Verdict
from reconciler.cli import codes
from reconciler.lab.simulated.variants import CHOICES
from reconciler.plan.model import ACTIONS, LIMIT_NAMES, ActionId, Cause, Options, Status
from reconciler.plan.notes import NOTHING_TARGETED, PROTECTED
from reconciler.policy.entries import Limits
from reconciler.policy.models import TABLES, PolicyFile
from tests.pages import PAGES, ROOT, block_of, folder, steady

HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?://)([^)\s]+)\)")
FENCED = re.compile(r"^(```+)[^\n]*\n.*?^\1$", re.DOTALL | re.MULTILINE)
CITED = re.compile(r"windows-facts ((?:\d+(?:\.\d+)?(?:, | and )?)+)")
CODE = re.compile(r"`[^`\n]*`")
RETIRED = re.compile(
    r"\b(?:(?:un)?starred|stars?|culprits?|obstacles?|relabel\w*|ow(?:e|es|ed|ing)|demands?|wish\w*|wanted|intents?)\b",
    re.I,
)
"""Words that a word of the glossary stands for. What the program prints is not looked at."""
NAMED = re.compile(r"`((?:[\w.*-]+/)*[\w.*-]*(?:/|\.(?:py|md|toml|json)))(?:: (\w+(?:, \w+)*))?`")
"""A path in a page for contributors, and what is named in it. `NAME` in capitals stands for a name to choose."""
FOR_CONTRIBUTORS = ("docs/architecture.md", "docs/security.md", "CONTRIBUTING.md")
NOTE_ID = re.compile(r'Note\(\s*"([a-z-]+)"')


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next one."""
    (found,) = re.findall(rf"^#+ {re.escape(heading)}$\n(.*?)(?=^#|\Z)", text, re.DOTALL | re.MULTILINE)
    return str(found)


def rows(text: str) -> dict[str, list[str]]:
    """The rows of all tables in a text, by their first cell without its marks."""
    found = {}
    for line in text.splitlines():
        if line.startswith("| ") and not line.startswith("| ---"):
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            found[re.sub(r"[`\[\]]|\(.*", "", cells[0])] = [cell.rstrip(" |") for cell in cells[1:]]
    return found


def keys(name: str, heading: str, head: str) -> list[str]:
    """The first column of the tables under a heading, without their head."""
    return [key for key in rows(section(page(name), heading)) if key != head]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_prints_what_it_says(path: Path, tmp_path: Path) -> None:
    if sys.platform == "win32" and path.stem == "doctor":
        pytest.skip("what it says of the state folder is about the owners and modes of POSIX")
    text = path.read_text(encoding="utf-8")
    with folder(tmp_path) as here:
        assert steady(here.play(text)) == steady(text), "python -m tests.pages writes what is printed now"


def test_the_pages_have_examples_at_all() -> None:
    commands = {path.stem: path.read_text(encoding="utf-8").count("\n$ reconciler ") for path in PAGES}
    assert min(commands[name] for name in ("policy", "variants", "api", "plan", "apply", "adopt")) >= 1
    assert sum(commands.values()) >= 80
    assert "```python run" in page("api.md")


@pytest.mark.parametrize("name", TABLES)
def test_every_key_of_a_table_is_documented(name: str) -> None:
    heading = f"[[{name}]]" if name in ("exclusion", "reservation") else f"[{name}]"
    documented = rows(section(page("policy.md"), heading))
    model = TABLES[name].model_fields
    assert keys("policy.md", heading, "key") == list(model)
    for key, field in model.items():
        default, values, _ = documented[key]
        assert default == _default(name, key, field), key
        assert set(_words(field)) <= set(re.findall(r'"([a-z0-9]+)"', values)), key


def _default(table: str, key: str, field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    value = field.get_default(call_default_factory=True)
    if table == "limits":
        value = getattr(Limits(), key)
    if value is None:
        return "none"
    return f"`{json.dumps(list(value) if isinstance(value, tuple) else value)}`"


def _words(field: FieldInfo) -> Iterable[str]:
    """The words that a key may hold, where it holds words."""
    seen: list[Any] = [field.annotation]
    for kind in seen:
        seen += get_args(kind) if not isinstance(kind, str) else ()
    return [kind for kind in seen if isinstance(kind, str)]


def test_every_key_of_the_top_of_the_file_is_documented() -> None:
    documented = rows(section(page("policy.md"), "The top of the file"))
    assert keys("policy.md", "The top of the file", "key") == list(PolicyFile.model_fields)
    for key, field in PolicyFile.model_fields.items():
        assert documented[key][0] == _default("", key, field), key


def test_every_word_of_a_plan_and_its_result_is_documented() -> None:
    assert keys("plan.md", "Actions", "action") == list(ACTIONS)
    assert set(ACTIONS) == set(get_args(ActionId))
    assert keys("plan.md", "Statuses", "status") == list(get_args(Status))
    assert keys("plan.md", "Causes", "cause") == list(get_args(Cause))
    assert keys("apply.md", "What comes of a step", "verdict") == list(get_args(Verdict))
    assert keys("limits.md", "Limits", "limit") == list(LIMIT_NAMES)


def test_every_note_is_documented() -> None:
    ids = {
        found
        for path in sorted((ROOT / "reconciler" / "plan").rglob("*.py"))
        for found in NOTE_ID.findall(path.read_text(encoding="utf-8"))
    }
    assert len(ids) >= 6
    assert set(keys("plan.md", "Notes", "note")) == ids | {NOTHING_TARGETED, PROTECTED}


def test_every_exit_code_is_documented() -> None:
    known = {str(value) for name, value in vars(codes).items() if name.isupper()}
    assert set(keys("exit-codes.md", "Exit codes", "code")) == known


def test_every_switch_of_the_simulated_windows_is_documented() -> None:
    text = page("variants.md")
    documented = rows(section(text, "The nine switches"))
    assert keys("variants.md", "The nine switches", "switch") == list(CHOICES)
    for switch, (default, *others) in CHOICES.items():
        assert documented[switch][:2] == [f"`{default}`", ", ".join(f"`{other}`" for other in others)]
        assert "https://" in section(text, switch)


@pytest.mark.parametrize("path", [*PAGES, ROOT / "README.md"], ids=lambda path: path.stem)
def test_a_page_speaks_in_the_words_of_the_glossary(path: Path) -> None:
    if path.stem == "lint":
        pytest.skip("it is made from the docstrings of the rules")
    assert not RETIRED.findall(CODE.sub("", FENCED.sub("", path.read_text(encoding="utf-8"))))


def test_the_glossary_tells_each_word_once() -> None:
    words = re.findall(r"^\| (?!word|---)([^|]+?) \|", page("glossary.md"), re.MULTILINE)
    assert len(words) >= 50
    assert len(words) == len(set(words))


def test_every_fact_that_is_cited_is_there() -> None:
    there = set(re.findall(r"^(?:## |- )(\d+(?:\.\d+)?)\b", page("windows-facts.md"), re.MULTILINE))
    cited = {
        number
        for folder_of_code in ("reconciler", "tests")
        for path in (ROOT / folder_of_code).rglob("*.py")
        for numbers in CITED.findall(path.read_text(encoding="utf-8"))
        for number in re.findall(r"\d+(?:\.\d+)?", numbers)
    }
    assert len(cited) >= 15
    assert cited <= there


@pytest.mark.parametrize("name", sorted(set(reconciler.__all__) - {"ReconcilerError"}))
def test_every_public_name_and_parameter_is_documented(name: str) -> None:
    assert list(inspect.signature(getattr(reconciler, name)).parameters) == keys("api.md", name, "parameter")


def test_every_error_is_documented() -> None:
    classes = {
        kind.__name__ for kind in reconciler.ReconcilerError.__subclasses__() if kind.__module__.endswith("errors")
    }
    assert set(keys("api.md", "ReconcilerError", "class")) == classes
    assert set(Options.__match_args__) == set(keys("api.md", "Options", "parameter"))


def test_every_page_is_listed() -> None:
    listed = {link.partition("#")[0] for link in LINK.findall(page("README.md"))}
    assert {path.name for path in PAGES} - {"README.md"} <= listed


@pytest.mark.parametrize("path", [*PAGES, ROOT / "README.md", ROOT / "SECURITY.md"], ids=lambda path: path.stem)
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    links = LINK.findall(FENCED.sub("", path.read_text(encoding="utf-8")))
    for link in links:
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target), link
    assert links or path.stem == "lint"


def _anchors(path: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    text = FENCED.sub("", path.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(text)}


@pytest.mark.parametrize("name", FOR_CONTRIBUTORS)
def test_every_path_and_name_for_contributors_exists(name: str) -> None:
    found = NAMED.findall(FENCED.sub("", (ROOT / name).read_text(encoding="utf-8")))
    assert len(found) >= 20
    for path, names in found:
        if "NAME" not in path:
            target = ROOT / path if (ROOT / path).exists() else ROOT / "reconciler" / path
            assert target.exists(), path
            for word in filter(None, names.split(", ")):
                assert re.search(rf"\b{word}\b", target.read_text(encoding="utf-8")), f"{path}: {word}"


def test_an_answer_is_at_most_two_files_away() -> None:
    answers = rows(section(page("architecture.md"), "Answers in two hops"))
    assert len(answers) >= 15
    for question, (answer,) in answers.items():
        files = {path for path, _ in NAMED.findall(answer)}
        assert question == "question" or 1 <= len(files) <= 2, question


@pytest.mark.parametrize(
    ("shell", "script"), [(("sh",), "keep-ports.sh"), (("pwsh", "-NoProfile", "-File"), "Keep-Ports.ps1")]
)
def test_the_fleet_scripts_tell_what_is_left_by_their_exit_codes(
    shell: tuple[str, ...], script: str, tmp_path: Path
) -> None:
    scripts = sysconfig.get_path("scripts")
    if not shutil.which(shell[0]) or not shutil.which("reconciler", path=scripts):
        pytest.skip(f"no {shell[0]} here, or the reconciler command is not installed")
    policy = block_of("scope.md", "cache.toml")
    with folder(tmp_path) as here:
        here.run("reconciler sim init host.json --seed 3")
        Path(script).write_text(block_of("exit-codes.md", script), encoding="utf-8", newline="\n")
        Path("good.toml").write_text(policy, encoding="utf-8")
        Path("blocked.toml").write_text(
            policy.replace("cache", "jobs").replace("6379-6380", "50700-50709"), encoding="utf-8"
        )
        environment = {**os.environ, "PATH": os.pathsep.join([scripts, os.environ["PATH"]])}
        told = {}
        for file in ("", "good.toml", "blocked.toml", "missing.toml"):
            command = [*shell, script, file]
            done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False)
            told[file] = (done.returncode, "50700-50709" in done.stdout)
    code, _ = told.pop("")
    assert code not in (0, 3), "no policy is not the working folder"
    assert told == {"good.toml": (0, False), "blocked.toml": (3, True), "missing.toml": (1, False)}
