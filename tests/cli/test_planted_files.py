"""A file that somebody planted, or put in the place of another between a check and its use, is refused.

It is not followed, not written to, and nobody waits for it.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.apply import lock
from reconciler.apply.lock import host_lock
from reconciler.cli import codes, outfile, saved
from reconciler.errors import HostError, LedgerError, PolicyError, ReconcilerError
from reconciler.host.captured import open_captured
from reconciler.host.linux.files import KEY, OwnFile, SysctlFiles
from reconciler.lab.simulated.file import StateFile
from reconciler.lab.simulated.services import Setup, new_state
from reconciler.ledger.document import encode
from reconciler.ledger.store import FileLedgerStore
from reconciler.policy.files import load_policies
from reconciler.ports import PortSet
from reconciler.report.audit import AuditLog
from tests.apply.test_lock import holder
from tests.cli.lab import Lab
from tests.ledger.others import NOBODY, give_away, posix
from tests.ledger.samples import SAMPLE
from tests.policy.texts import policy
from tests.world import FakeClock

pytestmark = posix
AS_IT_WAS = "as it was"


class Scene:
    """A file, what is put in its place, and a precious file that must stay as it was."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.precious = folder / "precious"
        self.precious.write_text(AS_IT_WAS, encoding="ascii")
        self.monkeypatch = monkeypatch

    def plant(self, path: Path, kind: str) -> None:
        path.unlink(missing_ok=True)
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "link":
            path.symlink_to(self.precious)
        elif kind == "hard link":
            os.link(self.precious, path)
        elif kind == "device":
            path.symlink_to("/dev/zero")
        elif kind == "socket":
            with socket.socket(socket.AF_UNIX) as made:
                made.bind(str(path))
        else:
            path.mkdir()

    def swap_after(self, owner: object, check: str, path: Path, kind: str, times: int = 1) -> None:
        """Once this check has looked at the path so many times, something else lies there."""
        real = getattr(owner, check)

        def then(*args: object, **options: object) -> object:
            result = real(*args, **options)
            looked.extend(args[:1] if args and str(args[0]) == str(path) else ())
            if len(looked) == times:
                looked.append(None)
                self.plant(path, kind)
            return result

        looked: list[object] = []
        self.monkeypatch.setattr(owner, check, then)

    def is_safe(self) -> bool:
        return self.precious.read_text(encoding="ascii") == AS_IT_WAS


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(tmp_path, monkeypatch)


def refused(kind: type[ReconcilerError], action: Callable[[], object]) -> str:
    with pytest.raises(kind) as caught:
        action()
    text = str(caught.value)
    assert "\n" not in text
    return text


NO_FILES = ["pipe", "socket", "device", "folder"]


@pytest.mark.parametrize("kind", [*NO_FILES, "link"])
def test_a_ledger_is_read_from_a_file_of_its_own_only(scene: Scene, kind: str) -> None:
    store = FileLedgerStore(scene.folder, "host")
    store.save(SAMPLE)
    scene.plant(store.path, kind)
    assert str(store.path) in refused(LedgerError, store.load)
    assert str(store.path) in refused(LedgerError, lambda: store.save(SAMPLE))
    assert scene.is_safe()


def test_a_ledger_with_a_second_name_is_replaced_and_its_other_name_is_not(scene: Scene) -> None:
    store = FileLedgerStore(scene.folder, "host")
    scene.precious.write_bytes(encode(SAMPLE))
    scene.plant(store.path, "hard link")
    store.save(store.load() or SAMPLE)
    assert store.path.stat().st_nlink == 1


@pytest.mark.parametrize("kind", ["link", "folder", "socket"])
def test_a_lock_that_is_swapped_after_the_check_is_not_followed(scene: Scene, kind: str) -> None:
    path = scene.folder / "host.lock"
    scene.swap_after(lock, "check_file", path, kind)
    with pytest.raises(LedgerError, match="cannot be taken"), host_lock(scene.folder, "host", 0):
        pytest.fail("a planted lock was taken")
    assert scene.is_safe()


@pytest.mark.parametrize("kind", ["link", "hard link", "pipe"])
def test_who_holds_the_lock_is_written_into_no_planted_file(scene: Scene, kind: str) -> None:
    path = scene.folder / "host.holder.json"
    scene.plant(path, kind)
    with host_lock(scene.folder, "host", 0):
        assert path.is_file()
        assert not path.is_symlink()
        assert path.stat().st_nlink == 1
    assert scene.is_safe()


@pytest.mark.parametrize("kind", [*NO_FILES, "link"])
def test_who_holds_the_lock_is_not_read_from_a_planted_file(scene: Scene, kind: str) -> None:
    with holder(scene.folder):
        scene.plant(scene.folder / "host.holder.json", kind)
        with (
            pytest.raises(ReconcilerError, match="its process did not say which it is"),
            host_lock(scene.folder, "host", 0),
        ):
            pytest.fail("two holders")


@pytest.mark.parametrize("kind", [*NO_FILES, "link", "hard link"])
def test_the_audit_log_goes_into_a_file_of_its_own_only(scene: Scene, kind: str) -> None:
    log = AuditLog(scene.folder, "host", FakeClock())
    scene.plant(log.path, kind)
    log._append("started", {})
    assert log.problem is not None
    assert str(log.path) in log.problem
    assert scene.is_safe()


@pytest.mark.parametrize("kind", NO_FILES)
def test_a_policy_that_is_swapped_after_the_check_is_not_waited_for(scene: Scene, kind: str) -> None:
    path = scene.folder / "a.toml"
    path.write_text(policy(), encoding="ascii")
    scene.swap_after(Path, "stat", path, kind)
    text = refused(PolicyError, lambda: load_policies([path], "windows", "host", ()))
    assert text.startswith(f"{path}: E101 cannot be read (")


@pytest.mark.parametrize("kind", NO_FILES)
def test_a_captured_listing_that_is_swapped_after_the_check_is_not_waited_for(scene: Scene, kind: str) -> None:
    path = scene.folder / "tcp-ipv4.txt"
    path.write_text("x", encoding="ascii")
    scene.swap_after(Path, "stat", path, kind, times=2)
    text = refused(HostError, open_captured(str(path)).snapshot)
    assert text.startswith(f"{path}: it cannot be read (")


@pytest.mark.parametrize("kind", [*NO_FILES, "link"])
def test_a_simulated_host_that_is_swapped_after_the_check_is_not_followed(scene: Scene, kind: str) -> None:
    made = StateFile.create(str(scene.folder / "h.json"), new_state(Setup()))
    scene.swap_after(Path, "stat", made.path, kind)
    assert "h.json: it cannot be read (" in refused(HostError, StateFile(str(made.path)).read)


@pytest.mark.parametrize("swapped", [False, True])
def test_a_link_in_place_of_the_lock_of_a_simulated_host_is_not_followed(scene: Scene, swapped: bool) -> None:
    made = StateFile.create(str(scene.folder / "h.json"), new_state(Setup()))
    lock_path = scene.folder / "h.json.lock"
    if swapped:
        scene.swap_after(os.path, "islink", lock_path, "link")
    else:
        scene.plant(lock_path, "link")
    text = refused(HostError, lambda: made.change(lambda state: None))
    assert ("it cannot be written (" if swapped else f"{lock_path} is a symbolic link; find out who made it") in text
    assert scene.is_safe()


def _plan(lab: Lab) -> Path:
    lab.policy("web=8000-8099")
    assert lab.run("plan", "--out", "a.plan").code == codes.OK
    return lab.folder / "a.plan"


def test_a_saved_plan_of_somebody_else_is_refused(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _plan(lab)
    monkeypatch.delenv("SUDO_UID", raising=False)
    give_away(path, monkeypatch)
    outcome = lab.run("apply", "--plan", "a.plan", "--yes")
    assert outcome.code == codes.ERROR
    assert "a.plan: this saved plan belongs to user" in outcome.err
    assert lab.rows() == set()
    monkeypatch.setenv("SUDO_UID", str(path.stat().st_uid))
    assert path.stat().st_uid in (NOBODY, os.geteuid() - 1)
    assert lab.run("apply", "--plan", "a.plan", "--yes").code == codes.OK


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_saved_plan_that_others_may_write_to_is_refused(lab: Lab, mode: int) -> None:
    path = _plan(lab)
    path.chmod(mode)
    outcome = lab.run("apply", "--plan", "a.plan", "--yes")
    assert outcome.code == codes.ERROR
    assert f"a.plan: others may write to this saved plan (mode {mode:04o})" in outcome.err
    assert lab.rows() == set()


@pytest.mark.parametrize("kind", NO_FILES)
def test_a_saved_plan_that_is_swapped_after_the_check_is_not_waited_for(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = _plan(lab)
    Scene(lab.folder, monkeypatch).swap_after(Path, "is_file", path, kind)
    assert "the saved plan cannot be read: " in refused(ReconcilerError, lambda: saved.read_plan(path))


@pytest.mark.parametrize("kind", NO_FILES)
def test_a_file_to_save_into_that_is_swapped_after_the_check_is_not_waited_for(scene: Scene, kind: str) -> None:
    path = scene.folder / "a.plan"
    path.write_text("", encoding="ascii")
    scene.swap_after(Path, "is_file", path, kind)
    what = outfile.FileKind("saved-plan", "saved plan", 0o600)
    assert "cannot be saved here (" in refused(ReconcilerError, lambda: outfile.write_document(path, b"{}", what))


def test_a_link_that_is_put_in_place_of_the_file_to_save_into_is_replaced(scene: Scene) -> None:
    path = scene.folder / "a.plan"
    path.write_text("", encoding="ascii")
    scene.swap_after(outfile, "_may_go", path, "link")
    outfile.write_document(path, b"{}", outfile.FileKind("saved-plan", "saved plan", 0o600))
    assert (path.is_symlink(), path.read_bytes(), scene.is_safe()) == (False, b"{}", True)


@pytest.mark.parametrize("kind", [*NO_FILES, "link"])
def test_our_sysctl_file_that_is_swapped_after_the_check_is_not_followed(scene: Scene, kind: str) -> None:
    own = scene.folder / "60-own.conf"
    own.write_text(f"{KEY} = 80\n", encoding="ascii")
    found = SysctlFiles((), str(scene.folder / "none"), str(own))
    scene.swap_after(Path, "lstat", own, kind)
    assert f"{own}: our own sysctl file cannot be read: " in refused(HostError, found.own_file)


def test_our_sysctl_file_is_what_was_looked_at(scene: Scene) -> None:
    own = scene.folder / "60-own.conf"
    own.write_text(f"{KEY} = 80\n", encoding="ascii")
    scene.precious.write_text(f"{KEY} = 81\n", encoding="ascii")
    scene.precious.chmod(0o666)
    scene.swap_after(Path, "lstat", own, "hard link")
    found = SysctlFiles((), str(scene.folder / "none"), str(own)).own_file()
    assert found.unsafe == "may be written by others"
    assert found != OwnFile(PortSet())


@pytest.mark.parametrize("kind", ["pipe", "socket", "device"])
def test_a_sysctl_file_that_is_none_is_not_waited_for_and_told(scene: Scene, kind: str) -> None:
    scene.plant(scene.folder / "10-other.conf", kind)
    found = SysctlFiles((str(scene.folder),), str(scene.folder / "none"), str(scene.folder / "60-own.conf")).others()
    assert found.not_read == (str(scene.folder / "10-other.conf"),)
