"""What is measured beside: octoDNS planning a zone, and ansible-playbook checking one task. `make bench` installs both.

Each does what the program does in its own field: it reads a file of what is desired, looks at what is there, says the
difference and changes nothing. Both run as a user would run them, with what they do by default.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from tests.bench.paired import Work, process

_CONFIG = """\
providers:
  desired: {{class: octodns.provider.yaml.YamlProvider, directory: {desired}}}
  actual: {{class: octodns.provider.yaml.YamlProvider, directory: {actual}}}
zones:
  example.com.: {{sources: [desired], targets: [actual]}}
"""
_PLAYBOOK = """\
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.file: {{path: {path}, state: directory}}
"""


def command(others: Path, name: str) -> str | None:
    """The program of this name in the environment of the others; None where it could not be installed."""
    found = others / ("Scripts" if os.name == "nt" else "bin") / name
    return str(found.absolute()) if found.exists() else None


def octodns(program: str, folder: Path, env: Mapping[str, str], records: int) -> dict[str, Work]:
    """A dry run for a zone of so many A records: the target has none of them, or all."""
    zone = "".join(
        f"service-{number:05}:\n  ttl: 300\n  type: A\n  value: 10.0.{number >> 8}.{number & 255}\n"
        for number in range(records)
    )
    for name, text in (("zone", zone), ("new", "{}\n"), ("sync", zone)):
        (folder / name).mkdir()
        (folder / name / "example.com.yaml").write_text(f"---\n{text}", encoding="utf-8")
    works = {}
    for name in ("new", "sync"):
        config = folder / f"{name}.yaml"
        config.write_text(_CONFIG.format(desired=folder / "zone", actual=folder / name), encoding="utf-8")
        works[name] = process([program, "--config-file", str(config)], env)
    return works


def ansible(program: str, folder: Path, env: Mapping[str, str]) -> Work:
    """`--check` of one task on this machine, which has to be done."""
    playbook = folder / "playbook.yml"
    playbook.write_text(_PLAYBOOK.format(path=folder / "missing"), encoding="utf-8")
    interpreter = f"ansible_python_interpreter={Path(program).with_name('python')}"
    run = [program, "--check", "-i", "localhost,", "-e", interpreter, str(playbook)]
    return process(run, {**env, "ANSIBLE_HOME": str(folder)})
