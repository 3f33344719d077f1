"""Keep Windows port exclusions and reservations as a policy says.

The public names are loaded when they are first used, so that a command pays only for what it needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.api import Applying, apply_plan, load_policy, make_plan, open_host, read_state
    from reconciler.errors import ReconcilerError
    from reconciler.plan.model import Options

__version__ = "0.1.0"
"""The version of the program; the build takes it from here."""

__all__ = [
    "Applying",
    "Options",
    "ReconcilerError",
    "adopt_rows",
    "apply_plan",
    "explain_ports",
    "lint_policy",
    "load_policy",
    "make_plan",
    "open_host",
    "plan_text",
    "read_state",
    "result_text",
]

_HOMES = {"ReconcilerError": "reconciler.errors", "Options": "reconciler.plan.model"}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES.get(name, "reconciler.api")), name)


def __dir__() -> list[str]:
    return sorted(__all__)
