"""The difference of two policies: every entry and every field that differs, and nothing that is only moved."""

from __future__ import annotations

import pytest

from reconciler.plan import saved
from reconciler.plan.policy_diff import FieldChange, PolicyDiff, policy_diff
from reconciler.policy.document import Document, read_document

HEAD = 'version = 1\n[policy]\nname = "node"\n'
WEB = '[[exclusion]]\nname = "web"\nports = "8000-8099"\n'
ERP = '[[reservation]]\nname = "erp"\nports = "12000-12009"\nprotocol = "tcp"\nbound_by = "ERP"\n'


def document(text: str, file: str = "node.toml") -> Document:
    found, problems = read_document(text, file)
    assert found is not None, problems
    return found


def diff(old: str, new: str) -> PolicyDiff:
    return policy_diff([document(HEAD + old)], [document(HEAD + new)])


def test_policies_that_say_the_same_do_not_differ_wherever_it_stands() -> None:
    one = [document(HEAD + WEB + ERP)]
    two = [document(HEAD + "\n# moved\n" + ERP, "erp.toml"), document(HEAD + "\n" + WEB, "web.toml")]
    found = policy_diff(one, two)
    assert (found, found.differ) == (PolicyDiff((), (), 2), False)


def test_an_entry_that_comes_or_goes_has_all_its_fields() -> None:
    (added,) = diff("", ERP).entries
    assert (added.policy, added.name, added.change, added.place) == ("node", "erp", "added", "node.toml:4")
    assert {item.field: item.new for item in added.fields} == {
        "kind": "reservation",
        "ports": "12000-12009",
        "protocol": "tcp",
        "bound_by": "ERP",
        "reason": "",
        "protect": False,
        "allow": "",
        "target": "every host",
    }
    assert {item.old for item in added.fields} == {None}
    (removed,) = diff(ERP, "").entries
    assert (removed.change, removed.place) == ("removed", "node.toml:4")
    assert {(item.field, item.old) for item in removed.fields} == {(item.field, item.new) for item in added.fields}


def test_an_entry_that_changes_has_the_fields_that_differ() -> None:
    found = diff(WEB + ERP, WEB.replace("8099", "8199") + 'protect = true\nreason = "more"\n' + ERP)
    (changed,) = found.entries
    assert (changed.name, changed.change, found.same, found.differ) == ("web", "changed", 1, True)
    assert changed.fields == (
        FieldChange("ports", "8000-8099", "8000-8199"),
        FieldChange("protect", False, True),
        FieldChange("reason", "", "more"),
    )


def test_an_entry_that_becomes_of_the_other_kind_loses_what_that_has_not() -> None:
    (changed,) = diff(WEB, ERP.replace("erp", "web")).entries
    fields = {item.field: (item.old, item.new) for item in changed.fields}
    assert fields["kind"] == ("exclusion", "reservation")
    assert fields["store"] == ("persistent", None)
    assert fields["bound_by"] == (None, "ERP")


def test_another_target_is_told_of_each_entry() -> None:
    target = '[target]\nos = ["windows"]\ntags = ["{}", "x"]\n'
    found = diff(target.format("a") + WEB, target.format("b") + WEB)
    (changed,) = found.entries
    assert changed.fields == (FieldChange("target", "os windows, tags a, x", "os windows, tags b, x"),)
    assert [(item.name, item.change) for item in found.settings] == [
        ("os windows, tags a, x", "removed"),
        ("os windows, tags b, x", "added"),
    ]


def test_settings_are_told_as_far_as_a_file_has_them() -> None:
    settings = '[limits]\nmax_deletes = 40\n[unmanaged]\naction = "delete"\nports = ["1-9"]\n'
    settings += '[dynamic_range]\ntcp = "49152-65535"\n'
    found = diff(WEB, settings + WEB)
    (changed,) = found.settings
    assert (changed.policy, changed.name, changed.change) == ("node", "every host", "changed")
    assert changed.fields == (
        FieldChange("dynamic_range.tcp", None, "49152-65535"),
        FieldChange("limits.max_deletes", None, 40),
        FieldChange("unmanaged.action", None, "delete"),
        FieldChange("unmanaged.ports", None, "1-9"),
    )
    assert (found.entries, found.same, found.differ) == ((), 1, True)


def test_files_of_one_policy_for_the_same_hosts_have_their_settings_together() -> None:
    limit = HEAD + "[limits]\nmax_deletes = {}\n"
    old = [document(limit.format(3), "a.toml"), document(limit.format(5), "b.toml")]
    (changed,) = policy_diff(old, old[:1]).settings
    assert changed.fields == (FieldChange("limits.max_deletes", "3; 5", 3),)


def test_of_very_many_that_differ_each_has_its_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = "".join(f'[[exclusion]]\nname = "e{number}"\nports = "{{}}{number}"\n' for number in range(10))
    whole = diff(entries.replace("{}", "1"), entries.replace("{}", "2"))
    monkeypatch.setattr(saved, "MOST_EXPLAINED", 3)
    assert diff(entries.replace("{}", "1"), entries.replace("{}", "2")) == whole
    assert [item.fields for item in whole.entries] == [
        (FieldChange("ports", f"1{number}", f"2{number}"),) for number in range(10)
    ]
