"""A new action's folder passes every check before anybody has touched it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from gate.catalog.check import check_action
from gate.catalog.load import load_action
from gate.catalog.new import new_action
from gate.catalog.proof_cases import read_cases
from gate.cli.main import cli
from gate.values.errors import CatalogError

LINT = Path(__file__).parents[3] / ".ansible-lint"


def test_it_passes_and_can_be_proved(tmp_path: Path) -> None:
    files = new_action(tmp_path, "motd_line")
    assert check_action(tmp_path / "motd_line") == []
    action = load_action(tmp_path / "motd_line")
    assert (action.name, action.reversibility, action.has_verify) == ("motd_line", "full", True)
    assert len(read_cases(action.folder)) == 3
    assert not any("NAME" in file.read_text() for file in files)


@pytest.mark.slow
def test_ansible_lint_has_nothing_to_say(tmp_path: Path) -> None:
    new_action(tmp_path / "playbooks", "motd_line")
    lint = Path(sys.executable).with_name("ansible-lint")
    done = subprocess.run(
        [lint, "--offline", "--nocolor", "--profile", "production", "playbooks"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["", "Motd", "motd-line", "../x", "1st", "a" * 100, "hosts"])
def test_a_name_that_is_none_makes_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(CatalogError, match="no name of an action"):
        new_action(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    new_action(tmp_path, "motd_line")
    (tmp_path / "motd_line" / "do.yml").write_text("mine")
    with pytest.raises(CatalogError, match="is there already"):
        new_action(tmp_path, "motd_line")
    assert (tmp_path / "motd_line" / "do.yml").read_text() == "mine"


def test_the_command_says_what_it_made_and_what_comes_next(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["catalog", "new", "motd_line", "--in", str(tmp_path)])
    assert done.exit_code == 0
    assert f"{tmp_path}/motd_line/undo.yml" in done.output
    assert "gate catalog prove motd_line" in done.output
