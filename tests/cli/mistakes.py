"""The mistakes of `mistakes.md`, played as a page is: `python -m tests.cli.mistakes` writes what is printed now."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.pages import Folder, folder, update_all

PAGE = Path(__file__).with_name("mistakes.md")
_MISTAKE = "\n## "


@contextmanager
def prepared(path: Path) -> Iterator[Folder]:
    """The folder in which each mistake is made: a host, a policy that was applied, a saved plan."""
    with folder(path, PAGE) as here:
        here.play(PAGE.read_text(encoding="utf-8").partition(_MISTAKE)[0])
        yield here


def mistakes() -> list[str]:
    """Each with its title, its command and what is printed."""
    return PAGE.read_text(encoding="utf-8").split(_MISTAKE)[1:]


if __name__ == "__main__":
    sys.exit(update_all([str(PAGE)]))
