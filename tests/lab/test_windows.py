"""The experiments through the Windows host: netsh's texts and codes instead of the simulated host's own answers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.host.interface import Change, Describing, StoreListing, Telling
from reconciler.host.windows.host import WindowsHost
from reconciler.lab.simulated.document import dump
from reconciler.lab.simulated.host import SimulatedHost
from reconciler.lab.simulated.variants import CHOICES, Variants
from reconciler.ports import PortRange
from tests.host.windows.fake import FakeSystem
from tests.lab.build import crowded, trial
from tests.lab.test_which_variant import expected
from tests.world import TCP4

OTHERS = {key: values[1] for key, values in CHOICES.items()}
SETTINGS = [(), *((f"{key}={value}",) for key, value in OTHERS.items()), [f"{k}={v}" for k, v in OTHERS.items()]]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: ",".join(settings) or "default")
def test_the_variant_is_named_right_through_netsh_and_everything_undone(settings: tuple[str, ...]) -> None:
    state = crowded(*settings)
    before = dump(state)
    system = FakeSystem(state)
    found = trial(WindowsHost(system))
    assert found.variant == expected(Variants.parse(settings))
    assert dump(state) == before
    assert found.left_over == ()
    writes = [line for line in system.ran if " add " in line or " delete " in line]
    assert all(" excludedportrange " in line and "store=" in line for line in writes)


def test_exit_code_and_output_of_netsh_are_kept_as_they_came() -> None:
    found = trial(WindowsHost(FakeSystem(crowded())))
    calls = {call.purpose: call.said for call in found.experiments[0].calls}
    assert (calls["add through IPv4"].exit_code, calls["add through IPv4"].output) == (0, "Ok.\r\n\r\n")
    assert (calls["the same add again"].exit_code, calls["the same add again"].done) == (1, False)
    reserve = next(item for item in found.experiments if item.id == "reserve-tcp")
    said = {call.purpose: call.said for call in reserve.calls}
    assert said["create a reservation"].exit_code is None
    assert said["create the same reservation again"].code == 32


def test_what_is_not_ascii_is_kept_as_escapes() -> None:
    class French(FakeSystem):
        def netsh(self, words: object) -> object:  # type: ignore[override]
            ran = super().netsh(words)  # type: ignore[arg-type]
            return ran if ran.code == 0 else ran._replace(output=b"Acc\x8as refus\x82.\r\n")

    found = trial(WindowsHost(French(crowded())))  # type: ignore[arg-type]
    outputs = {call.said.output for item in found.experiments for call in item.calls}
    assert "Acc\\x8as refus\\x82.\r\n" in outputs


def test_a_windows_without_reservations_skips_their_experiments() -> None:
    class Old(FakeSystem):
        def reservation(self, call: object, protocol: object, ports: object) -> None:
            return None

    found = trial(WindowsHost(Old(crowded())))
    assert {item.skipped for item in found.experiments if item.id.startswith("reserve")} == {
        "this host has no reservations"
    }
    assert (found.variant["reservations"], found.variant["lookup"]) == ("unknown", "unknown")
    assert found.variant["families"] == "shared"


def test_what_the_hosts_offer_besides() -> None:
    state = crowded()
    windows, sim = WindowsHost(FakeSystem(state)), SimulatedHost(state)
    assert isinstance(windows, StoreListing)
    assert isinstance(windows, Telling)
    assert isinstance(windows, Describing)
    assert isinstance(sim, StoreListing)
    assert not isinstance(sim, Telling | Describing)
    assert windows.describe() == {"version": "10.0.20348", "oem_code_page": "437"}
    assert windows.last_output() is None
    assert windows.write(Change("create", "exclusion", TCP4, PortRange(50000, 50000))) is not None
    ran = windows.last_output()
    assert ran is not None
    assert ran[0] == 1
    windows.write(Change("create", "reservation", TCP4, PortRange(50000, 50000)))
    assert windows.last_output() is None
    assert windows.stored_rows([TCP4], "persistent") == sim.stored_rows([TCP4], "persistent")
    assert windows.stored_rows([TCP4], "active") == sim.rows([TCP4])
    assert set(sim.stored_rows([TCP4], "persistent")) < set(sim.rows([TCP4]))
    empty = replace(state, variants=Variants.parse(["store-listing=empty"]))
    assert SimulatedHost(empty).stored_rows([TCP4], "persistent") == ()
    assert SimulatedHost(empty).stored_rows([TCP4], "active") == sim.rows([TCP4])
