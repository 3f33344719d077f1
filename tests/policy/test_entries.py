"""What becomes of the files that a ledger names."""

from __future__ import annotations

from reconciler.policy.entries import PolicySet, RecordedFile


def test_where_nobody_looked_at_the_files_all_count_as_read() -> None:
    assert PolicySet(()).file("a.toml") == RecordedFile("a.toml", "read")


def test_a_file_that_was_written_into_the_ledger_since_somebody_looked_was_not_read() -> None:
    policies = PolicySet((), recorded={"/p/a.toml": RecordedFile("a.toml", "gone")})
    assert policies.file("/p/a.toml") == RecordedFile("a.toml", "gone")
    assert policies.file("/p/b.toml") == RecordedFile("/p/b.toml", "not read")


def test_a_file_is_shown_as_it_was_named_in_this_run() -> None:
    recorded = {"/p/a.toml": RecordedFile("p/a.toml", "gone"), "/p/b.toml": RecordedFile("p/b.toml", "not read")}
    policies = PolicySet((), paths={"../a.toml": "/p/a.toml"}, recorded=recorded)
    assert policies.shown_files() == {"/p/a.toml": "../a.toml", "/p/b.toml": "p/b.toml"}
