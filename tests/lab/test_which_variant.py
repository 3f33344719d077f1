"""Every variant is named right, and afterwards the host is as it was, to the byte."""

from __future__ import annotations

import pytest

from reconciler.host.interface import Change, Lookup, Refusal, Row
from reconciler.lab.evidence import Readings, conclude, learn
from reconciler.lab.experiments import name_answer
from reconciler.lab.model import UNKNOWN, Said
from reconciler.lab.simulated.document import dump
from reconciler.lab.simulated.host import SimulatedHost
from reconciler.lab.simulated.variants import Variants, every_variant
from reconciler.ports import PortRange
from tests.contract.pairs import TRIPLES, settings_of
from tests.lab.build import PORTS, MemoryAttempts, crowded, trial
from tests.world import TCP4, TCP6

A, B = PortRange(61001, 61003), PortRange(61004, 61006)
DONE, REFUSED, SILENT = Said(True), Said(False, "no", "busy", 32), Said(None)


def expected(variants: Variants) -> dict[str, str]:
    """The settings themselves; the second add shows only where there is one and where its answer means something, and
    what a delete through the active store leaves saved only by a listing of that store or by answers."""
    settings = variants.settings()
    if variants.families == "split" or variants.exit_codes == "dishonest":
        settings["second-add"] = UNKNOWN
    if (variants.exit_codes, variants.access_denied, variants.store_listing) == ("dishonest", "honest", "empty"):
        settings["active-delete"] = "refused" if variants.active_delete == "refused" else UNKNOWN
    return settings


def test_every_variant_is_named_right_and_left_as_it_was(thorough: bool) -> None:
    """With `--thorough` every one; else those that hold every triple of switches."""
    wrong = []
    for variants in every_variant() if thorough else (Variants.parse(settings_of(row)) for row in TRIPLES):
        settings = [f"{key}={value}" for key, value in variants.settings().items()]
        state, attempts = crowded(*settings), MemoryAttempts()
        before = dump(state)
        found = trial(SimulatedHost(state), attempts)
        unknown = {switch for switch, value in found.variant.items() if value == UNKNOWN}
        if found.variant != expected(variants) or unknown != set(found.reasons):
            wrong.append((str(variants), found.variant, found.reasons))
        assert dump(state) == before, variants
        assert (found.left_over, found.removed, found.interrupted, attempts.data) == ((), (), False, None)
        assert not [item.problem for item in found.experiments if item.problem]
    assert not wrong


@pytest.mark.parametrize("ports", ["61000-61039", "2000-2500"])
def test_they_stay_on_their_ports_with_one_free_at_each_end(ports: str) -> None:
    wanted, attempts = PortRange.parse(ports), MemoryAttempts()
    found = trial(SimulatedHost(crowded("neighbours=merged")), attempts, ports=wanted)
    creates = [create for saved in attempts.saved for create in saved.creates]
    assert min(item.ports.first for item in creates) == wanted.first + 1
    assert max(item.ports.last for item in creates) == wanted.first + 38
    assert found.variant["neighbours"] == "merged"


def test_what_a_create_asks_for_is_written_down_before_it_is_asked() -> None:
    attempts = MemoryAttempts()
    state = crowded()

    class Watching(SimulatedHost):
        def write(self, change: Change) -> None:
            if change.verb == "create":
                written = attempts.load()
                assert written is not None
                assert change in written.creates
                assert (written.machine, written.ports) == (state.machine, PORTS)
            super().write(change)

    assert trial(Watching(state), attempts).left_over == ()
    assert len(attempts.saved) > 20


def test_each_question_is_told_before_it_is_asked() -> None:
    told: list[str] = []
    found = trial(SimulatedHost(crowded()), told=told)
    done = [item for item in found.experiments if not item.skipped]
    assert [line.partition(" ")[2] for line in told] == [item.question for item in done]
    assert told[0].startswith(f"1/{len(found.experiments)} ")
    assert found.experiments == tuple(sorted(found.experiments, key=lambda item: item.number))


def test_every_question_of_the_windows_facts_is_named_done_or_with_the_reason_why_not() -> None:
    found = trial(SimulatedHost(crowded()))
    assert {item.number for item in found.experiments} == set(range(1, 9))
    assert {item.id for item in found.experiments if not item.skipped} == {
        *("add-tcp", "add-udp", "delete", "neighbours", "overlaps", "stores", "delete-store"),
        *("reserve-tcp", "reserve-udp"),
    }
    assert {item.id for item in found.experiments if item.skipped} == {
        *("reboot", "delete-no-store", "invalid", "registry", "script", "dump"),
    }
    assert all(bool(item.calls) != bool(item.skipped) for item in found.experiments)


def test_a_delete_from_the_wrong_store_is_asked_in_both_directions() -> None:
    found = trial(SimulatedHost(crowded()))
    calls = next(item for item in found.experiments if item.id == "delete-store").calls
    asked = [call.what for call in calls if call.what.startswith("delete") and call.purpose != "undo"]
    assert [" ".join(text.split()[-2:]) for text in asked] == [
        "61024-61026 (active)",
        "61024-61026 (persistent)",
        "61024-61026 (persistent)",
        "61028-61030 (persistent)",
    ]
    assert [str(row) for row in calls[1].rows or () if str(row).startswith("tcp/ipv4")] == [
        "tcp/ipv4 61024-61026 *",
        "tcp/ipv4 61028-61030 *",
    ]


def test_a_range_that_the_active_store_lost_is_added_again_and_deleted_for_good() -> None:
    """Its delete through the persistent store is seen to work, whatever the answers were."""
    for settings in ((), ("store-listing=empty", "exit-codes=dishonest"), ("access-denied=although-done",)):
        found = trial(SimulatedHost(crowded(*settings)))
        calls = next(item for item in found.experiments if item.id == "delete-store").calls
        undone = [call.what for call in calls if call.purpose == "undo" and "61024-61026" in call.what]
        assert undone == [
            "create exclusion tcp/ipv4 61024-61026 (persistent)",
            "delete exclusion tcp/ipv4 61024-61026 (persistent)",
        ]
        assert any(row.ports == PortRange(61024, 61026) for call in calls for row in call.rows or ())


def test_what_a_delete_through_the_active_store_leaves_stays_open_where_no_answer_means_anything() -> None:
    found = trial(SimulatedHost(crowded("store-listing=empty", "exit-codes=dishonest")))
    assert found.variant["active-delete"] == UNKNOWN
    assert "only a restart would show" in found.reasons["active-delete"]


def test_a_second_add_that_is_refused_in_other_words_is_no_error_32() -> None:
    class Other(SimulatedHost):
        def write(self, change: Change) -> Refusal | None:
            refusal = super().write(change)
            is_second = (change.verb, change.lane.family, change.ports.first) == ("create", "ipv6", 61001)
            return Refusal("failed", "netsh says: Das Objekt ist bereits vorhanden.") if is_second else refusal

    found = trial(Other(crowded()))
    assert found.variant["second-add"] == UNKNOWN
    assert found.reasons["second-add"].endswith("not with error 32: netsh says: Das Objekt ist bereits vorhanden.")


@pytest.mark.parametrize(
    ("said", "in_the_way", "answer"),
    [
        (DONE, REFUSED, "ok"),
        (REFUSED, DONE, "error32"),
        (Said(False, "belegt", "failed"), Said(False, "belegt", "failed"), "error32"),
        (Said(False, "file because it is being used by another process.", "failed"), DONE, "error32"),
        (Said(False, "vorhanden", "failed"), Said(False, "belegt", "failed"), ""),
        (Said(False, "vorhanden", "failed"), DONE, ""),
        (Said(False, "no", "failed", 5010), Said(False, "no", "failed", 5010), "exists"),
        (Said(False, "no", "failed", 183), REFUSED, "exists"),
        (Said(False, "netsh says: The object already exists.", "failed"), REFUSED, "exists"),
        (Said(False, "no", "denied", 5), Said(False, "no", "denied", 5), ""),
    ],
)
def test_a_second_add_is_named_by_what_it_said(said: Said, in_the_way: Said, answer: str) -> None:
    assert name_answer(said, in_the_way) == answer


def test_calls_are_kept_with_what_was_said_and_listed() -> None:
    found = trial(SimulatedHost(crowded()))
    calls = next(item for item in found.experiments if item.id == "add-tcp").calls
    assert [call.purpose for call in calls[:4]] == [
        "add through IPv4",
        "the same add again",
        "add a part of it",
        "the same add through IPv6",
    ]
    assert calls[0].said.done is True
    assert [str(row) for row in calls[0].rows or ()] == ["tcp/ipv4 61001-61003 *", "tcp/ipv6 61001-61003 *"]
    assert (calls[1].said.done, calls[1].said.reason, calls[1].said.code) == (False, "busy", 32)
    assert (calls[-1].purpose, calls[-1].rows) == ("undo", ())


@pytest.mark.parametrize(
    ("change", "said", "before", "after", "shown"),
    [
        (Change("create", "exclusion", TCP4, A), DONE, [], [], {("exit-codes", "dishonest")}),
        (Change("create", "exclusion", TCP4, A), REFUSED, [], [], {("exit-codes", "honest")}),
        (Change("create", "exclusion", TCP4, A), SILENT, [], [], set()),
        (Change("create", "exclusion", TCP4, A), DONE, [], [Row(TCP4, A, True)], set()),
        (Change("create", "exclusion", TCP4, A), DONE, [Row(TCP4, A, True)], [Row(TCP4, A, True)], set()),
        (Change("create", "exclusion", TCP4, A), DONE, [], [Row(TCP4, B, True)], set()),
        (Change("create", "reservation", TCP4, A), DONE, [], [], set()),
        (Change("delete", "exclusion", TCP4, A), REFUSED, [], [], set()),
        (Change("delete", "exclusion", TCP4, A), DONE, [Row(TCP4, A, True)], [], {("access-denied", "honest")}),
        (
            Change("delete", "exclusion", TCP4, A),
            REFUSED,
            [Row(TCP4, A, True)],
            [],
            {("access-denied", "although-done")},
        ),
        (Change("delete", "exclusion", TCP4, A), REFUSED, [Row(TCP4, B, True)], [], set()),
        (Change("delete", "exclusion", TCP4, A), REFUSED, [Row(TCP6, A, True)], [], set()),
        (Change("delete", "exclusion", TCP4, A), REFUSED, [Row(TCP4, A, False)], [], set()),
        (
            Change("delete", "exclusion", TCP4, A),
            DONE,
            [Row(TCP4, A, True)],
            [Row(TCP4, A, True)],
            {("exit-codes", "dishonest")},
        ),
    ],
)
def test_what_one_call_says_about_honesty(
    change: Change, said: Said, before: list[Row], after: list[Row], shown: set[tuple[str, str]]
) -> None:
    assert set(learn(change, said, Readings(before, after))) == shown


def test_a_reservation_that_netsh_deletes_says_nothing_of_exclusions() -> None:
    change = Change("delete", "exclusion", TCP4, A)
    assert not list(learn(change, DONE, Readings([Row(TCP4, A, True)], [], [Lookup("tcp", A)])))


def test_experiments_that_do_not_agree_are_told_apart_from_none() -> None:
    variant, why = conclude({"families": {"split", "shared"}, "lookup": {"reservations-only"}}, {"neighbours": "why"})
    assert set(variant.values()) == {UNKNOWN, "reservations-only"}
    assert why["families"] == "the experiments do not agree: shared and split"
    assert why["neighbours"] == "why"
    assert "no experiment could tell" in why["exit-codes"]
    assert "lookup" not in why
