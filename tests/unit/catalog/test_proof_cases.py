"""proof.yml is read strictly: a case that is misread is a proof of something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from gate.catalog.argument_spec import read_argument_spec
from gate.catalog.check import check_action
from gate.catalog.finding import BrokenActionError
from gate.catalog.load import load_action
from gate.catalog.proof_cases import check_cases, read_cases
from gate.init import shipped

ACTION = shipped() / "playbooks" / "set_config_value"


def written(folder: Path, text: str) -> Path:
    (folder / "proof.yml").write_text(text)
    return folder


def test_a_case_has_a_name_tasks_parameters_and_says_whether_it_changes_anything(tmp_path: Path) -> None:
    text = "- name: so already\n  changes: false\n  pre_tasks: [{ansible.builtin.file: {path: /x}}]\n  vars: {a: 1}\n"
    (case,) = read_cases(written(tmp_path, text))
    assert (case.name, case.changes, case.vars) == ("so already", False, {"a": 1})
    assert case.pre_tasks == ({"ansible.builtin.file": {"path": "/x"}},)


def test_an_action_without_the_file_has_no_cases(tmp_path: Path) -> None:
    assert read_cases(tmp_path) == ()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "no list of 1 to 20 cases"),
        ("[]", "no list of 1 to 20 cases"),
        ("a: 1", "no list of 1 to 20 cases"),
        ("- one", "no list of 1 to 20 cases"),
        ("- {vars: {}}", "name: Field required"),
        ("- {name: 1}", "name: Input should be a valid string"),
        ("- {name: x, changes: 'no'}", "changes: Input should be a valid boolean"),
        ("- {name: x, tasks: []}", "tasks: Extra inputs are not permitted"),
        ("- {name: x, pre_tasks: [x]}", "pre_tasks.0: Input should be a valid dictionary"),
        ("- {name: x}\n- {name: x}", "two cases have the same name"),
        ('- {name: "x\\ny"}', "name: String should match pattern"),
    ],
)
def test_anything_else_is_refused(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(BrokenActionError) as refused:
        read_cases(written(tmp_path, text))
    assert any(what in finding.what for finding in refused.value.findings)
    assert {finding.rule for finding in refused.value.findings} == {"proof"}


def test_parameters_that_the_action_does_not_take_are_found_before_any_host_is_touched(tmp_path: Path) -> None:
    written(tmp_path, "- {name: x, vars: {path: relative, format: ini, key: a, value: b}}")
    (found,) = check_cases(tmp_path, read_argument_spec(ACTION).parameters)
    assert "path" in found.what


@pytest.mark.parametrize("folder", sorted(shipped().glob("playbooks/*/")), ids=lambda folder: folder.name)
def test_the_cases_of_shipped_actions_are_sound(folder: Path) -> None:
    assert check_action(folder) == []
    assert bool(read_cases(folder)) == load_action(folder).has_undo
