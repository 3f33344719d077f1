"""What the tests that follow remedies literally have in common: which remedies there are, and files of policies."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from reconciler.apply.results import ApplyResult
from reconciler.plan import reasons
from reconciler.plan.given.desired import Entry
from reconciler.plan.model import Options, Plan
from reconciler.policy.entries import Place, Policy, RecordedFile
from tests.list_world import ListWorld
from tests.world import World, entry, policy

Test = TypeVar("Test", bound=Callable[..., None])
FOLLOWED: dict[str, set[str]] = {}
"""The tests that follow each remedy, by `reasons:ID` or `explain:ID`."""


def follows(*names: str) -> Callable[[Test], Test]:
    """Mark a test that brings these remedies about, does what they say, and looks where that ends."""

    def marked(test: Test) -> Test:
        for name in names:
            FOLLOWED.setdefault(name, set()).add(test.__name__)
        return test

    return marked


def remedies_of(module: ModuleType) -> set[str]:
    """The id of every remedy that the source of a module makes, after the module's name."""
    assert module.__file__ is not None
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and _name(node.func) == "Remedy")
    return {f"{module.__name__.rpartition('.')[2]}:{found}" for call in calls for found in _ids(call.args[0])}


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _ids(node: ast.expr) -> Iterator[str]:
    """A text is an id; `NAME.id` is that of another remedy; what is joined was made somewhere else."""
    if isinstance(node, ast.Constant):
        yield str(node.value)
    elif isinstance(node, ast.Attribute):
        yield getattr(reasons, _name(node.value)).id
    else:
        assert isinstance(node, ast.Call), ast.dump(node)


def of_file(file: str, made: Policy) -> Policy:
    """The policy as it stands in this file."""
    place = Place(file, 7)
    return replace(
        made,
        files=(file,),
        exclusions=tuple(item._replace(place=place) for item in made.exclusions),
        reservations=tuple(item._replace(place=place) for item in made.reservations),
    )


AnyWorld = World | ListWorld


def planned(world: AnyWorld, *policies: Policy, options: Options | None = None, **whole: Any) -> Plan:
    """A plan of these files alone: whatever else the ledger names was not read, and is still there."""
    read = {file for item in policies for file in item.files}
    ledger = world.store.load()
    named = {claim.file for claim in ledger.claims} if ledger else set()
    recorded = {file: RecordedFile(file, "read" if file in read else "not read") for file in named}
    return world.plan(*policies, options=options, recorded=recorded, paths={file: file for file in read}, **whole)


def applied(world: AnyWorld, *policies: Policy, options: Options | None = None, **whole: Any) -> ApplyResult:
    """Plan and apply these files."""
    return world.run(planned(world, *policies, options=options, **whole))


def ends_in_sync(world: AnyWorld, *policies: Policy, options: Options | None = None, **whole: Any) -> None:
    """Apply these files: everything is done then, and nothing is left."""
    result = applied(world, *policies, options=options, **whole)
    assert result.converged(), result
    again = planned(world, *policies, **whole)
    assert again.converged, again.steps
    assert not [note for note in again.notes if note.id in ("absent-and-held", "protected")]


def remedy(plan: Plan) -> tuple[str, str]:
    """Id and sentence of the one remedy of a plan."""
    ((identity, text, _),) = {step.remedy for step in plan.steps if step.remedy}
    return identity, text


def unprotecting(*names: str) -> Options:
    return Options(unprotect=frozenset(names))


RELEASING = Options(release_winnat=True)


def p(*entries: Entry, **changes: Any) -> Policy:
    return of_file("p.toml", policy("p", *entries, **changes))


def q(*entries: Entry, **changes: Any) -> Policy:
    return of_file("q.toml", policy("q", *entries, **changes))


def absent(ports: str, **changes: Any) -> Policy:
    return p(entry("old", ports, state="absent", **changes))
