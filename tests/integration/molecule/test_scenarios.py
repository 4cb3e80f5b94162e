"""`molecule test` as people run it, on hosts of its own: every shipped action is done, verified and taken back."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from gate.init import shipped
from gate.values.lease import Lease
from tests.hosts import ground
from tests.hosts.fixtures import must_be_possible
from tests.hosts.lab import Lab
from tests.hosts.machine import RUN

pytestmark = [pytest.mark.hosts, pytest.mark.slow]

ROOT = Path(__file__).parents[3]
LAB = 253  # not that of `make molecule`, nor what other tests take
PATIENCE_S = 1800.0
ACTIONS = sorted(path.parent.name for path in (shipped() / "playbooks").glob("*/undo.yml"))
STEPS = ("converge", "verify", "side_effect")
Molecule = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def lab_number() -> Iterator[int]:
    """The number of a lab of the test alone; down before it, as a killed one may have left it, and down after it."""
    must_be_possible()
    with ground.locked():
        pass  # makes the folder
    with Lease.turn(RUN / "molecule"):
        take_down()
        try:
            yield LAB
        finally:
            take_down()


def take_down() -> None:
    if LAB in ground.numbers():
        Lab.load(LAB).down()


@pytest.fixture
def molecule(tmp_path: Path, lab_number: int) -> Molecule:
    """Runs `molecule WORDS` in a folder."""

    def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
        binaries = Path(sys.executable).parent
        own = {
            "CASE": "",
            "MOLECULE_EPHEMERAL_DIRECTORY": str(tmp_path / "state"),
            "MOLECULE_LAB": str(lab_number),
            "NO_COLOR": "1",
            "PATH": f"{binaries}:{os.environ['PATH']}",
        }
        return subprocess.run(
            [binaries / "molecule", "-c", folder / ".config/molecule/config.yml", *words, "--no-command-borders"],
            cwd=folder,
            env={**os.environ, **own},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )

    return run


def test_every_shipped_action_is_done_and_taken_back_on_hosts_that_all_scenarios_share(molecule: Molecule) -> None:
    done = molecule(ROOT, "test", "--all")
    assert done.returncode == 0, done.stdout[-8000:]
    for step in (f"{action} > {step}" for action in ACTIONS for step in STEPS):
        assert f"{step}: Executed: Successful" in done.stdout
    assert done.stdout.count("PLAY [Make two hosts]") == 1
    assert done.stdout.count("PLAY [Take the hosts away]") == 1
    assert LAB not in ground.numbers()


@pytest.fixture
def forgetful(tmp_path: Path) -> Path:
    """A project with one action, whose undo says that all is well."""
    project, name = tmp_path / "project", "set_config_value"
    for folder in (".config", "molecule/default", "molecule/shared", f"molecule/{name}", f"playbooks/{name}"):
        shutil.copytree(ROOT / folder, project / folder)
    for link in ("gate", "tests"):
        (project / link).symlink_to(ROOT / link)
    undo = project / "playbooks" / name / "undo.yml"
    plays = yaml.safe_load(undo.read_text())
    plays[0]["tasks"][-1] = {"name": "Say so", "ansible.builtin.debug": {"msg": "All is well."}}
    undo.write_text(yaml.safe_dump(plays, sort_keys=False))
    return project


def test_an_undo_that_does_nothing_is_found_out_and_the_hosts_are_taken_away_all_the_same(
    molecule: Molecule, forgetful: Path
) -> None:
    done = molecule(forgetful, "test", "-s", "set_config_value")
    assert done.returncode != 0
    assert "set_config_value > verify: Executed: Successful" in done.stdout
    assert "set_config_value > side_effect: Executed: Failed" in done.stdout
    assert "files: /etc/app/app.ini" in done.stdout
    assert LAB not in ground.numbers()
