"""Where `--out FILE` writes, and where it does not."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from reconciler.cli import codes, outfile
from reconciler.errors import ReconcilerError
from tests.cli.lab import Lab
from tests.ledger.others import give_away, posix

KINDS = {"plan": ("saved plan", '{"kind": "saved-plan"}'), "doctor": ("doctor report", '{"kind": "doctor"}')}


@pytest.mark.parametrize("command", KINDS)
@pytest.mark.parametrize("target", ["desired/node.toml", "lab.json", "list.json", "notes.txt", "nested.json", "other"])
def test_a_file_that_is_something_else_is_not_overwritten(lab: Lab, command: str, target: str) -> None:
    lab.policy("web=8000-8099")
    other = KINDS["doctor" if command == "plan" else "plan"][1]
    texts = {"list.json": "[]", "notes.txt": "none", "nested.json": "[" * 100_000, "other": other}
    for name, text in texts.items():
        (lab.folder / name).write_text(text, encoding="ascii")
    before = lab.files()
    outcome = lab.run(command, "--out", target)
    assert (outcome.code, outcome.out) == (codes.ERROR, "")
    assert f"{Path(target)}: this file is there and is no {KINDS[command][0]}, so it is not overwritten" in outcome.err
    assert lab.files() == before


@pytest.mark.parametrize("command", KINDS)
def test_an_empty_file_and_an_older_document_are_replaced(lab: Lab, command: str) -> None:
    lab.policy("web=8000-8099")
    for old in ("", KINDS[command][1]):
        (lab.folder / "out").write_text(old, encoding="ascii")
        assert lab.run(command, "--out", "out").code == codes.OK
        assert len((lab.folder / "out").read_bytes()) > 100


def test_a_huge_file_is_not_read_whole(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outfile, "SIZE_LIMIT", 10)
    (lab.folder / "out").write_text('{"kind": "doctor"}', encoding="ascii")
    assert lab.run("doctor", "--out", "out").code == codes.ERROR


@pytest.mark.parametrize("command", KINDS)
@pytest.mark.parametrize("target", ["", "."])
def test_a_folder_is_one_error(lab: Lab, command: str, target: str) -> None:
    lab.policy("web=8000-8099")
    outcome = lab.run(command, "--out", target)
    assert outcome.code == codes.ERROR
    assert "this is not a file that a" in outcome.err


@pytest.mark.skipif(sys.platform == "win32", reason="a folder that nothing can be made in is another thing there")
@pytest.mark.parametrize("command", KINDS)
def test_a_folder_that_cannot_be_written_has_a_remedy(lab: Lab, command: str) -> None:
    lab.policy("web=8000-8099")
    outcome = lab.run(command, "--out", "/proc/x")
    assert outcome.code == codes.ERROR
    assert "cannot be saved here (" in outcome.err
    assert "name a file in a folder that you may write to" in outcome.err


@pytest.mark.skipif(sys.platform == "win32", reason="there are no modes of POSIX")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_the_umask_counts_for_a_new_file_and_the_mode_stays_for_an_old_one(lab: Lab, umask: int, mode: int) -> None:
    old = os.umask(umask)
    try:
        assert lab.run("doctor", "--out", "new.json").code == codes.OK
        assert stat.S_IMODE((lab.folder / "new.json").stat().st_mode) == mode
        (lab.folder / "new.json").chmod(0o640)
        assert lab.run("doctor", "--out", "new.json").code == codes.OK
        assert stat.S_IMODE((lab.folder / "new.json").stat().st_mode) == 0o640
        assert os.umask(umask) == umask
    finally:
        os.umask(old)


@posix
def test_a_link_that_another_user_made_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in /tmp, where the kernel keeps a program from following one, but not from asking where it leads."""
    (tmp_path / "out").symlink_to(tmp_path / "elsewhere")
    give_away(tmp_path / "out", monkeypatch)
    with pytest.raises(ReconcilerError, match="another user made this link"):
        outfile.write_document(tmp_path / "out", b"{}", outfile.FileKind("doctor", "doctor report", 0o600))
    assert not (tmp_path / "elsewhere").exists()
