"""A simulated host, a policy and the whole command line in one process, for the tests of commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from reconciler.cli.main import main

HEAD = 'version = 1\n[policy]\nname = "{name}"\n'


class Outcome(NamedTuple):
    """What one run of the program came to."""

    code: int
    out: str
    err: str

    def document(self) -> dict[str, Any]:
        """Standard output as one JSON document."""
        return dict(json.loads(self.out))


class Lab:
    """A folder that is the working directory and the home of a simulated host, its ledger and a policy."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys
        self.sim("init", "lab.json")

    def run(self, *args: str) -> Outcome:
        self._capsys.readouterr()
        code = main(args)
        out, err = self._capsys.readouterr()
        return Outcome(code, out, err)

    def printed(self) -> str:
        """What went to standard output since the last run."""
        return self._capsys.readouterr().out

    def sim(self, verb: str, *args: str) -> None:
        assert main(["sim", *verb.split(), *args]) == 0, self._capsys.readouterr().err

    def drift(self, ports: str) -> None:
        """Delete a row of ours behind our back."""
        self.sim("row delete", "lab.json", "tcp/ipv4", ports)

    def policy(self, *entries: str, name: str = "node", file: str = "desired/node.toml", extra: str = "") -> Path:
        """Write a policy of tcp exclusions, `web=8000-8099` each, and whatever TOML `extra` holds."""
        text = HEAD.format(name=name) + extra
        for entry in entries:
            key, _, ports = entry.partition("=")
            text += f'[[exclusion]]\nname = "{key}"\nports = "{ports}"\nprotocol = "tcp"\nreason = "test"\n'
        path = self.folder / file
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def applied(self, *entries: str, **where: str) -> None:
        """Write a policy and apply it."""
        self.policy(*entries, **where)
        outcome = self.run("apply", "--yes")
        assert outcome.code == 0, outcome

    def files(self) -> dict[str, bytes]:
        """Every file with its content, to see whether anything was written."""
        return {str(path): path.read_bytes() for path in sorted(self.folder.rglob("*")) if path.is_file()}

    def rows(self, *, administered: bool = True) -> set[str]:
        """The starred rows of tcp/ipv4 but HNS's."""
        rows = self.run("show", "--json").document()["rows"]
        wanted = (row for row in rows if row["lane"] == "tcp/ipv4" and row["administered"] is administered)
        return {f"{row['first']}-{row['last']}" for row in wanted if row["first"] != 50000}
