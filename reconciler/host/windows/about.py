"""Which release of Windows this is, for people who compare the reports of `doctor`."""

from __future__ import annotations

import sys

assert sys.platform == "win32"

import ctypes
import winreg

from reconciler.host.windows.libraries import system_dll

CURRENT_VERSION = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
REGISTRY_NAMES = {"product": "ProductName", "release": "DisplayVersion", "edition": "EditionID", "update": "UBR"}
"""What we call it, and the value of that key. `update` is the last number of a full version such as 10.0.20348.2700."""

PRODUCT_TYPES = {1: "workstation", 2: "domain controller", 3: "server"}
"""wProductType of OSVERSIONINFOEX."""


def describe() -> dict[str, str]:
    """Version, product, code page of console programs, and language. What cannot be had is left out."""
    version = sys.getwindowsversion()
    kernel32 = system_dll("kernel32.dll")
    kernel32.GetOEMCP.restype = ctypes.c_uint
    kernel32.GetUserDefaultUILanguage.restype = ctypes.c_ushort
    return {
        "version": f"{version.major}.{version.minor}.{version.build}",
        "kind": PRODUCT_TYPES.get(version.product_type, str(version.product_type)),
        **_registry(),
        "oem_code_page": str(kernel32.GetOEMCP()),
        "language": f"0x{kernel32.GetUserDefaultUILanguage():04x}",
        "python": f"{sys.version_info[0]}.{sys.version_info[1]}.{sys.version_info[2]}",
    }


def _registry() -> dict[str, str]:
    found = {}
    try:
        with winreg.OpenKey(
            winreg.HKEY_LOCAL_MACHINE, CURRENT_VERSION, 0, winreg.KEY_READ | winreg.KEY_WOW64_64KEY
        ) as key:
            for ours, name in REGISTRY_NAMES.items():
                try:
                    found[ours] = str(winreg.QueryValueEx(key, name)[0])
                except OSError:
                    continue
    except OSError:
        pass
    return found
