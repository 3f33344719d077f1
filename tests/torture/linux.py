"""The Linux host over a kernel in a file, so that what a killed process wrote is still there for the next one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from reconciler.host import opening
from reconciler.host.linux import files, kernel
from reconciler.host.linux.files import SysctlFiles
from reconciler.host.linux.host import LIST, RANGE, LinuxHost
from reconciler.ledger.records import Ledger
from reconciler.ledger.store import FileLedgerStore
from reconciler.ports import PortSet
from tests.host.linux.fake_kernel import FakeKernel, parsed
from tests.invariants.truth import OwnedKey, keys_of
from tests.torture.book import Event
from tests.torture.instants import Instants, append_quietly
from tests.torture.place import Place, Scene, ex, one
from tests.world import ranges

FOREIGN = "22,8005-8006,9999"
"""What others have in the list at the beginning."""


class FileKernel(FakeKernel):
    """Stands in for `os` in `kernel.py`; each write is an instant, and taken in whole."""

    def __init__(self, path: Path, noted: Path, instants: Instants) -> None:
        super().__init__()
        self.path, self.noted, self.instants = path, noted, instants

    def read(self, descriptor: int, count: int) -> bytes:
        self.ports = parsed(self.path.read_text("ascii"))
        return super().read(descriptor, count)

    def write(self, descriptor: int, data: bytes) -> int:
        self.instants.pass_by("write", str(self.path))
        self.ports = parsed(self.path.read_text("ascii"))
        taken = super().write(descriptor, data)
        append_quietly(str(self.noted), f"{json.dumps(self.text())}\n".encode("ascii"))
        replace_quietly(self.path, self.text())
        return taken


def replace_quietly(path: Path, text: str) -> None:
    """The kernel's list is changed as a whole, and no file of ours."""
    beside = f"{path}.new"
    append_quietly(beside, text.encode("ascii"))
    Path(beside).replace(path)


class LinuxPlace(Place):
    """A scene on Linux."""

    spec = "linux"

    def make_host(self) -> None:
        root = self.folder.parent
        proc, etc = root / "proc", self.folder / "etc/sysctl.d"
        for name, text in {
            LIST: f"{FOREIGN}\n",
            RANGE: "32768\t60999\n",
            "sys/kernel/random/boot_id": "boot\n",
            "1/net/dev": "",
            "self/ns/net": "",
        }.items():
            (proc / name).parent.mkdir(parents=True, exist_ok=True)
            (proc / name).write_text(text, "ascii")
        (proc / "self/net").symlink_to(proc / "1/net")
        (root / "machine-id").write_text("0" * 32, "ascii")
        etc.mkdir(parents=True)
        self.list = proc / LIST
        self.own = etc / files.OWN_NAME
        self.host = LinuxHost(
            SysctlFiles((str(etc),), str(self.folder / "etc/sysctl.conf"), str(self.own)),
            str(proc),
            str(root / "machine-id"),
        )
        self.foreign = PortSet.of(ranges(FOREIGN.replace(",", " "))) - self.scene.adopts
        self.wrongs: list[str] = []
        super().make_host()

    def __init__(self, root: Path, scene: Scene, setting: str) -> None:
        super().__init__(root, scene, setting)
        self.text = self.list.read_text("ascii")

    def restore(self) -> None:
        super().restore()
        self.list.write_text(self.text, "ascii")
        self.wrongs = []

    def watch(self, instants: Instants, during: Mapping[int, Event]) -> None:
        fake = FileKernel(self.list, self.noted, instants)
        kernel.os = fake  # type: ignore[assignment, attr-defined]
        kernel.PAUSE_SECONDS = 0
        opening._open_linux = lambda: self.host

    def follow(self) -> None:
        """Foreign ports stay in the list, by what it was after each write."""
        lines = self.noted.read_text("ascii").splitlines() if self.noted.exists() else []
        self.noted.unlink(missing_ok=True)
        for text in [*map(json.loads, lines), self.list.read_text("ascii")]:
            if gone := self.foreign - self._ports(text):
                self.wrongs.append(f"foreign ports gone: {gone}")

    def wrong(self) -> list[str]:
        ledger = self.ledger()
        found = [*self.wrongs, *(["intents are left"] if ledger and ledger.intents else [])]
        ours = PortSet.of(key[1] for key in keys_of(ledger))
        if lost := ours - self._ports(self.list.read_text("ascii")):
            found.append(f"the ledger has what is not listed: {lost}")
        if lost := self.scene.releases - self._ports(self.list.read_text("ascii")):
            found.append(f"what was to be let go is gone: {lost}")
        if extra := self._ports(self.list.read_text("ascii")) - ours - self.foreign - self.scene.releases:
            found.append(f"the ledger lacks what we made: {extra}")
        return found

    def ours(self) -> set[OwnedKey]:
        return keys_of(self.ledger())

    def settle(self) -> None: ...

    def calm(self) -> None: ...

    def ledger(self) -> Ledger | None:
        return FileLedgerStore(self.folder / "state", "linux").load()

    def listed(self) -> object:
        return self.list.read_text("ascii"), self.own.read_text("utf-8") if self.own.exists() else ""

    def _ports(self, text: str) -> PortSet:
        return kernel.parse_list(text)


def many(first: int, count: int) -> str:
    """An entry of so many ports that the list does not fit into one write."""
    return ex("many", " ".join(str(first + 2 * at) for at in range(count)))


LINUX_SCENES: dict[str, Scene] = {
    "Linux: creates": Scene(one(ex("web", "8100-8199"), ex("db", "5432"))),
    "Linux: deletes": Scene(one(ex("keep", "1")), one(ex("keep", "1"), ex("web", "8100-8199"), ex("db", "5432"))),
    "Linux: everything goes": Scene(one(), one(ex("web", "8100-8199"), ex("db", "5432"))),
    "Linux: creates and deletes": Scene(
        one(ex("web", "8100-8149"), ex("new", "7000")), one(ex("web", "8100-8199"), ex("db", "5432"))
    ),
    "Linux: the active store": Scene(one(ex("web", "8100-8199", store="active")), one(ex("web", "8100-8199"))),
    "Linux: out of the active store": Scene(one(ex("web", "8100-8199")), one(ex("web", "8100-8199", store="active"))),
    "Linux: taken over": Scene(
        one(ex("web", "8000-8009"), ex("db", "5432")),
        adopts=PortSet.of(ranges("8005-8006")),
        before=one(ex("db", "5432")),
    ),
    "Linux: a long list grows": Scene(one(many(10_000, 900), ex("db", "5432")), one(many(10_000, 900))),
    "Linux: a long list in pieces": Scene(one(many(10_000, 800), ex("db", "5432")), one(many(10_000, 900))),
    "Linux: a policy that lets go": Scene(
        one(ex("web", "8100-8199"), ex("db", "5432")),
        {**one(ex("x", "7000-7009"), name="q", head='on_remove = "release"'), **one(ex("web", "8100-8149"))},
        releases=PortSet.of(ranges("7000-7009")),
    ),
    "Linux: renamed": Scene(
        one(ex("www", "8100-8199"), name="q", head='formerly = ["p"]'), one(ex("web", "8100-8199"))
    ),
}
