"""Runs the shipped playbooks by hand, without the gate, on two hosts that are directories."""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import ansible_runner
import pytest

from gate.execution.environment import ansible_environment
from gate.execution.runner import starting
from gate.execution.warm.client import become
from gate.execution.warm.pool import Pool

REPOSITORY = Path(__file__).parents[2]
PLAYBOOKS = REPOSITORY / "playbooks"
BIN = Path(sys.executable).parent
HOSTS = ("one", "two")
INVENTORY = """
all:
  hosts: {one: {}, two: {}}
  vars:
    ansible_connection: local
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
    gate_root: "{{ inventory_dir }}/hosts/{{ inventory_hostname }}"
"""

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
Tree = dict[str, tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What came of one ansible-playbook: its exit code, all it wrote, and per host evidence, changes and failures."""

    rc: int
    text: str
    evidence: dict[str, dict[str, Any]]
    changed: frozenset[str]
    failed: dict[str, str]


def unsafe(value: Any) -> Any:
    """As the gate sends parameters: text that Ansible can never take for a template."""
    match value:
        case str():
            return {"__ansible_unsafe": value}
        case dict():
            return {key: unsafe(inner) for key, inner in value.items()}
        case list():
            return [unsafe(inner) for inner in value]
    return value


def tree(top: Path) -> Tree:
    """Everything below `top`: kind and mode, content or target."""
    found: Tree = {}
    for place in sorted(top.rglob("*")):
        state = place.lstat()
        if stat.S_ISLNK(state.st_mode):
            told = str(place.readlink())
        else:
            told = place.read_bytes().hex() if stat.S_ISREG(state.st_mode) else ""
        found[str(place.relative_to(top))] = (stat.filemode(state.st_mode), told)
    return found


class Site:
    """Two hosts, `one` and `two`, below one directory."""

    def __init__(self, top: Path, pool: Pool) -> None:
        self.top, self.server = top, pool.folder / "playbooks"
        self.runs = 0
        for host in HOSTS:
            self.root(host).mkdir(parents=True)
        (top / "hosts.yml").write_text(INVENTORY)

    def root(self, host: str) -> Path:
        return self.top / "hosts" / host

    def put(self, host: str, path: str, content: bytes | str, mode: int = 0o644) -> Path:
        place = self.root(host) / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
        place.chmod(mode)
        return place

    def trees(self) -> dict[str, Tree]:
        return {host: tree(self.root(host)) for host in HOSTS}

    def play(self, playbook: str, parameters: dict[str, Any], *options: str, **variables: Any) -> Played:
        """`playbook` is ACTION/FILE.yml; `parameters` arrive as the gate sends them, `variables` as they are."""
        self.runs += 1
        room = self.top / f"run-{self.runs}"
        room.mkdir()
        given = room / "given.json"
        given.write_text(json.dumps(unsafe(parameters) | variables))
        (room / "tmp").mkdir()
        with starting(partial(become, self.server)):
            done = ansible_runner.run(
                private_data_dir=str(room),
                playbook=str(PLAYBOOKS / playbook),
                inventory=str(self.top / "hosts.yml"),
                cmdline=" ".join(["--diff", "-e", f"@{given}", *options]),
                envvars=ansible_environment(room, None) | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
                fact_cache_type="",
                quiet=True,
            )
        return played(done)

    def undo(self, action: str, parameters: dict[str, Any], evidence: dict[str, Any], *options: str) -> Played:
        return self.play(f"{action}/undo.yml", {**parameters, "evidence": evidence}, *options)


def played(done: ansible_runner.Runner) -> Played:
    events = [(event["event"], event.get("event_data", {})) for event in done.events]
    ok = [data for kind, data in events if kind == "runner_on_ok"]
    bad = [data for kind, data in events if kind in ("runner_on_failed", "runner_on_unreachable")]
    with done.stdout as file:
        text = COLOUR.sub("", file.read())
    return Played(
        rc=done.rc,
        text=text,
        evidence={
            data["host"]: data["res"]["ansible_stats"]["data"]["undo"] for data in ok if "ansible_stats" in data["res"]
        },
        changed=frozenset(data["host"] for data in ok if data["res"].get("changed")),
        failed={data["host"]: str(data["res"].get("msg")) for data in bad},
    )


@pytest.fixture
def site(tmp_path: Path, warm_pool: Pool) -> Site:
    return Site(tmp_path, warm_pool)


@pytest.fixture
def private_umask() -> Iterator[None]:
    """Modes must come out right even where the user's umask would make everything private."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.fixture(scope="session")
def load() -> Callable[[str], Any]:
    """Loads one of the actions' own Python files, to test what is pure in it without Ansible."""

    def load_file(path: str) -> Any:
        from importlib.util import module_from_spec, spec_from_file_location

        import ansible.module_utils

        beside = str(PLAYBOOKS / Path(path).parts[0] / "module_utils")  # as Ansible does for a playbook
        if beside not in ansible.module_utils.__path__:
            ansible.module_utils.__path__.append(beside)
        spec = spec_from_file_location(Path(path).stem, PLAYBOOKS / path)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load_file
