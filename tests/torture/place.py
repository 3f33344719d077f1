"""A place to torture: a folder with a host, policies and a state folder, which can be put back as it was in no time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from reconciler.errors import ReconcilerError
from reconciler.lab.simulated import events
from reconciler.lab.simulated.file import StateFile
from reconciler.lab.simulated.host import open_simulated
from reconciler.lab.simulated.services import Setup, new_state
from reconciler.lab.simulated.state import State
from reconciler.lab.simulated.variants import Variants
from reconciler.ledger.records import Ledger
from reconciler.ledger.store import FileLedgerStore
from reconciler.plan.model import LIMIT_NAMES
from reconciler.ports import LANES, PortRange, PortSet
from reconciler.report.past import read_history
from tests.invariants.truth import OwnedKey, Truth, excluded, keys_of, reserved
from tests.torture.book import Book, Event, keep_book
from tests.torture.instants import Instants, Trap
from tests.torture.process import Child, Command, Ran

Files = Mapping[str, str]
FORCED = tuple(word for name in LIMIT_NAMES for word in ("--force", name.replace("_", "-")))
CONVERGED, ERROR, UNRESOLVED, COVER_LOST = 0, 1, 3, 4
LAST = "LAST"
"""In a command that is tortured: the id of the last apply before it."""
MACHINE = "00000000-0000-4000-8000-000000000001"


@dataclass(frozen=True)
class Scene:
    """What happens: others act (`setup`), `before` is applied in peace, others act again (`between`), then `after` is
    applied, and tortured. `during`: what others do just before our nth call of that; `calm` ends it, before the last
    run.

    `before` and `after` are the policy files of the folder `desired`, by name. `args` are those of every apply.
    `once`: those of the tortured one and its repetition; later ones may be refused for them.
    `command` is what is tortured, if it is not just that apply, after `first`. `settings` are the variants in which the
    scene plays. `codes` are what the tortured run may leave with, where nothing tortures it; `end` is what the last
    run leaves with. `named`: ports of foreign rows that may go. `protected`: ports of rows that may not.
    `adopts`: ports of foreign rows that become ours. `releases`: those of ours that become foreign. `stays`: TCP ports
    that are wanted before and after, and so are there after a kill even where the next run knows nothing of the policy.
    `in_doubt`: ports of rows that others make while we are about to make them, which nobody can tell from ours after a
    kill (I3 has this limit).
    """

    after: Files
    before: Files = field(default_factory=dict)
    args: tuple[str, ...] = ()
    once: tuple[str, ...] = ()
    first: Command = ()
    command: Command = ()
    settings: tuple[str, ...] = ("",)
    setup: tuple[Event, ...] = ()
    between: tuple[Event, ...] = ()
    during: Mapping[int, Event] = field(default_factory=dict)
    calm: tuple[Event, ...] = ()
    codes: tuple[int, ...] = (CONVERGED,)
    end: int = CONVERGED
    winnat: str = "absent"
    named: PortSet = PortSet()
    protected: PortSet = PortSet()
    adopts: PortSet = PortSet()
    releases: PortSet = PortSet()
    stays: PortSet = PortSet()
    in_doubt: PortSet = PortSet()


class End(NamedTuple):
    """What a scene comes to, comparable: the plan that is left, what is listed, and what the ledger calls ours."""

    plan: str
    listed: object
    owned: frozenset[OwnedKey]


class Place:
    """A scene on a simulated Windows, in a folder of its own, right before what is to be tortured."""

    spec = "sim:lab.json"

    def __init__(self, root: Path, scene: Scene, setting: str) -> None:
        self.scene, self.setting = scene, setting
        self.folder, self.told, self.noted = root / "w", root / "told", root / "noted"
        shutil.rmtree(root, ignore_errors=True)
        (self.folder / "desired").mkdir(parents=True)
        self.make_host()
        for event in scene.setup:
            self.happen(event)
        if scene.before:
            self.desire(scene.before)
            self.in_peace(self.apply)
        for event in scene.between:
            self.happen(event)
        self.desire(scene.after)
        if scene.first:
            self.in_peace([*scene.first, "--host", self.spec, *scene.args, *FORCED])
        self._last = self.last_applied() if LAST in scene.command else ""
        self._image = files_of(self.folder)
        self._book = self.book.copy()

    def make_host(self) -> None:
        """The host, which has ranges of others and of the system."""
        settings = self.setting.split()
        state = new_state(Setup(variants=Variants.parse(settings), seed=1, machine=MACHINE, winnat=self.scene.winnat))  # type: ignore[arg-type]
        for lane in LANES:
            events.add_row(state, lane, events.NewRow(PortRange(8200, 8209), "exclusion"))
            events.add_row(state, lane, events.NewRow(PortRange(8300, 8309), "block"))
        events.add_row(state, LANES[0], events.NewRow(PortRange(12500, 12509), "reservation"))
        StateFile.create(str(self.folder / "lab.json"), state)
        self.book = Book(Truth(self.state()), self.scene.named, self.scene.protected)

    @property
    def apply(self) -> Command:
        return ["apply", "desired", "--host", self.spec, "--yes", *self.scene.args, *FORCED]

    @property
    def tortured(self) -> Command:
        if not self.scene.command:
            return [*self.apply, *self.scene.once]
        command = [self._last if word == LAST else word for word in self.scene.command]
        return [*command, *([] if "--plan" in self.scene.command else ["--host", self.spec])]

    @property
    def plan(self) -> Command:
        return ["plan", "desired", "--host", self.spec, *FORCED]

    def restore(self) -> None:
        """Everything as it was right before."""
        restore_files(self.folder, self._image)
        self.noted.unlink(missing_ok=True)
        self.book = self._book.copy()

    def desire(self, files: Files) -> None:
        for path in (self.folder / "desired").iterdir():
            path.unlink()
        for name, text in files.items():
            (self.folder / "desired" / name).write_text(text, "utf-8")

    def child(self, trap: Trap | None = None, *, meddled: bool = False) -> Child:
        """A process for commands, whose calls are written down. `meddled`: others act in between."""

        def prepare(instants: Instants) -> None:
            self.watch(instants, self.scene.during if meddled else {})

        return Child(self.folder, self.told, trap or Trap(), prepare)

    def watch(self, instants: Instants, during: Mapping[int, Event]) -> None:
        """In the child, before anything is run."""
        keep_book(self.noted, during)

    def run(self, *commands: Command, trap: Trap | None = None, meddled: bool = False) -> Ran:
        """Run commands, and follow what they do to the host."""
        ran = self.child(trap, meddled=meddled).run(*commands)
        self.follow()
        return ran

    def follow(self) -> None:
        """Read what was written down since."""
        self.book.follow(self.noted, self.state())

    def in_peace(self, command: Command) -> None:
        """Nothing may go wrong here, or the scene is not what it seems to be."""
        ran = self.run(command)
        if ran.faults((CONVERGED, UNRESOLVED)) or self.book.wrong:
            raise AssertionError(f"the scene cannot be set: {ran} {self.book.wrong}")

    def calm(self) -> None:
        """Others end what they did meanwhile."""
        for event in self.scene.calm:
            self.happen(event)

    def lacks(self, ports: PortSet) -> list[str]:
        """What is not covered of these ports in TCP."""
        missing = {
            group[0]: ports - found for group, found in excluded(self.state()).items() if group[0].protocol == "tcp"
        }
        return [f"{lane} lacks {lost}, which was and stays wanted" for lane, lost in missing.items() if lost]

    def happen(self, event: Event) -> None:
        """Somebody else does this to the host."""
        StateFile(str(self.folder / "lab.json")).change(event)
        self.book.happen(lambda state: None, self.state())

    def state(self) -> State:
        """The host as it is now."""
        return StateFile(str(self.folder / "lab.json")).read()

    def ledger(self) -> Ledger | None:
        """The ledger, as the program itself reads it."""
        name = open_simulated(str(self.folder / "lab.json")).facts().state_name
        return FileLedgerStore(self.folder / "state", name).load()

    def last_applied(self) -> str:
        """The id of the last apply."""
        name = open_simulated(str(self.folder / "lab.json")).facts().state_name
        return read_history(self.folder / "state", name).applies[0].id

    def wrong(self) -> list[str]:
        """What is wrong now, after a run that ended: a ledger that is not exact, and what happened on the way."""
        try:
            ledger = self.ledger()
        except ReconcilerError as error:
            return [*self.book.wrong, f"the ledger cannot be read: {error}"]
        found = list(self.book.wrong)
        owned, ours = keys_of(ledger), self.ours()
        if extra := {key for key in owned - ours - self.hidden(ledger) if not self.scene.in_doubt.covers(key[1])}:
            found.append(f"the ledger has what we did not make: {_shown(extra)}")
        if lost := {key for key in ours - owned if not self.knows(owned, key)}:
            found.append(f"the ledger lacks what we made: {_shown(lost)}")
        if ledger and ledger.intents:
            found.append(f"{len(ledger.intents)} intents are left")
        if ledger and ledger.winnat_to_start:
            found.append("WinNAT is still to be started")
        return [*found, *self._winnat()]

    def hidden(self, ledger: Ledger | None) -> set[OwnedKey]:
        """What stays ours since it is there again after a restart: the host and the ledger both say so."""
        state = self.state()
        rows = [row for row in (ledger.rows if ledger else ()) if row.hidden]
        return {(row.lane, row.ports, row.kind) for row in rows if state.hidden[state.group(row.lane)].find(row.ports)}

    def ours(self) -> set[OwnedKey]:
        """What the ledger should have."""
        return self.book.rows()

    def knows(self, owned: set[OwnedKey], key: OwnedKey) -> bool:
        """Will a row that the ledger lacks in this lane be known for ours all the same?"""
        return False

    def settle(self) -> None:
        """The last run has ended; rows that it should have adopted are ours from now on, released ones are not."""
        for group, ports in excluded(self.state()).items():
            self.book.truth.ports[group] = self.book.truth.ports.get(group, PortSet()) | (ports & self.scene.adopts)
        blocks = {item for item in reserved(self.state()) if self.scene.adopts.covers(item[1])}
        self.book.truth.reservations |= blocks
        for group, ours in self.book.truth.ports.items():
            self.book.truth.ports[group] = ours - self.scene.releases

    def give_up(self) -> None:
        """It was told that rows are not recorded as ours since nobody can tell; so they are not."""
        for lane, ports, kind in self.ours() - keys_of(self.ledger()):
            group = self.book.truth.sim.group(lane)
            if kind == "reservation":
                self.book.truth.reservations.discard((lane.protocol, ports))
            else:
                self.book.truth.ports[group] = self.book.truth.ports.get(group, PortSet()) - PortSet.of([ports])

    def listed(self) -> object:
        """What administrators' ranges there are, by ports."""
        return excluded(self.state()), reserved(self.state())

    def end(self, plan: str) -> End:
        return End(plan, self.listed(), frozenset(keys_of(self.ledger())))

    def _winnat(self) -> list[str]:
        now = self.state().winnat
        return [] if now == self.scene.winnat else [f"WinNAT is {now} and was {self.scene.winnat}"]


def _shown(keys: set[OwnedKey]) -> str:
    return ", ".join(f"{kind} {lane} {ports}" for lane, ports, kind in sorted(keys, key=str)[:4])


Image = dict[str, tuple[int, bytes | None]]


def files_of(folder: Path) -> Image:
    """Everything below a folder: its mode, and the bytes of what is a file."""
    paths = [path for path in sorted(folder.rglob("*")) if not path.is_symlink()]
    return {str(path.relative_to(folder)): (path.stat().st_mode, _bytes(path)) for path in paths}


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def restore_files(folder: Path, image: Image) -> None:
    """Make what is below a folder this, and nothing else."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_symlink() or not path.is_dir():
            path.unlink()
        elif str(path.relative_to(folder)) not in image:
            path.rmdir()
    for name, (mode, data) in image.items():
        path = folder / name
        if data is None:
            path.mkdir(exist_ok=True)
        else:
            path.write_bytes(data)
        path.chmod(mode & 0o7777)


def elsewhere(files: Files) -> Files:
    """The same policies, for another host."""
    return {name: f'{text}\n[target]\nhosts = ["elsewhere"]\n' for name, text in files.items()}


def one(*entries: str, name: str = "p", head: str = "") -> Files:
    """The files of one policy."""
    return {f"{name}.toml": f'version = 1\n[policy]\nname = "{name}"\n{head}\n' + "\n".join(entries)}


def _value(value: object) -> str:
    return json.dumps(value) if not isinstance(value, bool) else str(value).lower()


def _table(kind: str, name: str, keys: Mapping[str, object]) -> str:
    lines = [f"[[{kind}]]", f'name = "{name}"', 'reason = "test"']
    return "\n".join([*lines, *(f"{key} = {_value(value)}" for key, value in keys.items()), ""])


def ex(name: str, ports: str, protocol: str | Sequence[str] = "tcp", **keys: object) -> str:
    """An `[[exclusion]]`."""
    protocols = [protocol] if isinstance(protocol, str) else list(protocol)
    return _table("exclusion", name, {"ports": ports.split(), "protocol": protocols, **keys})


def res(name: str, ports: str, **keys: object) -> str:
    """A `[[reservation]]`."""
    return _table("reservation", name, {"ports": ports, "protocol": "tcp", **keys})
