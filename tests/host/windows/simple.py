"""One plain listing in parts, and one plain dynamic range."""

from __future__ import annotations

import pytest

from reconciler.errors import HostError
from reconciler.host.windows.listing import Listing, listing_in, read_listing
from reconciler.host.windows.text import lines_of
from tests.host.windows.captured import TCP4, row

TITLE = "\nProtocol tcp Port Exclusion Ranges\n\n"
COLUMNS = "Start Port    End Port\n"
RULE = "----------    --------\n"
ROWS = """\
        80          80
     50000       50059     *

"""
LEGEND = "* - Administered port exclusions.\n"
HEAD = TITLE + COLUMNS + RULE
TABLE = HEAD + ROWS + LEGEND
READ = (row(80, 80), row(50000, 50059, True))

RANGE = """
Protocol tcp Dynamic Port Range
---------------------------------
Start Port      : 49152
Number of Ports : 16384

"""


def read(text: str) -> tuple[object, ...]:
    return read_listing(text.encode(), TCP4)


def refused(text: str, fault: str) -> None:
    with pytest.raises(HostError, match=fault):
        read(text)


def listing(text: str) -> Listing:
    """What is read, with what the text says of its lane."""
    found = listing_in(lines_of(text.encode()))
    assert found is not None
    return found
