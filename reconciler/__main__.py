"""`python -m reconciler` is the command `reconciler`."""

from __future__ import annotations

import sys

from reconciler.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
