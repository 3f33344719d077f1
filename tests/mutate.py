"""`python -m tests.mutate FILE [TEST...]`: change one file of the program in every small way; which test notices?

mutmut makes the mutants, in a copy of the project that begins anew each time, `mutants/`. pytest collects there once,
and runs the tests unmutated: that tells which of them call which function. Those are what each mutant is tried with, in
a fork of the process, so only POSIX has this. The tests are those that are named, or those of the file's room.
What no test notices is printed as a difference. What a test module works out while it is imported stays unmutated.
"""

from __future__ import annotations

import gc
import math
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state
from mutmut.utils.format_utils import get_mutant_name, mangled_name_from_mutant_name

COPY = Path("mutants")
FOLDERS, FILES = ("reconciler", "tests", "desired", "docs"), ("README.md", "pyproject.toml")
NOTICED = ("killed", "timeout", "crashed")
FORK = multiprocessing.get_context("fork")
OPTIONS = (
    "-q",
    "--tb=native",  # the others take longer than the test
    "--assert=plain",
    "-pno:cacheprovider",
    # They list what a module holds, and mutants are functions in it.
    "--deselect=tests/plan/test_reasons.py::test_every_reason_and_remedy_has_its_example",
    "--deselect=tests/plan/test_remedies.py::test_every_remedy_of_a_plan_is_followed",
    "--deselect=tests/plan/test_remedies_explained.py::test_every_remedy_of_explain_is_followed",
)
THERE = "import sys; from tests.mutate import try_all; sys.exit(try_all(*sys.argv[1:]))"


def main(file: str = "", *tests: str) -> int:
    """Mutate the file. 1 where a mutant was not noticed or a test fails unmutated, 2 where nothing is to be mutated."""
    path = Path(file)
    room = Path("tests", *path.parts[1:2])
    if not path.is_file() or path.parts[:1] != ("reconciler",) or not room.is_dir():
        print("name a file of a room that has tests of its own, such as FILE=reconciler/plan/refusals.py")
        return 2
    shutil.rmtree(COPY, ignore_errors=True)
    for name in FOLDERS:
        shutil.copytree(name, COPY / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(name, COPY)
    there = {"CI": "1", "HYPOTHESIS_PROFILE": COPY.name, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", THERE, file, *(tests or [str(room)])]
    return subprocess.call(command, cwd=COPY, env=os.environ | there)


def try_all(file: str, *tests: str) -> int:
    """Mutate the file of this copy, and run the tests against each mutant."""
    settings.register_profile(COPY.name, deadline=None, max_examples=15, phases=[Phase.explicit, Phase.generate])
    path = Path(file)
    found = mutate_file_contents(file, path.read_text("utf-8"))
    path.write_text(found.code, "utf-8")
    mutants = Mutants(path, [get_mutant_name(path, name) for name in found.mutant_names])
    return pytest.main([*OPTIONS, *tests], plugins=[mutants]) or int(not set(mutants.came_to) <= set(NOTICED))


def run(session: pytest.Session, item: pytest.Item) -> None:
    """Run this test. Whichever comes next, it finds what belongs to the session, and nothing else."""
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=session)


class Mutants:
    """What pytest runs, in place of its own loop over the tests."""

    def __init__(self, path: Path, names: list[str]) -> None:
        self.path = path
        self.names = names
        self.code = path.read_text("utf-8")
        self.calling: defaultdict[str, list[pytest.Item]] = defaultdict(list)
        self.took: dict[pytest.Item, float] = {}
        self.came_to: Counter[str] = Counter()

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run the tests unmutated, and then against each mutant. Tell what came of it."""
        self._look_who_calls(session)
        every = sorted(self.took, key=self.took.__getitem__)
        if session.testsfailed or self._try(session, "", every) != "survived":
            print("\nsome tests fail unmutated, or in another order")
            session.testsfailed = session.testsfailed or 1
            return True
        gc.collect()
        gc.freeze()
        for name in self.names:
            status = self._try(session, name, self.calling[mangled_name_from_mutant_name(name)])
            self.came_to[status] += 1
            if status not in NOTICED:
                print(f"\n# {name}: {status}\n{get_diff_for_mutant(name, self.code, self.path)}", flush=True)
        counts = (f"{count} {status}" for status, count in self.came_to.items())
        print(f"\n{self.path}: {len(self.names)} mutants;", *counts)
        return True

    def _look_who_calls(self, session: pytest.Session) -> None:
        set_mutant_under_test("stats")
        for item in session.items:
            state()._stats.clear()
            begun = time.process_time()
            run(session, item)
            self.took[item] = time.process_time() - begun
            for name in state()._stats:
                self.calling[name].append(item)
        for tests in self.calling.values():
            tests.sort(key=self.took.__getitem__)

    def _try(self, session: pytest.Session, name: str, tests: list[pytest.Item]) -> str:
        """What came of this mutant, or of none. What noticed it is moved to the front: it may notice the next one."""
        if not tests:
            return "no tests"
        at = FORK.Value("i", -1)
        child = FORK.Process(target=self._run, args=(session, name, tests, at))
        child.start()
        child.join()
        if at.value >= 0:
            tests.insert(0, tests.pop(at.value))
            return "killed"
        return {0: "survived", -signal.SIGXCPU: "timeout"}.get(child.exitcode or 0, "crashed")

    def _run(self, session: pytest.Session, name: str, tests: list[pytest.Item], at: Any) -> None:
        """In the fork: put the place of the test that fails into `at`. It has thrice the CPU time that is needed."""
        for number in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)
        session.config.pluginmanager.unregister(name="terminalreporter")
        seconds = math.ceil(3 + 3 * sum(self.took[item] for item in tests))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
        set_mutant_under_test(name)
        for place, item in enumerate(tests):
            run(session, item)
            if session.testsfailed:
                at.value = place
                return


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
