"""What the registry says: identity, this boot, HNS's own range, http.sys's URL reservations, the release."""

from __future__ import annotations

import sys

assert sys.platform == "win32"

import ctypes
import re
import winreg
from ctypes import byref, wintypes

from reconciler.errors import HostError
from reconciler.host.interface import UrlReservation
from reconciler.host.windows.libraries import system_dll
from reconciler.ports import LAST_PORT, PortRange

CRYPTOGRAPHY = r"SOFTWARE\Microsoft\Cryptography"
OURS = r"SOFTWARE\port-reconciler"
BOOT = rf"{OURS}\Boot"
HNS = r"SYSTEM\CurrentControlSet\Services\hns\State"
URLS = r"SYSTEM\CurrentControlSet\Services\HTTP\Parameters\UrlAclInfo"
URL_PORT = re.compile(r"^https?://[^/]*:(\d{1,5})/", re.IGNORECASE)

CURRENT_VERSION = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
REGISTRY_NAMES = {"product": "ProductName", "release": "DisplayVersion", "edition": "EditionID", "update": "UBR"}
"""What we call it, and the value of that key. `update` is the last number of a full version such as 10.0.20348.2700."""

PRODUCT_TYPES = {1: "workstation", 2: "domain controller", 3: "server"}
"""wProductType of OSVERSIONINFOEX."""

REG_OPTION_VOLATILE = 1
REG_SZ = 1
HNS_DEFAULT = (50000, 60)
"""Start and count that HNS uses where its key does not name others (windows-facts 6.1)."""


def machine_guid() -> str:
    """The machine's identity. Raises HostError: without it a ledger could not be known from a copied one."""
    try:
        with _open(CRYPTOGRAPHY) as key:
            return str(winreg.QueryValueEx(key, "MachineGuid")[0])
    except OSError as error:
        raise HostError(f"MachineGuid cannot be read: {error.strerror}", where=rf"HKLM\{CRYPTOGRAPHY}") from error


def boot_mark() -> str:
    """What `mark_boot` left in this boot, or empty."""
    try:
        with _open(BOOT) as key:
            return str(winreg.QueryValueEx(key, "Mark")[0])
    except OSError:
        return ""


def mark_boot() -> None:
    """Leave a mark in a volatile key, which lives exactly as long as the kernel's port tables: until a real reboot.

    (A fast start-up brings both back.) Raises HostError.
    """
    if boot_mark():
        return
    import uuid

    _create_volatile(BOOT)
    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, BOOT, 0, winreg.KEY_SET_VALUE | winreg.KEY_WOW64_64KEY) as key:
        winreg.SetValueEx(key, "Mark", 0, winreg.REG_SZ, uuid.uuid4().hex)


def _create_volatile(path: str) -> None:
    """winreg cannot ask for a volatile key. The parent is made first, as an ordinary one."""
    parent = path.rpartition("\\")[0]
    winreg.CreateKeyEx(winreg.HKEY_LOCAL_MACHINE, parent, 0, winreg.KEY_WRITE | winreg.KEY_WOW64_64KEY).Close()
    create = system_dll("advapi32.dll").RegCreateKeyExW
    create.argtypes = [
        wintypes.HKEY, wintypes.LPCWSTR, wintypes.DWORD, wintypes.LPWSTR, wintypes.DWORD, wintypes.DWORD,
        ctypes.c_void_p, ctypes.POINTER(wintypes.HKEY), ctypes.POINTER(wintypes.DWORD),
    ]  # fmt: skip
    create.restype = wintypes.LONG
    made = wintypes.HKEY()
    access = winreg.KEY_WRITE | winreg.KEY_WOW64_64KEY
    code = create(winreg.HKEY_LOCAL_MACHINE, path, 0, None, REG_OPTION_VOLATILE, access, None, byref(made), None)
    if code != 0:
        raise HostError(f"the mark of this boot cannot be made: {ctypes.FormatError(code)}", where=rf"HKLM\{path}")
    winreg.CloseKey(made.value or 0)


def hns_range() -> PortRange | None:
    """The range that HNS excludes for itself, None where its key says that it makes none (windows-facts 6.1).

    Where nothing is said the default counts: protecting a range that is not HNS's costs nothing.
    """
    first, count = HNS_DEFAULT
    try:
        with _open(HNS) as key:
            if _number(key, "EnableExcludedPortRange", 1) == 0:
                return None
            first = _number(key, "ExcludedPortRangeStartPort", first)
            count = _number(key, "ExcludedPortRangePortCount", count)
    except OSError:
        pass
    try:
        return PortRange.of_count(first, count)
    except ValueError:
        return PortRange.of_count(*HNS_DEFAULT)


def url_reservations() -> tuple[UrlReservation, ...]:
    """http.sys's URL reservations that name a port; none where the key cannot be read."""
    found = []
    try:
        with _open(URLS) as key:
            for index in range(winreg.QueryInfoKey(key)[1]):
                url = winreg.EnumValue(key, index)[0]
                match = URL_PORT.match(url)
                if match and 1 <= int(match[1]) <= LAST_PORT:
                    found.append(UrlReservation(int(match[1]), url))
    except OSError:
        return ()
    return tuple(sorted(found))


def describe() -> dict[str, str]:
    """Version, product, code page of console programs, and language. What cannot be had is left out."""
    version = sys.getwindowsversion()
    kernel32 = system_dll("kernel32.dll")
    kernel32.GetOEMCP.restype = ctypes.c_uint
    kernel32.GetUserDefaultUILanguage.restype = ctypes.c_ushort
    return {
        "version": f"{version.major}.{version.minor}.{version.build}",
        "kind": PRODUCT_TYPES.get(version.product_type, str(version.product_type)),
        **_release(),
        "oem_code_page": str(kernel32.GetOEMCP()),
        "language": f"0x{kernel32.GetUserDefaultUILanguage():04x}",
        "python": f"{sys.version_info[0]}.{sys.version_info[1]}.{sys.version_info[2]}",
    }


def _release() -> dict[str, str]:
    found = {}
    try:
        with _open(CURRENT_VERSION) as key:
            for ours, name in REGISTRY_NAMES.items():
                try:
                    found[ours] = str(winreg.QueryValueEx(key, name)[0])
                except OSError:
                    continue
    except OSError:
        pass
    return found


def _open(path: str) -> winreg.HKEYType:
    return winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, path, 0, winreg.KEY_READ | winreg.KEY_WOW64_64KEY)


def _number(key: winreg.HKEYType, name: str, default: int) -> int:
    try:
        value, kind = winreg.QueryValueEx(key, name)
    except OSError:
        return default
    return int(value) if kind == winreg.REG_DWORD else default
