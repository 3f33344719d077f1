"""`python -m tests.mutate FILE [TEST...]`: change one file of the program in every small way; which test notices?

mutmut makes the mutants, in `mutants/`, which begins anew each time. Only this file is changed, since every mutated
function makes the tests slower. The tests are those that are named, or those of its room, which takes much longer.
What no test notices is printed as a difference.
"""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from pathlib import Path

from mutmut import configuration
from mutmut.__main__ import cli
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code

NOTICED = ("killed", "timeout", "segfault")


def main(file: str = "", *tests: str) -> int:
    """Mutate the file. 1 where a mutant was not noticed, 2 where nothing is there to mutate."""
    path = Path(file)
    room = Path("tests", *path.parts[1:2])
    if not path.is_file() or path.parts[:1] != ("reconciler",) or not room.is_dir():
        print("name a file of a room that has tests of its own, such as FILE=reconciler/plan/refusals.py")
        return 2
    shutil.rmtree("mutants", ignore_errors=True)
    settings = configuration.config()
    settings.only_mutate = [file]
    settings.pytest_add_cli_args_test_selection = list(tests) or [str(room)]
    cli(["run", "--max-children", "1"], standalone_mode=False)
    return tell(path)


def tell(path: Path) -> int:
    """Print what no test noticed, and how many mutants came to what. 1 if there is anything of that."""
    found = SourceFileMutationData(path=path)
    found.load()
    statuses = {name: status_by_exit_code[code] for name, code in found.exit_code_by_key.items()}
    for name, status in statuses.items():
        if status not in NOTICED:
            print(f"# {name}: {status}\n{get_diff_for_mutant(name, path=path)}")
    print(
        f"{path}: {len(statuses)} mutants;",
        *(f"{count} {status}" for status, count in Counter(statuses.values()).items()),
    )
    return int(not set(statuses.values()) <= set(NOTICED))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
