"""The tutorial works as it stands there: its marked blocks are run, one after the other, in one shell."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "tutorial" / "first-change.md"
BLOCK = re.compile(r"<!-- run(?:, exit code (\d+))? -->\n```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)


def script(text: str) -> str:
    """All blocks as one script. It ends at the first block with another exit code than the page says."""
    parts = []
    for number, (code, block) in enumerate(BLOCK.findall(text), 1):
        if code:
            parts.append(f"set +e\n{block}code=$?\nset -e\n")
            parts.append(f'test $code -eq {code} || {{ echo "block {number} exited with $code" >&2; exit 99; }}\n')
        else:
            parts.append(block)
    return "set -euo pipefail\n" + "".join(parts)


def run(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join((str(Path(sys.executable).parent), "/usr/bin", "/bin"))
    return subprocess.run(
        ["bash", "-x", "-c", script(text)],
        cwd=folder,
        env={"PATH": path, "HOME": str(folder), "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_every_shell_block_of_the_tutorial_is_run():
    text = PAGE.read_text()
    assert len(BLOCK.findall(text)) == text.count("```sh\n") > 5


@pytest.mark.slow
def test_the_tutorial_can_be_followed_to_its_end(tmp_path):
    done = run(PAGE.read_text(), tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    values = re.findall(r"^\[server\]\n(workers = \d)$", done.stdout, re.MULTILINE)
    assert values == ["workers = 8", "workers = 4", "workers = 8", "workers = 4"]
    assert (tmp_path / "my-site/hosts/web-03/etc/app/app.ini").read_text() == "[server]\nworkers = 4\n"


@pytest.mark.parametrize(
    "text",
    [
        "<!-- run -->\n```sh\nfalse\ntrue\n```\n",
        "<!-- run, exit code 2 -->\n```sh\ntrue\n```\n",
        "<!-- run, exit code 2 -->\n```sh\n(exit 3)\n```\n",
    ],
)
def test_a_block_that_ends_otherwise_than_the_page_says_fails_the_test(text, tmp_path):
    assert run(text, tmp_path).returncode != 0
