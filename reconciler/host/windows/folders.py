"""The state folder of a real Windows: everybody may read the ledger in it, and only administrators write.

Ordinary users can make folders under ProgramData, so a ledger there could be planted to make an elevated run delete
rows that are not ours. Below System32\\LogFiles only administrators can. The lock has a folder of its own, since
whoever can open a lock file can hold it.

Microsoft's reference: CreateDirectoryW, SetFileSecurityW, "Security Descriptor String Format".
"""

from __future__ import annotations

import sys

assert sys.platform == "win32"

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import byref, wintypes
from pathlib import Path

from reconciler.errors import LedgerError
from reconciler.host.windows.libraries import native_directory, system_dll

PRIVATE = "O:BAG:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
"""SDDL: SYSTEM and administrators may do all, nothing is inherited from above, and what is in it inherits this."""
READABLE = f"{PRIVATE}(A;OICI;FRFX;;;BU)"
"""The same, and users may list and read."""

ERROR_ALREADY_EXISTS = 183
OWNER_AND_RIGHTS = 0x80000005
"""OWNER_, DACL_ and PROTECTED_DACL_SECURITY_INFORMATION."""


class _SecurityAttributes(ctypes.Structure):
    """SECURITY_ATTRIBUTES."""

    _fields_ = [
        ("length", wintypes.DWORD),
        ("descriptor", ctypes.c_void_p),
        ("inherit", wintypes.BOOL),
    ]


def state_folder() -> Path:
    """Where the Windows host keeps ledger and audit log, whatever the environment says. Raises HostError."""
    return Path(native_directory(), "LogFiles", "port-reconciler")


def make_folders(folder: Path) -> Path:
    """Make the state folder, and give back the one for the lock, which is in it. Raises LedgerError.

    A folder that is there already, whoever made it, gets the same owner and rights. A missing parent is made like any
    other folder there.
    """
    lock = folder / "lock"
    with _descriptor(READABLE, folder) as readable, _descriptor(PRIVATE, lock) as private:
        if not folder.parent.is_dir():
            system_dll("kernel32.dll").CreateDirectoryW(str(folder.parent), None)
        _make(folder, readable)
        _make(lock, private)
    return lock


@contextmanager
def _descriptor(sddl: str, folder: Path) -> Iterator[ctypes.c_void_p]:
    convert = system_dll("advapi32.dll").ConvertStringSecurityDescriptorToSecurityDescriptorW
    convert.argtypes = [wintypes.LPCWSTR, wintypes.DWORD, ctypes.POINTER(ctypes.c_void_p), ctypes.c_void_p]
    free = system_dll("kernel32.dll").LocalFree
    free.argtypes = [ctypes.c_void_p]
    found = ctypes.c_void_p()
    if not convert(sddl, 1, byref(found), None):
        raise _failed(folder)
    try:
        yield found
    finally:
        free(found)


def _make(folder: Path, descriptor: ctypes.c_void_p) -> None:
    make = system_dll("kernel32.dll").CreateDirectoryW
    make.argtypes = [wintypes.LPCWSTR, ctypes.POINTER(_SecurityAttributes)]
    change = system_dll("advapi32.dll").SetFileSecurityW
    change.argtypes = [wintypes.LPCWSTR, wintypes.DWORD, ctypes.c_void_p]
    attributes = _SecurityAttributes(ctypes.sizeof(_SecurityAttributes), descriptor, False)
    if make(str(folder), byref(attributes)):
        return
    if ctypes.get_last_error() != ERROR_ALREADY_EXISTS or not change(str(folder), OWNER_AND_RIGHTS, descriptor):
        raise _failed(folder)


def _failed(folder: Path) -> LedgerError:
    text = ctypes.FormatError(ctypes.get_last_error())
    return LedgerError(f"this folder cannot be made for administrators only ({text}); run elevated", where=str(folder))
