"""A tier that cannot run is told, and in CI it fails."""

from __future__ import annotations

import sys

import pytest

from tests.kernel.box import do_without

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the Linux kernel is not here")


@linux
def test_in_ci_what_cannot_run_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="there is no unshare"):
        do_without("there is no unshare")


@pytest.mark.parametrize("value", [None, ""])
def test_elsewhere_it_is_skipped(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    if value is None:
        monkeypatch.delenv("CI", raising=False)
    else:
        monkeypatch.setenv("CI", value)
    with pytest.raises(pytest.skip.Exception, match="there is no unshare"):
        do_without("there is no unshare")
