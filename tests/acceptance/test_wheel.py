"""The wheel alone has everything: unpacked into an empty environment, a site is made, checked, changed and undone.

The environment has its own `gate` and borrows the packages it depends on. A folder that a .pth file names is not
searched for further .pth files, so the checkout's editable install does not come along.
"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest

ROOT = Path(__file__).parents[2]
NEEDED = (
    "gate/py.typed", "planner/py.typed", "gate/inventory/reader.py", "gate/inventory/ansible.cfg",
    "gate/policy/engine/driver.py", "gate/execution/worker.py", "gate/database/migrations/env.py",
    "gate/database/migrations/versions/0001_first.py", "gate/shipped/inventory/hosts.yml",
    "gate/shipped/inventory/group_vars/all.yml", "gate/shipped/rules/baseline.yml",
    "gate/shipped/playbooks/set_config_value/library/config_value.py",
    *(
        f"gate/shipped/playbooks/{action}/{name}"
        for action in ("set_config_value", "deploy_release", "restart_service", "rotate_credentials")
        for name in ("action.yml", "do.yml", "do.meta.yml", "undo.yml", "README.md")
    ),
)  # fmt: skip
SCRIPTS = ("ansible-playbook", "ansible-inventory")
CHANGE = (
    "-p",
    "path=/etc/app/app.ini",
    "-p",
    "format=ini",
    "-p",
    "section=server",
    "-p",
    "key=workers",
    "-p",
    "value=8",
)

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Installed:
    """The wheel, the environment it is in, and an empty folder to work in."""

    wheel: Path
    library: Path
    bin: Path
    folder: Path

    def run(self, *words: str, at: Path | None = None, expect: int = 0) -> str:
        # an environment of its own: no PYTHONPATH, nothing of the checkout
        env = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "LANG": "C.UTF-8", "NO_COLOR": "1"}
        done = subprocess.run(
            words, cwd=at or self.folder, env=env, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout

    def gate(self, *words: str, at: Path | None = None, expect: int = 0) -> str:
        return self.run(str(self.bin / "gate"), *words, at=at, expect=expect)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    top = tmp_path_factory.mktemp("wheel")
    built = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(top / "dist"), str(ROOT)]
    done = subprocess.run(built, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = (top / "dist").glob("*.whl")
    venv.create(top / "env", symlinks=True, with_pip=False)
    library = Path(sysconfig.get_path("purelib", vars={"base": str(top / "env"), "platbase": str(top / "env")}))
    install(wheel, library, top / "env/bin")
    (library / "borrowed.pth").write_text(f"{Path(click.__file__).parents[1]}\n")
    (top / "work").mkdir()
    return Installed(wheel, library, top / "env/bin", top / "work")


def install(wheel: Path, library: Path, scripts: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:  # what an installer does with a wheel of pure Python
        archive.extractall(library)
    entries = next(library.glob("ansible_gate-*.dist-info/entry_points.txt")).read_text()
    assert "gate = gate.__main__:main" in entries
    texts = {"gate": "import sys\nfrom gate.__main__ import main\nsys.exit(main())\n"}
    for name in SCRIPTS:
        texts[name] = (Path(sys.executable).parent / name).read_text().partition("\n")[2]
    for name, text in texts.items():
        (scripts / name).write_text(f"#!{scripts / 'python'}\n{text}")
        (scripts / name).chmod(0o755)


def test_the_wheel_has_every_file_that_the_package_needs(installed: Installed) -> None:
    names = set(zipfile.ZipFile(installed.wheel).namelist())
    assert set(NEEDED) <= names
    tracked = subprocess.run(
        ["git", "ls-files", "gate", "planner"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    assert {name for name in tracked if (ROOT / name).exists()} <= names
    assert not {name for name in names if "__pycache__" in name or name.startswith(("tests", "docs", ".gate"))}


def test_it_is_the_wheel_that_is_imported(installed: Installed) -> None:
    python = str(installed.bin / "python")
    script = "import gate, planner, sys; print(gate.__file__, planner.__file__, *sys.path, sep='\\n')"
    first, second, *path = installed.run(python, "-P", "-c", script).splitlines()
    assert [Path(first), Path(second)] == [
        installed.library / "gate/__init__.py",
        installed.library / "planner/__init__.py",
    ]
    assert str(ROOT) not in path
    version = installed.run(python, "-P", "-c", "import gate; print(gate.__version__)").strip()
    assert version in installed.gate("--version")
    assert f"-{version}-" in installed.wheel.name


def test_a_site_made_with_the_wheel_is_changed_and_undone(installed: Installed) -> None:
    installed.gate("init", "site")
    site = installed.folder / "site"
    config = site / "hosts/web-03/etc/app/app.ini"
    config.parent.mkdir(parents=True)
    config.write_text("[server]\nworkers = 4\n")
    assert told(installed.gate("doctor", "-o", "json", at=site))["sound"]
    told(
        installed.gate(
            "plan", "set workers to 8 in section server of /etc/app/app.ini on web-03", "-o", "json", at=site
        )
    )
    change = told(installed.gate("propose", "set_config_value", "--on", "web-03", *CHANGE, "-o", "json", at=site))
    assert (change["state"], config.read_text()) == ("succeeded", "[server]\nworkers = 8\n")
    undone = told(installed.gate("undo", change["id"], "-o", "json", at=site))
    assert (undone["state"], config.read_text()) == ("succeeded", "[server]\nworkers = 4\n")
    assert told(installed.gate("ledger", "verify", "-o", "json", at=site))["sound"]
    for run in (site / ".gate/runs").iterdir():
        command = (run / "artifacts/runner/command").read_text()
        assert not {name for name in ("gate", "planner", "playbooks", "inventory") if f"{ROOT / name}/" in command}


def told(text: str) -> Any:
    return json.loads(text)
