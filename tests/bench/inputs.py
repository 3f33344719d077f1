"""Policies, simulated hosts and command lines for the measurements, made in a folder that is thrown away."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

FIRST = 1100
"""Entry N of a large policy wants the one port FIRST + 6 * N: 10,000 of them end below 61,100."""
STEP = 6

SMALL_POLICY = """
version = 1
[policy]
name = "ten-entries"
[target]
os = ["windows"]
[[exclusion]]
name = "nodeports"
ports = "30000-32767"
reason = "NodePorts must not be handed out as ephemeral ports"
[[exclusion]]
name = "endpoint"
ports = 5022
protocol = "tcp"
reason = "Database mirroring"
[[exclusion]]
name = "agent"
ports = 52311
reason = "Client agent"
[[exclusion]]
name = "web"
ports = [3000, 8080, "8443-8444"]
protocol = "tcp"
reason = "Web servers of developers"
[[exclusion]]
name = "postgres"
ports = 5432
protocol = "tcp"
reason = "Database of developers"
[[exclusion]]
name = "redis"
ports = "6379"
protocol = "tcp"
busy = "fill"
reason = "Cache of developers"
[[exclusion]]
name = "grpc"
ports = "50051"
protocol = "tcp"
store = "active"
reason = "gRPC servers"
[[exclusion]]
name = "metrics"
ports = "9100-9110"
protocol = "tcp"
family = "ipv4"
protect = true
reason = "Exporters"
[[exclusion]]
name = "syslog"
ports = 5514
protocol = "udp"
reason = "Log receiver"
[[reservation]]
name = "erp"
ports = "12000-12009"
protocol = "tcp"
bound_by = "ERP service"
reason = "ERP cluster"
"""


def large_policy(entries: int, protocol: str = 'protocol = "tcp"\n') -> str:
    """A policy of so many exclusions of one port each; with an empty `protocol` they are for both."""
    head = 'version = 1\n[policy]\nname = "large"\n'
    return head + "".join(
        f'[[exclusion]]\nname = "service-{number}"\nports = {FIRST + STEP * number}\n{protocol}'
        f'reason = "Port of service {number}"\n'
        for number in range(entries)
    )


def set_rows(host: Path, rows: int) -> None:
    """Give a simulated host the TCP rows of so many entries, and no others.

    Raises KeyError if the file is not what `reconciler sim init` writes.
    """
    document = json.loads(host.read_text(encoding="utf-8"))
    ports = (FIRST + STEP * number for number in range(rows))
    document["tables"]["tcp"] = [[str(port), "user", "persistent", "both"] for port in ports]
    host.write_text(json.dumps(document), encoding="utf-8")


def drop_every_second_row(host: Path) -> None:
    """Take every second row of each table away from a simulated host, as somebody else would."""
    document = json.loads(host.read_text(encoding="utf-8"))
    document["tables"] = {name: rows[::2] for name, rows in document["tables"].items()}
    host.write_text(json.dumps(document), encoding="utf-8")


def program() -> list[str]:
    """The installed command; the module where there is none."""
    script = Path(sys.executable).with_name("reconciler.exe" if os.name == "nt" else "reconciler")
    return [str(script)] if script.exists() else [sys.executable, "-m", "reconciler"]


@contextmanager
def workplace() -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder of its own, and the environment that keeps the ledger and the compiled modules in it.

    Compiled modules, since an installed program has them; a checkout may not (PYTHONDONTWRITEBYTECODE).
    """
    with TemporaryDirectory() as folder:
        env = {
            **os.environ,
            "RECONCILER_STATE_DIR": str(Path(folder, "state")),
            "PYTHONPYCACHEPREFIX": str(Path(folder, "compiled")),
        }
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        yield Path(folder), env
