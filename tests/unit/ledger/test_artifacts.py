from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gate.ledger import artifacts
from gate.ledger.entry import Entry
from gate.ledger.verify import Problem

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def sealed(tmp_path: Path) -> Entry:
    folder = tmp_path / "runs" / "run-1"
    (folder / "artifacts").mkdir(parents=True)
    (folder / "result").write_text("{}")
    (folder / "artifacts" / "stdout").write_text("ok")
    (folder / "link").symlink_to("/etc/hostname")
    data = {"artifacts": artifacts.seal(folder, under=tmp_path)}
    return Entry.new(7, "run", "gate", data, now=NOW, change_id="chg-1")


def test_untouched_artifacts_are_sound(sealed: Entry, tmp_path: Path) -> None:
    assert sorted(sealed.data["artifacts"]["files"]) == ["artifacts/stdout", "link", "result"]
    assert artifacts.verify([sealed], tmp_path) == []


def _relink(folder: Path) -> None:
    (folder / "link").unlink()
    (folder / "link").symlink_to("/etc/passwd")


def _into_folder(folder: Path) -> None:
    (folder / "result").unlink()
    (folder / "result").mkdir()


TAMPER: dict[str, Callable[[Path], object]] = {
    "stdout is not what was sealed": lambda folder: (folder / "artifacts" / "stdout").write_text("no"),
    "result is missing": lambda folder: (folder / "result").unlink(),
    "artifact new was added": lambda folder: (folder / "new").write_text(""),
    "link is not what was sealed": _relink,
    "artifact result is missing": _into_folder,
}


@pytest.mark.parametrize("told", TAMPER)
def test_tampering_with_an_artifact_is_told_with_its_name(sealed: Entry, tmp_path: Path, told: str) -> None:
    TAMPER[told](tmp_path / "runs" / "run-1")
    problems = artifacts.verify([sealed], tmp_path)
    assert [problem.seq for problem in problems] == [7]
    assert told in problems[0].what


def test_a_folder_that_is_gone_is_told_file_by_file(sealed: Entry, tmp_path: Path) -> None:
    (tmp_path / "runs").rename(tmp_path / "elsewhere")
    found = artifacts.verify([sealed], tmp_path)
    assert len(found) == 3
    assert all(isinstance(problem, Problem) and "is missing" in problem.what for problem in found)
