from __future__ import annotations

import json
import shlex
import threading
from pathlib import Path

import pytest

from gate.execution.handover import PIPE, command_line, handing_over
from gate.warrant.model import Phase


@pytest.mark.parametrize("size", [1, 300_000])
def test_what_is_handed_over_is_read_once_and_is_never_a_file(tmp_path: Path, size: int) -> None:
    given = {"secret": "x" * size}
    with handing_over(tmp_path, given):
        assert (tmp_path / PIPE).is_fifo()
        assert json.loads((tmp_path / PIPE).read_text()) == given
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [1, 300_000])
def test_if_nobody_comes_for_it_nothing_is_left_and_nothing_hangs(tmp_path: Path, size: int) -> None:
    threads = threading.active_count()
    with handing_over(tmp_path, {"secret": "x" * size}):
        pass
    assert list(tmp_path.iterdir()) == []
    assert threading.active_count() == threads


def test_a_reader_that_goes_away_in_between_does_no_harm(tmp_path: Path) -> None:
    with handing_over(tmp_path, {"secret": "x" * 300_000}), (tmp_path / PIPE).open() as file:
        file.read(10)
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_hand_over_makes_no_pipe(tmp_path: Path) -> None:
    with handing_over(tmp_path, {}):
        assert list(tmp_path.iterdir()) == []


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    with handing_over(tmp_path, {"secret": "x"}):
        assert (tmp_path / PIPE).stat().st_mode & 0o777 == 0o600


def test_ansible_is_told_of_the_pipe_only_if_there_is_one(tmp_path: Path) -> None:
    private = tmp_path / "a folder"
    private.mkdir()
    assert command_line(Phase.DO, private) == "--diff"
    with handing_over(private, {"secret": "x"}):
        assert shlex.split(command_line(Phase.CHECK, private)) == [
            "--check",
            "--diff",
            "-v",
            "-e",
            f"@{private / PIPE}",
        ]
