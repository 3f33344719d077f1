"""The command line: one thin file for each command, and the only place that knows exit codes."""

from __future__ import annotations

PROGRAM = "reconciler"
