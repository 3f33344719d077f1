"""The stand-ins as a test sees them: one simulated Windows that real Windows programs of ours run against.

    standin = Standin(tmp_path / "state.txt", new_state(variants=...), language="ko")
    standin.change(lambda state: events.add_row(state, lane, ports, "block", "active"))     # as on the simulated host
    standin.fail("hang", "add", times=1)
    ... run what is under test ...
    assert standin.processes() <= 8

It is a `Keeper`: `SimulatedHost(standin)` reads and changes the very rows that netsh.exe lists, so the same lines of a
test arrange the same things on both. `winnat` in a state is the real service of Wine's service manager.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeVar

from reconciler.lab.simulated import services
from reconciler.lab.simulated.state import State
from tests.windows import native
from tests.windows.statefile import Contents, Fault, Place, decode, encode

T = TypeVar("T")


class Call(NamedTuple):
    """One line of the log: which stand-in was called, and with what (the C files say what each writes)."""

    program: str
    words: tuple[str, ...]


class Standin:
    """One state file and its log. The newest one is what every stand-in uses that is called from this process."""

    def __init__(self, path: Path, state: State, language: str = "en") -> None:
        """Writes the file; a log beside it is deleted."""
        self.path = path
        self._log = path.with_name(f"{path.name}.log")
        native.announce(path)
        self.forget_calls()
        self._write(Contents(state, language))

    def read(self) -> State:
        """The machine as it is now."""
        return self.contents().state

    def change(self, action: Callable[[State], T]) -> T:
        """Let `action` change the machine, as somebody else than the program under test."""
        with native.locked():
            contents = self.contents()
            result = action(contents.state)
            self._write(contents)
        return result

    def reboot(self) -> None:
        """Start the machine again. Volatile registry keys are a kernel's affair, so Wine keeps them: delete them."""
        self.change(services.reboot)

    def speak(self, language: str) -> None:
        """Let netsh.exe speak this language, one of LANGUAGES, from now on."""
        self._write(replace(self.contents(), language=language))

    def fail(self, fault: Fault, place: Place, times: int = -1) -> None:
        """Ask for a fault so many times, or always. Several wait for each other, the oldest first."""
        contents = self.contents()
        self._write(replace(contents, faults=(*contents.faults, (fault, place, times))))

    def heal(self) -> None:
        """Take back every fault."""
        self._write(replace(self.contents(), faults=()))

    def contents(self) -> Contents:
        """Everything in the file."""
        with native.locked():
            return decode(self.path.read_text("ascii"))

    def calls(self, program: str | None = None) -> tuple[Call, ...]:
        """What was called since the beginning or `forget_calls`: `netsh`, `iphlpapi`, `ws2_32`, `winnat`, or all."""
        with native.locked():
            lines = self._log.read_text("utf-8").splitlines() if self._log.exists() else []
        found = (Call(words[0], tuple(words[1:])) for words in (line.split("\t") for line in lines))
        return tuple(call for call in found if program in (None, call.program))

    def processes(self) -> int:
        """How many netsh processes were started."""
        return len(self.calls("netsh"))

    def forget_calls(self) -> None:
        """Count from nought again."""
        with native.locked():
            self._log.unlink(missing_ok=True)

    def _write(self, contents: Contents) -> None:
        native.arrange_service(contents.state.winnat)
        beside = self.path.with_name(f"{self.path.name}.new")
        with native.locked():
            beside.write_text(encode(contents), "ascii", newline="\n")
            beside.replace(self.path)
