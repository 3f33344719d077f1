"""A plan read back from its document prints the very same, and a spoilt one is one clear error."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.plan.model import Plan
from reconciler.ports import PortSet
from reconciler.report.documents import plan_document
from reconciler.report.palette import Palette
from reconciler.report.restored import restored
from reconciler.report.text import plan_lines
from tests.report.samples import BLOCKED, BREACH, DEFERRED, MIXED, NOTE, REPLACE, make_plan, ports, row_spec

FULL = make_plan(*MIXED, in_sync=12, notes=(NOTE,), breaches=(BREACH,))
WAITING = REPLACE._replace(status="deferred", over_covered=PortSet.of([ports("9010-9089")]))
FILLED = DEFERRED._replace(
    tried=False, ports=ports("3000-3002"), creates=(row_spec("3000"), row_spec("3002")), units=()
)


def document(plan: Plan) -> Any:
    return json.loads(json.dumps(plan_document(plan)))


@pytest.mark.parametrize("plan", [FULL, make_plan(), make_plan(WAITING, BLOCKED._replace(tried=True))])
def test_it_prints_the_very_same(plan: Plan) -> None:
    again = restored(document(plan))
    for palette in (Palette(), Palette(colour=True, symbols=True)):
        assert plan_lines(again, palette) == plan_lines(plan, palette)
    assert (again.id, again.options, again.in_sync) == (plan.id, plan.options, plan.in_sync)
    assert (again.counts(), again.converged, again.refused_by()) == (plan.counts(), plan.converged, plan.refused_by())


def test_ports_in_use_are_counted_as_ever() -> None:
    assert "2 ports of 3000-3002" in "\n".join(plan_lines(restored(document(make_plan(FILLED))), Palette()))


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("steps", 0, "action"), "format", r"steps\[0\]\.action: 'format' is not one of"),
        (("steps", 2, "lanes"), ["tcp/ipv5"], r"steps\[2\]\.lanes\[0\]: "),
        (("steps", 2, "more"), 1, r"steps\[2\]: 'more' is not a known key"),
        (("host", "kind"), "vax", "host.kind: 'vax' is not one of"),
        (("limits", 0, "forced"), 1, r"limits\[0\]\.forced: 1 is not true or false"),
        (("notes",), {}, "notes: {} is not a list"),
        (("in_sync",), -1, "in_sync: -1 is not a whole number"),
        (("id",), None, "id: None is not a text"),
    ],
)
def test_a_spoilt_one_says_where(path: tuple[str | int, ...], value: Any, told: str) -> None:
    whole = document(FULL)
    part = whole
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    with pytest.raises(ValueError, match=told):
        restored(whole)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.sampled_from(["tcp/ipv4", "80", "create"]),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=5), below, max_size=3),
    max_leaves=6,
)


@given(st.data(), JSON)
def test_whatever_stands_in_it_is_refused_or_printed(data: st.DataObject, value: Any) -> None:
    whole = document(FULL)
    part, key = whole, data.draw(st.sampled_from(sorted(whole)))
    while isinstance(part[key], (dict, list)) and part[key] and data.draw(st.booleans()):
        part = part[key]
        key = data.draw(st.sampled_from(sorted(part) if isinstance(part, dict) else range(len(part))))
    part[key] = value
    with suppress(ValueError):
        assert all(line.isprintable() for line in plan_lines(restored(whole), Palette(symbols=True)))
