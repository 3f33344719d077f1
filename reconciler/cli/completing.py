"""What a shell may offer for the word that is being typed: read as a run would read it; nothing where that fails."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.errors import ReconcilerError

if TYPE_CHECKING:
    from reconciler.policy.entries import PolicySet

Offer = Callable[[str], list[str]]

_PLAIN = re.compile(r"[\w./+:@,=-]+")
"""What any shell takes for one word and nothing else. What is offered is evaluated by zsh (typer's script for it), and
file names and tags are of others."""


def _offering(find: Callable[[], Iterable[str]]) -> Offer:
    def offer(incomplete: str) -> list[str]:
        try:
            return sorted(word for word in set(find()) if word.startswith(incomplete) and _PLAIN.fullmatch(word))
        except (ReconcilerError, OSError):
            return []

    return offer


def _policies() -> PolicySet:
    from reconciler.cli.options import policy_paths
    from reconciler.policy.files import check_policies

    return check_policies(policy_paths(None)).everything


def _entries() -> list[str]:
    return [f"{policy.name}/{name}" for policy in _policies().policies for name in policy.names()]


def _names() -> list[str]:
    return [policy.name for policy in _policies().policies]


def _tags() -> tuple[str, ...]:
    from reconciler.cli.options import policy_paths
    from reconciler.policy.files import load_policies

    return load_policies(policy_paths(None), "", "", ()).asked_tags


def _limits() -> list[str]:
    from reconciler.plan.model import LIMIT_NAMES

    return [name.replace("_", "-") for name in LIMIT_NAMES]


def paths(incomplete: str) -> list[str]:
    """Folders and policy files that begin so; what is hidden left out."""
    folder, slash, begin = incomplete.rpartition("/")
    try:
        found = [item for item in Path(folder + slash or ".").iterdir() if item.name.startswith(begin or item.name)]
        shown = [item for item in found if not item.name.startswith(".") and (item.is_dir() or item.suffix == ".toml")]
    except OSError:
        return []
    words = (f"{folder}{slash}{item.name}{'/' if item.is_dir() else ''}" for item in shown)
    return sorted(filter(_PLAIN.fullmatch, words))


entries, policies, tags, limits = map(_offering, (_entries, _names, _tags, _limits))
hosts = _offering(lambda: ("auto", "windows", "linux", "sim:", "netsh:"))
