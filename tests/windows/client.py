"""Calls of the stand-ins as a test makes them, by no code of the product: netsh as a process, DLLs by ctypes."""

from __future__ import annotations

import sys

assert sys.platform == "win32"

import ctypes
import re
import socket
import subprocess
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


ASSOCIATE = 0x98000066
CSIDL_WINDOWS = 0x24


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


def associate(sock: socket.socket, token: int, size: int = 8, output: int = 0) -> int:
    """WSAIoctl with SIO_ASSOCIATE_PORT_RESERVATION: 0 or the Winsock error."""
    library = ctypes.WinDLL("ws2_32.dll")
    number, pointer = ctypes.c_ulong, ctypes.c_void_p
    library.WSAIoctl.argtypes = [
        *(ctypes.c_size_t, number),
        *(pointer, number),
        *(pointer, number),
        *(pointer, pointer, pointer),
    ]
    given, returned = ctypes.c_uint64(token), number()
    code = library.WSAIoctl(
        sock.fileno(), ASSOCIATE, ctypes.byref(given), size, None, output, ctypes.byref(returned), None, None
    )
    return int(library.WSAGetLastError()) if code else 0


def bind(sock: socket.socket, address: tuple[str, int]) -> int:
    """0 or the Winsock error."""
    try:
        sock.bind(address)
    except OSError as error:
        return error.winerror or -1
    return 0


def is_admin() -> bool:
    """IsUserAnAdmin, as the product asks."""
    return bool(ctypes.windll.shell32.IsUserAnAdmin())


def interfaces() -> int:
    """How many there are: a function of iphlpapi that is only forwarded."""
    count = ctypes.c_ulong()
    assert ctypes.WinDLL("iphlpapi.dll").GetNumberOfInterfaces(ctypes.byref(count)) == 0
    return count.value


def windows_folder() -> str:
    """Where Windows is: a function of shell32 that is only forwarded."""
    buffer = ctypes.create_unicode_buffer(260)
    assert ctypes.windll.shell32.SHGetFolderPathW(None, CSIDL_WINDOWS, None, 0, buffer) == 0
    return buffer.value


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
