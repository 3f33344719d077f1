"""Makes namespaces one after the other, and does in them what it is asked for on standard input: one JSON line a
request, one for an answer. `box.py` is the other end.

`["enter", FOLDER]` makes one: the folder becomes the working directory; the ledger's home is `state` in it. A file
system of its own lies over /etc/sysctl.d, so nothing of what is done there reaches the machine. `["leave"]` ends it.
The program is imported once; each run of it is a fork, a process like any other but for the time that an import takes.
"""

from __future__ import annotations

import ctypes
import json
import os
import pkgutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import reconciler as package
from reconciler.cli.main import main as program

LIST = Path("/proc/sys/net/ipv4/ip_local_reserved_ports")
RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
FILES = Path("/etc/sysctl.d")
FAMILIES = {"ipv4": (socket.AF_INET, "0.0.0.0"), "ipv6": (socket.AF_INET6, "::")}
KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
NAMESPACES = 0x00020000 | 0x04000000 | 0x08000000 | 0x20000000 | 0x40000000
"""CLONE_NEWNS, NEWUTS, NEWIPC, NEWPID and NEWNET."""
MOUNTS = f"""set -e
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs {FILES}"""


def run(argv: list[str], stdin: str = "") -> dict[str, Any]:
    """Run a program to its end."""
    done = subprocess.run(argv, input=stdin, capture_output=True, encoding="utf-8", check=False, timeout=120)
    return {"code": done.returncode, "out": done.stdout, "err": done.stderr}


def reconciler(argv: list[str], stdin: str = "") -> dict[str, Any]:
    """Run the program as a process of its own."""
    with TemporaryFile("w+") as given, TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        given.write(stdin)
        given.seek(0)
        process = os.fork()
        if not process:
            _become(argv, given.fileno(), out.fileno(), err.fileno())
        status = os.waitpid(process, 0)[1]
        out.seek(0)
        err.seek(0)
        return {"code": os.waitstatus_to_exitcode(status), "out": out.read(), "err": err.read()}


def _become(argv: list[str], *streams: int) -> None:
    code = 99
    try:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        sys.argv = ["reconciler", *argv]
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        code = program(argv)
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001 - it must not come back into the process that it is a fork of
        import traceback

        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)


def read_list() -> str:
    descriptor = os.open(LIST, os.O_RDONLY)
    try:
        return os.read(descriptor, 2**18).decode("ascii").strip()
    finally:
        os.close(descriptor)


def write_list(text: str) -> None:
    """As `cat`, or systemd-sysctl: all of it."""
    LIST.write_text(f"{text}\n", encoding="ascii")


def set_range(first: int, last: int) -> None:
    RANGE.write_text(f"{first} {last}\n", encoding="ascii")


def files() -> dict[str, str]:
    """What lies in /etc/sysctl.d."""
    return {path.name: path.read_text(encoding="ascii") for path in sorted(FILES.iterdir())}


def put_file(name: str, text: str | None) -> None:
    """Write a file into /etc/sysctl.d, or remove it."""
    if text is None:
        (FILES / name).unlink()
    else:
        (FILES / name).write_text(text, encoding="ascii")


def mode_of_files(mode: int) -> None:
    FILES.chmod(mode)


def ephemeral(kind: str, family: str, count: int) -> list[int]:
    """The ports that so many binds to port 0 get, each once."""
    number, address = FAMILIES[family]
    found = set()
    for _ in range(count):
        with socket.socket(number, KINDS[kind]) as probe:
            probe.bind((address, 0))
            found.add(probe.getsockname()[1])
    return sorted(found)


def can_bind(kind: str, family: str, port: int) -> bool:
    number, address = FAMILIES[family]
    with socket.socket(number, KINDS[kind]) as probe:
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


REQUESTS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        *(run, reconciler, read_list, write_list, set_range),
        *(files, put_file, mode_of_files, ephemeral, can_bind),
    )
}


def enter(folder: str) -> str:
    """Make a namespace, serve in it until that is left, and come back. What went wrong, or nothing."""
    child = os.fork()
    if not child:
        os._exit(_first(folder))
    os.waitpid(child, 0)
    return "left"


def _first(folder: str) -> int:
    """In a new process: go into new namespaces, and let process 1 of them serve."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(NAMESPACES):
        answer({"error": f"unshare failed: {os.strerror(ctypes.get_errno())}"})
        return 1
    if process := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    libc.prctl(1, 9)  # PR_SET_PDEATHSIG: a namespace does not outlive who made it
    mounted = subprocess.run(["sh", "-c", MOUNTS], capture_output=True, encoding="utf-8", check=False)
    if mounted.returncode:
        answer({"error": mounted.stderr.strip()})
        return 1
    os.chdir(folder)
    os.environ["RECONCILER_STATE_DIR"] = str(Path(folder, "state"))
    os.environ.pop("RECONCILER_HOST", None)
    socket.sethostname("box")
    write_list("")
    answer("ready")
    for name, *arguments in requests():
        if name == "leave":
            break
        try:
            answer(REQUESTS[name](*arguments))
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            answer({"error": f"{name}: {error}"})
    return 0


def requests() -> Iterator[list[Any]]:
    for line in sys.stdin:
        yield json.loads(line)


def answer(what: object) -> None:
    print(json.dumps(what), flush=True)


def main() -> None:
    for module in pkgutil.walk_packages(package.__path__, "reconciler."):
        if ".windows" not in module.name and not module.name.endswith((".registry", ".__main__")):
            import_module(module.name)
    for name in ("typer", "filelock", "deepdiff", "pydantic"):
        import_module(name)
    for name, *arguments in requests():
        assert name == "enter"
        answer(enter(*arguments))


if __name__ == "__main__":
    main()
