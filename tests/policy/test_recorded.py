"""What became of the files that a ledger names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.policy.recorded import with_recorded
from tests.policy.test_files import ROOT, load
from tests.policy.texts import policy


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with `pol/a.toml` and `pol/b.toml`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pol").mkdir()
    for name in "ab":
        (tmp_path / "pol" / f"{name}.toml").write_text(policy(name=name), encoding="utf-8")
    return tmp_path


def states(path: Path, *recorded: Path | str) -> list[str]:
    """What became of the recorded files, for a run that reads this path."""
    policies = with_recorded(load(path), map(str, recorded))
    return [policies.file(str(name)).state for name in recorded]


def test_a_file_was_read_or_not_or_is_gone(folder: Path) -> None:
    a, b, c = (folder / "pol" / f"{name}.toml" for name in "abc")
    assert states(Path("pol/a.toml"), a, b, c) == ["read", "not read", "gone"]
    assert states(Path("pol"), a, b, a / "b.toml") == ["read", "read", "gone"]


def test_what_is_no_absolute_path_was_no_file_and_counts_as_read(folder: Path) -> None:
    assert states(Path("pol/a.toml"), "-", "b.toml", "") == ["read", "read", "read"]


def test_a_file_is_known_by_any_of_its_names(folder: Path) -> None:
    names = (folder / "pol" / ".." / "pol" / "a.toml", folder / "pol" / "a.toml")
    assert states(Path("./pol/../pol/a.toml"), *names) == ["read", "read"]
    if os.name != "nt":
        (folder / "link").symlink_to("pol")
        assert states(Path("pol/a.toml"), folder / "link" / "a.toml", folder / "link" / "b.toml") == [
            "read",
            "not read",
        ]


def test_a_file_is_shown_as_short_as_the_working_folder_allows(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [str(folder / "pol" / f"{name}.toml") for name in "ab"]
    assert with_recorded(load(Path("pol/a.toml")), files).shown_files() == {
        files[0]: str(Path("pol/a.toml")),
        files[1]: str(Path("pol/b.toml")),
    }
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    assert with_recorded(load(Path("../pol/a.toml")), files).file(files[1]).name == files[1]


@pytest.mark.skipif(ROOT or os.name == "nt", reason="root looks everywhere, and Windows has other permissions")
def test_a_file_that_cannot_be_looked_at_may_be_there(folder: Path) -> None:
    (folder / "shut").mkdir(mode=0)
    assert states(Path("pol/a.toml"), folder / "shut" / "b.toml") == ["not read"]


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
def test_a_link_that_leads_nowhere_now_is_not_gone(folder: Path) -> None:
    (folder / "link.toml").symlink_to(folder / "stick" / "ports.toml")
    assert states(Path("pol/a.toml"), folder / "link.toml") == ["not read"]


@pytest.mark.skipif(os.name != "nt", reason="only Windows has drives")
def test_a_file_on_a_drive_that_is_not_connected_may_be_there(folder: Path) -> None:
    free = next(letter for letter in "QXYW" if not Path(f"{letter}:\\").exists())
    assert states(Path("pol/a.toml"), f"{free}:\\pol\\b.toml") == ["not read"]


def test_what_cannot_be_a_file_name_is_not_taken_for_a_file_that_is_gone(folder: Path) -> None:
    assert states(Path("pol/a.toml"), folder / "pol" / "\0.toml") == ["not read"]
