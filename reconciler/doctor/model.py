"""What `doctor` finds, as values: checks that only read, and the experiments if there were any."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from reconciler.host.interface import Facts
from reconciler.lab.model import Trial

CheckVerdict = Literal["ok", "warn", "fail"]


class Check(NamedTuple):
    """One thing looked at. `remedy` says what to do; empty where nothing is to be done."""

    id: str
    verdict: CheckVerdict
    text: str
    remedy: str = ""


class Report(NamedTuple):
    """Everything that one `doctor` found. `when` is UTC, ISO 8601; `about` is what the host tells of its release."""

    when: str
    facts: Facts | None
    about: Mapping[str, str]
    checks: tuple[Check, ...]
    trial: Trial | None = None

    @property
    def fit(self) -> bool:
        """Does no check fail, and is nothing left over?"""
        failed = any(check.verdict == "fail" for check in self.checks)
        return not failed and not (self.trial and self.trial.left_over)
