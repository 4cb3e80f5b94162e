from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gate.catalog.digest import digest_folder
from gate.execution.environment import ansible_environment, worker_environment
from gate.execution.worker import spend
from gate.execution.workspace import extra_variables, prepare, unsafe
from gate.values.errors import GateError, WarrantError
from gate.warrant.model import Phase, Warrant


@pytest.fixture
def warrant(tmp_path: Path) -> Warrant:
    folder = tmp_path / "action"
    folder.mkdir()
    (folder / "do.yml").write_text("[]")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Warrant(
        run_id="run-1",
        change_id="chg-1",
        phase=Phase.DO,
        action="action",
        folder=str(folder),
        action_digest=digest_folder(folder),
        inventory="/i",
        inventory_digest="",
        hosts=("web-01",),
        parameters={"text": "{{ 1 }}", "n": 1},
        evidence={"web-01": {"before": "{{ 2 }}"}},
        timeout_s=1,
        not_before=now,
        expires_at=now,
        nonce="ab" * 16,
    )


@pytest.fixture
def private(tmp_path: Path) -> Path:
    made = tmp_path / "private"
    made.mkdir()
    return made


def test_every_text_is_marked_however_deep_it_lies() -> None:
    given = {"a": "x", "b": [{"c": ["y", 1, None, True, 1.5]}], "d": ("z",)}
    assert unsafe(given) == {
        "a": {"__ansible_unsafe": "x"},
        "b": [{"c": [{"__ansible_unsafe": "y"}, 1, None, True, 1.5]}],
        "d": [{"__ansible_unsafe": "z"}],
    }


@pytest.mark.parametrize("key", ["__ansible_unsafe", "__ansible_vault", "__ansible_type", "__ansible", 1])
def test_a_reserved_key_is_refused_however_deep_it_lies(key: Any) -> None:
    with pytest.raises(WarrantError, match="reserved key"):
        unsafe({"a": [{key: "x"}]})


@pytest.mark.parametrize("value", [b"x", {1}, object()])
def test_what_json_has_no_word_for_does_not_travel(value: Any) -> None:
    with pytest.raises(WarrantError, match="cannot travel"):
        unsafe([value])


def test_evidence_travels_for_undo_alone_and_is_marked_too(warrant: Warrant) -> None:
    assert "evidence" not in extra_variables(warrant)
    assert extra_variables(replace(warrant, phase=Phase.UNDO))["evidence"] == {
        "web-01": {"before": {"__ansible_unsafe": "{{ 2 }}"}}
    }


def test_a_prepared_folder_holds_the_copied_action_and_the_parameters(warrant: Warrant, private: Path) -> None:
    prepare(warrant, private)
    assert (private / "project" / "do.yml").read_text() == "[]"
    assert json.loads((private / "env" / "extravars").read_text()) == {"text": {"__ansible_unsafe": "{{ 1 }}"}, "n": 1}


@pytest.mark.parametrize(
    "host", ["all", "ungrouped", "web*", "a:b", "!a", "@f", "-i", "", "a,b", "a b", "~a", "a\n", "a[0]"]
)
def test_a_host_that_ansible_could_read_as_a_pattern_is_not_pinned(warrant: Warrant, private: Path, host: str) -> None:
    with pytest.raises(WarrantError, match="pinned"):
        prepare(replace(warrant, hosts=("web-01", host)), private)


def test_no_host_would_mean_every_host(warrant: Warrant, private: Path) -> None:
    with pytest.raises(WarrantError, match="every host"):
        prepare(replace(warrant, hosts=()), private)


def _edit(folder: Path) -> None:
    (folder / "do.yml").write_text("[] ")


def _add(folder: Path) -> None:
    (folder / "library").mkdir()
    (folder / "library" / "copy.py").write_text("")


def _executable(folder: Path) -> None:
    (folder / "do.yml").chmod(0o755)


def _link(folder: Path) -> None:
    (folder / "do.yml").unlink()
    (folder / "do.yml").symlink_to("/etc/hostname")


def _pipe(folder: Path) -> None:
    os.mkfifo(folder / "pipe")


def _gone(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))


@pytest.mark.parametrize("tamper", [_edit, _add, _executable, _link, _pipe, _gone])
def test_a_folder_that_was_changed_after_the_decision_does_not_run(
    warrant: Warrant, private: Path, tamper: Callable[[Path], None]
) -> None:
    tamper(Path(warrant.folder))
    with pytest.raises(GateError):
        prepare(warrant, private)


@pytest.mark.parametrize("cache", ["__pycache__", ".ansible"])
def test_what_has_no_digest_is_not_copied(warrant: Warrant, private: Path, cache: str) -> None:
    planted = Path(warrant.folder) / "library" / cache
    planted.mkdir(parents=True)
    (planted / "x.py").write_text("evil")
    prepare(warrant, private)
    assert not list((private / "project").rglob("x.py"))


def test_a_warrant_is_spent_once(warrant: Warrant, tmp_path: Path) -> None:
    spend(tmp_path, warrant)
    with pytest.raises(WarrantError, match="used before"):
        spend(tmp_path, warrant)


def test_the_environment_is_a_list_and_no_inheritance(tmp_path: Path) -> None:
    inherited = {
        "HOME": "/h",
        "AWS_SECRET_ACCESS_KEY": "canary",
        "ANSIBLE_CONFIG": "/evil",
        "PATH": "/evil",
        "LD_PRELOAD": "x",
    }
    made = worker_environment(inherited)
    assert made["HOME"] == "/h"
    assert "/evil" not in str(made)
    assert made.keys() == {"HOME", "PATH", "LANG", "LC_ALL"}


def test_host_keys_are_checked_and_no_strange_configuration_is_read(tmp_path: Path) -> None:
    made = ansible_environment(tmp_path, None)
    assert made["ANSIBLE_HOST_KEY_CHECKING"] == "True"
    assert [line for line in Path(made["ANSIBLE_CONFIG"]).read_text().splitlines() if not line.startswith("#")] == []
    assert ansible_environment(tmp_path, Path("/site/ansible.cfg"))["ANSIBLE_CONFIG"] == "/site/ansible.cfg"


@pytest.mark.parametrize(("length", "private"), [(40, True), (75, True), (76, False), (120, False)])
def test_temporary_files_are_in_the_runs_folder_where_a_socket_can_be_made_there(length: int, private: bool) -> None:
    folder = Path("/" + "x" * (length - len("//tmp")))
    assert len(str(folder / "tmp")) == length
    assert ("TMPDIR" in ansible_environment(folder, None)) is private
