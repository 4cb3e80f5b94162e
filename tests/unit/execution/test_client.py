"""The program that ansible-runner finds as ansible-playbook, where nobody answers it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gate.execution.warm.client import write_client


@pytest.mark.parametrize("place", ["plain", "with a space", "x" * 100 + "/" + "y" * 200, 'it\'s "so" $HOME'])
def test_it_starts_cold_wherever_python_lies(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / place
    folder.mkdir(parents=True)
    python = folder / "python"
    python.symlink_to(sys.executable)
    (folder / "ansible-playbook").write_text("import sys; print(sys.argv[1:])")
    monkeypatch.setattr(sys, "executable", str(python))
    client = write_client(tmp_path, tmp_path / "nobody")
    note = tmp_path / "cold"
    done = subprocess.run(
        [client, "do it.yml", "--diff"], env={"GATE_COLD_NOTE": str(note)}, capture_output=True, text=True, check=False
    )
    assert done.stdout == "['do it.yml', '--diff']\n", done.stderr
    assert "no warm Ansible answers" in note.read_text()
