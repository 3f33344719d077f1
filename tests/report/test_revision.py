"""Which revision git says is checked out: read as text, from a real repository and from forged ones."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from reconciler.report.revision import revision_of
from tests.ledger.others import posix

ONE, OTHER = "1" * 40, "a" * 64


def forge(folder: Path, head: str, **files: str) -> Path:
    """A `.git` with this HEAD and these files, whose `/` is written `__`."""
    git = folder / ".git"
    git.mkdir(parents=True)
    (git / "HEAD").write_text(head, encoding="utf-8")
    for name, text in files.items():
        path = git / name.replace("__", "/").replace("packed_refs", "packed-refs")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return git


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git to make a repository with")
def test_it_is_what_git_says_in_a_working_tree_and_in_another_one_of_it(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        identity = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false")
        done = subprocess.run(
            ["git", *identity, *words], cwd=tmp_path / "repo", capture_output=True, encoding="utf-8", check=True
        )
        return done.stdout.strip()

    (tmp_path / "repo" / "desired").mkdir(parents=True)
    git("init", "-q", "-b", "team/ports")
    assert revision_of(str(tmp_path / "repo" / "desired")) is None, "nothing is committed yet"
    git("commit", "-q", "--allow-empty", "-m", "one")
    first = git("rev-parse", "HEAD")
    assert revision_of(str(tmp_path / "repo" / "desired")) == first
    git("worktree", "add", "-q", "-b", "other", str(tmp_path / "tree"))
    assert revision_of(str(tmp_path / "tree")) == first
    git("pack-refs", "--all")
    assert revision_of(str(tmp_path / "repo")) == first
    assert revision_of(str(tmp_path / "tree")) == first
    git("commit", "-q", "--allow-empty", "-m", "two")
    git("checkout", "-q", "--detach")
    assert revision_of(str(tmp_path / "repo")) == git("rev-parse", "HEAD") != first


@pytest.mark.parametrize(
    ("head", "files", "found"),
    [
        (f"{ONE}\n", {}, ONE),
        (f"{OTHER}\r\n", {}, OTHER),
        ("ref: refs/heads/main\n", {"refs__heads__main": f"{ONE}\n"}, ONE),
        (
            "ref: refs/heads/main\n",
            {"packed_refs": f"# x\n{OTHER} refs/heads/x\n{ONE} refs/heads/main\n^{OTHER}\n"},
            ONE,
        ),
        ("ref: refs/heads/main\n", {"packed_refs": "x refs/heads/main\n"}, None),
        ("ref: refs/heads/main\n", {}, None),
        ("ref: refs/heads/main\n", {"refs__heads__main": "; rm -rf /\n"}, None),
        ("ref: refs/../../secret\n", {"refs__heads__main": ONE}, None),
        ("ref: /etc/passwd\n", {}, None),
        ("\x1b[31m", {}, None),
        ("", {}, None),
        ("ref: refs/heads/main\n", {"commondir": "//server/share\n"}, None),
        ("ref: refs/heads/main\n", {"commondir": "\\\\server\\share\n"}, None),
        ("ref: refs/heads/main\n", {"commondir": "../away\n"}, None),
    ],
)
def test_only_what_is_a_revision_counts(tmp_path: Path, head: str, files: dict[str, str], found: str | None) -> None:
    forge(tmp_path / "repo", head, **files)
    (tmp_path / "repo" / "below").mkdir()
    assert revision_of(str(tmp_path / "repo" / "below")) == found


@pytest.mark.parametrize("text", ["gitdir: //other/share", "gitdir: \\\\other\\share", "nonsense", "", "gitdir: x"])
def test_a_file_in_place_of_the_folder_leads_to_no_other_machine(tmp_path: Path, text: str) -> None:
    (tmp_path / ".git").write_text(text, encoding="utf-8")
    assert revision_of(str(tmp_path)) is None


def test_what_has_no_folder_has_no_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forge(tmp_path, ONE)
    monkeypatch.chdir(tmp_path)
    assert revision_of("") is None
    assert revision_of(".") is None


@posix
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    git = forge(tmp_path, ONE)
    (git / "HEAD").unlink()
    os.mkfifo(git / "HEAD")
    assert revision_of(str(tmp_path)) is None
