"""The one exception family of this package.

Every failure that a user can cause is a `ReconcilerError`: what is wrong, where, and what to do, in words that fit
on a terminal. Only the command line turns one into an exit code.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from reconciler.text import visible


class ReconcilerError(Exception):
    """Something a user can cause and mend.

    Args:
        message: what is wrong and what to do, one sentence each, without a trailing newline.
        where: the place, as `file:line`, a path, or a row; empty if there is none.

    `id` names the kind of error in documents; it is stable.
    """

    id: ClassVar[str] = "error"

    def __init__(self, message: str, *, where: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message

    def lines(self) -> list[str]:
        """What it says, for a terminal: one line, whatever line ends a name or a text of others in it has."""
        return [visible(str(self))]


class UsageError(ReconcilerError):
    """The program was called in a way that cannot be meant; exit code 64."""

    id = "usage"


class PolicyProblem(NamedTuple):
    """One thing that is wrong in a policy: what, and where.

    `id` is that of its kind, such as `E203`; it is stable. Line and column count from 1, and are 0 where there is none;
    `source` is the text of the line.
    """

    id: str
    message: str
    file: str
    line: int = 0
    column: int = 0
    source: str = ""

    @property
    def where(self) -> str:
        """`file:line:column`, as far as they are known."""
        return ":".join(map(str, filter(None, (self.file, self.line, self.column))))

    def __str__(self) -> str:
        return f"{self.where}: {self.id} {self.message}"


class PolicyError(ReconcilerError):
    """A policy cannot be used. Holds every problem that was found, not only the first.

    `count`: how many there are, if not all are listed in `problems`.
    """

    id = "policy"

    def __init__(self, problems: tuple[PolicyProblem, ...], *, count: int = 0) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems
        self.count = count or len(problems)

    def lines(self) -> list[str]:
        """A line for each problem."""
        return [visible(str(problem)) for problem in self.problems]


class HostError(ReconcilerError):
    """A host cannot be read or used at all (a single refused change is a `Refusal`, not an error)."""

    id = "host"


class LedgerError(ReconcilerError):
    """The ledger cannot be read, trusted or written."""

    id = "ledger"


class StaleError(ReconcilerError):
    """A saved plan does not fit the policy, host or ledger any more. May have several lines, which `visible` made."""

    id = "stale"

    def lines(self) -> list[str]:
        """Its lines."""
        return [visible(line) for line in str(self).split("\n")]


class RefusedError(ReconcilerError):
    """A plan goes beyond its limits, or an option asks for what cannot be."""

    id = "refused"


class BusyError(ReconcilerError):
    """Another apply holds the lock of this host."""

    id = "busy"


ERROR_IDS = tuple(
    kind.id
    for kind in (
        ReconcilerError,
        UsageError,
        PolicyError,
        HostError,
        LedgerError,
        StaleError,
        RefusedError,
        BusyError,
    )
)
"""Every kind of error, as documents name it."""
