"""Wine as the tests use it: where things are, the environment, how a program is run, how everything is ended.

Three traps are kept off here. CPython under Wine 8 dies at its start if a standard stream is an ordinary file, so it
gets pipes and the null device. The first program in a prefix starts Wine's services, which hold on to an inherited
pipe for seconds, so that program gets none. And what was started is ended by `wineserver -k`, which ends what runs
in this prefix and nothing else.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".wine"
PREFIX = CACHE / "prefix"
SYSTEM32 = PREFIX / "drive_c" / "windows" / "system32"
DLLS = CACHE / "dlls"

OVERRIDES = "mscoree,mshtml="
"""No Mono and no Gecko, which Wine would offer to fetch."""
STANDINS = "iphlpapi,ws2_32,shell32,bcryptprimitives,netsh.exe=n,b"
"""These of ours before Wine's own; only for programs under test, not for Wine's services."""

_FOLDERS = ("/usr/lib/x86_64-linux-gnu/wine", "/usr/lib64/wine", "/usr/lib/wine", "/opt/wine-stable/lib64/wine")


def environment(standins: bool = False) -> dict[str, str]:
    """The environment of a Wine program. Nothing that a user set for Wine or Python gets in."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WINE", "PYTHON"))}
    return {
        **kept,
        "WINEPREFIX": str(PREFIX),
        "WINEDEBUG": "-all",
        "WINEDLLPATH": str(DLLS),
        "WINEDLLOVERRIDES": f"{OVERRIDES};{STANDINS}" if standins else OVERRIDES,
    }


def builtin(half: str, name: str) -> Path:
    """One of Wine's own files: the `windows` half of a DLL, or its `unix` half, which not every one has."""
    for folder in _FOLDERS:
        if Path(folder, "x86_64-windows", "ws2_32.dll").exists():
            return Path(folder, f"x86_64-{half}", name)
    raise FileNotFoundError(f"Wine's own DLLs are in none of {', '.join(_FOLDERS)}")


def python_folder(version: str) -> Path:
    """The folder of one Windows CPython, such as 3.11."""
    return CACHE / f"python-{version}"


def python(version: str) -> Path:
    """Its python.exe."""
    return python_folder(version) / f"cp{version.replace('.', '')}" / "python.exe"


def quietly(*words: str) -> None:
    """Run a Wine program without streams, such as the first one in a prefix. Raises CalledProcessError."""
    null = subprocess.DEVNULL
    subprocess.run(["wine", *words], stdin=null, stdout=null, stderr=null, env=environment(), check=True)


def run(words: Sequence[str | Path], seconds: float, extra: Mapping[str, str] | None = None) -> int:
    """Run a program under the stand-ins in the project's folder and print what it prints, as it comes.

    The exit code. Raises TimeoutExpired; then everything in the prefix has been ended.
    """
    command = ["wine", *map(str, words)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment(standins=True) | dict(extra or {}),
        cwd=ROOT,
    )
    from threading import Timer

    expired = Timer(seconds, stop)
    expired.start()
    assert process.stdout is not None
    with process.stdout as output:
        for line in output:
            print(line.decode("utf-8", "replace").rstrip("\r\n"), flush=True)
    code = process.wait()
    if not expired.is_alive():
        raise subprocess.TimeoutExpired(command, seconds)
    expired.cancel()
    return code


def stop() -> None:
    """End everything that runs in this prefix; nothing if nothing does."""
    subprocess.run(
        ["wineserver", "-k"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(), check=False
    )
