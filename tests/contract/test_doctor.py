"""The experiments of doctor name the variant of every host, in every language, and leave it as it was."""

from __future__ import annotations

import re

import pytest

from reconciler.host.interface import Describing
from reconciler.lab.bench import Site
from reconciler.lab.model import UNKNOWN
from reconciler.lab.session import run_trial
from reconciler.lab.simulated.variants import CHOICES, Variants
from reconciler.ports import LANES, PROTOCOLS, PortRange
from tests.contract.conftest import HOST, MakeStage
from tests.contract.pairs import settings_of
from tests.lab.build import MemoryAttempts
from tests.lab.test_which_variant import expected

PORTS = PortRange(61000, 61039)


def test_the_variant_is_named_right_and_nothing_is_left(make_stage: MakeStage, variant: dict[str, str]) -> None:
    stage = make_stage(*settings_of(variant), language=variant["language"])
    for lane in LANES if variant["families"] == "split" else (LANES[0], LANES[2]):
        stage.add(lane, "60999")
        stage.add(lane, "61040", "block")
    before = stage.host.rows(LANES), [stage.host.dynamic_range(protocol) for protocol in PROTOCOLS]
    attempts = MemoryAttempts()
    found = run_trial(Site(stage.host, PORTS, attempts, stage.clock), None)
    wanted = {switch: variant[switch] for switch in CHOICES}
    if HOST != "windows":
        wanted = expected(Variants.parse(settings_of(variant)))
    if HOST == "wine" and wanted["second-add"] == "exists" and variant["language"] != "en":
        wanted["second-add"] = UNKNOWN  # these words are known in English only
    assert found.variant == wanted
    assert [(item.id, item.problem) for item in found.experiments if item.problem] == []
    assert (found.left_over, attempts.data) == ((), None)
    assert (stage.host.rows(LANES), [stage.host.dynamic_range(protocol) for protocol in PROTOCOLS]) == before


def test_a_windows_tells_which_it_is(make_stage: MakeStage) -> None:
    host = make_stage().host
    if not isinstance(host, Describing):
        pytest.skip("a simulated host has no release of its own")
    about = host.describe()
    assert re.fullmatch(r"\d+\.\d+\.\d+", about["version"])
    assert about["oem_code_page"].isdigit()
    assert about["kind"] in ("workstation", "server", "domain controller")
    assert re.fullmatch(r"0x[0-9a-f]{4}", about["language"])
