"""What runs inside a namespace of its own, as its process 1: does what it is told on standard input, one JSON line a
request, and answers with one. `box.py` is the other end.

Usage: python inside.py FOLDER: the folder becomes the working directory; the ledger's home is `state` in it. A file
system of its own lies over /etc/sysctl.d, so nothing of what is done here reaches the machine.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

LIST = Path("/proc/sys/net/ipv4/ip_local_reserved_ports")
RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
FILES = Path("/etc/sysctl.d")
FAMILIES = {"ipv4": (socket.AF_INET, "0.0.0.0"), "ipv6": (socket.AF_INET6, "::")}
KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


def run(argv: list[str], stdin: str = "") -> dict[str, Any]:
    """Run a program to its end."""
    done = subprocess.run(argv, input=stdin, capture_output=True, encoding="utf-8", check=False, timeout=120)
    return {"code": done.returncode, "out": done.stdout, "err": done.stderr}


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
    for function in (run, read_list, write_list, set_range, files, put_file, mode_of_files, ephemeral, can_bind)
}


def main() -> None:
    os.chdir(sys.argv[1])
    os.environ["RECONCILER_STATE_DIR"] = str(Path(sys.argv[1], "state"))
    os.environ.pop("RECONCILER_HOST", None)
    socket.sethostname("box")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(FILES)], check=True)
    write_list("")
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(REQUESTS[name](*arguments)), flush=True)


if __name__ == "__main__":
    main()
