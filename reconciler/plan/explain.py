"""Ports explained: who holds them, whether a program can bind them, and what a person can do.

What binds meet is taken from public reports (windows-facts 5): a program that asks for an excluded port gets it, one
that asks for a port in a block or in a reservation gets WSAEACCES 10013, and what goes through http.sys gets error 32
in all three. What cannot be seen is `unknown`, and never `works`.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import Literal, NamedTuple

from reconciler.host.interface import SYSTEM_PROCESS, Snapshot, Socket, UrlReservation
from reconciler.plan.given.picture import MissingClaim, Picture, RowInfo
from reconciler.plan.likely import SERVICES_OF_HTTP_SYS, WSL
from reconciler.plan.model import Reason, Remedy
from reconciler.plan.reasons import RELEASE_WINNAT, WAIT_FOR_CLOSING, restart
from reconciler.plan.rules.blockers import Gap, judged
from reconciler.policy.known import WSL_RUN, of_http_sys
from reconciler.ports import LAST_PORT, PROTOCOLS, Asked, Lane, PortRange, Protocol, RangeIndex, lanes_of
from reconciler.text import joined, shorten

Bind = Literal["works", "in-use", "refused", "with-token", "unknown"]
"""What a program meets that asks for the port: `with-token` only one that presents the reservation's token gets it."""

LINUX_FREE_FROM = 1024
"""net.ipv4.ip_unprivileged_port_start as the kernel has it."""

NO_SOCKETS = "sockets were not captured"
_MOST_FILES = 20
"""Files that a remedy names, and missing ranges that are asked what is in their way."""


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
    """What is true of each of these ports in these lanes; the holding is that of the first of them."""

    lanes: tuple[Lane, ...]
    holding: Holding
    outlook: Outlook
    ports: PortRange


class _Near(NamedTuple):
    """What lies over or on the ports that are asked for; what is missing with its number; what keeps them."""

    rows: dict[Lane, RangeIndex[RowInfo]]
    missing: RangeIndex[tuple[int, MissingClaim]]
    sockets: dict[Protocol, dict[int, list[Socket]]]
    keep: dict[Protocol, str]


def explain_port(picture: Picture, port: int, protocols: Iterable[Protocol] = PROTOCOLS) -> tuple[Answer, ...]:
    """Explain one port (1..65535), as `explain_ports` does."""
    mine = tuple(protocols)
    return explain_ports(picture, Asked(PortRange(port, port), tuple(item for item in PROTOCOLS if item in mine)))


def explain_ports(picture: Picture, asked: Asked) -> tuple[Answer, ...]:
    """Explain a range: protocol by protocol, one answer for all ports and lanes in a row of which the same is true.

    Of lanes that were not read (`Snapshot.known_lanes`) nothing is said.
    """
    near = _near(picture, asked)
    answers: list[Answer] = []
    for protocol in asked.protocols:
        for piece in _pieces(picture.snapshot, near, asked.ports, protocol):
            answers += _explained(picture, near, piece, protocol)
    return tuple(answers)


def _near(picture: Picture, asked: Asked) -> _Near:
    snapshot, ports = picture.snapshot, asked.ports
    rows = picture.rows(row for row in snapshot.rows if row.ports.overlaps(ports))
    claims = [claim for claim in picture.owned.claims if any(item.overlaps(ports) for item in claim.ports)]
    sockets: dict[Protocol, dict[int, list[Socket]]] = {protocol: {} for protocol in PROTOCOLS}
    for item in snapshot.sockets:
        if ports.first <= item.port <= ports.last:
            sockets[item.lane.protocol].setdefault(item.port, []).append(item)
    return _Near(
        rows={
            lane: RangeIndex((item.row.ports, item) for item in rows if item.row.lane == lane)
            for lane in snapshot.known_lanes
        },
        missing=RangeIndex(
            (item.ports, (number, item))
            for number, item in enumerate(picture.missing_claims(claims))
            if item.ports.overlaps(ports)
        ),
        sockets=sockets,
        keep={"tcp": f"reconciler keep {ports}", "udp": f"reconciler keep {ports}/udp"},
    )


def _pieces(snapshot: Snapshot, near: _Near, asked: PortRange, protocol: Protocol) -> Iterable[PortRange]:
    """The asked ports, cut wherever something begins or ends."""
    lanes = [lane for lane in lanes_of(protocol) if lane in near.rows]
    edges = [ports for lane in lanes for ports, _ in near.rows[lane]]
    edges += [ports for ports, _ in near.missing]
    edges += [PortRange(port, port) for port in near.sockets[protocol]]
    edges += [PortRange(item.port, item.port) for item in snapshot.url_reservations]
    edges += [snapshot.dynamic[protocol]] if protocol in snapshot.dynamic else []
    edges += [PortRange(LINUX_FREE_FROM, LAST_PORT)] if snapshot.facts.os == "linux" else []
    starts = {asked.first, *(ports.first for ports in edges), *(ports.last + 1 for ports in edges)}
    inside = sorted(start for start in starts if asked.first <= start <= asked.last)
    return [PortRange(first, last - 1) for first, last in zip(inside, [*inside[1:], asked.last + 1], strict=True)]


def _explained(picture: Picture, near: _Near, ports: PortRange, protocol: Protocol) -> list[Answer]:
    snapshot = picture.snapshot
    answers: list[Answer] = []
    for lane in (lane for lane in snapshot.known_lanes if lane.protocol == protocol):
        holding = _holding(snapshot, near, lane, ports)
        outlook = _with_missing(picture, holding, _outlook(snapshot, holding, ports.first, near.keep[protocol]))
        last = answers[-1] if answers else None
        if last and _alike(last.holding, holding):
            answers[-1] = last._replace(lanes=(*last.lanes, lane))
        else:
            answers.append(Answer((lane,), holding, outlook, ports))
    return answers


def _holding(snapshot: Snapshot, near: _Near, lane: Lane, ports: PortRange) -> Holding:
    dynamic = snapshot.dynamic.get(lane.protocol)
    urls = snapshot.url_reservations if lane.protocol == "tcp" else ()
    missing = sorted((found for _, found in near.missing.touching(ports)), key=itemgetter(0))
    return Holding(
        rows=tuple(item for _, item in near.rows[lane].touching(ports)),
        sockets=tuple(near.sockets[lane.protocol].get(ports.first, ())),
        ephemeral=dynamic if dynamic and dynamic.contains(ports) else None,
        dynamic_known=dynamic is not None,
        urls=tuple(item for item in urls if item.port == ports.first),
        missing=tuple(item for _, item in missing if lane in item.lanes),
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


def _outlook(snapshot: Snapshot, holding: Holding, port: int, keep: str) -> Outlook:
    """The worst that is true of it counts; a program first, since it keeps the port whatever the rows say.

    `keep`: the command that keeps all that is asked for.
    """
    if not all(item.closing for item in holding.sockets):
        return _of_sockets(snapshot, holding)
    kinds = {item.kind: item for item in holding.rows}
    if "block" in kinds:
        return _of_block(snapshot, kinds["block"], holding, keep)
    if "reservation" in kinds:
        return _of_reservation(kinds["reservation"])
    if "unknown" in kinds:
        text = "it may be an exclusion, which any program can bind, or a reservation, which only its token opens"
        remedy = Remedy("try-a-bind", "try it: 10013 (WSAEACCES) means a reservation")
        return Outlook("unknown", Reason("unknown-kind", text), remedy)
    if holding.sockets:
        return _of_sockets(snapshot, holding)
    found = _of_exclusion(snapshot, holding) if "exclusion" in kinds else _of_nothing(snapshot, holding, keep)
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
        known = of_http_sys(who.port, who.lane.protocol) if snapshot.facts.os == "windows" else ""
        such = f"most likely {known} through http.sys, since that is its port" if known else such
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


def _of_block(snapshot: Snapshot, info: RowInfo, holding: Holding, keep: str) -> Outlook:
    meets = "a bind gets 10013 (WSAEACCES), and what goes through http.sys (IIS, HttpListener) error 32"
    if snapshot.facts.read_only:
        text = f"Windows holds it for somebody, or it is reserved; {meets} either way"
        return Outlook("refused", Reason("block", text), Remedy("ask-there", "ask on that machine"))
    reason = Reason("block", f"Windows holds it: {meets}")
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
        text = f"if WinNAT holds it, {keep}, then apply with --release-winnat; otherwise its owner must give it up"
        return Outlook("refused", reason, Remedy("release-winnat", text))
    ask = f"choose another port, or have its owner give it up{_ask_http_sys(info)}"
    return Outlook("refused", reason, Remedy("ask-the-owner", ask))


def _ask_http_sys(info: RowInfo) -> str:
    return f"; if that is a service of http.sys, {SERVICES_OF_HTTP_SYS} names it" if info.row.ports.count == 1 else ""


def _of_reservation(info: RowInfo) -> Outlook:
    text = "it is reserved: a program that presents the token binds it, any other gets 10013 (WSAEACCES)"
    remedy = Remedy("bind-reserved", "a service of yours binds it with reconciler.sockets.bind_reserved")
    if info.record is None:
        remedy = Remedy("ask-its-program", "choose another port, or ask the program that made the reservation")
    return Outlook("with-token", Reason("reservation", text), remedy)


def _of_nothing(snapshot: Snapshot, holding: Holding, keep: str) -> Outlook:
    captured = snapshot.facts.read_only
    held = f"nothing is listed over it; {NO_SOCKETS}" if captured else "nobody holds it"
    bind: Bind = "unknown" if captured else "works"
    if holding.urls:
        text = f"{held}, but http.sys keeps it for {holding.urls[0].url}, which an exclusion may keep from starting"
        return Outlook(bind, Reason("url-reservation", text))
    if holding.ephemeral:
        text = f"{held}; it lies in the dynamic range {holding.ephemeral}, so any program may be given it"
        if WSL in snapshot.nat_users:
            return _may_be_wsl(text, keep)
        return Outlook(bind, Reason("ephemeral", text), Remedy("declare", f"to keep it from that: {keep}, then apply"))
    if not holding.dynamic_known:
        return Outlook(bind, Reason("free", f"{held}; the dynamic range is not known"))
    text = f"{held}; it lies outside the dynamic range, so no program is given it by chance"
    return Outlook(bind, Reason("free", text))


def _may_be_wsl(text: str, keep: str) -> Outlook:
    """No listing shows what WSL took (windows-facts 6.3, 13.10)."""
    why = f"WSL runs here, and in mirrored mode it takes some {WSL_RUN:,} ports of that range, which no listing shows"
    try_it = "try it: 10013 (WSAEACCES) means that WSL has it, and a port outside the dynamic range is the way out"
    remedy = Remedy("try-or-keep", f"{try_it}; otherwise {keep}, then apply")
    return Outlook("unknown", Reason("wsl-mirrored", f"{text}; {why}"), remedy)


def _low(snapshot: Snapshot, port: int) -> str:
    low = snapshot.facts.os == "linux" and port < LINUX_FREE_FROM
    return f"; below {LINUX_FREE_FROM} Linux asks for the rights of root, unless it is set otherwise" if low else ""


def _of_exclusion(snapshot: Snapshot, holding: Holding) -> Outlook:
    captured = snapshot.facts.read_only
    text = "an exclusion only keeps it from being handed out by chance; a program that asks for it gets it"
    if captured:
        text = f"{NO_SOCKETS}; {text}"
    if snapshot.facts.os == "windows":
        text += (
            ", but services of http.sys (IIS, HttpListener), MsQuic and port mappings of containers may not, and fail "
            "with error 32"
        )
        text += f"; http.sys keeps it for {holding.urls[0].url}" if holding.urls else ""
    return Outlook("unknown" if captured else "works", Reason("exclusion", text))


def _with_missing(picture: Picture, holding: Holding, outlook: Outlook) -> Outlook:
    """Where nothing keeps a claimed port from being bound, apply is what keeps it again."""
    can_be = outlook.bind == "works" or outlook.reason.id == "wsl-mirrored"
    if not holding.missing or not can_be:
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
