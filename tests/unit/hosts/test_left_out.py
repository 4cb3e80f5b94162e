"""Where there can be no real hosts their tests are skipped with a reason; in continuous integration they fail."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from tests.hosts import image, machine

ROOT = Path(__file__).parents[3]
Run = Callable[..., tuple[int, str]]
# pytest for one test that wants hosts, as a user who is not root
AS_A_USER = """\
import os, sys, pytest
os.geteuid = lambda: 1000
options = ["-q", "-p", "tests.hosts.fixtures", "-p", "no:cacheprovider", "-c", "pyproject.toml"]
sys.exit(pytest.main([*options, sys.argv[1]]))
"""


@pytest.fixture
def run_as_a_user(tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """Exit code and words of pytest."""
    file = tmp_path / "test_it.py"
    file.write_text("def test_it(hosts): pass\n")
    kept = {name: value for name, value in os.environ.items() if name not in {"CI", "HOSTS"}}

    def run(**environment: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-c", AS_A_USER, file],
            cwd=ROOT,
            env={**kept, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return done.returncode, done.stdout

    return run


@pytest.mark.slow
def test_without_root_they_are_skipped_with_a_reason(run_as_a_user: Run) -> None:
    code, told = run_as_a_user()
    assert code == 0
    assert "1 skipped" in told
    assert "Real hosts need root" in told


@pytest.mark.slow
def test_in_continuous_integration_they_fail_instead(run_as_a_user: Run) -> None:
    code, told = run_as_a_user(CI="true")
    assert code == 1
    assert "1 error" in told
    assert "Real hosts need root" in told


@pytest.mark.slow
def test_they_can_be_left_out_there_by_name(run_as_a_user: Run) -> None:
    code, told = run_as_a_user(CI="true", HOSTS="no")
    assert code == 0
    assert "HOSTS=no leaves the real hosts out." in told


def test_root_can_have_them_on_debian_or_where_the_programs_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOSTS", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(machine, "PACKAGES", {"sh": "dash"})
    assert machine.left_out() is None
    monkeypatch.setattr(machine, "PACKAGES", {"no-such-program": "no-such-package"})
    monkeypatch.setattr(machine, "PATH", "/nowhere")
    assert machine.left_out() == ("Real hosts need no-such-package, which are installed by themselves on Debian only.")


def test_what_fails_is_told_with_its_own_words() -> None:
    with pytest.raises(machine.HostsError, match=r"sh -c echo no; exit 3 failed with 3:\nno"):
        machine.run("sh", "-c", "echo no; exit 3")
    with pytest.raises(machine.HostsError, match=r"sleep took more than 0\.01 seconds"):
        machine.run("sleep", "60", timeout_s=0.01)


def test_a_month_or_another_recipe_makes_another_image(monkeypatch: pytest.MonkeyPatch) -> None:
    november = image.image_name(date(2026, 11, 1))
    assert image.image_name(date(2026, 11, 30)) == november
    assert image.image_name(date(2026, 12, 1)) != november
    monkeypatch.setattr(image, "OPTIONS", (*image.OPTIONS, "--include=less"))
    assert image.image_name(date(2026, 11, 1)) != november
