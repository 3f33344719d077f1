"""The readers attacked by atheris, which follows the branches that an input takes; as `make fuzz`.

    python -m tests.torture.guided [--seconds 60] [READER ...]

Each reader is attacked so long, in a process of its own, beginning with documents that it reads. An input that a reader
fails on is kept in `.fuzz/`, and printed.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
_LONGEST_INPUT = 4096
_ATTACKED = "--attack"


def attack(name: str, seconds: int) -> None:
    """Attack one reader in this process, which atheris ends."""
    import atheris

    with atheris.instrument_imports(include=["reconciler", "tomli"]):
        from tests.torture.targets import TARGETS
    target = TARGETS[name]

    def read(data: bytes) -> None:
        target(data)

    folder = ROOT / ".fuzz" / re.sub(r"\W+", "-", name)
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    atheris.Setup(
        [
            sys.argv[0],
            str(corpus),
            f"-artifact_prefix={folder}/",
            f"-max_total_time={seconds}",
            f"-max_len={_LONGEST_INPUT}",
            "-timeout=5",
            "-rss_limit_mb=2048",
            "-print_final_stats=1",
        ],
        read,
    )
    atheris.Fuzz()


def run(name: str, seconds: int) -> tuple[bool, str]:
    """Attack one reader in a process of its own. Did it hold, and the line that says so."""
    command = [sys.executable, "-m", "tests.torture.guided", _ATTACKED, "--seconds", str(seconds), name]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    said = done.stdout.decode("utf-8", "backslashreplace")
    if done.returncode:
        return False, f"{name}: WRONG\n{said[-5000:]}"
    found = dict(re.findall(r"stat::(\w+):\s+(\d+)", said))
    covered = re.findall(r"cov: (\d+)", said)
    inputs = int(found.get("number_of_executed_units", 0))
    return True, f"{name}: {inputs:,} inputs, {covered[-1] if covered else 0} branches, {seconds} s"


def main(argv: Sequence[str]) -> int:
    """Attack the readers that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.guided", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each reader (default: 60)")
    parser.add_argument(_ATTACKED, action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("readers", nargs="*", metavar="READER")
    chosen = parser.parse_args(argv)
    try:
        import atheris  # noqa: F401
    except ImportError:
        print("fuzz: atheris is not installed, or has no wheel for this Python; tests.torture.fuzz needs none")
        return 1
    if chosen.attack:
        attack(chosen.readers[0], chosen.seconds)
        return 0
    from tests.torture.targets import TARGETS

    held = True
    for name in chosen.readers or TARGETS:
        good, says = run(name, chosen.seconds)
        held = held and good
        print(says, flush=True)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
