"""The rules together: which are asked, what they may touch, and that they bear any policy."""

from __future__ import annotations

import io
import os
import socket
import subprocess
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.policy.entries import DynamicRange, Exclusion, Place, Policy, PolicySet, Reservation, Unmanaged
from reconciler.policy.files import check_policies
from reconciler.policy.lint import ALL_RULES, SYSTEMS, choose, lint, lint_all, severity_of
from reconciler.policy.lint.document import examples, page
from reconciler.policy.lint.rule import all_entries
from reconciler.ports import FAMILIES, PROTOCOLS, PortRange
from tests.policy.lint.texts import exclusion, policies_of
from tests.policy.texts import policy

IDS = [rule.id for rule in ALL_RULES]
TWO = exclusion("a", "80", 'family = "ipv4"') + exclusion("b", "5985")


def ids(select: Collection[str] = (), ignore: Collection[str] = ()) -> list[str]:
    return [rule.id for rule in choose(select, ignore)]


def test_which_rules_are_asked() -> None:
    assert ids() == IDS
    assert ids(["R1"]) == ["R101", "R102", "R103", "R104"]
    assert ids(["R302", "r101"], []) == ["R101", "R302"]
    assert ids([], ["R1", "R50"]) == [rule for rule in IDS if rule[:2] != "R1" and rule[:3] != "R50"]
    assert ids(["R1"], ["R101", "R102", "R103", "R104"]) == []
    assert ids(["R"]) == IDS


@pytest.mark.parametrize("word", ["R9", "R1011", "101", "", "X"])
def test_a_word_that_no_rule_begins_with_is_refused(word: str) -> None:
    for select, ignore in ([word], []), ([], ["R1", word]):
        with pytest.raises(ValueError, match=f"there is no rule {word!r}; the rules are R101, R102"):
            choose(select, ignore)


def test_a_finding_matters_as_much_as_its_rule() -> None:
    findings = lint(policies_of('[[exclusion]]\nname = "a"\nports = 80\n'))
    assert {finding.rule: severity_of(finding) for finding in findings} == {"R101": "warning", "R501": "advice"}


def test_findings_are_sorted_by_place_and_rule() -> None:
    findings = lint(policies_of(TWO, TWO.replace('"a"', '"c"').replace("80", "443")))
    assert findings == tuple(sorted(findings, key=lambda item: (item.place.file, item.place.line, item.rule)))
    assert [(item.rule, item.policy, item.entry) for item in findings][:3] == [
        ("R101", "p0", "a"),
        ("R202", "p0", "a"),
        ("R102", "p0", "b"),
    ]


def test_a_finding_is_as_severe_as_its_rule() -> None:
    severities = {rule.id: rule.severity for rule in ALL_RULES}
    found = lint(policies_of(TWO))
    assert [severity_of(finding) for finding in found] == [severities[finding.rule] for finding in found]


def test_select_and_ignore_narrow_the_findings() -> None:
    policies = policies_of(TWO)
    assert [item.rule for item in lint(policies, ["R1"])] == ["R101", "R102"]
    assert [item.rule for item in lint(policies, ["R1"], ["R102"])] == ["R101"]
    assert [item.rule for item in lint(policies, ignore=["R1"])] == ["R202"]
    assert lint_all([(policies, SYSTEMS)], ()) == ()


def test_allow_counts_for_its_entry_in_its_policy_only() -> None:
    text = exclusion("a", "80")
    findings = lint(policies_of(text.replace("ports", 'allow = ["R101"]\nports'), text.replace("80", "443")))
    assert [(item.rule, item.policy) for item in findings] == [("R101", "p1")]


def test_what_is_found_in_two_meetings_is_reported_once() -> None:
    policies = policies_of(exclusion("a", "80"))
    assert len(lint_all([(policies, ["windows"]), (policies, ["linux"]), (policies, SYSTEMS)], ALL_RULES)) == 1
    assert lint_all([(policies, ["linux"])], ALL_RULES) == ()


def _checked(folder: Path, **files: str) -> list[str]:
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(policy(text, name=name), encoding="utf-8")
    return [item.rule for item in lint_all(check_policies([folder]).meetings, ALL_RULES)]


def test_only_files_that_meet_are_weighed_against_each_other(tmp_path: Path) -> None:
    windows, linux = '[target]\nos = ["windows"]\n', '[target]\nos = ["linux"]\n'
    port = exclusion("a", "8080")
    assert _checked(tmp_path, one=windows + port, two=linux + port) == []
    assert _checked(tmp_path, one=windows + port, two=port) == ["R301"]
    assert _checked(tmp_path, one=windows + port, two=linux + exclusion("http", "80")) == []
    assert _checked(tmp_path, one=windows + port, two=windows + exclusion("http", "80")) == ["R101"]


def test_an_entry_that_is_disabled_on_windows_is_not_weighed_there(tmp_path: Path) -> None:
    (tmp_path / "w.toml").write_text(
        'disable = ["http"]\n' + policy('[target]\nos = ["windows"]\n', name="one"), encoding="utf-8"
    )
    assert _checked(tmp_path, one=exclusion("http", "80")) == []


def _forbidden(name: str) -> Callable[..., NoReturn]:
    def refuse(*args: object, **kwargs: object) -> NoReturn:
        raise AssertionError(f"lint called {name}{args}")

    return refuse


def test_lint_touches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    bad = [examples(rule)[0] for rule in ALL_RULES]
    policies = [policies_of(text) for text in bad]
    with monkeypatch.context() as patch:
        for where, name in ((io, "open"), (os, "open"), (socket, "socket"), (subprocess, "Popen")):
            patch.setattr(where, name, _forbidden(name))
        patch.setattr("builtins.open", _forbidden("open"))
        found = [{item.rule for item in lint(one)} for one in policies]
        text = page()
        with pytest.raises(AssertionError, match="lint called open"):
            open("anything")  # noqa: SIM115, PTH123 - that the block works
    assert found == [{rule.id} for rule in ALL_RULES]
    assert text


ports = st.one_of(
    st.integers(1, 65535),
    st.sampled_from([1, 53, 80, 443, 5357, 5985, 8080, 8081, 30000, 49152, 50000, 65535]),
)
ranges = st.builds(
    lambda first, count: PortRange(first, min(first + count, 65535)),
    ports,
    st.sampled_from([0, 0, 1, 9, 2767, 20000, 65535]),
)
places = st.builds(Place, st.sampled_from(["a.toml", "b.toml"]), st.integers(0, 9))
texts = st.sampled_from(["", " ", "why", "in a container"])
allowed = st.lists(st.sampled_from([*IDS, "R999"]), max_size=3).map(tuple)
names = st.sampled_from(["a", "b", "containers"])
exclusions = st.builds(
    Exclusion,
    policy=st.just("p"),
    name=names,
    place=places,
    ports=st.lists(ranges, min_size=1, max_size=4, unique=True).map(lambda found: tuple(sorted(found))),
    protocols=st.sampled_from([PROTOCOLS, ("tcp",), ("udp",)]),
    families=st.sampled_from([FAMILIES, ("ipv4",), ("ipv6",)]),
    state=st.sampled_from(["present", "present", "absent"]),
    reason=texts,
    allow=allowed,
)
reservations = st.builds(
    Reservation,
    policy=st.just("p"),
    name=names,
    place=places,
    ports=ranges,
    protocol=st.sampled_from(PROTOCOLS),
    bound_by=texts,
    reason=texts,
    allow=allowed,
)
dynamic_ranges = st.none() | st.builds(
    DynamicRange,
    ranges=st.dictionaries(st.sampled_from(PROTOCOLS), ranges, min_size=1),
    policy=st.just("p"),
    place=places,
)
unmanaged_tables = st.none() | st.builds(
    Unmanaged,
    action=st.sampled_from(["ignore", "report", "delete"]),
    ports=st.lists(ranges, min_size=1, max_size=2).map(tuple),
    policy=st.just("p"),
    place=places,
)
policy_sets = st.builds(
    lambda some, others, dynamic, unmanaged: PolicySet(
        (Policy("p", True, ("a.toml",), tuple(some), tuple(others)),), dynamic_range=dynamic, unmanaged=unmanaged
    ),
    st.lists(exclusions, max_size=6),
    st.lists(reservations, max_size=2),
    dynamic_ranges,
    unmanaged_tables,
)


@given(policy_sets)
def test_lint_bears_any_policy_and_says_the_same_each_time(policies: PolicySet) -> None:
    findings = lint(policies)
    assert findings == lint(policies)
    assert len(set(findings)) == len(findings)
    entries = {(entry.name, entry.place) for entry in all_entries(policies)}
    if policies.unmanaged:
        entries.add(("[unmanaged]", policies.unmanaged.place))
    for finding in findings:
        assert finding.rule in IDS
        assert (finding.entry, finding.place) in entries
        assert finding.message.isprintable()


@given(policy_sets)
def test_rules_are_independent_of_each_other(policies: PolicySet) -> None:
    alone = [finding for rule in IDS for finding in lint(policies, [rule])]
    assert set(alone) == set(lint(policies))
