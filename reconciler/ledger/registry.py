"""The ledger of a real Windows: in the registry, under a key that only administrators can write.

Ordinary users can make folders under ProgramData, so a ledger there could be planted to make an elevated run delete
rows that are not ours. HKLM\\SOFTWARE is written by administrators only and read by everybody, from the start. The
ledger is kept in parts below the size that the registry takes well, a generation at a time: a value names the one
that counts with its digest, and is changed last, so a kill at any instant leaves the old ledger or the new one.
"""

from __future__ import annotations

import sys

assert sys.platform == "win32"

import ctypes
import winreg
from ctypes import byref, wintypes
from hashlib import sha256
from pathlib import Path

from reconciler.errors import LedgerError
from reconciler.ledger.document import Encoder, decode
from reconciler.ledger.records import Ledger

KEY = r"SOFTWARE\port-reconciler\Ledger"
PART_BYTES = 512 * 1024
READS = 10
VIEW = winreg.KEY_WOW64_64KEY  # the same ledger for a 32-bit and a 64-bit Python
ACCESS = winreg.KEY_READ | winreg.KEY_WRITE | VIEW
"""To write; RegFlushKey is documented to want the right to read."""

PRIVATE = "O:BAG:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
"""SDDL: only SYSTEM and administrators, nothing inherited. Who may not open a lock file cannot hold it."""

ERROR_ALREADY_EXISTS = 183
OWNER_AND_RIGHTS = 0x80000005
"""OWNER_, DACL_ and PROTECTED_DACL_SECURITY_INFORMATION."""


class RegistryLedgerStore:
    """See `LedgerStore`. `folder` is where the lock and the audit log are."""

    def __init__(self, folder: Path, key: str = KEY) -> None:
        self.folder = folder
        self._key = key
        self._where = rf"HKLM\{key}"
        self._encoder = Encoder()

    def load(self) -> Ledger | None:
        """See `LedgerStore.load`. Where an apply writes meanwhile, what it has replaced is read again."""
        try:
            for _ in range(READS):
                current = self._current()
                if current is None:
                    return None
                data = self._generation(current)
                if self._current() == current:
                    return decode(data, self._where)
        except (OSError, TypeError, ValueError) as error:
            raise LedgerError(f"the ledger cannot be read ({error}); mend that first", where=self._where) from None
        raise LedgerError("another apply writes the ledger all the time; wait until it has ended", where=self._where)

    def save(self, ledger: Ledger) -> None:
        """See `LedgerStore.save`."""
        data = self._encoder.encode(ledger)
        parts = [data[at : at + PART_BYTES] for at in range(0, len(data), PART_BYTES)]
        try:
            with winreg.CreateKeyEx(winreg.HKEY_LOCAL_MACHINE, self._key, 0, ACCESS) as top:
                new = "B" if _text(top, "Current").startswith("A") else "A"
                with winreg.CreateKeyEx(top, new, 0, ACCESS) as key:
                    for name in _names(key):
                        winreg.DeleteValue(key, name)
                    winreg.SetValueEx(key, "Parts", 0, winreg.REG_DWORD, len(parts))
                    for number, part in enumerate(parts):
                        winreg.SetValueEx(key, str(number), 0, winreg.REG_BINARY, part)
                winreg.SetValueEx(top, "Current", 0, winreg.REG_SZ, f"{new} {sha256(data).hexdigest()}")
                winreg.FlushKey(top)  # of the whole hive, in one go
        except OSError as error:
            told = f"the ledger cannot be written ({error.strerror}); run elevated"
            raise LedgerError(told, where=self._where) from None

    def _current(self) -> str | None:
        """Which generation counts, with its digest; None where there is no ledger yet."""
        try:
            with self._open() as key:
                return str(winreg.QueryValueEx(key, "Current")[0])
        except FileNotFoundError:
            return None

    def _generation(self, current: str) -> bytes:
        """All of its parts. Raises LedgerError if they are not what was written."""
        name, _, digest = current.partition(" ")
        try:
            with self._open(name) as key:
                count = int(winreg.QueryValueEx(key, "Parts")[0])
                data = b"".join(bytes(winreg.QueryValueEx(key, str(number))[0]) for number in range(count))
        except FileNotFoundError:
            data = b""
        if sha256(data).hexdigest() != digest and self._current() == current:
            raise LedgerError("the ledger is damaged: a part of it is missing or changed", where=self._where)
        return data

    def _open(self, below: str = "") -> winreg.HKEYType:
        path = rf"{self._key}\{below}" if below else self._key
        return winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, path, 0, winreg.KEY_READ | VIEW)


def _names(key: winreg.HKEYType) -> list[str]:
    return [winreg.EnumValue(key, number)[0] for number in range(winreg.QueryInfoKey(key)[1])]


def _text(key: winreg.HKEYType, name: str) -> str:
    try:
        return str(winreg.QueryValueEx(key, name)[0])
    except FileNotFoundError:
        return ""


class _SecurityAttributes(ctypes.Structure):
    """SECURITY_ATTRIBUTES."""

    _fields_ = [
        ("length", wintypes.DWORD),
        ("descriptor", ctypes.c_void_p),
        ("inherit", wintypes.BOOL),
    ]


def make_private_folder(folder: Path) -> None:
    """Make a folder that only administrators can even look into, in a place where only they can make one.

    A folder that is there already, whoever made it, gets the same owner and rights. Its parent is made like any other
    folder there if it is missing. Raises LedgerError.
    """
    advapi32 = ctypes.WinDLL("advapi32.dll", use_last_error=True)
    kernel32 = ctypes.WinDLL("kernel32.dll", use_last_error=True)
    descriptor = ctypes.c_void_p()
    convert = advapi32.ConvertStringSecurityDescriptorToSecurityDescriptorW
    convert.argtypes = [wintypes.LPCWSTR, wintypes.DWORD, ctypes.POINTER(ctypes.c_void_p), ctypes.c_void_p]
    kernel32.CreateDirectoryW.argtypes = [wintypes.LPCWSTR, ctypes.POINTER(_SecurityAttributes)]
    kernel32.LocalFree.argtypes = [ctypes.c_void_p]
    advapi32.SetFileSecurityW.argtypes = [wintypes.LPCWSTR, wintypes.DWORD, ctypes.c_void_p]
    if not convert(PRIVATE, 1, byref(descriptor), None):
        raise _failed(folder)
    try:
        if not folder.parent.is_dir():
            kernel32.CreateDirectoryW(str(folder.parent), None)
        attributes = _SecurityAttributes(ctypes.sizeof(_SecurityAttributes), descriptor, False)
        if kernel32.CreateDirectoryW(str(folder), byref(attributes)):
            return
        if ctypes.get_last_error() != ERROR_ALREADY_EXISTS:
            raise _failed(folder)
        if not advapi32.SetFileSecurityW(str(folder), OWNER_AND_RIGHTS, descriptor):
            raise _failed(folder)
    finally:
        kernel32.LocalFree(descriptor)


def _failed(folder: Path) -> LedgerError:
    text = ctypes.FormatError(ctypes.get_last_error())
    told = f"this folder, for lock and audit log, cannot be made private ({text}); run elevated"
    return LedgerError(told, where=str(folder))
