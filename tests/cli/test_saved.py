"""Saved plans: whole or not at all, read strictly, and refused when they do not fit any more."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.apply.clock import SystemClock
from reconciler.cli import saved as module
from reconciler.cli.options import Request
from reconciler.cli.saved import NOT_OF_THE_PLAN, Saved, check_folder, check_still_good, read_plan, save_plan
from reconciler.errors import ReconcilerError, RefusedError, StaleError
from reconciler.host.interface import Row, Socket
from reconciler.plan.model import Options, Plan
from reconciler.plan.saved import plan_inputs
from reconciler.report.documents import plan_document
from tests.report.samples import CREATE, DELETE, MIXED, TCP, ledger, make_plan, ports, snapshot, state

PLAN = make_plan(*MIXED)
OLD = '{"kind": "saved-plan"}'
REQUEST = Request(("desired/", "more.toml"), ("node", "lab"), "sim:lab.json", PLAN.options)


def saved_as_text(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="ascii")))


def test_what_was_saved_is_read(tmp_path: Path) -> None:
    save_plan(tmp_path / "a.plan", PLAN, REQUEST)
    found = read_plan(tmp_path / "a.plan")
    assert found == made(PLAN)._replace(plan={**found.plan, **plan_document(PLAN)})
    assert len(found.plan) == len(plan_document(PLAN)) + len(NOT_OF_THE_PLAN)


def test_equal_plans_are_saved_equal_to_the_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SystemClock, "now", lambda self: "2026-11-28T12:00:00Z")
    for name in ("a.plan", "b.plan"):
        save_plan(tmp_path / name, PLAN, REQUEST)
    assert (tmp_path / "a.plan").read_bytes() == (tmp_path / "b.plan").read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")
def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    (tmp_path / "a.plan").write_text(OLD)
    (tmp_path / "a.plan").chmod(0o644)
    save_plan(tmp_path / "a.plan", PLAN, REQUEST)
    assert stat.S_IMODE((tmp_path / "a.plan").stat().st_mode) == 0o600


def test_an_older_plan_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    (tmp_path / "a.plan").write_text(OLD)
    save_plan(tmp_path / "a.plan", PLAN, REQUEST)
    assert saved_as_text(tmp_path / "a.plan")["kind"] == "saved-plan"
    assert [item.name for item in tmp_path.iterdir()] == ["a.plan"]


@pytest.mark.skipif(sys.platform == "win32", reason="making links needs a privilege on Windows")
def test_a_link_to_a_file_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text(OLD)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    save_plan(tmp_path / "link", PLAN, REQUEST)
    assert (tmp_path / "link").is_symlink()
    assert saved_as_text(tmp_path / "real")["kind"] == "saved-plan"


@pytest.mark.parametrize("target", [".", os.devnull])
def test_a_folder_or_a_device_is_not_overwritten(tmp_path: Path, target: str) -> None:
    with pytest.raises(ReconcilerError, match="name a new file"):
        save_plan(tmp_path / target, PLAN, REQUEST)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(ReconcilerError, match="cannot be saved here"):
        save_plan(tmp_path / "none" / "a.plan", PLAN, REQUEST)


def test_a_write_that_fails_leaves_the_old_file_and_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.plan").write_text(OLD)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ReconcilerError, match="No space left"):
        save_plan(tmp_path / "a.plan", PLAN, REQUEST)
    assert [(item.name, item.read_text()) for item in tmp_path.iterdir()] == [("a.plan", OLD)]


def _set(*path: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        for key in path[:-1]:
            document = document[key]
        document[path[-1]] = value

    return change


def _drop(*path: str) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        for key in path[:-1]:
            document = document[key]
        del document[path[-1]]

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_set("kind", value="plan"), "not a saved plan"),
        (_drop("kind"), "not a saved plan"),
        (_set("format_version", value=2), "a newer version of this program"),
        (_set("format_version", value=0), "damaged"),
        (_drop("format_version"), "damaged"),
        (_set("applied", value=[1]), "damaged"),
        (_drop("request"), "damaged"),
        (_drop("request", "folder"), "damaged"),
        (_set("request", "paths", value=[]), "damaged"),
        (_set("request", "paths", value=["desired/", ""]), "damaged"),
        (_set("request", "tags", value=[1]), "damaged"),
        (_drop("plan", "id"), "damaged"),
        (_set("plan", "id", value=""), "damaged"),
        (_set("plan", "steps", value={}), "damaged"),
        (_set("plan", "options", "force", value=["everything"]), "damaged"),
        (_set("plan", "options", "release_winnat", value="yes"), "damaged"),
        (_set("plan", "options", "retire", value=[["x"]]), "damaged"),
        (_drop("inputs", "rows"), "damaged"),
        (_set("inputs", "extra", value={}), "damaged"),
        (_set("inputs", "options", value={}), "damaged"),
        (_set("inputs", "rows", value={"x": []}), "damaged"),
        (
            _set("inputs", "rows", value={"x": {"kind": ["y"]}}),
            r"damaged \(inputs.rows\['x'\]\['kind'\]: .* is no text",
        ),
    ],
)
def test_a_file_that_was_changed_is_one_clear_error(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    path = tmp_path / "a.plan"
    save_plan(path, PLAN, REQUEST)
    document = saved_as_text(path)
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(ReconcilerError, match=message) as caught:
        read_plan(path)
    assert "\n" not in caught.value.message
    assert caught.value.where == str(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'"x"', b"null", b"\xff\xfe\x00", b"[" * 200_000, b'{"kind": ' + b"9" * 10_000 + b"}"],
    ids=["empty", "half", "list", "text", "null", "not utf-8", "nested", "huge number"],
)
def test_a_file_that_is_something_else_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.plan").write_bytes(content)
    with pytest.raises(ReconcilerError, match="not a saved plan"):
        read_plan(tmp_path / "a.plan")


def test_no_file_a_folder_and_too_large_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ReconcilerError, match="no such file"):
        read_plan(tmp_path / "none.plan")
    with pytest.raises(ReconcilerError, match="not a file"):
        read_plan(tmp_path)
    save_plan(tmp_path / "a.plan", PLAN, REQUEST)
    monkeypatch.setattr(module, "SIZE_LIMIT", 100)
    with pytest.raises(ReconcilerError, match="larger than any saved plan"):
        read_plan(tmp_path / "a.plan")


def made(plan: Plan) -> Saved:
    return Saved(str(Path.cwd()), REQUEST, dict(plan_document(plan)), plan_inputs(plan))


def test_a_plan_of_the_same_state_is_still_good() -> None:
    check_still_good(made(PLAN), make_plan(*MIXED))


def test_a_plan_that_was_applied_is_refused() -> None:
    again = replace(PLAN, state=state(book=ledger(applied=(PLAN.id,))))
    with pytest.raises(RefusedError, match="already applied: plans are single-use"):
        check_still_good(made(PLAN), again)


def test_other_steps_are_stale_and_the_reason_is_told() -> None:
    busy = snapshot(sockets=(Socket(TCP[0], 8080, "node", 5),))
    now = replace(make_plan(DELETE, number=2), state=state(busy))
    with pytest.raises(StaleError, match=r"Since it was made:\n  port tcp/ipv4 8080 is in use now, by node \(pid 5\)"):
        check_still_good(made(PLAN), now)


def test_the_same_steps_on_another_basis_are_stale() -> None:
    now = replace(PLAN, state=state(snapshot(Row(TCP[0], ports("8000"), True))))
    with pytest.raises(StaleError, match=r"\n  range tcp/ipv4 8000 \* is new$"):
        check_still_good(made(PLAN), now)


def test_many_changes_are_counted() -> None:
    rows = [Row(TCP[0], ports(str(port)), True) for port in range(8000, 8030)]
    with pytest.raises(StaleError, match=r"\n  and 10 more changes$"):
        check_still_good(made(PLAN), replace(PLAN, state=state(snapshot(*rows))))


def test_another_id_without_a_change_is_another_version() -> None:
    with pytest.raises(StaleError, match="another version of this program made it"):
        check_still_good(made(PLAN), make_plan(*MIXED, number=2))


def test_another_id_because_another_saved_plan_was_used_says_so() -> None:
    now = replace(make_plan(*MIXED, number=2), state=state(book=ledger(applied=("other",))))
    old = made(PLAN)._replace(inputs=plan_inputs(now))
    with pytest.raises(StaleError, match="another saved plan was applied since"):
        check_still_good(old, now)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("steps",), plan_document(make_plan(CREATE))["steps"]),
        (("steps", 0, "owners"), 5),
        (("steps", 0, "owners"), None),
        (("steps", 0), "create"),
        (("summary", "create"), 0),
        (("summary",), []),
        (("in_sync",), 99),
        (("converged",), None),
        (("notes",), [{"id": "x", "text": "all is well", "place": ""}]),
        (("limits",), [{}]),
        (("host", "name"), "OTHER"),
        (("more",), 1),
    ],
)
def test_whatever_was_edited_in_the_plan_is_refused(tmp_path: Path, path: tuple[str | int, ...], value: Any) -> None:
    save_plan(tmp_path / "a.plan", PLAN, REQUEST)
    document = saved_as_text(tmp_path / "a.plan")
    part = document["plan"]
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    (tmp_path / "a.plan").write_text(json.dumps(document))
    with pytest.raises(StaleError, match=rf"not any more, what its id stands for \({path[0]}\)"):
        check_still_good(read_plan(tmp_path / "a.plan"), PLAN)


def test_a_plan_whose_entries_only_moved_is_still_good() -> None:
    steps = [step._replace(owners=tuple(owner._replace(place="x:1") for owner in step.owners)) for step in MIXED]
    check_still_good(made(PLAN), replace(PLAN, steps=tuple(steps)))


def test_the_options_come_back_as_they_were(tmp_path: Path) -> None:
    options = Options(frozenset({"b", "a"}), frozenset({"n/e"}), frozenset({"max_deletes"}), release_winnat=True)
    plan = replace(PLAN, options=options)
    save_plan(tmp_path / "a.plan", plan, REQUEST._replace(options=options))
    assert read_plan(tmp_path / "a.plan").request.options == options


def test_a_plan_with_relative_names_is_for_the_folder_in_which_it_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.plan"
    monkeypatch.chdir(tmp_path)
    save_plan(file, PLAN, REQUEST)
    check_folder(read_plan(file), file)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(RefusedError, match=r"desired/, more\.toml, lab\.json; apply it in that folder") as caught:
        check_folder(read_plan(file), file)
    assert str(tmp_path) in caught.value.message
    save_plan(file, PLAN, REQUEST._replace(paths=(str(tmp_path / "desired"),), host=f"sim:{tmp_path / 'lab.json'}"))
    monkeypatch.chdir(tmp_path)
    check_folder(read_plan(file), file)


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ({"web": {f"f{number}": 1 for number in range(21)}}, "has too many fields"),
        ({f"e{number}": {} for number in range(300_001)}, "has too many keys"),
    ],
)
def test_a_saved_plan_of_more_than_any_host_has_is_damaged(tmp_path: Path, section: object, told: str) -> None:
    save_plan(tmp_path / "a.plan", PLAN, REQUEST)
    document = saved_as_text(tmp_path / "a.plan")
    document["inputs"]["rows"] = section
    (tmp_path / "a.plan").write_text(json.dumps(document), encoding="ascii")
    with pytest.raises(ReconcilerError, match=rf"this saved plan is damaged \(inputs\.rows.* {told}\)"):
        read_plan(tmp_path / "a.plan")
