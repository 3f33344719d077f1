"""`docs/linux.md`: its blocks `text linux` hold commands and what they print, in a namespace (`box.py`).

Each line that begins with `$ ` is run by a shell that knows `reconciler`. What follows it is what both streams print,
and `[exit N]` where the exit code is not 0. Blocks with `file=NAME` are written first, in their order.

`python -m tests.pages docs/linux.md` writes into the page what is printed now.
"""

from __future__ import annotations

import re
import shlex
import sys

from tests.kernel.box import ROOT, Box
from tests.pages import BLOCK, kept, without_progress

PAGE = ROOT / "docs" / "linux.md"
_COMMAND = re.compile(r"^\$ (.*)$", re.MULTILINE)


def play(text: str, box: Box) -> str:
    """The page as it is when every block holds what is printed here and now."""

    def fill(found: re.Match[str]) -> str:
        fence, language, info, body = found.groups()
        for word in info.split():
            if word.startswith("file="):
                (box.folder / word.removeprefix("file=")).write_text(body, encoding="utf-8")
        if info.split() == ["linux"]:
            body = "".join(_printed(command, box) for command in _COMMAND.findall(body))
        return f"{fence}{language}{info}\n{kept(found[4], body)}{fence}"

    return BLOCK.sub(fill, text)


def _printed(command: str, box: Box) -> str:
    known = f'reconciler() {{ {shlex.quote(sys.executable)} -m reconciler "$@"; }}'
    outcome = box.run("sh", "-c", f"{known}\nexec 2>&1\n{command}")
    return f"$ {command}\n{without_progress(outcome.out)}" + (f"[exit {outcome.code}]\n" if outcome.code else "")
