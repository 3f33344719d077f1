"""What `explain --json` prints, filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.plan.likely import likely_owner
from reconciler.report import FORMAT_VERSION
from reconciler.report.documents import host_facts, ledger_state, missing_document, row_facts
from reconciler.report.explain import keep_command, keep_toml

if TYPE_CHECKING:
    from reconciler.host.interface import Snapshot
    from reconciler.plan.explain import Answer
    from reconciler.plan.explanation import Explanation
    from reconciler.plan.given.picture import RowInfo
    from reconciler.plan.model import State
    from reconciler.plan.nearby import Nearby
    from reconciler.report import explanation_shapes


def explain_document(state: State, found: Explanation) -> explanation_shapes.ExplanationDocument:
    """Everything that was asked for, as `explain --json` prints it."""
    asked = [item.asked for item in found.items]
    one = asked[0].ports.first if len(asked) == 1 and asked[0].ports.count == 1 else None
    low = found.low_range
    return {
        "format_version": FORMAT_VERSION,
        "kind": "explanation",
        "host": host_facts(state.snapshot.facts),
        "asked": [str(item) for item in asked],
        "port": one,
        "ledger": ledger_state(state),
        "answers": [_answer(state.snapshot, answer) for item in found.items for answer in item.answers],
        "nearby": [_nearby(item.nearby) for item in found.items if item.nearby],
        "keep": {"command": keep_command(found.keep), "toml": keep_toml(found.keep)} if found.keep else None,
        "low_range": {"text": low.text, "toml": low.toml} if low else None,
        "commands": [command.line for command in found.commands],
    }


def _answer(snapshot: Snapshot, answer: Answer) -> explanation_shapes.AnswerDocument:
    holding = answer.holding
    return {
        "ports": str(answer.ports),
        "lanes": [str(lane) for lane in answer.lanes],
        "bind": answer.outlook.bind,
        "reason": answer.outlook.reason.text,
        "reason_id": answer.outlook.reason.id,
        "remedy": answer.outlook.remedy.text if answer.outlook.remedy else "",
        "remedy_id": answer.outlook.remedy.id if answer.outlook.remedy else None,
        "held_by": [_holder(snapshot, shown) for shown in holding.rows],
        "missing": [missing_document(item) for item in holding.missing],
        "sockets": [
            {"lane": str(item.lane), "process": item.process, "pid": item.pid, "closing": item.closing}
            for item in holding.sockets
        ],
        "dynamic_range": str(holding.ephemeral) if holding.ephemeral else None,
        "url_reservations": [item.url for item in holding.urls],
    }


def _holder(snapshot: Snapshot, shown: RowInfo) -> explanation_shapes.HolderDocument:
    likely = likely_owner(snapshot, shown.row) if shown.kind == "block" else None
    return {
        "ports": str(shown.row.ports),
        "administered": shown.row.administered,
        **row_facts(shown),
        "likely": likely and likely.text,
        "likely_id": likely and likely.id,
    }


def _nearby(nearby: Nearby) -> explanation_shapes.NearbyDocument:
    return {
        "asked": str(nearby.asked),
        "ports": list(nearby.ports),
        "count": nearby.size,
        "range": str(nearby.range) if nearby.range else None,
        "ephemeral": nearby.ephemeral,
    }
