"""Policies of git revisions: read as files are, and nothing of the repository is run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.cli import revisions
from tests.cli.lab import Lab

GIT = shutil.which("git")
pytestmark = pytest.mark.skipif(GIT is None, reason="there is no git here")
COMMITTER = ("-c", "user.name=a", "-c", "user.email=a@example", "-c", "commit.gpgsign=false")


def git(*words: str) -> None:
    assert GIT is not None
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    subprocess.run([GIT, *COMMITTER, *words], check=True, capture_output=True, env=kept)


def commit() -> None:
    git("add", ".")
    git("commit", "-q", "-m", "x")


@pytest.fixture
def repo(lab: Lab) -> Lab:
    """A repository of two commits on `main`; `desired/node.toml` grew in the second."""
    git("init", "-q", "-b", "main", ".")
    lab.policy("web=8000-8099")
    lab.policy("x=1", name="hidden", file="desired/.hidden/x.toml")
    commit()
    lab.policy("web=8000-8099", "db=5432")
    commit()
    return lab


def told(lab: Lab, *names: str) -> str:
    outcome = lab.run("plan", "--diff", *names)
    assert outcome.code == 0, outcome
    return outcome.out.splitlines()[-1]


ADDED, NONE = "Diff: 1 added, 1 the same", "Diff: none (2 entries)"


@pytest.mark.parametrize(
    ("names", "summary"),
    [
        (("HEAD~1", "HEAD"), ADDED),
        (("main~1", "main:desired"), ADDED),
        (("HEAD~1:desired/node.toml", "HEAD:./desired/node.toml"), ADDED),
        (("HEAD~1", "desired"), ADDED),
        (("HEAD", "desired/"), NONE),
        ((":0:desired/node.toml", "HEAD"), NONE),
        (("HEAD", "HEAD~1"), "Diff: 1 removed, 1 the same"),
    ],
)
def test_revisions_files_and_folders_are_compared(repo: Lab, names: tuple[str, str], summary: str) -> None:
    assert told(repo, *names) == summary


def test_a_place_names_its_revision(repo: Lab) -> None:
    assert (
        "  + node/db: exclusion 5432 tcp  (HEAD:desired/node.toml:9)"
        in repo.run("plan", "--diff", "HEAD~1", "HEAD").out.splitlines()
    )


def test_below_the_top_a_revision_alone_means_the_folder_here(repo: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.policy("sub=7", file="sub/desired.toml")
    (repo.folder / "sub" / "desired").mkdir()
    (repo.folder / "sub" / "desired.toml").rename(repo.folder / "sub" / "desired" / "a.toml")
    commit()
    monkeypatch.chdir(repo.folder / "sub")
    assert told(repo, "HEAD", "desired") == "Diff: none (1 entry)"
    assert told(repo, "HEAD:desired", "desired") == "Diff: 1 added, 2 removed"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nope", "git knows no nope:./desired; name a file, a folder, REV:PATH or REV"),
        ("HEAD:nope", "git knows no HEAD:nope"),
        ("HEAD\nHEAD", "git knows no HEAD\\nHEAD"),
        ("-x", "git knows no -x:./desired"),
        ("HEAD:desired/node.toml:4", "git knows no"),
        ("HEAD:empty", "no policy file found: this folder holds no *.toml"),
    ],
)
def test_what_git_does_not_know_is_one_sentence(repo: Lab, name: str, text: str) -> None:
    (repo.folder / "empty").mkdir()
    (repo.folder / "empty" / "x").write_text("", encoding="utf-8")
    commit()
    (repo.folder / "empty" / "x").unlink()
    outcome = repo.run("plan", "--diff", name, "HEAD")
    assert (outcome.code, outcome.out) == (1, "")
    assert text in outcome.err
    assert outcome.err.count("\n") == 1


def test_a_wrong_policy_of_a_revision_is_told_with_its_place(repo: Lab) -> None:
    repo.policy("web=90-80")
    commit()
    outcome = repo.run("plan", "--diff", "HEAD", "HEAD~1", "--json")
    assert outcome.code == 1
    assert [(item["file"], item["line"]) for item in outcome.document()["problems"]] == [("HEAD:desired/node.toml", 6)]


def test_outside_a_repository_git_is_quoted(lab: Lab) -> None:
    outcome = lab.run("plan", "--diff", "HEAD", "HEAD")
    assert outcome.code == 1
    assert "HEAD: there is no such file or folder, and git says: not a git repository" in outcome.err


def test_without_git_a_revision_is_refused_and_files_are_compared(repo: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.pathsep.join(["", ".", str(repo.folder / "none")]))
    outcome = repo.run("plan", "--diff", "HEAD~1", "desired")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == (
        "reconciler: error: HEAD~1: there is no such file or folder, and no git here that may know it as a revision\n"
    )
    assert told(repo, "desired", "desired") == NONE


@pytest.mark.skipif(sys.platform == "win32", reason="the program is a shell script")
def test_a_git_of_the_working_folder_is_not_run(repo: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in (repo.folder, repo.folder / "bin"):
        folder.mkdir(exist_ok=True)
        (folder / "git").write_text(f"#!/bin/sh\ntouch {repo.folder}/run\n", encoding="utf-8")
        (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join(["", ".", "bin", os.environ["PATH"]]))
    assert told(repo, "HEAD~1", "HEAD") == ADDED
    assert not (repo.folder / "run").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="the programs are shell scripts")
def test_nothing_that_the_repository_or_the_environment_names_is_run_or_written(
    repo: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark, program = repo.folder / "run", repo.folder / "program"
    program.write_text(f"#!/bin/sh\ntouch {mark}\n", encoding="utf-8")
    program.chmod(0o755)
    for key in (
        *("core.fsmonitor", "core.pager", "core.editor", "core.sshCommand", "core.askPass", "diff.external"),
        *("diff.x.textconv", "filter.x.smudge", "filter.x.clean", "pager.cat-file", "alias.cat-file"),
    ):
        git("config", key, str(program))
    git("config", "core.hooksPath", str(repo.folder))
    (repo.folder / ".gitattributes").write_text("*.toml diff=x filter=x\n", encoding="utf-8")
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_OBJECT_DIRECTORY", "GIT_EXEC_PATH"):
        monkeypatch.setenv(name, str(repo.folder / "none"))
    for name in ("GIT_TRACE", "GIT_TRACE2", "GIT_TRACE_SETUP"):
        monkeypatch.setenv(name, str(mark))
    for name in ("GIT_PAGER", "GIT_SSH_COMMAND", "GIT_EXTERNAL_DIFF", "GIT_ASKPASS"):
        monkeypatch.setenv(name, str(program))
    before = repo.files()
    assert told(repo, "HEAD~1", "HEAD") == ADDED
    assert not mark.exists()
    assert repo.files() == before


@pytest.mark.skipif(sys.platform == "win32", reason="the program is a shell script")
def test_a_partial_clone_fetches_nothing(repo: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    git("config", "uploadpack.allowFilter", "true")
    git("clone", "-q", "--no-checkout", "--filter=blob:none", f"file://{repo.folder}", "partial")
    monkeypatch.chdir(repo.folder / "partial")
    mark, program = repo.folder / "run", repo.folder / "program"
    program.write_text(f"#!/bin/sh\ntouch {mark}\n", encoding="utf-8")
    program.chmod(0o755)
    git("config", "remote.origin.uploadpack", str(program))
    outcome = repo.run("plan", "--diff", "HEAD~1", "HEAD")
    assert (outcome.code, outcome.out) == (1, "")
    assert not mark.exists()


def test_policies_that_are_too_large_are_not_read(repo: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revisions, "LARGEST_FILE", 100)
    for name in ("HEAD", "HEAD:desired/node.toml"):
        assert "its policies are larger than any that a plan reads" in repo.run("plan", "--diff", name, "desired").err


@pytest.mark.skipif(sys.platform == "win32", reason="making links needs a privilege on Windows")
def test_a_link_in_a_revision_is_not_followed(repo: Lab) -> None:
    Path("desired/link.toml").symlink_to("node.toml")
    commit()
    assert told(repo, "HEAD", "HEAD~1") == NONE
