"""The guard: a process that starts WinNAT again if apply ends without doing so, killed or not.

    python -I -m reconciler.host.windows.guard

It reads its standard input, which is a pipe whose other end only apply holds. The end of that pipe is the end of
apply, however it came about; then WinNAT is started if it is not running. What it cannot survive is a kill of the
whole process tree; then the ledger says that WinNAT is to be started, and the next apply starts it.
"""

from __future__ import annotations

import sys

assert sys.platform == "win32"

from reconciler.host.windows.services import set_winnat, winnat_state

PATIENCE = 20
"""How often a WinNAT that is still stopping is waited for, 30 seconds each."""

ON_WATCH = b"."
"""What it writes to standard output once it watches."""


def main() -> int:
    """Wait for the end of standard input, then start WinNAT if it is stopped. The Win32 code, 0 if all is well."""
    sys.stdout.buffer.write(ON_WATCH)
    sys.stdout.buffer.flush()
    while sys.stdin.buffer.read(4096):
        pass
    for _ in range(PATIENCE):
        state = winnat_state()
        if state in ("running", "absent"):
            return 0
        if state == "stopped":
            break
    failed = set_winnat(running=True)
    return 0 if failed is None else failed[0]


if __name__ == "__main__":
    sys.exit(main())
