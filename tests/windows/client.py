"""Calls of the stand-ins as a test makes them: netsh by command line, iphlpapi by ctypes. Independent of the product."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import NamedTuple

from reconciler.ports import Lane, PortRange, Protocol, Store
from tests.windows import native
from tests.windows.statefile import LANGUAGES

_ROW = re.compile(r"(?=.{22} )[ ]+([0-9]+)  [ ]+([0-9]+)( {5}\*| {6})")


class Answer(NamedTuple):
    """Exit code and the bytes of standard output."""

    code: int
    output: bytes

    def text(self, language: str) -> str:
        """The output as somebody reads it whose console has the code page of the language."""
        return self.output.decode(LANGUAGES[language])


if sys.platform == "win32":
    import ctypes

    def netsh(*words: str, seconds: float = 60) -> Answer:
        """Run netsh.exe. Raises TimeoutExpired when it hangs."""
        command = [str(native.SYSTEM32 / "netsh.exe"), *words]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False, timeout=seconds)
        return Answer(done.returncode, done.stdout)

    def reservation(verb: str, protocol: Protocol, ports: PortRange) -> tuple[int, int]:
        """Call Create, Delete or Lookup: the Win32 code and the token, 0 where none was given."""
        return raw_reservation(verb, protocol, int.from_bytes(ports.first.to_bytes(2, "big"), "little"), ports.count)

    def raw_reservation(verb: str, protocol: Protocol, start: int, count: int) -> tuple[int, int]:
        """The same with the two numbers as they go to the DLL."""
        library = ctypes.WinDLL("iphlpapi.dll")
        function = getattr(library, f"{verb}Persistent{protocol.capitalize()}PortReservation")
        function.restype = ctypes.c_ulong
        token = ctypes.c_uint64()
        tokens = () if verb == "Delete" else (ctypes.byref(token),)
        return int(function(ctypes.c_ushort(start), ctypes.c_ushort(count), *tokens)), token.value

else:

    def netsh(*words: str, seconds: float = 60) -> Answer:
        """There is no netsh here."""
        raise NotImplementedError

    def reservation(verb: str, protocol: Protocol, ports: PortRange) -> tuple[int, int]:
        """There is no iphlpapi here."""
        raise NotImplementedError

    def raw_reservation(verb: str, protocol: Protocol, start: int, count: int) -> tuple[int, int]:
        """There is no iphlpapi here."""
        raise NotImplementedError


def add(lane: Lane, ports: PortRange, store: Store = "persistent", verb: str = "add") -> Answer:
    """Add or delete an exclusion."""
    sizes = (f"startport={ports.first}", f"numberofports={ports.count}", f"store={store}")
    return netsh("interface", lane.family, verb, "excludedportrange", f"protocol={lane.protocol}", *sizes)


def delete(lane: Lane, ports: PortRange, store: Store = "persistent") -> Answer:
    """Delete an exclusion."""
    return add(lane, ports, store, "delete")


def show(lane: Lane, *tags: str) -> Answer:
    """The listing of a lane."""
    return netsh("interface", lane.family, "show", "excludedportrange", f"protocol={lane.protocol}", *tags)


def rows(answer: Answer, language: str = "en") -> list[tuple[PortRange, bool]]:
    """The rows of a listing, by exact columns."""
    found = (_ROW.fullmatch(line) for line in answer.text(language).split("\r\n"))
    return [(PortRange(int(match[1]), int(match[2])), match[3].endswith("*")) for match in found if match]
