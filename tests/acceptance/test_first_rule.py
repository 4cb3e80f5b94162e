"""The page about the first rule works as it stands: its marked blocks are run, one after the other, in one shell."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "tutorial" / "first-rule.md"
BLOCK = re.compile(r"<!-- run(?:, exit code (\d+))? -->\n```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)


def script(text: str) -> str:
    """All blocks as one script. It ends at the first block with another exit code than the page says."""
    parts = ["set -euo pipefail\n"]
    for number, (code, block) in enumerate(BLOCK.findall(text), 1):
        wrong = f'{{ echo "block {number} exited with $code" >&2; exit 99; }}'
        parts.append(f"set +e\n{block}code=$?\nset -e\ntest $code -eq {code} || {wrong}\n" if code else block)
    return "".join(parts)


def test_every_shell_block_of_the_page_is_run():
    text = PAGE.read_text()
    assert len(BLOCK.findall(text)) == text.count("```sh\n") > 10


@pytest.mark.slow
def test_the_page_can_be_followed_to_its_end(tmp_path):
    path = os.pathsep.join((str(Path(sys.executable).parent), "/usr/bin", "/bin"))
    done = subprocess.run(
        ["bash", "-x", "-c", script(PAGE.read_text())],
        cwd=tmp_path,
        env={"PATH": path, "HOME": str(tmp_path), "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert "Write param.path." in told
    assert "survives: " in told
    assert "2 decisions compared, 0 would be different" in told
    assert "the rules fail their own test 'an agent stays out of the shop'" in told
    assert "2 decisions agree, 0 do not" in told
    assert not (tmp_path / "my-rules" / "rules" / "config.yml").exists()
