"""Wine as the tests use it: where things are, the environment, how a program is run, how everything is ended.

Every Python has a prefix of its own, a copy of the one that was built, so that two run beside each other and none finds
what another run left. Three traps are kept off here. CPython under Wine 8 dies at its start if a standard stream is an
ordinary file, so it gets pipes and the null device. The first program in a prefix starts Wine's services, which hold on
to an inherited pipe for seconds, so that program gets none. And what was started is ended by `wineserver -k`, which
ends what runs in one prefix and nothing else.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from threading import Timer

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".wine"
BUILT = CACHE / "prefix"
SYSTEM32 = BUILT / "drive_c" / "windows" / "system32"
DLLS = CACHE / "dlls"

OVERRIDES = "mscoree,mshtml="
"""No Mono and no Gecko, which Wine would offer to fetch."""
STANDINS = "iphlpapi,ws2_32,shell32,bcryptprimitives,netsh.exe=n,b"
"""These of ours before Wine's own; only for programs under test, not for Wine's services."""

_FOLDERS = ("/usr/lib/x86_64-linux-gnu/wine", "/usr/lib64/wine", "/usr/lib/wine", "/opt/wine-stable/lib64/wine")


def environment(prefix: Path = BUILT, standins: bool = False) -> dict[str, str]:
    """The environment of a Wine program. Nothing that a user set for Wine or Python gets in."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WINE", "PYTHON"))}
    return {
        **kept,
        "WINEPREFIX": str(prefix),
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


def copied(version: str) -> Path:
    """A prefix for one Python, as it was built, with Wine's services started: without the stand-ins and our streams."""
    prefix = CACHE / f"prefix-{version}"
    stop(prefix)
    shutil.rmtree(prefix, ignore_errors=True)
    shutil.copytree(BUILT, prefix, symlinks=True)
    quietly("cmd", "/c", "ver", prefix=prefix)
    return prefix


def quietly(*words: str, prefix: Path = BUILT) -> None:
    """Run a Wine program without streams, such as the first one in a prefix. Raises CalledProcessError."""
    null = subprocess.DEVNULL
    subprocess.run(["wine", *words], stdin=null, stdout=null, stderr=null, env=environment(prefix), check=True)


def run(words: Sequence[str | Path], seconds: float, prefix: Path, mark: str) -> int:
    """Run a program under the stand-ins in the project's folder and print its lines as they come, behind the mark.

    The exit code. Raises TimeoutExpired; then everything in the prefix has been ended.
    """
    command = ["wine", *map(str, words)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment(prefix, standins=True),
        cwd=ROOT,
    )
    expired = Timer(seconds, stop, [prefix])
    expired.start()
    assert process.stdout is not None
    with process.stdout as output:
        for line in output:
            print(mark + line.decode("utf-8", "replace").rstrip("\r\n"), flush=True)
    code = process.wait()
    if not expired.is_alive():
        raise subprocess.TimeoutExpired(command, seconds)
    expired.cancel()
    return code


def stop(prefix: Path = BUILT) -> None:
    """End everything that runs in this prefix; nothing if nothing does."""
    null = subprocess.DEVNULL
    subprocess.run(["wineserver", "-k"], stdout=null, stderr=null, env=environment(prefix), check=False)
