"""What experiments on free ports showed, as values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from reconciler.host.interface import RefusalReason, Row
from reconciler.ports import PortRange

UNKNOWN = "unknown"
"""The value of a switch that the experiments could not tell."""


class Said(NamedTuple):
    """What a call said. `done` is None for a question, and for a call that gave no answer.

    `output` is what a program printed, bytes beyond ASCII as escapes; `exit_code` is that program's.
    """

    done: bool | None
    text: str = ""
    reason: RefusalReason | None = None
    code: int | None = None
    exit_code: int | None = None
    output: str = ""


class Call(NamedTuple):
    """One call on the host.

    `purpose` says why it was made, `what` which call it was. `rows` are the rows on the ports of the experiments
    afterwards; of a listing of one store, those that it showed. None where they could not be read.
    """

    purpose: str
    what: str
    said: Said
    rows: tuple[Row, ...] | None


class Experiment(NamedTuple):
    """One experiment with all its calls, those that undo it last.

    `number` is that of the question in section 12 of windows-facts. `skipped` says why nothing was tried,
    `problem` what cut it short.
    """

    id: str
    number: int
    question: str
    calls: tuple[Call, ...] = ()
    skipped: str = ""
    problem: str = ""


class LeftOver(NamedTuple):
    """Something on the ports of the experiments that should not be there. `ours`: an experiment made it."""

    text: str
    ours: bool


class Trial(NamedTuple):
    """All experiments of one run, and what they amount to.

    `variant` has every switch of `lab.simulated.variants` with one of its values, or `unknown`; `reasons` says why a
    switch is unknown. `removed` are rows that an earlier run had left over.
    """

    ports: PortRange
    experiments: tuple[Experiment, ...]
    variant: Mapping[str, str]
    reasons: Mapping[str, str]
    removed: tuple[Row, ...] = ()
    left_over: tuple[LeftOver, ...] = ()
    interrupted: bool = False
