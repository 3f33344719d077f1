"""One port explained: who holds it, whether a program can bind it, and what a person can do. Pure.

What binds meet is taken from public reports (windows-facts 5): a program that asks for an excluded port gets it, one
that asks for a port in an unstarred row or in a reservation gets WSAEACCES 10013.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from reconciler.host.interface import Snapshot, Socket, UrlReservation
from reconciler.plan.given.owned import settle
from reconciler.plan.given.rows import ShownRow, shown_rows
from reconciler.plan.model import State
from reconciler.ports import PROTOCOLS, Lane, PortRange, Protocol

Bind = Literal["works", "in-use", "refused", "with-token", "unknown"]
"""What a program meets that asks for the port: `with-token` only one that presents the reservation's token gets it."""

LINUX_FREE_FROM = 1024
"""net.ipv4.ip_unprivileged_port_start as the kernel has it."""

NO_SOCKETS = "sockets were not captured"
_DECLARE = "declare an exclusion of it"


class Holding(NamedTuple):
    """What is known of one port in one lane. `ephemeral` is the dynamic range it lies in, if it does, and is known.

    `sockets` are those of both families, since a socket of one may serve both.
    """

    rows: tuple[ShownRow, ...]
    sockets: tuple[Socket, ...]
    ephemeral: PortRange | None
    dynamic_known: bool
    urls: tuple[UrlReservation, ...]


class Verdict(NamedTuple):
    """Whether a program can bind the port, why, and what a person can do (or empty)."""

    bind: Bind
    reason: str
    remedy: str = ""


class Answer(NamedTuple):
    """What is true of a port in these lanes; the holding is that of the first of them."""

    lanes: tuple[Lane, ...]
    holding: Holding
    verdict: Verdict


def explain_port(state: State, port: int, protocols: Iterable[Protocol] = PROTOCOLS) -> tuple[Answer, ...]:
    """Explain a port (1..65535): one answer for all lanes of a protocol in which the same is true of it.

    Of lanes that were not read (`Snapshot.known_lanes`) nothing is said.
    """
    snapshot = state.snapshot
    rows = [row for row in shown_rows(snapshot, settle(state.ledger, snapshot)) if _holds(row, port)]
    answers: list[Answer] = []
    for lane in (lane for lane in snapshot.known_lanes if lane.protocol in set(protocols)):
        holding = _holding(snapshot, rows, lane, port)
        verdict = _verdict(snapshot, holding, port)
        last = answers[-1] if answers else None
        if last and last.lanes[0].protocol == lane.protocol and _alike(last.holding, holding):
            answers[-1] = last._replace(lanes=(*last.lanes, lane))
        else:
            answers.append(Answer((lane,), holding, verdict))
    return tuple(answers)


def _holds(shown: ShownRow, port: int) -> bool:
    return shown.row.ports.first <= port <= shown.row.ports.last


def _holding(snapshot: Snapshot, rows: Iterable[ShownRow], lane: Lane, port: int) -> Holding:
    dynamic = snapshot.dynamic.get(lane.protocol)
    return Holding(
        rows=tuple(item for item in rows if item.row.lane == lane),
        sockets=tuple(item for item in snapshot.sockets if item.lane.protocol == lane.protocol and item.port == port),
        ephemeral=dynamic if dynamic and dynamic.first <= port <= dynamic.last else None,
        dynamic_known=dynamic is not None,
        urls=tuple(item for item in snapshot.url_reservations if item.port == port and lane.protocol == "tcp"),
    )


def _alike(one: Holding, other: Holding) -> bool:
    """Is all the same but for the lane?"""
    return _without_lane(one) == _without_lane(other)


def _without_lane(holding: Holding) -> tuple[object, ...]:
    rows = [(item.row[1:], item.kind, item.system, _made(item), item.entries) for item in holding.rows]
    return rows, holding.sockets, holding.ephemeral


def _made(shown: ShownRow) -> tuple[str, str, str] | None:
    """The store, plan and time of a row of ours."""
    record = shown.record
    return None if record is None else (record.store, record.plan, record.time)


def _verdict(snapshot: Snapshot, holding: Holding, port: int) -> Verdict:
    """The worst that is true of it counts; a socket first, since it keeps the port whatever the rows say."""
    if holding.sockets:
        return _of_sockets(holding.sockets)
    kinds = {item.kind: item for item in holding.rows}
    if "block" in kinds:
        return _of_block(snapshot, kinds["block"], holding.urls)
    if "reservation" in kinds:
        return _of_reservation(kinds["reservation"])
    if "unknown" in kinds:
        reason = "its row may be an exclusion, which any program can bind, or a reservation, which only its token opens"
        return Verdict("unknown", reason, "try it: 10013 (WSAEACCES) means a reservation")
    if "exclusion" in kinds:
        return Verdict("works", f"{_of_exclusion(snapshot, holding)}{_low(snapshot, port)}")
    verdict = _of_nothing(snapshot, holding)
    return verdict._replace(reason=f"{verdict.reason}{_low(snapshot, port)}")


def _of_sockets(sockets: tuple[Socket, ...]) -> Verdict:
    who = min(sockets, key=lambda item: item.process is None)
    families = "+".join(dict.fromkeys(item.lane.family for item in sockets))
    remedy = f"stop {who}" if who.process is not None else "run this again with all rights to see which program it is"
    return Verdict("in-use", f"it is in use by {who}, {families}", remedy)


def _of_block(snapshot: Snapshot, shown: ShownRow, urls: tuple[UrlReservation, ...]) -> Verdict:
    reason = "the system gave it to somebody else (WinNAT, HNS, http.sys ...), and a bind gets 10013 (WSAEACCES)"
    if snapshot.facts.read_only:
        reason = (
            "the system gave it to somebody else, or it is reserved; a plain bind gets 10013 (WSAEACCES) either way"
        )
        return Verdict("refused", reason, "ask on that machine")
    if urls:
        return Verdict(
            "refused", reason, f"http.sys keeps it for {urls[0].url}; choose another port, or stop that service"
        )
    if shown.row.ports.count > 1 and snapshot.winnat == "running":
        return Verdict(
            "refused",
            reason,
            f"if WinNAT holds it, {_DECLARE} and apply with --release-winnat; otherwise its owner must give it up",
        )
    return Verdict("refused", reason, "choose another port, or have the owner of that row give it up")


def _of_reservation(shown: ShownRow) -> Verdict:
    reason = "it is reserved: a program that presents the token binds it, any other gets 10013 (WSAEACCES)"
    if shown.record is None:
        return Verdict("with-token", reason, "choose another port, or ask the program that made the reservation")
    return Verdict("with-token", reason, "a service of yours binds it with reconciler.sockets.bind_reserved")


def _of_nothing(snapshot: Snapshot, holding: Holding) -> Verdict:
    held = f"no row holds it; {NO_SOCKETS}" if snapshot.facts.read_only else "nobody holds it"
    if holding.urls:
        url = holding.urls[0].url
        return Verdict("works", f"{held}, but http.sys keeps it for {url}, which an exclusion may keep from starting")
    if holding.ephemeral:
        reason = f"{held}; it lies in the dynamic range {holding.ephemeral}, so any program may be given it"
        return Verdict("works", reason, f"to keep it from that, {_DECLARE}")
    if not holding.dynamic_known:
        return Verdict("works", f"{held}; the dynamic range is not known")
    return Verdict("works", f"{held}; it lies outside the dynamic range, so no program is given it by chance")


def _low(snapshot: Snapshot, port: int) -> str:
    low = snapshot.facts.os == "linux" and port < LINUX_FREE_FROM
    return f"; below {LINUX_FREE_FROM} Linux asks for the rights of root, unless it is told otherwise" if low else ""


def _of_exclusion(snapshot: Snapshot, holding: Holding) -> str:
    reason = "an exclusion only keeps it from being handed out by chance; a program that asks for it gets it"
    if snapshot.facts.read_only:
        reason = f"{NO_SOCKETS}; {reason}"
    if snapshot.facts.os == "linux":
        return reason
    reason += ", but services of http.sys (IIS, HttpListener), MsQuic and port mappings of containers may not"
    return f"{reason}; http.sys keeps it for {holding.urls[0].url}" if holding.urls else reason
