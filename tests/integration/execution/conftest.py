"""An executor of its own: keys, one action, two local hosts; and warrants as the gate would sign them."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gate.catalog.digest import digest_folder
from gate.execution.executor import RunnerExecutor
from gate.execution.outcome import Outcome
from gate.execution.warm.pool import Pool
from gate.inventory.digest import inventory_digest
from gate.values.keys import make_key, private_key
from gate.warrant.model import Phase, Warrant
from gate.warrant.sign import sign

INVENTORY = """\
all:
  vars:
    ansible_connection: local
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
    root: "{{ inventory_dir }}/../hosts/{{ inventory_hostname }}"
  hosts: {web-01: , web-02: }
"""
DO = """\
- hosts: all
  gather_facts: false
  tasks:
    - name: Record
      ansible.builtin.set_stats: {data: {undo: {before: nothing}}, per_host: true}
    - name: Write
      ansible.builtin.copy: {content: "{{ text }}", dest: "{{ root }}/out", mode: "0600"}
"""


class Bench:
    """`warrant` makes one, `run` signs and runs it, `write` changes the action, `out` is what a host got."""

    def __init__(self, root: Path) -> None:
        self.root, self.state = root, root / "state"
        self.action, self.inventory = root / "playbooks" / "write", root / "inventory"
        self.executor = RunnerExecutor(self.state)
        self._pool: Pool | None = None
        self._numbers = itertools.count(1)
        for folder in (self.state / "keys", self.state / "runs", self.state / "spent", self.action, self.inventory):
            folder.mkdir(parents=True)
        for host in ("web-01", "web-02"):
            (root / "hosts" / host).mkdir(parents=True)
        (self.inventory / "hosts.yml").write_text(INVENTORY)
        make_key(self.state / "keys", "warrant")
        self.write(DO)

    def warm(self, **options: Any) -> Pool:
        """From now on runs are forked from warm servers of its own; returns when these are ready."""
        self._pool = Pool(self.state, self.root / "ansible.cfg", **options)
        self._pool.start()
        self.use(self._pool)
        return self._pool

    def use(self, pool: Pool) -> None:
        """From now on runs are forked from these warm servers; returns when they are ready."""
        assert pool.ready(60)
        self.executor = RunnerExecutor(self.state, pool)

    def close(self) -> None:
        if self._pool is not None:
            self._pool.close()

    def write(self, do: str) -> None:
        (self.action / "do.yml").write_text(do)

    def warrant(self, **values: Any) -> Warrant:
        now = datetime.now(UTC)
        given: dict[str, Any] = {
            "run_id": f"run-{next(self._numbers)}",
            "change_id": "chg-1",
            "phase": Phase.DO,
            "action": "write",
            "folder": str(self.action),
            "action_digest": digest_folder(self.action),
            "inventory": str(self.inventory),
            "inventory_digest": inventory_digest(self.inventory),
            "hosts": ("web-01",),
            "local": ("web-01", "web-02"),
            "parameters": {"text": "hello"},
            "evidence": {},
            "timeout_s": 60,
            "grace_s": 10,
            "not_before": now - timedelta(seconds=1),
            "expires_at": now + timedelta(seconds=60),
            "nonce": secrets.token_hex(16),
        }
        return Warrant(**{**given, **values})

    def sign(self, warrant: Warrant) -> str:
        return sign(warrant, private_key(self.state / "keys", "warrant"))

    def run(
        self, warrant: Warrant, signed: str | None = None, on_event: Callable[[Any], None] = lambda _: None
    ) -> Outcome:
        return self.executor.run(warrant.run_id, signed or self.sign(warrant), warrant.hosts, on_event)

    def out(self, host: str = "web-01") -> Path:
        return self.root / "hosts" / host / "out"


@pytest.fixture(params=["cold", "warm"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    if request.param == "warm":
        bench.use(request.getfixturevalue("warm_pool"))
    yield bench
    bench.close()
