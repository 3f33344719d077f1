"""A policy as text, for the commands that write one: a table an entry, a blank line between, defaults left out.

What is written here reads back as the very same entries (`reconciler.policy.files`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reconciler.policy.entries import Exclusion, Reservation
from reconciler.policy.values import FILE_VERSION
from reconciler.ports import FAMILIES, PROTOCOLS, PortRange


def policy_text(name: str, entries: Iterable[Exclusion | Reservation], description: str = "") -> str:
    """A whole policy file, which ends with a line end."""
    table = _table("[policy]", {"name": name, "description": description})
    return "\n".join([f"version = {FILE_VERSION}\n", table, *map(entry_text, entries)])


def entry_text(entry: Exclusion | Reservation) -> str:
    """One entry as it stands in a policy file, which ends with a line end; to be put after a blank line."""
    if isinstance(entry, Reservation):
        return _table(
            "[[reservation]]",
            {
                "name": entry.name,
                "ports": _ports((entry.ports,)),
                "protocol": entry.protocol,
                "bound_by": entry.bound_by,
                "reason": entry.reason,
                "protect": entry.protect,
                "allow": list(entry.allow),
            },
        )
    return _table(
        "[[exclusion]]",
        {
            "name": entry.name,
            "ports": _ports(entry.ports),
            "protocol": _chosen(entry.protocols, PROTOCOLS),
            "family": _chosen(entry.families, FAMILIES),
            "store": "" if entry.store == "persistent" else entry.store,
            "reason": entry.reason,
            "busy": "" if entry.busy == "wait" else entry.busy,
            "protect": entry.protect,
            "state": "" if entry.state == "present" else entry.state,
            "allow": list(entry.allow),
        },
    )


def toml_value(value: str | int | bool | list[int | str] | list[str]) -> str:
    """A value as TOML writes it. A text has no control characters, which no value of a policy may have."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return f"[{', '.join(map(toml_value, value))}]"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _table(head: str, values: Mapping[str, str | int | bool | list[int | str] | list[str]]) -> str:
    """The table without what is empty or false."""
    lines = [f"{key} = {toml_value(value)}\n" for key, value in values.items() if value]
    return "".join([f"{head}\n", *lines])


def _ports(ranges: tuple[PortRange, ...]) -> str | int | list[int | str]:
    values: list[int | str] = [ports.first if ports.count == 1 else str(ports) for ports in ranges]
    return values[0] if len(values) == 1 else values


def _chosen(words: tuple[str, ...], every: tuple[str, ...]) -> str:
    """The one that was chosen; nothing where it is every one, which is the default."""
    return "" if set(words) == set(every) else words[0]
