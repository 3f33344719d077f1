"""One port explained: who holds it, whether a program can bind it, and what a person can do.

What binds meet is taken from public reports (windows-facts 5): a program that asks for an excluded port gets it, one
that asks for a port in a block or in a reservation gets WSAEACCES 10013.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from reconciler.host.interface import SYSTEM_PROCESS, Snapshot, Socket, UrlReservation
from reconciler.plan.given.picture import MissingClaim, Picture, RowInfo
from reconciler.plan.model import Reason, Remedy
from reconciler.plan.reasons import RELEASE_WINNAT, WAIT_FOR_CLOSING, restart
from reconciler.plan.rules.blockers import Gap, judged
from reconciler.ports import PROTOCOLS, Lane, PortRange, Protocol
from reconciler.text import joined, shorten

Bind = Literal["works", "in-use", "refused", "with-token", "unknown"]
"""What a program meets that asks for the port: `with-token` only one that presents the reservation's token gets it."""

LINUX_FREE_FROM = 1024
"""net.ipv4.ip_unprivileged_port_start as the kernel has it."""

NO_SOCKETS = "sockets were not captured"
_MOST_FILES = 20
"""Files that a remedy names, and missing ranges that are asked what is in their way."""
_DECLARE = "declare an exclusion of it"


class Holding(NamedTuple):
    """What is known of one port in one lane. `ephemeral` is the dynamic range it lies in, if it does, and is known.

    `sockets` are those of both families, since a socket of one may serve both. `missing`: what entries of the ledger
    claim the port, and no range is there for them.
    """

    rows: tuple[RowInfo, ...]
    sockets: tuple[Socket, ...]
    ephemeral: PortRange | None
    dynamic_known: bool
    urls: tuple[UrlReservation, ...]
    missing: tuple[MissingClaim, ...] = ()


class Outlook(NamedTuple):
    """Whether a program can bind the port, why, and what a person can do."""

    bind: Bind
    reason: Reason
    remedy: Remedy | None = None


class Answer(NamedTuple):
    """What is true of a port in these lanes; the holding is that of the first of them."""

    lanes: tuple[Lane, ...]
    holding: Holding
    outlook: Outlook


def explain_port(picture: Picture, port: int, protocols: Iterable[Protocol] = PROTOCOLS) -> tuple[Answer, ...]:
    """Explain a port (1..65535): one answer for all lanes of a protocol in which the same is true of it.

    Of lanes that were not read (`Snapshot.known_lanes`) nothing is said.
    """
    snapshot = picture.snapshot
    here = PortRange(port, port)
    rows = picture.rows(row for row in snapshot.rows if row.ports.contains(here))
    near = [claim for claim in picture.owned.claims if any(ports.contains(here) for ports in claim.ports)]
    missing = [item for item in picture.missing_claims(near) if item.ports.contains(here)]
    answers: list[Answer] = []
    for lane in (lane for lane in snapshot.known_lanes if lane.protocol in set(protocols)):
        holding = _holding(snapshot, rows, lane, port)
        holding = holding._replace(missing=tuple(item for item in missing if lane in item.lanes))
        outlook = _with_missing(picture, holding, _outlook(snapshot, holding, port))
        last = answers[-1] if answers else None
        if last and last.lanes[0].protocol == lane.protocol and _alike(last.holding, holding):
            answers[-1] = last._replace(lanes=(*last.lanes, lane))
        else:
            answers.append(Answer((lane,), holding, outlook))
    return tuple(answers)


def _holding(snapshot: Snapshot, rows: Iterable[RowInfo], lane: Lane, port: int) -> Holding:
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
    return rows, holding.sockets, holding.ephemeral, holding.missing


def _made(info: RowInfo) -> tuple[str, str, str] | None:
    """The store, plan and time of a row of ours."""
    record = info.record
    return None if record is None else (record.store, record.plan, record.time)


def _outlook(snapshot: Snapshot, holding: Holding, port: int) -> Outlook:
    """The worst that is true of it counts; a program first, since it keeps the port whatever the rows say."""
    if not all(item.closing for item in holding.sockets):
        return _of_sockets(snapshot, holding)
    kinds = {item.kind: item for item in holding.rows}
    if "block" in kinds:
        return _of_block(snapshot, kinds["block"], holding)
    if "reservation" in kinds:
        return _of_reservation(kinds["reservation"])
    if "unknown" in kinds:
        text = "it may be an exclusion, which any program can bind, or a reservation, which only its token opens"
        remedy = Remedy("try-a-bind", "try it: 10013 (WSAEACCES) means a reservation")
        return Outlook("unknown", Reason("unknown-kind", text), remedy)
    if holding.sockets:
        return _of_sockets(snapshot, holding)
    found = _of_exclusion(snapshot, holding) if "exclusion" in kinds else _of_nothing(snapshot, holding)
    return found._replace(reason=found.reason._replace(text=f"{found.reason.text}{_low(snapshot, port)}"))


def _of_sockets(snapshot: Snapshot, holding: Holding) -> Outlook:
    """One of them is named; connections that are closing do not count beside a program."""
    who = min(holding.sockets, key=Socket.rank)
    families = "+".join(dict.fromkeys(item.lane.family for item in holding.sockets if item.closing == who.closing))
    if who.closing:
        text = f"{who} holds it, {families}; it is free in a few minutes"
        return Outlook("in-use", Reason("in-use", text), Remedy(WAIT_FOR_CLOSING.id, "wait a few minutes"))
    is_system = (who.process, who.pid) == SYSTEM_PROCESS
    if is_system and holding.urls:
        remedy = _stop_service(holding.urls[0])
    elif is_system or (snapshot.elevated and who.process is None and who.pid is None):
        such = "SMB, http.sys ..." if snapshot.facts.os == "windows" else "NFS, WireGuard ..."
        text = f"the system itself has it ({such}), or a program of a container"
        remedy = Remedy("stop-service", f"{text}: choose another port, or stop that service")
    elif who.process is not None:
        programs = [item for item in holding.sockets if item.process is not None and not item.closing]
        names = dict.fromkeys(str(item) for item in programs if (item.process, item.pid) != SYSTEM_PROCESS)
        remedy = Remedy("stop-program", f"stop {joined(list(names))}")
    elif snapshot.elevated:
        remedy = Remedy("stop-program", f"stop the process with pid {who.pid}")
    else:
        remedy = Remedy("run-elevated", "run this again with all rights to see which program it is")
    return Outlook("in-use", Reason("in-use", f"it is in use by {who}, {families}"), remedy)


def _stop_service(url: UrlReservation) -> Remedy:
    return Remedy("stop-service", f"http.sys keeps it for {url.url}; choose another port, or stop that service")


def _of_block(snapshot: Snapshot, info: RowInfo, holding: Holding) -> Outlook:
    if snapshot.facts.read_only:
        text = "Windows holds it for somebody, or it is reserved; a plain bind gets 10013 (WSAEACCES) either way"
        return Outlook("refused", Reason("block", text), Remedy("ask-there", "ask on that machine"))
    reason = Reason("block", "Windows holds it (WinNAT, HNS, http.sys ...), and a bind gets 10013 (WSAEACCES)")
    if holding.urls:
        return Outlook("refused", reason, _stop_service(holding.urls[0]))
    if snapshot.moves_at_restart(info.row):
        if holding.missing:
            return Outlook("refused", reason, restart(is_set=True, or_release=snapshot.winnat == "running"))
        text = "if WinNAT holds it, restart the host: outside the dynamic range it does not come again"
        return Outlook("refused", reason, Remedy("restart", text))
    if snapshot.may_be_winnat(info.row) and snapshot.winnat == "running":
        if holding.missing:
            return Outlook("refused", reason, RELEASE_WINNAT)
        text = f"if WinNAT holds it, {_DECLARE} and apply with --release-winnat; otherwise its owner must give it up"
        return Outlook("refused", reason, Remedy("release-winnat", text))
    return Outlook("refused", reason, Remedy("ask-the-owner", "choose another port, or have its owner give it up"))


def _of_reservation(info: RowInfo) -> Outlook:
    text = "it is reserved: a program that presents the token binds it, any other gets 10013 (WSAEACCES)"
    remedy = Remedy("bind-reserved", "a service of yours binds it with reconciler.sockets.bind_reserved")
    if info.record is None:
        remedy = Remedy("ask-its-program", "choose another port, or ask the program that made the reservation")
    return Outlook("with-token", Reason("reservation", text), remedy)


def _of_nothing(snapshot: Snapshot, holding: Holding) -> Outlook:
    held = f"nothing is listed over it; {NO_SOCKETS}" if snapshot.facts.read_only else "nobody holds it"
    if holding.urls:
        text = f"{held}, but http.sys keeps it for {holding.urls[0].url}, which an exclusion may keep from starting"
        return Outlook("works", Reason("url-reservation", text))
    if holding.ephemeral:
        text = f"{held}; it lies in the dynamic range {holding.ephemeral}, so any program may be given it"
        return Outlook(
            "works", Reason("ephemeral", text), Remedy("declare", f"to keep it from that, {_DECLARE} and apply")
        )
    if not holding.dynamic_known:
        return Outlook("works", Reason("free", f"{held}; the dynamic range is not known"))
    text = f"{held}; it lies outside the dynamic range, so no program is given it by chance"
    return Outlook("works", Reason("free", text))


def _low(snapshot: Snapshot, port: int) -> str:
    low = snapshot.facts.os == "linux" and port < LINUX_FREE_FROM
    return f"; below {LINUX_FREE_FROM} Linux asks for the rights of root, unless it is set otherwise" if low else ""


def _of_exclusion(snapshot: Snapshot, holding: Holding) -> Outlook:
    text = "an exclusion only keeps it from being handed out by chance; a program that asks for it gets it"
    if snapshot.facts.read_only:
        text = f"{NO_SOCKETS}; {text}"
    if snapshot.facts.os == "windows":
        text += ", but services of http.sys (IIS, HttpListener), MsQuic and port mappings of containers may not"
        text += f"; http.sys keeps it for {holding.urls[0].url}" if holding.urls else ""
    return Outlook("works", Reason("exclusion", text))


def _with_missing(picture: Picture, holding: Holding, outlook: Outlook) -> Outlook:
    """Where nothing keeps a claimed port from being bound, apply is what keeps it again."""
    if not holding.missing or outlook.bind != "works":
        return outlook
    reason = holding.missing[0].reason
    if not holding.rows:
        outlook = outlook._replace(reason=Reason(reason.id, f"{reason.text}; {outlook.reason.text}"))
    return outlook._replace(remedy=_apply(picture, holding.missing))


def _apply(picture: Picture, missing: tuple[MissingClaim, ...]) -> Remedy:
    """The files that the entries were applied from; where one is gone, nobody knows where its policy is now."""
    gone = {file.name for file in (picture.state.policies.recorded or {}).values() if file.state == "gone"}
    files = dict.fromkeys(item.unit.entry.place.file for item in missing if item.unit.entry.place.file not in gone)
    names = [f'"{file}"' if " " in file else file for file in files if file]
    policies = dict.fromkeys(f"policy {item.unit.entry.policy}" for item in missing)
    command = f"apply {shorten(list(policies), between=' and ')} again, which"
    if 0 < len(names) <= _MOST_FILES:
        command = f"reconciler apply {' '.join(names)}"
    gaps = (gap for item in missing[:_MOST_FILES] for gap in judged(picture, item.unit, picture.missing(item.unit), {}))
    held = dict.fromkeys(gap.held.reason.text for gap in gaps if gap.held and not _is_for_itself(picture, gap))
    return Remedy("apply", f"{command} puts it there{''.join(f', but {text}' for text in held)}")


def _is_for_itself(picture: Picture, gap: Gap) -> bool:
    """Is nothing in the way but what we keep for this very entry, as while it changes its kind?"""
    over = {(blocker.lane, blocker.ports) for blocker in gap.held.blockers} if gap.held else set()
    rows = [row for row in picture.snapshot.rows if (row.lane, row.ports) in over]
    mine = (gap.unit.entry.policy, gap.unit.entry.name)
    keepers = [{(claim.policy, claim.entry) for claim in picture.keepers(row)} for row in rows]
    return len(rows) == len(over) and all(found == {mine} for found in keepers)
