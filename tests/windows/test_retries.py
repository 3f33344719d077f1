"""What Wine's own failure to start a process comes to: it is tried again, and nothing else is."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.windows.build import _SITE

INTERNAL_ERROR, ACCESS_DENIED = 1359, 5


class FailedError(OSError):
    """An error of Windows, on any system."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.winerror = code


class Starts:
    """A CreateProcess that fails with these codes, and then works."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)
        self.calls = 0

    def __call__(self, *words: object) -> str:
        self.calls += 1
        if self.codes:
            raise FailedError(self.codes.pop(0))
        return "started"


def site(starts: Starts, folder: Path, patch: pytest.MonkeyPatch) -> Any:
    """CreateProcess as the Python under Wine has it, over this one of Wine."""
    winapi = SimpleNamespace(CreateProcess=starts)
    for name, module in (("_winapi", winapi), ("_wmi", None)):
        patch.setitem(sys.modules, name, module)
    patch.setattr(sys, "prefix", str(folder))
    patch.setattr(sys, "pycache_prefix", None)
    patch.setattr(time, "sleep", lambda seconds: None)
    exec(compile(_SITE, "sitecustomize", "exec"), {})
    return winapi.CreateProcess


def told(folder: Path) -> list[str]:
    """What was noted."""
    file = folder / "retries.txt"
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


@pytest.mark.parametrize("times", [0, 1, 3])
def test_that_error_is_tried_again_and_noted(times: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    starts = Starts(*[INTERNAL_ERROR] * times)
    assert site(starts, tmp_path, monkeypatch)(None, "netsh.exe show") == "started"
    assert starts.calls == times + 1
    assert told(tmp_path) == ["netsh.exe show"] * times


@pytest.mark.parametrize(
    ("codes", "calls"), [([INTERNAL_ERROR] * 9, 4), ([ACCESS_DENIED], 1), ([INTERNAL_ERROR, ACCESS_DENIED], 2)]
)
def test_it_comes_to_an_end_and_no_other_error_is_tried_again(
    codes: list[int], calls: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts, wanted = Starts(*codes), codes[calls - 1]
    with pytest.raises(FailedError) as caught:
        site(starts, tmp_path, monkeypatch)("netsh.exe", "netsh.exe show")
    assert (caught.value.winerror, starts.calls) == (wanted, calls)
