"""The schema in the two TOML editors' engines: it says of a file what the loader says.

They tell floats from integers as JSON does, and no pattern sees that a range runs backwards: the loader alone
refuses those.
"""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.policy.test_document import WHOLE
from tests.policy.texts import errors, exclusion, policy, reservation

DESIRED = Path(__file__).parents[2] / "desired"
COMMANDS = {"taplo": ["lint", "--no-auto-config"], "tombi": ["lint", "--offline", "--error-on-warnings"]}


def engine(name: str) -> list[str]:
    program = shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)
    if not program:
        pytest.skip(f"{name} is not installed (pip install '.[toml]')")
    return [program, *COMMANDS[name]]


GOOD = {
    "whole": WHOLE,
    "least": policy(),
    "ports": policy(exclusion("a", '[80, "81", "90-99"]')),
    "all ports": policy(exclusion("a", '"1-65535"')),
    "protocols": policy(exclusion("a", "80", 'protocol = ["udp", "tcp"]')),
    "absent": policy(exclusion("a", "80", 'state = "absent"')),
    "delete": policy('[unmanaged]\naction = "delete"\nports = 80\n'),
    "reservation": policy(reservation("a", '"80-90"')),
    "unicode": policy(exclusion("a", "80", 'reason = "Für die ポート"')),
    "tags": policy('[target]\ntags = ["role=web", "env:prod"]\n'),
}
BAD = {
    "boolean": policy(exclusion("a", "true")),
    "open range": policy(exclusion("a", '"80-"')),
    "zero": policy(exclusion("a", "0")),
    "too large": policy(exclusion("a", "65536")),
    "too large in text": policy(exclusion("a", '"1-65536"')),
    "leading zero": policy(exclusion("a", '"080"')),
    "no ports": policy(exclusion("a", "[]")),
    "wrong in array": policy(exclusion("a", '[80, "x"]')),
    "unknown key": policy(exclusion("a", "80", "prots = 1")),
    "unknown table": policy("[tagret]\n"),
    "protocol": policy(exclusion("a", "80", 'protocol = "sctp"')),
    "protocol twice": policy(exclusion("a", "80", 'protocol = ["tcp", "tcp"]')),
    "store": policy(exclusion("a", "80", 'store = "disk"')),
    "protect": policy(exclusion("a", "80", 'protect = "yes"')),
    "protected absent": policy(exclusion("a", "80", 'state = "absent"\nprotect = true')),
    "control character": policy(exclusion("a", "80", 'reason = "a\\tb"')),
    "direction": policy(exclusion("a", "80", 'reason = "a\\u202eb"')),
    "long reason": policy(exclusion("a", "80", f'reason = "{"x" * 501}"')),
    "rule": policy(exclusion("a", "80", 'allow = ["X1"]')),
    "name": policy(name="-p"),
    "version": policy(version="2"),
    "no version": "[policy]\nname = 'p'\n",
    "no policy": "version = 1\n",
    "no name": "version = 1\n[policy]\n",
    "delete without ports": policy('[unmanaged]\naction = "delete"\n'),
    "empty dynamic range": policy("[dynamic_range]\n"),
    "single dynamic port": policy('[dynamic_range]\ntcp = "2000"\n'),
    "percent": policy("[limits]\nmax_delete_percent = 101\n"),
    "negative": policy("[limits]\nmax_deletes = -1\n"),
    "system": policy('[target]\nos = ["macos"]\n'),
    "no hosts": policy("[target]\nhosts = []\n"),
    "reservation of a list": policy(reservation("a", "[80]")),
    "reservation of a family": policy(reservation("a", "80", 'protocol = "tcp"\nfamily = "ipv4"')),
    "one bracket": policy('[exclusion]\nname = "a"\nports = 80\n'),
}


@pytest.fixture(scope="module", params=COMMANDS)
def verdicts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bool]:
    """What one engine says of each file."""
    folder = tmp_path_factory.mktemp("schema")
    command = engine(request.param)
    shutil.copy(DESIRED / "reconciler.schema.json", folder)
    file = folder / "policy.toml"

    def valid(text: str) -> bool:
        file.write_text("#:schema ./reconciler.schema.json\n" + text, encoding="utf-8")
        return subprocess.run([*command, file.name], cwd=folder, capture_output=True, check=False).returncode == 0

    return {name: valid(text) for name, text in {**GOOD, **BAD}.items()}


def test_an_editor_says_what_the_loader_says(verdicts: dict[str, bool]) -> None:
    assert verdicts == {name: not errors(text) for name, text in {**GOOD, **BAD}.items()}
    assert {name for name, valid in verdicts.items() if valid} == set(GOOD)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_are_valid(name: str) -> None:
    done = subprocess.run(
        [*engine(name), *map(str, sorted(DESIRED.glob("*.toml")))], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
