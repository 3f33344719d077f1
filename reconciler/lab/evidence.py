"""What calls and listings together say about the switches of `lab.simulated.variants`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from reconciler.host.interface import Change, Lookup, Row
from reconciler.lab.model import UNKNOWN, Said
from reconciler.lab.simulated.variants import CHOICES
from reconciler.ports import PortSet

Found = dict[str, set[str]]
"""The values that experiments showed, by switch."""


class Readings(NamedTuple):
    """The rows before a call and after it, and the reservations that experiments made."""

    before: Collection[Row]
    after: Collection[Row]
    reserved: Collection[Lookup] = ()


def learn(change: Change, said: Said, seen: Readings) -> Iterator[tuple[str, str]]:
    """What one call on an exclusion says about exit codes, held against the listings before and after it.

    A call that gave no answer says nothing. Neither does an add whose ports are covered afterwards, or a delete of a
    row that was not there: whatever they answer may be meant so.
    """
    if said.done is None or change.kind != "exclusion":
        return
    old = {row for row in seen.before if row.lane == change.lane}
    new = {row for row in seen.after if row.lane == change.lane}
    if change.verb == "create":
        if old == new and not PortSet.of(row.ports for row in new if row.administered).covers(change.ports):
            yield "exit-codes", "dishonest" if said.done else "honest"
        return
    for row in old:
        if row.ports != change.ports:
            continue
        if row in new:
            yield "exit-codes", "dishonest" if said.done else "honest"
        elif row.administered and Lookup(row.lane.protocol, row.ports) not in seen.reserved:
            yield "access-denied", "honest" if said.done else "although-done"


def conclude(found: Mapping[str, set[str]], reasons: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Every switch with its value or `unknown`, and why those are unknown."""
    variant, why = {}, {}
    for switch in CHOICES:
        values = sorted(found.get(switch, ()))
        if len(values) == 1:
            variant[switch] = values[0]
        else:
            variant[switch] = UNKNOWN
            why[switch] = (
                f"the experiments do not agree: {' and '.join(values)}"
                if values
                else reasons.get(switch, "no experiment could tell; look at what the calls said")
            )
    if variant["second-add"] == "ok" and variant["exit-codes"] != "honest":
        variant["second-add"] = UNKNOWN
        why["second-add"] = "the second add said that it was done, which means nothing on a host that always says so"
    return variant, why
