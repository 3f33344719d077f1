"""The audit log, read again: what it tells of past applies, and what is not believed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.apply.results import ApplyResult
from reconciler.errors import LedgerError, ReconcilerError, RefusedError, UsageError
from reconciler.plan.model import Plan
from reconciler.plan.undo import EntryName
from reconciler.report import past
from reconciler.report.audit import AuditLog
from reconciler.report.documents import result_document, step_result_document
from reconciler.report.history import history_document, history_lines, past_lines
from reconciler.report.palette import Palette
from reconciler.report.past import Past, read_history
from tests.ledger.others import posix
from tests.world import TCP4, FakeClock, World, entry, policy

Spoil = Callable[[dict[str, Any]], object]
PLAIN = Palette()


class Told:
    """A world whose applies are told to an audit log."""

    def __init__(self, folder: Path) -> None:
        self.world = World()
        self.folder = folder
        self.log = AuditLog(folder, "host", FakeClock()).path

    def apply(self, *entries: str, **settings: Any) -> tuple[Plan, ApplyResult]:
        """Apply a policy `node` with entries such as `web=8000-8099`, and tell of it as an apply does."""
        pairs = [text.split("=") for text in entries]
        plan = self.world.plan(policy("node", *(entry(name, ports) for name, ports in pairs)))
        result = self.world.run(plan)
        log = AuditLog(self.folder, "host", FakeClock(), **settings)
        log.started(plan)
        for number, item in enumerate(result.results, 1):
            log.step_finished(item, number, len(result.results))
        log.finished(result)
        return plan, result

    def lines(self) -> list[bytes]:
        return self.log.read_bytes().splitlines(keepends=True)

    def write(self, *lines: bytes) -> None:
        self.log.write_bytes(b"".join(lines))

    def read(self) -> past.History:
        return read_history(self.folder, "host")


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path)


def test_applies_are_read_newest_first_with_what_came_of_them(told: Told) -> None:
    first, _ = told.apply("web=8000-8099")
    told.world.add(TCP4, "9000-9009", "reservation")
    second, result = told.apply("web=8000-8099", "db=9005", "api=9100", undoes="12ab")
    history = told.read()
    new, old = history.applies
    assert (old.id, new.id) == (first.id, second.id)
    assert (old.names(), old.changed, old.undoes) == (["node"], (EntryName("node", "web"),), None)
    assert new.undoes == "12ab"
    assert new.ending is not None
    assert new.ending.verdicts == {"done": 1, "blocked": 1}
    assert (new.ending.converged, new.ending.interrupted, new.ending.problems) == (False, False, ())
    assert history.strange == 0
    assert [item.verdict for item in new.steps()] == [item.verdict for item in result.results]


def test_a_step_is_read_as_it_was_written(told: Told) -> None:
    told.world.add(TCP4, "9000-9009", "reservation")
    told.world.listen(9200)
    _, result = told.apply("web=8000-8099", "db=9005", "busy=9200-9209")
    read = [step_result_document(item.step, item) for item in told.read().applies[0].steps()]
    acted = [step for step in result_document(result)["steps"] if step["writes"]]
    assert len(read) == 2
    assert [step for step in read if step["writes"]] == acted


def test_logs_that_were_put_aside_are_read_as_well(told: Told) -> None:
    ids = []
    for number in range(3):
        ids.append(told.apply(f"web={8000 + number}")[0].id)
        if number < 2:
            for older, newer in ((2, 1), (1, 0)):
                source = told.log if newer == 0 else told.log.with_name("host.audit.1.jsonl")
                if source.exists():
                    source.replace(told.log.with_name(f"host.audit.{older}.jsonl"))
    assert [item.id for item in told.read().applies] == ids[::-1]


def test_without_a_log_there_is_no_history(told: Told) -> None:
    history = told.read()
    assert history.applies == ()
    assert history_lines(history, PLAIN) == ["Nothing was applied here, as far as the audit log tells"]


@pytest.mark.parametrize("kept", [1, 2])
def test_an_apply_without_its_end_did_not_finish(told: Told, kept: int) -> None:
    told.apply("web=8000-8099")
    started, *rest = told.lines()
    told.write(started, *rest[: kept - 1], b'{"event": "ste')
    told.apply("web=8000-8099", "db=9000")
    whole, cut = told.read().applies
    assert whole.ending is not None
    assert cut.ending is None
    assert len(cut.steps()) == kept - 1
    (line,) = [text for text in history_lines(told.read(), PLAIN) if text.startswith(cut.id[:8])]
    assert line.endswith("did not finish")


def test_the_newest_may_be_still_at_work(told: Told) -> None:
    told.apply("web=8000-8099")
    told.write(told.lines()[0])
    assert history_lines(told.read(), PLAIN)[1].endswith("did not finish, or is still at work")


def test_a_last_line_that_was_cut_short_is_no_strange_one(told: Told) -> None:
    told.apply("web=8000-8099")
    told.write(*told.lines(), b'{"event": "started", "ti')
    assert (len(told.read().applies), told.read().strange) == (1, 0)


@pytest.mark.parametrize(
    "line",
    [
        *(b"", b"nonsense", b"[]", b"5", b"null", b'"started"', b"{}", b'{"event": 5}', b'{"event": "restarted"}'),
        *(b"\xff\xfe", b"[" * 100_000, b'{"event": "started"}', b'{"event": "finished", "plan": ""}'),
        *(
            b'{"event": "finished"}',
            b'{"event": "step", "plan": "x"}',
            b"9" * 5000,
            b'{"event": "started", "plan": "X"}',
        ),
        b'{"event": "started", "event": "finished"}',
    ],
)
def test_a_line_that_is_none_of_ours_is_left_out_and_told(told: Told, line: bytes) -> None:
    told.apply("web=8000-8099")
    told.write(line + b"\n", *told.lines())
    history = told.read()
    assert (len(history.applies), history.strange) == (1, 1)
    assert history_lines(history, PLAIN)[-1] == "1 line of the audit log is none of this program, and left out"


@pytest.mark.parametrize("event", ["adopted", "released"])
def test_what_is_no_apply_is_left_out_without_a_word(told: Told, event: str) -> None:
    told.apply("web=8000-8099")
    told.write(*told.lines(), json.dumps({"event": event, "time": "then"}).encode() + b"\n")
    assert (len(told.read().applies), told.read().strange) == (1, 0)


def set_key(*path: Any, to: Any) -> Spoil:
    def spoil(document: dict[str, Any]) -> None:
        place: Any = document
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = to

    return spoil


@pytest.mark.parametrize(
    "spoil",
    [
        *[set_key("plan", to=value) for value in ("", "../x", "ABC", "a" * 65)],
        *[set_key(name, to=5) for name in ("plan", "time", "user", "version", "undoes")],
        *[set_key(name, to="x") for name in ("host", "policies", "before", "format_version")],
        *[set_key(name, to=None) for name in ("plan", "time", "host", "policies", "before")],
        set_key("host", to={}),
        set_key("host", to={"machine": "m"}),
        set_key("policies", to=[5]),
        set_key("policies", to=[{"name": 5}]),
        set_key("before", to={"entries": []}),
        set_key("before", to={"entries": {"p": 5}}),
        set_key("before", to={"entries": {"p": [5]}}),
        *[set_key("format_version", to=value) for value in (1, 3)],
        set_key("undoes", to="; rm"),
        lambda document: document.pop("user"),
    ],
)
def test_a_start_that_is_not_of_its_shape_is_no_apply(told: Told, spoil: Spoil) -> None:
    told.apply("web=8000-8099")
    document = json.loads(told.lines()[0])
    spoil(document)
    told.write(json.dumps(document).encode() + b"\n")
    assert (told.read().applies, told.read().strange) == ((), 1)


def test_what_a_newer_program_says_besides_is_left_aside(told: Told) -> None:
    told.apply("web=8000-8099")
    told.write(*(json.dumps({**json.loads(line), "more": 1}).encode() + b"\n" for line in told.lines()))
    history = told.read()
    (one,) = history.applies
    assert (history.strange, len(one.steps())) == (0, 1)
    assert one.ending is not None


def test_an_end_of_another_apply_ends_nothing(told: Told) -> None:
    told.apply("web=8000-8099")
    *lines, end = told.lines()
    told.write(*lines, end.replace(b'"plan": "', b'"plan": "f'))
    assert (told.read().applies[0].ending, told.read().strange) == (None, 1)


@pytest.mark.parametrize(
    "spoil",
    [
        set_key("before", "claims", to=[5]),
        set_key("before", "limits", "max_deletes", to=-1),
        set_key("before", "foreign", to=[["exclusion", "tcp/ipv4", "0-70000", "persistent"]]),
        set_key("counts", to={"create": 1}),
        set_key("policies", 0, "files", to=[{"file": 5}]),
    ],
)
def test_what_an_undo_needs_is_refused_where_it_is_damaged(told: Told, spoil: Spoil) -> None:
    plan, _ = told.apply("web=8000-8099")
    start, *rest = told.lines()
    document = json.loads(start)
    spoil(document)
    told.write(json.dumps(document).encode() + b"\n", *rest)
    history = told.read()
    assert len(history_lines(history, PLAIN)) == 2, "the list does without it"
    with pytest.raises(ReconcilerError, match=r"audit log's line of \w{8} is damaged \(.*\)") as caught:
        history.undone(history.applies[0], plan.facts)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "spoil",
    [
        set_key("verdict", to="great"),
        set_key("lanes", to=["tcp"]),
        set_key("writes", 0, "outcome", to="x"),
        set_key("action", to="format-disk"),
        set_key("ports", to="\x1b[31m"),
    ],
)
def test_a_step_that_is_not_of_its_shape_is_refused(told: Told, spoil: Spoil) -> None:
    told.apply("web=8000-8099")
    start, step, end = told.lines()
    document = json.loads(step)
    spoil(document)
    told.write(start, json.dumps(document).encode() + b"\n", end)
    history = told.read()
    with pytest.raises(ReconcilerError, match="are damaged") as caught:
        past_lines(history.applies[0], PLAIN, newest=True)
    assert str(caught.value).isprintable()


def test_nothing_of_the_log_reaches_a_terminal_as_more_than_text(told: Told) -> None:
    told.apply("web=8000-8099")
    evil = b"\\u001b[31mx\\n\\u202e"
    lines = [
        line.replace(b'"user": "', b'"user": "' + evil).replace(b"node", evil).replace(b"0.1", evil)
        for line in told.lines()
    ]
    told.write(*lines)
    history = told.read()
    shown = [*history_lines(history, PLAIN), *past_lines(history.applies[0], PLAIN, newest=True)]
    assert all(line.isprintable() for line in shown)
    assert any("\\x1b[31m" in line for line in shown)


@posix
@pytest.mark.parametrize(("spoil", "why"), [("mode", "others may write to this"), ("link", "symbolic link")])
def test_a_log_that_others_can_have_written_is_not_read(told: Told, spoil: str, why: str) -> None:
    told.apply("web=8000-8099")
    if spoil == "mode":
        told.log.chmod(0o666)
    else:
        told.log.replace(told.folder / "other")
        told.log.symlink_to(told.folder / "other")
    with pytest.raises(LedgerError, match=why):
        told.read()


def test_a_log_that_is_too_large_is_not_read(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    told.apply("web=8000-8099")
    monkeypatch.setattr(past, "LARGEST_LOG", 100)
    with pytest.raises(LedgerError, match="larger than 100 bytes and not the audit log"):
        told.read()


def test_an_apply_is_found_by_the_beginning_of_its_id(told: Told) -> None:
    plan, _ = told.apply("web=8000-8099")
    history = told.read()
    assert history.find(plan.id).id == history.find(plan.id[:4]).id == plan.id
    with pytest.raises(UsageError, match="this is no id of an apply"):
        history.find("latest")
    with pytest.raises(RefusedError, match=r"has no apply 0+, or not any more; `reconciler history` lists") as caught:
        history.find("0" * 64)
    assert "cannot be read" not in str(caught.value)
    with pytest.raises(RefusedError, match="; 2 lines of it cannot be read; "):
        replace(history, strange=2).find("0" * 64)


def test_what_fits_several_applies_is_no_id_but_the_newest_of_the_same(told: Told) -> None:
    told.apply("web=8000-8099")
    (one,) = told.read().applies
    newer, other = replace(one, time="later"), replace(one, id=f"{one.id[:6]}0000000000")
    assert past.History((newer, one)).find(one.id) is newer
    with pytest.raises(UsageError, match="several applies begin so: "):
        past.History((newer, one, other)).find(one.id[:6])


def test_an_undo_knows_what_changed_again_since_and_by_which(told: Told) -> None:
    plan, _ = told.apply("web=8000-8099", "db=9000")
    told.apply("web=8000-8089", "db=9000")
    last, _ = told.apply("web=8000-8079", "db=9000", "more=9100")
    history = told.read()
    undone = history.undone(history.applies[-1], plan.facts)
    assert undone.later == {EntryName("node", "web"): last.id}
    assert history.undone(history.applies[0], plan.facts).later == {}


def test_an_apply_of_another_machine_is_not_undone(told: Told) -> None:
    plan, _ = told.apply("web=8000-8099")
    history = told.read()
    with pytest.raises(RefusedError, match="was applied to another machine"):
        history.undone(history.applies[0], replace(plan.facts, machine="another"))


def test_in_words_an_apply_says_what_came_of_it(told: Told) -> None:
    told.apply("web=8000-8099")
    (one,) = told.read().applies
    assert one.ending is not None
    worse = one.ending._replace(interrupted=True, problems=("WinNAT\x1b does not run",), verdicts={})
    bad = replace(one, ending=worse, undoes="12ab34cd56")
    (_, line) = history_lines(past.History((bad,)), PLAIN)
    assert line.endswith("undo of 12ab34cd, only the ledger changed, interrupted, 1 problem")
    assert "  x WinNAT\\x1b does not run" in past_lines(bad, PLAIN, newest=True)
    document = history_document(past.History((bad,)), told.world.host.facts(), (bad,), steps=False)
    assert document["applies"][0]["outcome"] == "interrupted"


def test_ten_thousand_applies_are_read_in_time_that_grows_as_they_do(told: Told) -> None:
    told.apply("web=8000-8099")
    whole = told.log.read_bytes()
    told.log.write_bytes(whole * 10_000)
    assert len(told.read().applies) == 10_000


def test_a_past_apply_is_a_value(told: Told) -> None:
    told.apply("web=8000-8099")
    assert isinstance(told.read().applies[0], Past)
    assert told.read() == told.read()
