"""README's tour, word for word: every command in it is run, and must print what README says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"
CONSOLE = re.compile(r"```\n(\$ reconciler .*?)```", re.DOTALL)
POLICY = re.compile(r"as `web\.toml`:\n\n```toml\n(.*?)```", re.DOTALL)


def _run(words: str, folder: Path) -> str:
    environment = {**os.environ, "RECONCILER_STATE_DIR": str(folder / "state"), "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "reconciler", *words.split()]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
    assert done.returncode in (0, 3), done.stderr.decode()
    return done.stdout.decode().replace("\r\n", "\n")


def test_the_tour_of_readme_prints_what_readme_says(tmp_path: Path) -> None:
    text = README.read_text(encoding="utf-8")
    policy = POLICY.findall(text)[0]
    (tmp_path / "web.toml").write_text(policy, encoding="utf-8")
    blocks = CONSOLE.findall(text)
    assert len(blocks) == 4
    for number, block in enumerate(blocks):
        if number == 3:  # README: "you shrink the range to `8080-8089`"
            (tmp_path / "web.toml").write_text(policy.replace("8000-8099", "8080-8089"), encoding="utf-8")
        commands = re.findall(r"^\$ reconciler (.*)$", block, re.MULTILINE)
        printed = "".join(f"$ reconciler {words}\n{_run(words, tmp_path)}" for words in commands)
        assert printed == block
