"""Every shipped action that has an undo has its scenario of Molecule, and needs no more for it than its name."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gate.catalog.proof_cases import read_cases
from gate.init import shipped

ROOT = Path(__file__).parents[3]
ACTIONS = {path.parent.name for path in (shipped() / "playbooks").glob("*/undo.yml")}
SCENARIOS = {path.parent.name for path in (ROOT / "molecule").glob("*/molecule.yml")}


def test_every_action_with_an_undo_has_a_scenario_and_no_other_has_one():
    assert ACTIONS
    assert {*ACTIONS, "default"} == SCENARIOS


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_a_scenario_says_only_which_action_it_is_of_and_has_all_that_the_playbooks_need(name):
    assert yaml.safe_load((ROOT / "molecule" / name / "molecule.yml").read_text()) == {"scenario": {"name": name}}
    assert (shipped() / "playbooks" / name / "verify.yml").is_file()
    assert read_cases(shipped() / "playbooks" / name)[0].changes
