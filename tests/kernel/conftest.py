"""One fresh namespace for each test, where that can be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel.box import Box, do_without, why_no_box


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    """A namespace with an empty list, an empty /etc/sysctl.d and `tmp_path` as its working directory."""
    reason = why_no_box()
    if reason:
        do_without(reason)
    with Box(tmp_path) as made:
        yield made
