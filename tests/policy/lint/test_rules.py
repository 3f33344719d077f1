"""What holds for every rule: its documentation, its example, and its silence on `desired/`."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

import reconciler.policy.lint as package
from reconciler.policy.files import check_policies
from reconciler.policy.lint import ALL_RULES, SYSTEMS, Rule, lint_all
from reconciler.policy.lint.document import examples
from tests.policy.lint.texts import found

DESIRED = Path(__file__).parents[3] / "desired"
each_rule = pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.id)


@each_rule
def test_a_rule_finds_its_example_and_nothing_else_does(rule: Rule) -> None:
    bad, _ = examples(rule)
    assert {found_by for found_by, _ in found(bad)} == {rule.id}


@each_rule
def test_nothing_is_found_in_the_example_put_right(rule: Rule) -> None:
    _, right = examples(rule)
    assert found(right) == []


@pytest.mark.parametrize("rule", [rule for rule in ALL_RULES if rule.id != "R601"], ids=lambda rule: rule.id)
def test_a_rule_is_silent_on_every_entry_that_allows_it(rule: Rule) -> None:
    bad, _ = examples(rule)
    entries = [f"{text}\n" for text in bad.split("\n\n")]
    allowed = "".join(
        _with_allow(text, rule.id) if text.startswith(("[[exclusion]]", "[[reservation]]")) else text
        for text in entries
    )
    assert found(allowed) == []


def _with_allow(entry: str, rule: str) -> str:
    return entry.replace("allow = [", f'allow = ["{rule}", ') if "allow" in entry else f'{entry}allow = ["{rule}"]\n'


@each_rule
def test_a_rule_speaks_only_of_its_systems(rule: Rule) -> None:
    bad, _ = examples(rule)
    for system in SYSTEMS:
        assert bool(found(bad, systems=[system])) == (system in rule.systems)
    assert set(rule.systems) <= set(SYSTEMS)
    assert "windows" in rule.systems


@each_rule
def test_a_rule_is_documented_in_plain_text(rule: Rule) -> None:
    text = rule.__doc__ or ""
    assert text.isascii()
    assert "Found:" in text
    assert "Better" in text
    assert "`" not in rule.title.replace("`allow`", "")
    assert "https://" in text or rule.id == "R503"


def test_ids_are_unique_and_in_order() -> None:
    ids = [rule.id for rule in ALL_RULES]
    assert ids == sorted(set(ids))


def test_every_class_with_an_id_is_in_the_list() -> None:
    for module in iter_modules(package.__path__):
        import_module(f"{package.__name__}.{module.name}")
    top: type = Rule
    assert {rule for rule in _below(top) if "id" in vars(rule)} == {type(rule) for rule in ALL_RULES}


def _below(base: type) -> set[type]:
    children: list[type] = base.__subclasses__()
    return {base}.union(*map(_below, children))


def test_the_example_policies_are_without_findings() -> None:
    checked = check_policies([DESIRED])
    assert len(checked.everything.policies) >= 5
    assert lint_all(checked.meetings, ALL_RULES) == ()


@pytest.mark.parametrize("rule", ["R103", "R104"])
def test_what_the_example_policies_allow_would_be_found(rule: str, tmp_path: Path) -> None:
    text = (DESIRED / "developer-workstation.toml").read_text(encoding="utf-8")
    (tmp_path / "a.toml").write_text(text.replace(f'allow = ["{rule}"]', ""), encoding="utf-8")
    assert [finding.rule for finding in lint_all(check_policies([tmp_path]).meetings, ALL_RULES)] == [rule]
