"""The .def file of a DLL that does some functions itself and forwards all others to another DLL."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple


class Export(NamedTuple):
    """A function that a DLL offers: its ordinal, and its name if it has one."""

    ordinal: int
    name: str | None


def definition(dll: Path, name: str, target: str, own: Mapping[str, str]) -> str:
    """A .def for `name.dll` with the exports of `dll`, by the same ordinals; also those of `own` that it lacks.

    `own` names the functions that are not forwarded, with the C function behind each where it has another name.
    """
    lines = [f"LIBRARY {name}.dll", "EXPORTS"]
    exports = exports_of(dll)
    for export in exports:
        if export.name is None:
            lines.append(f'  unnamed{export.ordinal} = "{target}.#{export.ordinal}" @{export.ordinal} NONAME')
        elif export.name not in own:
            lines.append(f"  {export.name} = {target}.{export.name} @{export.ordinal}")
    ordinals = {export.name: export.ordinal for export in exports}
    for function, behind in own.items():
        at = f" @{ordinals[function]}" if function in ordinals else ""
        lines.append(f"  {function}{f' = {behind}' if behind else ''}{at}")
    return "\n".join(lines) + "\n"


def exports_of(dll: Path) -> tuple[Export, ...]:
    """The export table of a 64-bit PE file, by ordinal (Microsoft's "PE Format", .edata)."""
    data = dll.read_bytes()
    header = _number(data, 0x3C)
    sections, optional = struct.unpack_from("<H", data, header + 6)[0], struct.unpack_from("<H", data, header + 20)[0]
    table = header + 24 + optional

    def at(address: int) -> int:
        for place in range(table, table + 40 * sections, 40):
            size, start, _, position = struct.unpack_from("<4I", data, place + 8)
            if start <= address < start + size:
                return int(position + address - start)
        raise ValueError(f"{dll.name}: address {address:#x} is in no section")

    directory = at(_number(data, header + 24 + 112))
    base, functions, named, addresses, names, ordinals = struct.unpack_from("<6I", data, directory + 16)
    called = {}
    for index in range(named):
        place = at(_number(data, at(names) + 4 * index))
        text = data[place : data.index(b"\0", place)].decode("ascii")
        called[struct.unpack_from("<H", data, at(ordinals) + 2 * index)[0]] = text
    used = (index for index in range(functions) if _number(data, at(addresses) + 4 * index))
    return tuple(Export(base + index, called.get(index)) for index in used)


def _number(data: bytes, place: int) -> int:
    return int(struct.unpack_from("<I", data, place)[0])
