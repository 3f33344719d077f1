"""Everything that `explain` has to say of the ports that were asked for, as one value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from reconciler.host.interface import Snapshot
from reconciler.plan.explain import Answer, explain_ports
from reconciler.plan.given.picture import Picture
from reconciler.plan.likely import SERVICES_OF_HTTP_SYS, LowRange, low_range
from reconciler.plan.nearby import Nearby, free_near
from reconciler.ports import LANES, PROTOCOLS, Asked

_KEEP = ("declare", "release-winnat", "try-or-keep")
"""The remedies that `keep` is a part of, where no entry claims the ports."""
_BY_CHANCE = ("block", "ephemeral", "wsl-mirrored")
"""What comes of the dynamic range."""
_TAKEN = ("in-use", "refused", "with-token")


class Explained(NamedTuple):
    """One argument of `explain`: what is true of it, and where others are free, if that was asked for or is needed."""

    asked: Asked
    answers: tuple[Answer, ...]
    nearby: Nearby | None


class Command(NamedTuple):
    """What to type on another machine, and what it tells there."""

    line: str
    tells: str


class Explanation(NamedTuple):
    """All arguments together.

    `keep`: what `reconciler keep` should be asked for. `low_range`: the cause behind it, if that is one. `commands`:
    what tells the rest on a machine of which only listings were captured.
    """

    items: tuple[Explained, ...]
    keep: tuple[Asked, ...]
    low_range: LowRange | None
    commands: tuple[Command, ...]


def explain_all(picture: Picture, asked: Sequence[Asked], count: int | None = None) -> Explanation:
    """Explain everything that is asked for. `count` (1..65535): suggest a free range of so many ports for each."""
    items = tuple(_explained(picture, item, count) for item in asked)
    return Explanation(
        items,
        tuple(found for item in items if (found := _to_keep(item))),
        _low_range(picture.snapshot, items),
        _commands(picture.snapshot, asked) if picture.snapshot.facts.read_only else (),
    )


def _explained(picture: Picture, asked: Asked, count: int | None) -> Explained:
    answers = explain_ports(picture, asked)
    taken = _protocols(item for item in answers if item.outlook.bind in _TAKEN)
    nearby = None
    if count is not None or taken:
        protocols = asked.protocols if count is not None else tuple(item for item in asked.protocols if item in taken)
        nearby = free_near(picture, Asked(asked.ports, protocols), count or asked.ports.count)
    return Explained(asked, answers, nearby)


def _protocols(answers: Iterable[Answer]) -> set[str]:
    return {answer.lanes[0].protocol for answer in answers}


def _to_keep(item: Explained) -> Asked | None:
    """All of it, for TCP if that needs it, since that is what most mean; else for UDP."""
    offered = (answer for answer in item.answers if answer.outlook.remedy and answer.outlook.remedy.id in _KEEP)
    needs = _protocols(answer for answer in offered if not answer.holding.missing)
    return next((Asked(item.asked.ports, (mine,)) for mine in item.asked.protocols if mine in needs), None)


def _low_range(snapshot: Snapshot, items: Iterable[Explained]) -> LowRange | None:
    ranges = {}
    for item in items:
        hit = _protocols(answer for answer in item.answers if answer.outlook.reason.id in _BY_CHANCE)
        protocols = tuple(protocol for protocol in item.asked.protocols if protocol in hit)
        if found := low_range(snapshot, item.asked.ports, protocols):
            ranges.update(found.ranges)
    return LowRange(ranges) if ranges else None


def _commands(snapshot: Snapshot, asked: Sequence[Asked]) -> tuple[Command, ...]:
    """windows-facts 1.1, 5.5, 13.10."""
    meant = {protocol for item in asked for protocol in item.protocols}
    lacking = [lane for lane in LANES if lane.protocol in meant and lane not in snapshot.known_lanes]
    netsh = [
        Command(f"netsh interface {lane.family} show excludedportrange protocol={lane.protocol}", "its ranges")
        for lane in lacking
    ]
    netsh += [
        Command(f"netsh interface ipv4 show dynamicportrange protocol={protocol}", "its dynamic range")
        for protocol in PROTOCOLS
        if protocol in meant and protocol not in snapshot.dynamic
    ]
    ports = list(dict.fromkeys(item.ports for item in asked))
    who = [
        Command(f'netstat -ano | findstr ":{ports.first} "' if ports.count == 1 else "netstat -ano", "which pid has it")
        for ports in ports
    ]
    words = " ".join(map(str, ports))
    return (
        *dict.fromkeys(who),
        *netsh,
        Command(SERVICES_OF_HTTP_SYS, "which service has it through http.sys"),
        Command("sc.exe query winnat", "whether WinNAT runs"),
        Command(f"reconciler explain {words}", "all of this, where it is installed"),
    )
