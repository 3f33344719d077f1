"""What `keep` says of what it wrote, and what to type next."""

from __future__ import annotations

from reconciler.policy.keeping import keep
from reconciler.ports import Asked
from reconciler.report.console import Verbatim
from reconciler.report.keep import kept_lines, next_lines
from reconciler.report.palette import Palette


def said(text: str, *words: str, file: str = "p.toml") -> list[str]:
    asked = [Asked.parse(word, ("tcp",)) for word in words]
    return kept_lines(keep(text, file, asked), file, [file], Palette())


def test_the_entries_are_shown_as_they_stand_in_the_file() -> None:
    lines = said("", "8080", "9000")
    assert lines[:5] == ["Wrote 2 entries to p.toml", "", "  [[exclusion]]", '  name = "port-8080"', "  ports = 8080"]
    assert said("", "8080")[0] == "Wrote 1 entry to p.toml"


def test_what_there_was_and_what_was_allowed_is_told() -> None:
    text = keep("", "p.toml", [Asked.parse("440-443", ("tcp",))]).text
    lines = said(text, "443")
    assert lines[0] == "Nothing to write: p.toml keeps these ports already"
    assert "  443 tcp is kept already by ports-440-443 (p.toml:7)" in lines
    assert not [line for line in lines if "note" in line]
    (note,) = [line for line in said("", "443") if "note" in line]
    assert note.endswith("(R101, allowed in what was written)")


def test_entries_are_not_broken_at_the_width_of_a_terminal() -> None:
    lines = said("", "8080")
    assert [line for line in lines if isinstance(line, Verbatim)] == lines[2:7]


def test_what_is_kept_already_is_told_together() -> None:
    text = keep("", "p.toml", [Asked.parse(word, ("tcp",)) for word in ("8080", "9000")]).text
    lines = said(text, "8080", "9000")
    assert [line.split(" is ")[0] for line in lines[1:4]] == ["", "  8080 tcp", "  9000 tcp"]


def test_the_commands_name_the_file_where_they_would_not_find_it() -> None:
    assert [line.split("   ")[0] for line in next_lines([])[1:]] == ["  reconciler plan", "  reconciler apply"]
    assert next_lines(["my ports.toml"])[1].startswith('  reconciler plan "my ports.toml"   ')


def test_escapes_in_the_name_of_a_file_are_seen_and_not_followed() -> None:
    assert not [line for line in said("", "8080", file="\x1b[31m.toml") if "\x1b" in line]
