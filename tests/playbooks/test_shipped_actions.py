"""What every shipped action folder must be: complete, linted, and with bounds that hold hostile text."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from gate.catalog.check import check_action

REPOSITORY = Path(__file__).parents[2]
ACTIONS = sorted(folder for folder in (REPOSITORY / "playbooks").iterdir() if folder.is_dir())
KEYS = {"risk", "targets", "reversibility", "check", "on_failure", "timeout_s", "undo_window", "requires", "owner"}
LONG = {("add_authorized_key", "key"): 1600}  # an RSA key of 8192 bits
HOSTILE = [
    "-x",
    "--check",
    "a\n",
    "a\nb",
    "\n",
    "{{ x }}",
    "{% x %}",
    "$(id)",
    "a`id`",
    "a\0",
    "a\N{RIGHT-TO-LEFT OVERRIDE}",
]

each_action = pytest.mark.parametrize("folder", ACTIONS, ids=lambda folder: folder.name)


def options(folder: Path) -> dict[str, dict[str, Any]]:
    return yaml.safe_load((folder / "do.meta.yml").read_text())["argument_specs"][folder.name]["options"]


@each_action
def test_a_folder_is_complete(folder: Path) -> None:
    action = yaml.safe_load((folder / "action.yml").read_text())
    can_be_undone = action["reversibility"] != "none"
    names = {"action.yml", "do.yml", "do.meta.yml", "verify.yml", "README.md"}
    assert names | ({"undo.yml", "proof.yml"} if can_be_undone else set()) <= {place.name for place in folder.iterdir()}
    reason = {"reversibility_reason"} if action["reversibility"] != "full" else set()
    assert action.keys() == (KEYS if can_be_undone else KEYS - {"undo_window"}) | {"phrases"} | reason
    assert 5 <= len(action["phrases"]) <= 10
    for name in ("do", "undo", "verify") if can_be_undone else ("do", "verify"):
        (play,) = yaml.safe_load((folder / f"{name}.yml").read_text())
        assert (play["hosts"], play["gather_facts"]) == ("all", False)
        assert "become" not in play


@each_action
def test_the_catalog_finds_nothing_wrong(folder: Path) -> None:
    assert check_action(folder) == []


@each_action
def test_text_parameters_are_bounded_and_take_nothing_hostile(folder: Path) -> None:
    for name, option in options(folder).items():
        if option["type"] != "str" or "choices" in option:
            continue
        assert option["max_length"] <= LONG.get((folder.name, name), 200), name
        # a value may begin with a dash: it is never an argument of a program
        for text in HOSTILE if name != "value" else HOSTILE[2:]:
            assert not re.fullmatch(option["pattern"], text), (name, text)


@pytest.mark.parametrize("folder", [f for f in ACTIONS if "path" in options(f)], ids=lambda folder: folder.name)
@pytest.mark.parametrize(
    "path",
    [
        "/etc/app/../../x",
        "/etc/app/..",
        "etc/app/x",
        "/etc//x",
        "/etc/app/",
        "/etc/.ssh/x",
        "/etc/-x",
        "/",
        "",
        "/etc/a b",
    ],
)
def test_a_path_is_absolute_plain_and_without_dots(folder: Path, path: str) -> None:
    pattern = options(folder)["path"]["pattern"]
    assert re.fullmatch(pattern, "/etc/app/app-1.2_x.ini")
    assert not re.fullmatch(pattern, path)


def test_ansible_lint_passes_in_its_production_profile() -> None:
    lint = Path(sys.executable).with_name("ansible-lint")
    done = subprocess.run(
        [str(lint), "--offline", "--nocolor", "playbooks", "inventory"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Profile 'production' was required, and it passed." in done.stderr


def test_the_example_inventory_works_wherever_it_is_copied(tmp_path: Path) -> None:
    import json
    import shutil

    shutil.copytree(REPOSITORY / "inventory", tmp_path / "site/inventory")
    inventory = Path(sys.executable).with_name("ansible-inventory")
    done = subprocess.run(
        [str(inventory), "-i", str(tmp_path / "site/inventory"), "--list"], capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout)
    assert set(told["web"]["hosts"]) == {"web-01", "web-02", "web-03"}
    assert told["_meta"]["hostvars"]["web-03"]["gate_environment"] == "staging"
    assert told["_meta"]["hostvars"]["db-01"]["gate_environment"] == "prod"


@pytest.mark.parametrize("name", ["package_version.py", "container_past.py"])
def test_a_module_that_two_actions_share_is_the_same_in_both(name: str) -> None:
    shared = [place for folder in ACTIONS for place in folder.glob(f"library/{name}")]
    assert len(shared) == 2
    assert len({place.read_bytes() for place in shared}) == 1
