"""Plan and apply on a host, from start to end: in every pairwise variant and language."""

from __future__ import annotations

from reconciler.lab.simulated.table import Entry
from reconciler.plan.model import LIMIT_NAMES, Options
from reconciler.ports import PortRange, PortSet
from tests.apply.hosts import Recorder
from tests.contract.conftest import MakeStage
from tests.contract.stage import Stage
from tests.world import TCP4, UDP4, entry, policy, reserve, told, verdicts

FORCED = Options(force=frozenset(LIMIT_NAMES))


def test_applied_once_the_second_apply_writes_nothing(stage: Stage) -> None:
    wanted = policy("p", entry("web", "8000-8099", protocols=("tcp", "udp")), reserve("erp", "12000-12009"))
    assert set(verdicts(stage.apply(wanted))) == {"done"}
    assert told(stage.plan(wanted)) == []
    watched = Recorder(stage.host)
    stage.host, saves = watched, stage.store.saves
    assert stage.apply(wanted).results == ()
    assert (watched.calls, stage.store.saves) == ([], saves)


def test_a_row_grows_shrinks_moves_and_goes(stage: Stage) -> None:
    for ports in ("8000-8049", "8000-8099", "8020-8039", "9000-9009"):
        wanted = policy("p", entry("web", ports))
        stage.apply(wanted, options=FORCED)
        assert told(stage.plan(wanted)) == []
        assert stage.covered() == PortSet.of([PortRange.parse(ports)])
    stage.apply(policy("p"), options=FORCED)
    assert stage.rows() == []


def test_a_foreign_exclusion_counts_as_cover_and_stays(stage: Stage) -> None:
    stage.add(TCP4, "8040-8049")
    wanted = policy("p", entry("web", "8000-8099"))
    assert set(verdicts(stage.apply(wanted))) == {"done"}
    assert stage.covered() == PortSet.of([PortRange(8000, 8099)])
    stage.apply(policy("p"), options=FORCED)
    assert stage.covered().covers(PortRange(8040, 8049))


def test_a_block_is_in_the_way_and_stays(stage: Stage) -> None:
    stage.add(UDP4, "8000-8009", "block", "active")
    wanted = policy("p", entry("web", "8000-8099", protocols=("tcp", "udp")))
    result = stage.apply(wanted)
    assert [step.status for step in result.plan.steps] == ["ready", "blocked"]
    assert stage.rows(UDP4) == ["8000-8009"]
    stage.apply(policy("p"), options=FORCED)
    assert (stage.rows(), stage.rows(UDP4)) == ([], ["8000-8009"])


def test_drift_is_repaired(make_stage: MakeStage) -> None:
    stage = make_stage()
    wanted = policy("p", entry("web", "8000-8099"))
    stage.apply(wanted)
    stage.delete(TCP4, "8000-8099")
    plan = stage.plan(wanted)
    assert [step.cause for step in plan.steps] == ["drift"]
    stage.run(plan)
    assert stage.rows() == ["8000-8099 *"]


def test_active_rows_are_made_again_after_a_reboot(stage: Stage) -> None:
    wanted = policy("p", entry("web", "8000-8009", store="active"))
    stage.host.prepare()
    stage.apply(wanted)
    assert told(stage.plan(wanted)) == []
    stage.reboot()
    assert stage.rows() == []
    stage.host.prepare()
    assert told(stage.apply(wanted).plan) == ["create 8000-8009 tcp"]
    assert stage.rows() == ["8000-8009 *"]


def test_a_reservation_becomes_an_exclusion_and_back(stage: Stage) -> None:
    for wanted in (
        policy("p", reserve("erp", "12000-12009")),
        policy("p", entry("erp", "12000-12009")),
        policy("p", reserve("erp", "12000-12019")),
    ):
        assert set(verdicts(stage.apply(wanted, options=FORCED))) == {"done"}
        assert told(stage.plan(wanted)) == []


def test_a_port_in_use_is_refused_by_the_call_although_no_socket_shows(make_stage: MakeStage) -> None:
    stage = make_stage()
    stage.listen(8050)
    wanted = policy("p", entry("web", "8000-8099"))
    assert verdicts(stage.apply(wanted))[0] in ("refused", "deferred")
    assert stage.rows() == []
    stage.close(8050)
    assert verdicts(stage.apply(wanted)) == ["done"]


def test_the_stolen_port(make_stage: MakeStage) -> None:
    stage = make_stage(system_rows=True, winnat="running")
    stage.change(lambda state: state.table(TCP4).insert(Entry(PortRange(8000, 8099), "winnat", "active")))
    wanted = policy("p", entry("web", "8080"))
    blocked = stage.apply(wanted)
    assert told(blocked.plan) == ["blocked create 8080 tcp"]
    assert "8000-8099" in blocked.plan.steps[0].reason.text
    assert stage.rows() == ["8000-8099"]
    released = stage.apply(wanted, options=Options(release_winnat=True))
    assert (verdicts(released), released.problems) == (["done", "done"], ())
    assert (stage.rows(), stage.host.winnat()) == (["8080 *"], "running")
    blocks = {row.ports for row in stage.host.rows([TCP4]) if not row.administered}
    stage.reboot()
    assert {row.ports for row in stage.host.rows([TCP4]) if not row.administered} != blocks
    assert told(stage.plan(wanted)) == []
