"""A world to try the whole program in: policy files in the folders of two teams and of a repository, a simulated
Windows in a file, a state folder. Commands run in this process, by the door that a user's take.

What is true of the host is read here from the simulated machine itself, as plain sets of ports: nothing of
`reconciler.plan` is asked.
"""

from __future__ import annotations

import io
import json
import os
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Literal, NamedTuple
from uuid import UUID

import pytest

from reconciler.cli import commands
from reconciler.cli.main import main
from reconciler.host.interface import Change, Refusal
from reconciler.lab.simulated import calls, services
from reconciler.lab.simulated.file import StateFile
from reconciler.lab.simulated.state import State
from reconciler.lab.simulated.variants import CHOICES, Variants
from reconciler.ports import PortRange

FIRST, LAST = 2001, 2012
"""Twelve ports, so that everything collides with everything."""
HNS = (LAST, LAST)
"""HNS's own row; who else makes exactly this one passes for it."""
LANES = ("tcp/ipv4", "tcp/ipv6", "udp/ipv4", "udp/ipv6")
EXIT_CODES = {"plan": {0, 1, 2, 3}, "apply": {0, 1, 3, 4}, "show": {0, 1}, "explain": {0, 1}, "adopt": {0, 1}}

Cell = tuple[str, int]
"""One port in one lane, which is written as `tcp/ipv4`."""
Span = tuple[int, int]


def ports_of(span: Span) -> range:
    return range(span[0], span[1] + 1)


def text_of(span: Span) -> str:
    return str(span[0]) if span[0] == span[1] else f"{span[0]}-{span[1]}"


def span_of(text: str) -> Span:
    first, _, last = text.partition("-")
    return int(first), int(last or first)


@dataclass(frozen=True)
class Item:
    """One entry of a policy file."""

    name: str
    kind: Literal["exclusion", "reservation"]
    spans: tuple[Span, ...]
    protocols: tuple[str, ...] = ("tcp",)
    families: tuple[str, ...] = ("ipv4", "ipv6")
    store: str = "persistent"
    busy: str = "wait"
    protect: bool = False
    absent: bool = False

    @property
    def lanes(self) -> tuple[str, ...]:
        """Where it is declared; a reservation always is in both families."""
        return tuple(f"{protocol}/{family}" for protocol in self.protocols for family in self.families)

    def __str__(self) -> str:
        """In short, for people: what is as usual is left out."""
        words = [",".join(map(text_of, self.spans)), "+".join(self.protocols)]
        words += ["+".join(self.families)] if len(self.families) == 1 else []
        words += [self.store] if self.store != "persistent" else []
        words += [self.busy] if self.busy != "wait" else []
        words += ["protect"] if self.protect else []
        words += ["absent"] if self.absent else []
        return f"{self.kind} {self.name} {' '.join(words)}"

    def toml(self) -> str:
        said: dict[str, Any] = {"name": self.name, "protect": self.protect, "reason": "test"}
        if self.kind == "reservation":
            said |= {"ports": text_of(self.spans[0]), "protocol": self.protocols[0]}
        else:
            said |= {"ports": [text_of(span) for span in self.spans], "protocol": list(self.protocols)}
            said |= {"family": list(self.families), "store": self.store, "busy": self.busy}
            said["state"] = "absent" if self.absent else "present"
        return f"[[{self.kind}]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in said.items())


@dataclass(frozen=True)
class PolicyFile:
    """One file. `unmanaged` is the window of a delete; `dynamic` the ephemeral range of tcp."""

    policy: str
    items: tuple[Item, ...] = ()
    formerly: tuple[str, ...] = ()
    unmanaged: Span | None = None
    dynamic: Span | None = None
    max_deletes: int = 1000
    tagged: bool = False

    def __str__(self) -> str:
        """In short, for people."""
        words = [f"formerly {','.join(self.formerly)}"] if self.formerly else []
        words += ["tagged"] if self.tagged else []
        words += [f"unmanaged delete {text_of(self.unmanaged)}"] if self.unmanaged else []
        words += [f"dynamic {text_of(self.dynamic)}"] if self.dynamic else []
        words += [f"max_deletes {self.max_deletes}"] if self.max_deletes != 1000 else []
        return f"{self.policy}: {'; '.join([*words, *map(str, self.items)])}"

    def toml(self) -> str:
        text = (
            f"version = 1\n[policy]\nname = {json.dumps(self.policy)}\nformerly = {json.dumps(list(self.formerly))}\n"
        )
        text += f"[limits]\nmax_deletes = {self.max_deletes}\nmax_delete_percent = 100\nmin_dynamic_ports = 0\n"
        if self.tagged:
            text += '[target]\ntags = ["node"]\n'
        if self.unmanaged:
            text += f'[unmanaged]\naction = "delete"\nports = ["{text_of(self.unmanaged)}"]\n'
        if self.dynamic:
            text += f'[dynamic_range]\ntcp = "{text_of(self.dynamic)}"\n'
        return text + "".join(item.toml() for item in self.items)


@dataclass(frozen=True)
class Ask:
    """One run: which files, and what is allowed. `folder`: the working folder, from which the files are named."""

    files: tuple[str, ...]
    folder: str = "."
    retire: tuple[str, ...] = ()
    unprotect: tuple[str, ...] = ()
    force: tuple[str, ...] = ()
    release: bool = False
    tag: bool = True

    def where(self) -> tuple[str, ...]:
        """Which policies are meant."""
        paths = tuple(os.path.relpath(file, self.folder) for file in self.files)
        return (*paths, *(["--tag", "node"] if self.tag else []))

    def args(self) -> tuple[str, ...]:
        flags = [("--retire", name) for name in self.retire] + [("--unprotect", name) for name in self.unprotect]
        flags += [("--force", name) for name in self.force]
        release = ["--release-winnat"] if self.release else []
        return (*self.where(), *(part for flag in flags for part in flag), *release)

    def again(self) -> Ask:
        """The same when it is repeated: what is ended cannot be ended twice."""
        return replace(self, retire=(), unprotect=(), release=False)


class Outcome(NamedTuple):
    """What one command came to. `trouble`: the traceback of what no user should ever see."""

    args: tuple[str, ...]
    code: int
    out: str
    err: str
    trouble: str

    def document(self) -> dict[str, Any]:
        """Standard output as one JSON document; empty where it is none."""
        try:
            return dict(json.loads(self.out))
        except ValueError:
            return {}


@dataclass(frozen=True)
class Row:
    """One row of the simulated machine, in all lanes that it is seen through."""

    lanes: tuple[str, ...]
    span: Span
    origin: str
    store: str

    def __str__(self) -> str:
        return f"{'+'.join(self.lanes)} {text_of(self.span)} {self.origin} {self.store}"

    def cells(self) -> set[Cell]:
        return {(lane, port) for lane in self.lanes for port in ports_of(self.span)}


class Facts:
    """What is true of a simulated machine at one moment."""

    def __init__(self, state: State) -> None:
        self.variants = state.variants
        self.groups = {str(lane): tuple(map(str, group)) for group in state.tables for lane in group}
        self.rows = [
            Row(tuple(map(str, group)), (entry.ports.first, entry.ports.last), entry.origin, entry.store)
            for group, table in state.tables.items()
            for entry in table
        ]
        self.user = self._cells("user")
        self.excluded = self._cells("user", "hns")
        self.blocked = self._cells("winnat", "block", "http.sys")
        self.reserved_cells = self._cells("reservation")
        self.reserved = {(row.lanes[0].partition("/")[0], row.span) for row in self.rows if row.origin == "reservation"}
        self.sockets = {(str(item.lane), item.port) for item in state.sockets}
        self.dynamic = {name: (ports.first, ports.last) for name, ports in state.dynamic.items()}
        self.winnat = state.winnat
        self.elevated = state.elevated
        self.machine = state.machine

    def __str__(self) -> str:
        sockets = [f"{lane} {port}" for lane, port in sorted(self.sockets)]
        return f"{'; '.join(map(str, self.rows))}; sockets {', '.join(sockets) or 'none'}; WinNAT {self.winnat}"

    def _cells(self, *origins: str) -> set[Cell]:
        return {cell for row in self.rows if row.origin in origins for cell in row.cells()}

    def sharing(self, lanes: tuple[str, ...]) -> tuple[str, ...]:
        """These lanes and those that see the same tables."""
        return tuple(sorted({partner for lane in lanes for partner in self.groups[lane]}))

    def at(self, lane: str, port: int) -> Row | None:
        for row in self.rows:
            if lane in row.lanes and row.span[0] <= port <= row.span[1]:
                return row
        return None

    def starred(self, row: Row) -> bool:
        return row.origin in ("user", "hns") or (
            row.origin == "reservation" and self.variants.reservations == "starred"
        )

    def kind(self, row: Row, *, owned: bool) -> str:
        """What anybody can know of a row: `unknown` where neither the listing nor Lookup tells (windows-facts 4.14)."""
        if owned or row.origin in ("winnat", "block", "http.sys", "hns"):
            return {"user": "exclusion", "hns": "exclusion", "reservation": "reservation"}.get(row.origin, "block")
        if self.starred(row) and row.span == HNS:
            return "exclusion"
        if self.variants.lookup == "answers-exclusions" and self.starred(row):
            return "unknown"
        return "reservation" if row.origin == "reservation" else "exclusion"


class Call(NamedTuple):
    """One call that took cells away, as the machine itself saw it."""

    change: Change
    gone: frozenset[Cell]


@dataclass
class World:
    """Everything of one world. Paths are relative to `folder`."""

    folder: Path
    variants: Variants
    files: dict[str, PolicyFile] = field(default_factory=dict)
    commands: int = 0
    history: list[str] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    on_call: Callable[[Change, Facts, Facts], None] = lambda change, before, after: None

    @property
    def host_file(self) -> Path:
        return self.folder / "host.json"

    def facts(self) -> Facts:
        return Facts(StateFile(str(self.host_file)).read())

    def change(self, action: Callable[[State], Any]) -> Any:
        """Something happens on the machine."""
        return StateFile(str(self.host_file)).change(action)

    def write(self, name: str, content: PolicyFile | None) -> None:
        """Save a policy file, or delete it."""
        path = self.folder / name
        if content is None:
            self.files.pop(name, None)
            path.unlink(missing_ok=True)
            return
        self.files[name] = content
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content.toml(), encoding="utf-8")

    def ledger(self) -> Path:
        found = list((self.folder / "state").glob("*.ledger.json"))
        return found[0] if found else self.folder / "state" / "none"

    def contents(self) -> dict[str, bytes]:
        """Every file with its bytes, but for locks."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and path.suffix != ".lock"
        }

    def run(self, *args: str, folder: str = ".") -> Outcome:
        """Run one command, as from a shell in `folder`."""
        self.commands += 1
        self.calls.clear()
        self.history.append(f"(cd {folder}; reconciler {' '.join(args)})")
        out, err = io.BytesIO(), io.BytesIO()
        streams = [io.TextIOWrapper(stream, encoding="utf-8", newline="") for stream in (out, err)]
        code, trouble = -1, ""
        with self._inside(folder), redirect_stdout(streams[0]), redirect_stderr(streams[1]):
            try:
                code = main(args)
            except BaseException:  # noqa: BLE001 (this is what it looks for)
                trouble = traceback.format_exc()
        for stream in streams:
            stream.flush()
        self.history[-1] += f"  [exit {code}]"
        return Outcome(args, code, out.getvalue().decode(), err.getvalue().decode(), trouble)

    @contextmanager
    def _inside(self, folder: str) -> Iterator[None]:
        before = Path.cwd()
        os.chdir(self.folder / folder)
        try:
            yield
        finally:
            os.chdir(before)


_root = cache(commands.root_command)
_build = commands.LazyGroup.get_command


@cache
def _command(group: commands.LazyGroup, name: str) -> Any:
    return _build(group, None, name)


@contextmanager
def new_world(folder: Path, chance: Random, variants: Variants) -> Iterator[World]:
    """A fresh machine of twelve ports, with a small HNS row and small WinNAT blocks, watched call by call."""
    world = World(folder, variants)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(commands, "root_command", _root)  # to build the parser is half the time of a command
        patch.setattr(commands.LazyGroup, "get_command", lambda group, ctx, name: _command(group, name))
        patch.setattr(services, "BLOCK_SIZE", 2)
        patch.setattr(services, "BLOCKS_PER_TABLE", 1)
        patch.setattr(services, "HNS_PORTS", PortRange(*HNS))
        patch.setattr(services, "HTTP_PORTS", (LAST - 1,))
        patch.setattr(calls, "write", _watched(world, calls.write))
        patch.setenv("RECONCILER_STATE_DIR", str(folder / "state"))
        patch.setenv("RECONCILER_HOST", f"sim:{folder / 'host.json'}")
        (folder / "state").mkdir(mode=0o755)
        StateFile.create(
            str(world.host_file),
            services.new_state(
                services.Setup(
                    seed=chance.randrange(100),
                    variants=variants,
                    winnat=chance.choice(("running", "running", "absent", "stopped")),
                    system_rows=chance.random() < 0.5,
                    dynamic=PortRange(FIRST, LAST),
                    machine=new_identity(chance),
                )
            ),
        )
        yield world


def _watched(world: World, write: Callable[[State, Change], Refusal | None]) -> Callable[..., Refusal | None]:
    def watched(state: State, change: Change) -> Refusal | None:
        before = Facts(state)
        refusal = write(state, change)
        after = Facts(state)
        held = before.excluded | before.reserved_cells
        world.calls.append(Call(change, frozenset(held - after.excluded - after.reserved_cells)))
        world.on_call(change, before, after)
        return refusal

    return watched


def new_identity(chance: Random) -> str:
    """The identity of another machine."""
    return str(UUID(int=chance.getrandbits(128), version=4))


def random_variants(chance: Random, settings: Sequence[str] = ()) -> Variants:
    """Each unknown of Windows decided by chance, but for these: any of the 768."""
    drawn = {key: chance.choice(values) for key, values in CHOICES.items()}
    drawn |= dict(setting.split("=") for setting in settings)
    return Variants.parse(f"{key}={value}" for key, value in drawn.items())
