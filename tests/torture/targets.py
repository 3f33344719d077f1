"""Every reader of a file that others may have written, as a target: bytes in, and a value or its documented error out.

Hypothesis (`fuzz.py`) and atheris (`guided.py`) send bytes to the same targets. Where a reader fails, a target raises
`WrongError`, or what nobody documented.

    python -m tests.torture.targets "sysctl file" FILE
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from reconciler.cli.saved import read_plan, shown_plan
from reconciler.codec import LANE, read_at
from reconciler.errors import HostError, LedgerError, PolicyError, ReconcilerError, RefusedError
from reconciler.host.captured import open_captured
from reconciler.host.linux.files import SysctlFiles
from reconciler.host.linux.host import LinuxHost
from reconciler.host.windows.dynamic import read_dynamic_range
from reconciler.host.windows.listing import read_listing
from reconciler.lab import attempts
from reconciler.lab.simulated import listing
from reconciler.lab.simulated.file import StateFile
from reconciler.lab.simulated.host import open_simulated
from reconciler.ledger import document as ledger_document
from reconciler.ledger.records import Ledger
from reconciler.plan.explanation import explain_all
from reconciler.plan.given.desired import lookups
from reconciler.plan.model import Options, State
from reconciler.plan.planner import picture_of, plan_state
from reconciler.plan.saved import Inputs, explain_changes, inputs, is_stale
from reconciler.plan.undo import undo_notes, undo_policies
from reconciler.policy.entries import PolicySet
from reconciler.policy.files import check_policies
from reconciler.policy.lint import ALL_RULES, lint_all
from reconciler.policy.scanner import scan
from reconciler.ports import LANES, PROTOCOLS, Asked, PortRange
from reconciler.report.check import Outcome, check_lines, problem_lines
from reconciler.report.check_formats import check_document, junit_lines, sarif_document
from reconciler.report.documents import (
    json_text,
    plan_document,
    show_document,
)
from reconciler.report.explain import explain_lines
from reconciler.report.explained import explain_document
from reconciler.report.history import history_document, history_lines, past_lines
from reconciler.report.host import show_lines
from reconciler.report.markdown import plan_markdown
from reconciler.report.palette import Palette
from reconciler.report.past import read_history
from reconciler.report.text import plan_lines
from reconciler.text import visible
from tests.torture import seeds
from tests.torture.cases import MACHINE

PLAIN = Palette()


class WrongError(AssertionError):
    """A reader did what it must not do."""


class Target(NamedTuple):
    """A reader: `read` takes the bytes and may raise `errors`. `seeds` are bytes that it reads."""

    read: Callable[[bytes], object]
    errors: tuple[type[Exception], ...]
    seeds: tuple[bytes, ...]

    def __call__(self, data: bytes) -> bool:
        """Was it read? Raises WrongError for a message that a terminal would obey, and whatever nobody documented."""
        try:
            self.read(data)
        except self.errors as error:
            check_message(error)
            return False
        return True


def check_message(error: Exception) -> None:
    """An error of ours is printable, a line a problem, and not as long as a file."""
    problems: Iterable[object] = error.problems if isinstance(error, PolicyError) else (error,)
    for problem in problems:
        text = str(problem)
        if not text.isprintable():
            raise WrongError(f"not for a terminal: {text!a}")
        if len(text) > 3000:
            raise WrongError(f"{len(text)} characters: {text[:200]!a}")


@cache
def _folder() -> Path:
    """A folder of this process, gone with it."""
    made = TemporaryDirectory(prefix="torture-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
    _KEPT.append(made)
    return Path(made.name)


_KEPT: list[TemporaryDirectory[str]] = []


@contextmanager
def written(data: bytes, name: str) -> Iterator[Path]:
    """A file that holds the bytes."""
    path = _folder() / name
    path.write_bytes(data)
    path.chmod(0o644)
    yield path


def read_policy(data: bytes) -> None:
    """A policy file, checked with every lint rule, and printed."""
    with written(data, "policy.toml") as path:
        checked = check_policies([str(path)])
    findings = lint_all(checked.meetings, ALL_RULES)
    problems = checked.error.problems if checked.error else ()
    columns = checked.columns([finding.place for finding in findings])
    outcome = Outcome(checked.everything, problems, findings, columns, ok=True)
    check_lines(checked.everything, outcome.remarks(), PLAIN)
    for document in (check_document(outcome), sarif_document(outcome.remarks(), "0")):
        json_text(document)
    list(junit_lines(outcome.remarks(), checked.files, strict=True))
    if checked.error:
        list(problem_lines(checked.error, with_source=True))
        raise checked.error


def read_scanner(data: bytes) -> None:
    """The scanner alone, which takes any text."""
    lines = scan(data.decode("utf-8", "replace"))
    for path in lines.unknown({"": ()}):
        if lines.of(path) < 1:
            raise WrongError("a key without a line")


def read_ledger(data: bytes) -> None:
    """A ledger, written again; then everything that is asked of it, on a simulated host."""
    ledger = ledger_document.decode(data, "ledger")
    again = ledger_document.encode(ledger)
    if ledger_document.encode(ledger_document.decode(again)) != again:
        raise WrongError("a ledger that is not written as it was read")
    _ask_everything(open_simulated(str(_host_file())).snapshot, replace(ledger, machine=MACHINE))


def read_journal(data: bytes) -> None:
    """The journal beside a ledger."""
    ledger = seeds.ledger()
    ledger_document.encode(ledger_document.with_journal(replace(ledger, journal=seeds.JOURNAL), data, "journal"))


def read_host(data: bytes) -> None:
    """A simulated host, printed, and asked everything with a ledger and without one."""
    with written(data, "host.json") as path:
        file = StateFile(str(path))
        state = file.read()
        listing.text_of(state)
        json_text(listing.document_of(state))
        for ledger in (None, seeds.ledger()):
            _ask_everything(open_simulated(str(path)).snapshot, ledger)


def _ask_everything(snapshot: Callable[..., object], ledger: Ledger | None) -> None:
    for policies in (seeds.policies(), PolicySet(())):
        found = snapshot(lookups(policies, ledger))
        state = State(policies, found, ledger)  # type: ignore[arg-type]
        try:
            plan = plan_state(state, Options())
        except RefusedError as error:
            check_message(error)
        else:
            list(plan_lines(plan, PLAIN))
            json_text(plan_document(plan))
            inputs(policies, plan.state.snapshot, ledger, Options())
        show_lines(state, PLAIN)
        json_text(show_document(state))
        for ports in (PortRange(8000, 8000), PortRange(12000, 12010), PortRange(50000, 50100)):
            explained = explain_all(picture_of(state), [Asked(ports, PROTOCOLS)], count=10)
            list(explain_lines(state, explained, PLAIN))
            json_text(explain_document(state, explained))


@cache
def _host_file() -> Path:
    path = _folder() / "seed-host.json"
    path.write_bytes(seeds.HOSTS[0])
    return path


@cache
def _now() -> Inputs:
    return seeds.plan_inputs()


def read_saved(data: bytes) -> None:
    """A saved plan, printed, and what has changed since."""
    with written(data, "saved.plan") as path:
        saved = read_plan(path)
        shown = shown_plan(saved, path)
    list(plan_lines(shown, PLAIN))
    list(plan_markdown(shown, PLAIN))
    now = _now()
    if is_stale(saved.inputs, now):
        explain_changes(saved.inputs, now)


def read_audit_log(data: bytes) -> None:
    """The audit log, printed, and each apply of it as one that is to be undone."""
    facts = open_simulated(str(_host_file())).facts()
    with written(data, "log.audit.jsonl") as path:
        history = read_history(path.parent, "log")
    lines = history_lines(history, PLAIN)
    for past in history.applies[:20]:
        with suppress(ReconcilerError):
            lines += past_lines(past, PLAIN, newest=True)
            json_text(history_document(history, facts, (past,), steps=True))
            undone = history.undone(past, replace(facts, machine=past.machine))
            undo_policies(undone, seeds.ledger())
            lines += [visible(note.text) for note in undo_notes(undone)]
    if not all(line.isprintable() for line in lines):
        raise WrongError("not for a terminal")


def read_captured(data: bytes) -> None:
    """A captured listing as a host."""
    with written(data, "capture.txt") as path:
        open_captured(str(path)).snapshot()


def read_sysctl(data: bytes) -> None:
    """Our own file of sysctl.d, and the same as a file of others."""
    with written(data, "60-own.conf") as path:
        other = SysctlFiles((str(path.parent),), str(path), f"{path.parent}/none/x.conf").others()
        if not other.place.isprintable():
            raise WrongError(f"not for a terminal: {other.place!a}")
        SysctlFiles((), "/nowhere", str(path)).own_file()


def read_kernel_list(data: bytes) -> None:
    """The kernel's list, as the Linux host reads it."""
    with written(data, "ip_local_reserved_ports") as path:
        host = LinuxHost()
        host._list = str(path)
        host.rows(LANES)


TARGETS: dict[str, Target] = {
    "policy": Target(read_policy, (PolicyError,), seeds.POLICIES),
    "policy's lines": Target(read_scanner, (), seeds.POLICIES),
    "ledger": Target(read_ledger, (LedgerError,), seeds.LEDGERS),
    "journal": Target(read_journal, (LedgerError,), seeds.JOURNALS),
    "simulated host": Target(read_host, (HostError,), seeds.HOSTS),
    "saved plan": Target(read_saved, (ReconcilerError,), seeds.PLANS),
    "audit log": Target(read_audit_log, (LedgerError,), seeds.AUDIT_LOGS),
    "experiments": Target(attempts.decode, (ValueError,), seeds.ATTEMPTS),
    "captured listing": Target(read_captured, (HostError,), seeds.LISTINGS),
    "netsh's listing": Target(lambda data: read_listing(data, LANES[0]), (HostError,), seeds.LISTINGS),
    "netsh's dynamic range": Target(read_dynamic_range, (HostError,), seeds.DYNAMIC),
    "sysctl file": Target(read_sysctl, (HostError,), seeds.SYSCTL),
    "kernel's list": Target(read_kernel_list, (HostError,), seeds.LISTS),
    "lane": Target(lambda data: read_at("", LANE, data.decode("utf-8", "replace")), (ValueError,), seeds.LANES),
}


def main(name: str, file: str) -> int:
    """Send one file to a target."""
    print("read" if TARGETS[name](Path(file).read_bytes()) else "refused")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
