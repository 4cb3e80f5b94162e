"""A disk that fills up while a run is at work: nothing is called done that is not, and what was changed is known."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gate.execution.outcome import Status
from tests.integration.execution.conftest import Bench

SIZE = 8 * 1024 * 1024
LEFT = (0, 4, 8, 16, 32, 64, 128, 256, 512, 4096)  # KiB when the run begins


@pytest.fixture(params=["cold", "warm"])
def small(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """A bench whose state is on a disk of its own, with little on it."""
    (tmp_path / "state").mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", tmp_path / "state"], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("no disk can be mounted here: it takes root")
    bench = Bench(tmp_path)
    if request.param == "warm":
        bench.warm()
    try:
        yield bench
    finally:
        bench.close()
        subprocess.run(["umount", "-l", tmp_path / "state"], check=True)


def leave(bench: Bench, kilobytes: int) -> Path:
    """Fills the disk but for so much."""
    filler = bench.state / "filler"
    there = os.statvfs(bench.state)
    with filler.open("wb") as file:
        file.write(b"\0" * max(0, there.f_bavail * there.f_frsize - kilobytes * 1024))
    return filler


def test_whatever_is_left_of_the_disk_no_run_lies(small: Bench) -> None:
    seen = set()
    for kilobytes in LEFT:
        small.out().unlink(missing_ok=True)
        warrant = small.warrant(hosts=("web-01",))
        filler = leave(small, kilobytes)
        outcome = small.run(warrant)
        filler.unlink()
        again = small.executor.outcome(warrant.run_id, warrant.hosts)
        changed = small.out().exists()
        seen.add(outcome.status)
        told = (kilobytes, outcome, changed)
        assert outcome.status is not Status.SUCCEEDED or (changed and outcome.evidence), told
        assert outcome.began or not changed, told
        assert outcome.status is not Status.FAILED or not changed, told  # unknown it may be
        assert again.status in {outcome.status, Status.UNKNOWN}, told
    assert Status.SUCCEEDED in seen  # with the most that was left
    assert seen - {Status.SUCCEEDED}


def test_with_room_again_the_next_run_is_as_any(small: Bench) -> None:
    filler = leave(small, 0)
    assert small.run(small.warrant(hosts=("web-01",))).status is not Status.SUCCEEDED
    filler.unlink()
    assert small.run(small.warrant(hosts=("web-01",))).status is Status.SUCCEEDED
