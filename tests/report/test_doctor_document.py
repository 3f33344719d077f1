"""The report as JSON fits its schema, whatever was found."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from reconciler.doctor.model import Check, Report
from reconciler.host.windows.host import WindowsHost
from reconciler.lab.model import LeftOver
from reconciler.lab.simulated.host import SimulatedHost
from reconciler.report.documents import doctor_document
from reconciler.report.schema import document_schema
from tests import schemas
from tests.host.windows.fake import FakeSystem
from tests.lab.build import Faulty, crowded, trial
from tests.lab.test_faults import refusing

SCHEMA = schemas.body("doctor")
HOST = SimulatedHost(crowded("families=split"))
GOOD, BAD = Check("readable", "ok", "It can be read."), Check("ledger", "fail", "It cannot.", "Mend it.")
PLAIN = Report("2026-01-01T00:00:00Z", HOST.facts(), {}, (GOOD,))


def document(report: Report) -> Any:
    return json.loads(json.dumps(doctor_document(report)))


def stuck() -> Report:
    """Nothing can be deleted from some call on."""
    return PLAIN._replace(trial=trial(Faulty(SimulatedHost(crowded()), refusing(lambda number: number > 6))))


@pytest.mark.parametrize(
    "report",
    [
        PLAIN,
        PLAIN._replace(facts=None, checks=(BAD,)),
        PLAIN._replace(about={"version": "10.0.20348"}, trial=trial(HOST)),
        PLAIN._replace(trial=trial(WindowsHost(FakeSystem(crowded())))),
        PLAIN._replace(trial=trial(HOST, stop=lambda: True)),
        stuck(),
    ],
    ids=["checks", "unreadable", "trial", "windows", "stopped", "left-over"],
)
def test_a_report_fits_its_schema(report: Report) -> None:
    SCHEMA.validate(document(report))


def test_the_schema_is_one_and_strict() -> None:
    Draft202012Validator.check_schema(document_schema("doctor"))
    for key, value in (("more", 1), ("kind", "plan"), ("fit", None), ("trial", {})):
        with pytest.raises(ValidationError):
            SCHEMA.validate({**document(PLAIN), key: value})


def test_a_host_is_fit_unless_a_check_fails_or_something_is_left_over() -> None:
    found = trial(HOST)
    assert PLAIN.fit
    assert PLAIN._replace(trial=found).fit
    assert PLAIN._replace(checks=(GOOD, Check("x", "warn", "It may."))).fit
    assert not PLAIN._replace(checks=(GOOD, BAD)).fit
    assert not PLAIN._replace(trial=found._replace(left_over=(LeftOver("tcp/ipv4 61001 *", False),))).fit
    assert document(stuck())["fit"] is False


def test_rows_do_not_have_the_keys_by_which_show_is_known() -> None:
    text = json.dumps(doctor_document(PLAIN._replace(trial=trial(HOST))))
    assert "tcp/ipv4 61001-61003 *" in text
    assert not {'"lane":', '"first":', '"administered":'} & set(text.split())
