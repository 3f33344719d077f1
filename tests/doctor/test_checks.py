"""Each check in each of its states."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.doctor.checks import examine, unreadable
from reconciler.doctor.model import Check
from reconciler.errors import HostError, LedgerError
from reconciler.host.interface import Change, Facts, ListSnapshot, Lookup, Row, Snapshot
from reconciler.lab.attempts import Attempts
from reconciler.lab.simulated.host import SimulatedHost
from reconciler.ledger.records import Intent, Ledger, RestoreRow
from reconciler.ledger.store import FileLedgerStore
from reconciler.ports import LANES, PortRange, lanes_of
from tests.apply.hosts import Wrapped
from tests.lab.build import PORTS, MemoryAttempts, crowded
from tests.lab.simulated.build import MACHINE
from tests.ledger.others import open_to_all, posix, unprivileged
from tests.world import TCP4, MemoryStore

NETSH = Facts("netsh", "windows", "captured", "m", "s", read_only=True)
LINUX = Facts("linux", "linux", "box", "m", "linux")


class Changed(Wrapped):
    """A host whose snapshot is changed a little."""

    def __init__(self, changes: dict[str, Any]) -> None:
        super().__init__(SimulatedHost(crowded()))
        self.changes = changes

    def facts(self) -> Facts:
        return self.snapshot().facts

    def snapshot(self, lookups: Collection[Lookup] = ()) -> Snapshot:
        changes = dict(self.changes)
        known = super().snapshot(lookups)
        return ListSnapshot(boot=known.boot, **changes) if changes.pop("a_list", False) else replace(known, **changes)


def found(
    folder: Path,
    ledger: Ledger | None = None,
    attempts: MemoryAttempts | None = None,
    **changes: Any,
) -> dict[str, Check]:
    store = MemoryStore()
    store.ledger = ledger
    checks = examine(Changed(changes), store, folder, attempts or MemoryAttempts())
    assert all(check.text.endswith(".") and (not check.remedy or check.remedy.endswith(".")) for check in checks)
    assert all(check.remedy or check.verdict == "ok" for check in checks)
    return {check.id: check for check in checks}


def test_the_usual_host_is_fit(tmp_path: Path) -> None:
    checks = found(tmp_path)
    assert {check.verdict for check in checks.values()} == {"ok"}
    assert list(checks) == [
        *("readable", "elevation", "shared-tables", "winnat", "hns", "dynamic-range-tcp", "dynamic-range-udp"),
        *("reservations", "lookup", "state-folder", "ledger"),
    ]
    assert "4 listings could be understood whole" in checks["readable"].text
    assert "tcp/ipv4 and tcp/ipv6; udp/ipv4 and udp/ipv6" in checks["shared-tables"].text
    assert (
        "WinNAT runs. Blocks, its own and those of others, hold 603 tcp ports and 600 udp ports."
        in checks["winnat"].text
    )
    assert "50000-50059, is listed" in checks["hns"].text


@pytest.mark.parametrize(
    ("changes", "check", "verdict", "text"),
    [
        ({"elevated": False}, "elevation", "warn", "may only read"),
        ({"shared": ()}, "shared-tables", "ok", "IPv4 and IPv6 have tables of their own"),
        ({"winnat": "stopped"}, "winnat", "ok", "stopped, and apply leaves it so"),
        ({"winnat": "absent"}, "winnat", "ok", "There is no WinNAT"),
        ({"winnat": "unknown"}, "winnat", "warn", "Whether WinNAT runs is not known"),
        ({"nat_users": ("Docker", "WSL")}, "winnat", "ok", "WinNAT runs for Docker, WSL."),
        ({"rows": ()}, "hns", "ok", "50000-50059, is not listed"),
        ({"dynamic": {}}, "dynamic-range-tcp", "warn", "is not known"),
        ({"dynamic": {"tcp": PortRange(1024, 65535)}}, "dynamic-range-tcp", "warn", "begins below 1025"),
        ({"dynamic": {"tcp": PortRange(1025, 65535)}}, "dynamic-range-tcp", "warn", "below 49152 too"),
        (
            {"dynamic": {"tcp": PortRange(49152, 53000)}},
            "dynamic-range-tcp",
            "warn",
            "of 3849 ports are neither excluded",
        ),
        ({"reservations_supported": False}, "reservations", "warn", "has no reservations"),
        ({"lookup_tells_kinds": False}, "lookup", "warn", "unknown kind"),
        ({"facts": replace(LINUX, kind="windows", os="windows")}, "readable", "ok", "netsh was found, and its 4"),
    ],
)
def test_what_a_snapshot_tells(changes: dict[str, Any], check: str, verdict: str, text: str, tmp_path: Path) -> None:
    seen = found(tmp_path, **changes)[check]
    assert seen.verdict == verdict
    assert text in seen.text


def test_a_host_without_reservations_has_no_lookup_to_check(tmp_path: Path) -> None:
    assert "lookup" not in found(tmp_path, reservations_supported=False)


def test_a_linux_has_the_checks_that_fit_it(tmp_path: Path) -> None:
    dynamic = dict.fromkeys(("tcp", "udp"), PortRange(1024, 60999))
    rows = tuple(Row(lane, PortRange(8000, 8099), True) for lane in LANES)
    checks = found(tmp_path, facts=LINUX, a_list=True, shared=(LANES,), dynamic=dynamic, rows=rows)
    assert set(checks) == {
        *("readable", "elevation", "shared-tables", "dynamic-range-tcp", "dynamic-range-udp"),
        *("state-folder", "ledger"),
    }
    assert "1 run of ports" in checks["readable"].text
    assert checks["dynamic-range-tcp"].verdict == "ok"


@pytest.mark.parametrize(
    ("lanes", "ids"),
    [
        (LANES, {"readable", "shared-tables", "hns", "dynamic-range-tcp", "dynamic-range-udp"}),
        (lanes_of("udp"), {"readable", "shared-tables", "dynamic-range-tcp", "dynamic-range-udp"}),
        ((TCP4,), {"readable", "dynamic-range-tcp", "dynamic-range-udp"}),
        ((), {"readable", "dynamic-range-tcp", "dynamic-range-udp"}),
    ],
)
def test_captured_listings_are_checked_for_what_was_captured(
    lanes: tuple[Any, ...], ids: set[str], tmp_path: Path
) -> None:
    checks = found(tmp_path, facts=NETSH, known_lanes=lanes, elevated=False)
    assert set(checks) == ids
    assert ("neither excluded" in checks["dynamic-range-tcp"].text) == (TCP4 in lanes)
    assert f"{len(lanes)} listing" in checks["readable"].text


def test_a_host_that_cannot_be_read_has_one_check_that_fails(tmp_path: Path) -> None:
    class Unreadable(Wrapped):
        def snapshot(self, lookups: Collection[Lookup] = ()) -> Snapshot:
            raise HostError("line 3: neither a row nor the closing line", where="netsh interface ipv4 show")

    host = Unreadable(SimulatedHost(crowded()))
    (check,) = examine(host, MemoryStore(), tmp_path, MemoryAttempts())
    assert (check.id, check.verdict) == ("readable", "fail")
    assert "netsh interface ipv4 show: line 3" in check.text
    assert "Run that command yourself" in check.remedy
    assert "Run that command" not in unreadable(HostError("x", where="host.json")).remedy


INTENT = Intent("create", "exclusion", (TCP4,), PORTS, "persistent", (TCP4,), "boot-1", "p", "2026-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("ledger", "verdict", "text"),
    [
        (None, "ok", "There is no ledger yet"),
        (Ledger(MACHINE), "ok", "has 0 ranges of ours"),
        (Ledger("another-machine"), "fail", "written on another machine"),
        (Ledger(MACHINE, winnat_to_start=True), "warn", "the start of WinNAT"),
        (Ledger(MACHINE, intents=(INTENT, replace(INTENT, absent_in=()))), "warn", "2 interrupted calls."),
        (Ledger(MACHINE, to_restore=(RestoreRow(TCP4, PORTS, "exclusion", "active"),)), "warn", "1 range to put back"),
    ],
)
def test_the_ledger(ledger: Ledger | None, verdict: str, text: str, tmp_path: Path) -> None:
    check = found(tmp_path, ledger)["ledger"]
    assert check.verdict == verdict
    assert text in check.text


def test_a_ledger_that_cannot_be_read_fails(tmp_path: Path) -> None:
    (tmp_path / "box.ledger.json").write_text("{", encoding="ascii")
    host = SimulatedHost(crowded())
    checks = examine(host, FileLedgerStore(tmp_path, "box"), tmp_path, MemoryAttempts())
    assert [(check.id, check.verdict) for check in checks if check.verdict != "ok"] == [("ledger", "fail")]


@posix
@pytest.mark.parametrize("there", [True, False])
def test_a_state_folder_that_apply_could_not_write_to_is_told(there: bool) -> None:
    with open_to_all() as top, unprivileged(top):
        folder = top if there else top / "below" / "state"
        check, quiet = found(folder)["state-folder"], found(folder, elevated=False)["state-folder"]
    assert (check.verdict, quiet.verdict) == ("warn", "ok")
    assert check.text == f"This user may not write to {top}, where apply keeps its ledger."


def test_a_state_folder_that_is_none_fails_and_hides_what_is_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    assert found(folder)["state-folder"].text.startswith("There is no state folder yet")
    folder.write_text("", encoding="ascii")
    checks = found(folder)
    assert checks["state-folder"].verdict == "fail"
    assert "ledger" not in checks


def interrupted(*creates: Change, machine: str = MACHINE) -> MemoryAttempts:
    attempts = MemoryAttempts()
    attempts.save(Attempts(machine, PORTS, creates))
    return attempts


def test_experiments_that_were_cut_short_fail_and_name_the_way_out(tmp_path: Path) -> None:
    change = Change("create", "exclusion", TCP4, PortRange(61001, 61003))
    row = Row(TCP4, PortRange(61001, 61003), True)
    stranger = Row(TCP4, PortRange(61050, 61051), True)
    check = found(tmp_path, None, interrupted(change), rows=(row, stranger))["experiments"]
    assert check.verdict == "fail"
    assert check.text == "Experiments on 61000-61099 were cut short and left tcp/ipv4 61001-61003 *."
    assert "doctor --experiments --ports 61000-61099" in check.remedy
    check = found(tmp_path, None, interrupted(change), rows=(stranger,))["experiments"]
    assert check.text.endswith(
        "left no range that is listed. Perhaps saved, and back after a restart: tcp 61001-61003."
    )
    check = found(tmp_path, None, interrupted(replace(change, store="active")), rows=())["experiments"]
    assert check.text.endswith("left no range that is listed.")
    assert "experiments" not in found(tmp_path, None, interrupted(change, machine="another"))


@pytest.mark.parametrize("elevated", [True, False])
def test_a_record_that_only_administrators_may_read_fails_only_for_them(elevated: bool, tmp_path: Path) -> None:
    class Private(MemoryAttempts):
        def load(self) -> Attempts | None:
            raise LedgerError("the record of the experiments cannot be read (Permission denied)")

    assert ("experiments" in found(tmp_path, None, Private(), elevated=elevated)) is elevated
