from __future__ import annotations

import pytest

from tests.policy.lint.texts import exclusion, found, messages

PORTS = 'ports = ["20000-40000", 50000]\n'


def test_a_table_that_deletes_is_found_once_for_all_files() -> None:
    table = '[unmanaged]\naction = "delete"\n' + PORTS
    assert found(table + exclusion("a", "8080"), table) == [("R601", "[unmanaged]")]
    assert messages("R601", table) == [
        "deletes every administered exclusion inside 20000-40000, 50000 that no entry declares, also what other "
        "products make at run time; plan with report first"
    ]


@pytest.mark.parametrize("table", ["", "[unmanaged]\n", '[unmanaged]\naction = "report"\n' + PORTS])
def test_a_table_that_deletes_nothing_is_not_found(table: str) -> None:
    assert found(table) == []
