"""The quick start of the README works as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MARK = "<!-- run by tests/acceptance/test_readme.py -->\n"
ELSEWHERE = ("make ", "git clone ", "pip ", "python -m pip ")  # continuous integration runs these otherwise


def quick_start() -> str:
    (block,) = re.findall(
        re.escape(MARK) + r"```sh\n(.*?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE
    )
    return "".join(line for line in block.splitlines(keepends=True) if not line.startswith(ELSEWHERE))


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join((str(Path(sys.executable).parent), "/usr/bin", "/bin"))
    return subprocess.run(
        ["bash", "-eux", "-o", "pipefail", "-c", script],
        cwd=folder,
        env={"PATH": path, "HOME": str(folder), "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )


def test_the_quick_start_is_short():
    assert 0 < len(quick_start().replace("\\\n", "").splitlines()) <= 8


@pytest.mark.slow
def test_every_command_of_the_quick_start_succeeds(tmp_path):
    done = run(quick_start(), tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (tmp_path / "my-site/hosts/web-03/etc/app/app.ini").exists()  # it was there, and was undone
    assert "workers = 8" in done.stdout


def test_a_command_that_fails_fails_the_test(tmp_path):
    assert run("true\nfalse\ntrue", tmp_path).returncode != 0
