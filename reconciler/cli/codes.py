"""Every exit code of the program (design: "The command line"). No other module knows them."""

from __future__ import annotations

OK = 0
"""Done, converged, or in sync."""

ERROR = 1
"""Something a user can cause and mend: a `ReconcilerError`, or a stream that cannot be written."""

CHANGES = 2
"""`plan --detailed-exitcode`: there are steps, and apply would do or try all of them."""

UNRESOLVED = 3
"""Something is blocked or deferred, or a limit refuses the plan; after an apply also refused or unknown."""

COVER_LOST = 4
"""An apply left ports uncovered: what it took away could not be put back."""

USAGE = 64
"""Wrong usage (EX_USAGE of sysexits.h); never 2, which means changes."""

INTERRUPTED = 130
"""A person stopped it: 128 + SIGINT."""
