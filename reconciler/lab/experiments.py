"""The experiments of section 12 of windows-facts, every one: done, or named with the reason why it is not.

Done are those that need no reboot and fit on ports that are free, by the calls that this program makes.
Each of them uses ports of its own, with a free port before and after every row, so that Windows cannot join a row with
somebody else's. What an experiment makes is undone before the next one begins; none of them undoes anything itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from reconciler.lab.bench import Bench
from reconciler.lab.model import Said
from reconciler.ports import Lane, PortRange, Protocol, lanes_of

MINIMUM_PORTS = 40
"""How many free ports the experiments need; of more they use the first ones."""
_IN_USE, _IN_USE_TEXT = 32, "being used by another process"
_EXISTS = {183: "Cannot create a file when that file already exists", 5010: "The object already exists"}
"""Win32 codes of what is there already, with Windows' English words for them."""


class Plan(NamedTuple):
    """One experiment before it is done. `run` is None where it is not done at all; `skipped` says why."""

    id: str
    number: int
    question: str
    run: Callable[[Bench], None] | None
    skipped: str = ""
    needs_reservations: bool = False


def plot(bench: Bench, offset: int, count: int) -> PortRange:
    """Some of the ports, counted from the second one on; the first one stays free."""
    return PortRange.of_count(bench.tracker.ports.first + 1 + offset, count)


def add_twice(protocol: Protocol, bench: Bench) -> None:
    """Add through IPv4, and the same through IPv6: one table or two (2.12)?"""
    four, six = lanes_of(protocol)
    ports = plot(bench, 0, 3)
    bench.create("add through IPv4", four, ports)
    made, shared = bench.lists(four, ports), bench.lists(six, ports)
    if made:
        bench.find("families", "shared" if shared else "split")
    bench.create("the same add again", four, ports)
    in_the_way = bench.create("add a part of it", four, PortRange(ports.first, ports.last - 1))
    said = bench.create("the same add through IPv6", six, ports)
    if made and not shared:
        bench.reasons["second-add"] = "the families do not share a table, so there is no second add"
    elif made and said.done is not None:
        answer = name_answer(said, in_the_way)
        if answer:
            bench.find("second-add", answer)
        else:
            bench.reasons["second-add"] = f"the second add was refused, but not with error 32: {said.text}"


def name_answer(said: Said, in_the_way: Said) -> str:
    """What a second add answered, by its code, or by netsh's words; empty for any other.

    netsh has words of the language of Windows and no code. Those for error 32 are what an add of a part of the same
    range is answered with (windows-facts 7); of the others only the English ones are known (windows-facts 13.6).
    """
    if said.done:
        return "ok"
    if said.code in _EXISTS or any(text in said.text for text in _EXISTS.values()):
        return "exists"
    error32 = said.code == _IN_USE or (said.code is None and said.text == in_the_way.text)
    return "error32" if error32 or _IN_USE_TEXT in said.text else ""


def delete_in_many_ways(bench: Bench) -> None:
    """Delete with another count, through IPv6, through IPv4, and once more when nothing is there (1.3, 7)."""
    four, six = lanes_of("tcp")
    ports = plot(bench, 4, 4)
    bench.create("add through IPv4", four, ports)
    bench.delete("delete with a smaller count", four, PortRange(ports.first, ports.last - 1))
    bench.delete("delete through IPv6", six, ports)
    bench.delete("delete through IPv4", four, ports)
    bench.delete("the same delete again", four, ports)


def add_neighbours(bench: Bench) -> None:
    """Add two adjoining ranges: two rows or one (4.10)?"""
    lane = lanes_of("tcp")[0]
    one, other = plot(bench, 9, 3), plot(bench, 12, 3)
    both = PortRange(one.first, other.last)
    bench.create("add", lane, one)
    bench.create("add the ports right after it", lane, other)
    rows = {row.ports for row in bench.tracker.mine if row.lane == lane and both.contains(row.ports)}
    if rows == {one, other}:
        bench.find("neighbours", "kept")
    elif rows == {both}:
        bench.find("neighbours", "merged")


def add_overlapping(bench: Bench) -> None:
    """Add over a part of a row, inside it, and around it (7)."""
    lane = lanes_of("tcp")[0]
    bench.create("add", lane, plot(bench, 17, 4))
    bench.create("add over a part of it and beyond", lane, plot(bench, 20, 2))
    bench.create("add inside it", lane, plot(bench, 18, 2))
    bench.create("add around it", lane, plot(bench, 16, 6))


def add_to_both_stores(bench: Bench) -> tuple[Lane, PortRange, PortRange]:
    """A persistent row and an active one."""
    lane = lanes_of("tcp")[0]
    kept, passing = plot(bench, 23, 3), plot(bench, 27, 3)
    bench.create("add to the persistent store", lane, kept)
    bench.create("add to the active store", lane, passing, "active")
    return lane, kept, passing


def list_both_stores(bench: Bench) -> None:
    """Add to both stores, and list each (1.15)."""
    lane, kept, passing = add_to_both_stores(bench)
    rows = bench.stored("list the persistent store", lane, "persistent")
    bench.stored("list the active store", lane, "active")
    if rows is not None and bench.lists(lane, kept) and bench.lists(lane, passing):
        listed = [any(row.ports == ports for row in rows) for ports in (kept, passing)]
        if listed[1]:
            bench.reasons["store-listing"] = "the persistent store is listed with a range of the active one"
        else:
            bench.find("store-listing", "true" if listed[0] else "empty")


def delete_from_the_other_store(bench: Bench) -> None:
    """Add to both stores, and delete each from the other (1.3, 13.1).

    That a range is back after a restart cannot be seen without one; that it is still saved can.
    """
    lane, kept, passing = add_to_both_stores(bench)
    was_listed = bench.lists(lane, kept)
    bench.delete("delete the persistent one from the active store", lane, kept, "active")
    if was_listed and bench.lists(lane, kept):
        bench.find("active-delete", "refused")
    elif was_listed and _is_still_saved(bench, lane, kept):
        bench.find("active-delete", "until-boot")
    elif was_listed:
        bench.reasons["active-delete"] = "it took the range out of the listing; only a restart would show if it is back"
    bench.delete("delete the active one from the persistent store", lane, passing)


def _is_still_saved(bench: Bench, lane: Lane, ports: PortRange) -> bool:
    """Is it in the listing of the persistent store, or does a delete from there find it once, and then no more?"""
    rows = bench.stored("list the persistent store", lane, "persistent")
    once = bench.delete("delete it from the persistent store, too", lane, ports)
    again = bench.delete("the same delete again", lane, ports)
    if any(row.ports == ports for row in rows or ()):
        return True
    return None not in (once.done, again.done) and (once.done, once.text) != (again.done, again.text)


def reserve_ports(protocol: Protocol, bench: Bench) -> None:
    """Make a reservation: is it administered, does Lookup find it, and what deletes it (4.14)?"""
    lane = lanes_of(protocol)[0]
    reserved, excluded = plot(bench, 31, 3), plot(bench, 35, 3)
    bench.create("add an exclusion, to ask Lookup about", lane, excluded)
    bench.reserve("create a reservation", protocol, reserved)
    finds_reservation = bench.lookup("ask Lookup about the reservation", protocol, reserved)
    finds_exclusion = bench.lookup("ask Lookup about the exclusion", protocol, excluded)
    stars = {row.administered for row in bench.tracker.mine if row.ports == reserved}
    if finds_reservation and len(stars) == 1:
        bench.find("reservations", "starred" if True in stars else "unstarred")
    if finds_reservation and bench.lists(lane, excluded):
        bench.find("lookup", "answers-exclusions" if finds_exclusion else "reservations-only")
    bench.reserve("create the same reservation again", protocol, reserved)
    bench.delete("delete the reservation as if it were an exclusion", lane, reserved)
    bench.unreserve("delete the reservation with a smaller count", protocol, plot(bench, 31, 2))
    bench.unreserve("delete the reservation", protocol, reserved)
    bench.unreserve("the same delete again", protocol, reserved)


_ADD = "Do the families of {} share a table, and what says the second add?"
_RESERVE = "How is a reservation of {} listed, looked up and deleted?"

PLANS: tuple[Plan, ...] = (
    Plan("add-tcp", 1, _ADD.format("tcp"), partial(add_twice, "tcp")),
    Plan("add-udp", 1, _ADD.format("udp"), partial(add_twice, "udp")),
    Plan("delete", 2, "What deletes a range, and what says a delete of no range?", delete_in_many_ways),
    Plan("neighbours", 3, "Do adjoining ranges stay apart?", add_neighbours),
    Plan("overlaps", 3, "What says an add over a range, inside it and around it?", add_overlapping),
    Plan("stores", 4, "What do the listings of one store show?", list_both_stores),
    Plan(
        "reboot",
        4,
        "Which ranges does a restart leave?",
        None,
        "it takes a restart; add a range to each store by hand, restart, and list them",
    ),
    Plan("delete-store", 5, "What does a delete through the other store do?", delete_from_the_other_store),
    Plan(
        "delete-no-store",
        5,
        "What does a delete that names no store take away?",
        None,
        "this program never does that: each of its calls names the store",
    ),
    Plan(
        "invalid",
        6,
        "What says an add of port 0, of no port, or beyond port 65535?",
        None,
        "this program cannot ask for what is not a range of ports, and those are not the ports that were allowed",
    ),
    Plan("reserve-tcp", 7, _RESERVE.format("tcp"), partial(reserve_ports, "tcp"), needs_reservations=True),
    Plan("reserve-udp", 7, _RESERVE.format("udp"), partial(reserve_ports, "udp"), needs_reservations=True),
    Plan(
        "registry",
        7,
        "Where does the registry keep exclusions and reservations?",
        None,
        "this program uses none of those keys; export HKLM\\SYSTEM\\CurrentControlSet\\Control\\Nsi by hand",
    ),
    Plan("script", 8, "What does netsh -f make of a line that fails?", None, "this program runs no scripts of netsh"),
    Plan("dump", 8, "What does netsh interface ipv4 dump print?", None, "this program does not use it"),
)
"""Every experiment, in the order in which they are done."""
