"""The Windows host over a netsh that fails: it hangs, dies, prints garbage or half a table, or says what is not so."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from reconciler.errors import HostError
from reconciler.host import opening
from reconciler.host.interface import Row
from reconciler.host.windows.host import WindowsHost
from reconciler.host.windows.system import Ran, ReservationCall
from reconciler.lab.simulated.document import dump
from reconciler.lab.simulated.file import StateFile
from reconciler.ledger.records import Ledger
from reconciler.ledger.store import FileLedgerStore
from reconciler.ports import Lane, PortRange, Protocol
from tests.host.windows.fake import FakeSystem
from tests.host.windows.printed import LANGUAGES, dynamic, encoded, table
from tests.invariants.truth import OwnedKey
from tests.torture.book import Event, Record, note
from tests.torture.instants import Instants, append_quietly
from tests.torture.place import Place

HUGE = 100_000_000
ENDED = 3221225786
"""STATUS_CONTROL_C_EXIT, as of a program that was ended."""

Faulty = Callable[[Callable[[], Ran]], Ran]
"""Gets what netsh would do, and does that or not."""


def _hang(real: Callable[[], Ran]) -> Ran:
    raise HostError("netsh did not answer within 60 seconds and was ended", where="netsh")


def _hang_late(real: Callable[[], Ran]) -> Ran:
    real()
    return _hang(real)


def _late(code: int, output: bytes) -> Faulty:
    """It is done, and this is said of it."""

    def faulty(real: Callable[[], Ran]) -> Ran:
        real()
        return Ran(code, output)

    return faulty


def _cut(part: float) -> Faulty:
    def faulty(real: Callable[[], Ran]) -> Ran:
        code, output = real()
        return Ran(code, output[: int(len(output) * part)])

    return faulty


FAULTS: dict[str, Faulty] = {
    "hangs": _hang,
    "hangs when it is done": _hang_late,
    "dies": lambda real: Ran(ENDED, b""),
    "dies when it is done": _late(ENDED, b""),
    "says nothing": lambda real: Ran(0, b""),
    "prints garbage": lambda real: Ran(0, Random(1).randbytes(4000)),
    "prints garbage when it is done": _late(1, Random(2).randbytes(4000)),
    "says no when it is done": _late(1, "Доступ запрещен.\r\n".encode("cp866")),
    "says yes and does nothing": lambda real: Ran(0, b"Ok.\r\n\r\n"),
    "half a table": _cut(0.5),
    "all but the end": _cut(0.93),
    "two tables": lambda real: Ran(0, real().output + real().output),
}


@dataclass(frozen=True)
class Fault:
    """What goes wrong at the nth call of netsh, or from it on: one of FAULTS, of EVENTS of the scene, `huge`, or
    a language."""

    kind: str
    at: int = 0
    lasting: bool = False
    event: Event | None = None


class FaultySystem(FakeSystem):
    """Its machine is in a file, and one of its calls goes wrong."""

    def __init__(self, path: Path, noted: Path, fault: Fault) -> None:
        super().__init__(StateFile(str(path)).read())
        self.path, self.noted, self.fault = path, noted, fault
        self.calls = 0
        self._one = threading.Lock()

    def netsh(self, words: Sequence[str]) -> Ran:
        with self._one:
            return self._at_fault(lambda: self._done(words), words)

    def _at_fault(self, real: Callable[[], Ran], words: Sequence[str]) -> Ran:
        self.calls += 1
        append_quietly(f"{self.noted}.calls", b".")
        fault, due = self.fault, self.calls >= self.fault.at if self.fault.lasting else self.calls == self.fault.at
        if not fault.at or not due:
            return real()
        if fault.event is not None:
            before = dump(self.state).decode("ascii")
            fault.event(self.state)
            self._keep()
            note(self.noted, Record("theirs", before, dump(self.state).decode("ascii")))
            return real()
        if fault.kind in LANGUAGES:
            return self._in(fault.kind, real(), words)
        return Ran(0, b"8000 8099\r\n" * (HUGE // 11)) if fault.kind == "huge" else FAULTS[fault.kind](real)

    def _in(self, name: str, ran: Ran, words: Sequence[str]) -> Ran:
        """The same in another language, in its code page."""
        language, tag = LANGUAGES[name], words[4].removeprefix("protocol=")
        if words[2] != "show":
            return ran
        if words[3] == "dynamicportrange":
            lines = dynamic(language, self.state.dynamic["tcp" if tag == "tcp" else "udp"])
        else:
            lines = table(language, [Row(*row) for row in self.state.rows([Lane.parse(f"{tag}/{words[1]}")])])
        return Ran(0, encoded(language, "\r\n".join(lines).replace("tcp", tag), "console"))

    def _done(self, words: Sequence[str]) -> Ran:
        ran = super().netsh(words)
        self._keep()
        return ran

    def reservation(self, call: ReservationCall, protocol: Protocol, ports: PortRange) -> int | None:
        code = super().reservation(call, protocol, ports)
        self._keep()
        return code

    def set_winnat(self, running: bool) -> tuple[int, str] | None:
        failed = super().set_winnat(running)
        self._keep()
        return failed

    def _keep(self) -> None:
        data = dump(self.state)
        if data != self.path.read_bytes():
            beside = f"{self.noted}.new"
            append_quietly(beside, data)
            Path(beside).replace(self.path)


class WindowsPlace(Place):
    """A scene on the Windows host."""

    spec = "windows"
    fault = Fault("")

    def watch(self, instants: Instants, during: Mapping[int, Event]) -> None:
        super().watch(instants, during)
        host = WindowsHost(FaultySystem(self.folder / "lab.json", self.noted, self.fault))
        opening._open_windows = lambda: host

    def restore(self) -> None:
        super().restore()
        self.fault = Fault("")

    def calls(self) -> int:
        """How often netsh was called since this was asked."""
        path = Path(f"{self.noted}.calls")
        count = path.stat().st_size if path.exists() else 0
        path.unlink(missing_ok=True)
        return count

    def knows(self, owned: set[OwnedKey], key: OwnedKey) -> bool:
        """Windows does not say which lanes share a table; one where the listings differed for a moment has the row
        in the lane that was called, and there it is ours."""
        lane, ports, kind = key
        return any((partner, ports, kind) in owned for partner in self.book.truth.sim.group(lane))

    def ledger(self) -> Ledger | None:
        return FileLedgerStore(self.folder / "state", "windows").load()
