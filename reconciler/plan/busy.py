"""Sockets over rows: who is named, what a person can do, and why a replace must wait for them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.plan.drafts import Draft
from reconciler.plan.model import Culprit
from reconciler.plan.tables import Table
from reconciler.ports import PortRange


def veto(draft: Draft, tables: Sequence[Table]) -> None:
    """Defer a replace while a port of an old row is in use: Windows would refuse to make anything there again."""
    busy = {
        port: (socket_culprit(table, port), spec.ports)
        for spec in draft.deletes
        for table in tables
        if set(table.lanes) & set(spec.lanes)
        for port in table.socket_ports.within(spec.ports)
    }
    if not busy:
        return
    draft.status = "deferred"
    draft.culprits = [busy[port][0] for port in sorted(busy)]
    who, row = busy[min(busy)]
    whole = row if draft.parts else "it"
    draft.but += f", but port {who.ports} of {whole} is in use by {who.text}, and what stays could not be made again"
    draft.remedy = stop_remedy(who)


def stop_remedy(who: Culprit) -> str:
    """What a person can do about a socket."""
    if who.process is not None:
        return f"stop {who.text}, then apply again"
    if who.pid is not None:
        return f"stop the process with pid {who.pid}, then apply again"
    return f"find who uses port {who.ports} (run plan elevated to see it), stop it, then apply again"


def socket_culprit(table: Table, port: int) -> Culprit:
    """The socket that holds a port, as a step names it."""
    item = table.sockets[port]
    return Culprit("socket", item.lane, PortRange(port, port), str(item), item.process, item.pid)
