"""From what a user writes after `--host` to a host. Loads only the host that was named."""

from __future__ import annotations

import sys

from reconciler.errors import UsageError
from reconciler.host.interface import Host

_FORMS = "auto, windows, linux, netsh:PATH (captured listings) or sim:FILE (a simulated Windows)"
_NAMELESS = {
    "sim": "a simulated host is a file; name its file, as in sim:lab.json",
    "netsh": "captured listings are a file or a folder; name it, as in netsh:capture.txt",
}


def open_host(spec: str) -> Host:
    """Open `auto` (this machine), `windows`, `linux`, `netsh:PATH` or `sim:FILE`. Raises UsageError for any other.

    A host is read when it is first asked something, not here.
    """
    kind, colon, argument = spec.partition(":")
    if not argument and kind in _NAMELESS:
        raise UsageError(_NAMELESS[kind], where=f"host {spec}")
    if kind == "sim" and colon:
        from reconciler.lab.simulated.host import open_simulated

        return open_simulated(argument)
    if kind == "netsh" and colon:
        from reconciler.host.captured import open_captured

        return open_captured(argument)
    if spec == "auto":
        spec = _this_machine()
    if spec == "linux":
        return _open_linux()
    if spec == "windows":
        return _open_windows()
    if spec.endswith(".json"):
        raise UsageError(f"{spec!r} is not a host; for a simulated Windows write sim:{spec}")
    raise UsageError(f"{spec!r} is not a host; name one with --host or in RECONCILER_HOST: {_FORMS}")


def _this_machine() -> str:
    if sys.platform == "win32":
        return "windows"
    if sys.platform.startswith("linux"):
        return "linux"
    raise UsageError("this system has no list of ports that could be kept; use sim:FILE", where="host auto")


def _open_windows() -> Host:
    if sys.platform == "win32":
        from reconciler.host.windows.host import WindowsHost
        from reconciler.host.windows.local import LocalSystem

        return WindowsHost(LocalSystem())
    raise UsageError("this machine is no Windows; use auto, or sim:FILE", where="host windows")


def _open_linux() -> Host:
    if not sys.platform.startswith("linux"):
        raise UsageError("this machine is no Linux; use auto, or sim:FILE", where="host linux")
    from reconciler.host.linux.host import LinuxHost

    return LinuxHost()
