"""The difference of two policies as text, and as the document of its schema."""

from __future__ import annotations

from reconciler.plan.policy_diff import Change, FieldChange, PolicyDiff
from reconciler.report.compared import diff_document, diff_lines, diff_summary
from reconciler.report.palette import Palette
from tests import schemas

ADDED = Change(
    "node",
    "web",
    "added",
    "n.toml:4",
    tuple(
        FieldChange(key, None, value)
        for key, value in (
            ("kind", "exclusion"),
            ("ports", "80, 90-99"),
            ("protocol", "tcp, udp"),
            ("target", "tags a"),
            ("protect", False),
        )
    ),
)
REMOVED = ADDED._replace(
    name="old", change="removed", fields=tuple(FieldChange(item.field, item.new, None) for item in ADDED.fields)
)
CHANGED = Change(
    "node",
    "db",
    "changed",
    "n.toml:9",
    (FieldChange("protect", False, True), FieldChange("bound_by", None, "\x1b[31m"), FieldChange("reason", "a", "")),
)
LIMITS = Change("node", "every host", "changed", "n.toml:2", (FieldChange("limits.max_deletes", None, 40),))
FULL = PolicyDiff((ADDED, CHANGED, REMOVED), (LIMITS,), 7)
GOLDEN = """\
Policies a -> b\\x1b

Entries
  + node/web: exclusion 80, 90-99 tcp+udp, for tags a  (n.toml:4)
  ~ node/db  (n.toml:9)
      protect: false -> true
      bound_by: none -> \\x1b[31m
      reason: a -> none
  - node/old: exclusion 80, 90-99 tcp+udp, for tags a  (n.toml:4)

Settings
  ~ policy node  (n.toml:2)
      limits.max_deletes: none -> 40

Diff: 1 added, 1 removed, 1 changed, settings of 1 policy, 7 the same
"""


def test_a_difference_with_everything() -> None:
    assert "".join(f"{line}\n" for line in diff_lines(FULL, ("a", "b\x1b"), Palette())) == GOLDEN


def test_the_summary_of_no_difference() -> None:
    assert diff_summary(PolicyDiff((), (), 1)) == "Diff: none (1 entry)"
    assert diff_lines(PolicyDiff((), (), 1), ("a", "b"), Palette())[2:] == ["Diff: none (1 entry)"]


def test_the_document_is_what_its_schema_says() -> None:
    document = diff_document(FULL, "a", "b")
    schemas.body("diff").validate(document)
    assert document["summary"] == {"added": 1, "removed": 1, "changed": 1, "same": 7}
    assert [(item["entry"], item["change"], len(item["fields"])) for item in document["entries"]] == [
        ("web", "added", 5),
        ("db", "changed", 3),
        ("old", "removed", 5),
    ]
    assert document["settings"][0]["fields"] == [{"field": "limits.max_deletes", "old": None, "new": 40}]
    assert document["differ"]
    assert not diff_document(PolicyDiff((), (), 1), "a", "b")["differ"]
