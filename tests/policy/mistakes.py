"""The mistakes of `mistakes.md`, and what is said of them: `python -m tests.policy.mistakes` writes it anew."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from reconciler.policy.files import check_policies
from reconciler.report.check import problem_lines

PAGE = Path(__file__).with_name("mistakes.md")
_MISTAKE = re.compile(r"^```toml( utf-16)?\n(.*?)^```\n\n```text\n(.*?)^```\n", re.DOTALL | re.MULTILINE)


def told(policy: str, encoding: str) -> str:
    """What a check says of a policy on a terminal, where it is the file `web.toml`."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            Path("web.toml").write_text(policy, encoding=encoding)
            error = check_policies(["web.toml"]).error
        finally:
            os.chdir(before)
    lines = problem_lines(error, with_source=True) if error else ()
    return "".join(f"{line}\n" for line in lines)


def rewritten(page: str) -> str:
    """The page with what is said now."""

    def again(found: re.Match[str]) -> str:
        said = told(found[2], (found[1] or "utf-8").strip())
        return f"```toml{found[1] or ''}\n{found[2]}```\n\n```text\n{said}```\n"

    return _MISTAKE.sub(again, page)


def mistakes() -> list[tuple[str, str, str]]:
    """Encoding, policy and messages of each."""
    found = _MISTAKE.findall(PAGE.read_text(encoding="utf-8"))
    return [((words or "utf-8").strip(), policy, said) for words, policy, said in found]


if __name__ == "__main__":
    PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
