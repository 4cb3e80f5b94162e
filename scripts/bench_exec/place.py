"""Where it is measured: a site that is served, and inventories for the bare command."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml
from times import BIN

from gate import Gate
from gate.client import GateClient
from gate.identity.tokens import os_user
from gate.init import init
from gate.values.actor import Actor, ActorKind

OPTIONS = {
    "slot": {"type": "str", "required": True, "description": "Which one.", "pattern": "[a-z0-9-]+", "max_length": 40}
}
LOCAL_HOSTS = [f"local-{n:02}" for n in range(1, 21)]
ONE = [{"name": "Nothing", "ansible.builtin.command": {"argv": ["/bin/true"]}, "changed_when": True}]
LINE = {"path": "/var/tmp/bench-{{ slot }}", "line": "{{ slot }}", "create": True, "mode": "0600"}
LOCAL_THREE = [
    {"name": "Read", "ansible.builtin.slurp": {"src": "/etc/hostname"}},
    {"name": "Write", "ansible.builtin.lineinfile": {**LINE, "path": "{{ gate_root }}/bench-{{ slot }}"}},
    *ONE,
]
SSH_THREE = [
    {"name": "Read", "ansible.builtin.slurp": {"src": "/etc/hostname"}},
    {"name": "Write", "ansible.builtin.lineinfile": LINE},
    {"name": "Reload", "ansible.builtin.systemd_service": {"name": "nginx.service", "state": "reloaded"}},
]
PING = [{"name": "Ask", "ansible.builtin.ping": {}}]
MARK = [
    {
        "name": "Mark",
        "ansible.builtin.file": {"path": "{{ gate_root }}/mark-{{ slot }}", "state": "touch", "mode": "0600"},
    }
]
ACTIONS = {"one": ONE, "local_three": LOCAL_THREE, "ssh_three": SSH_THREE, "ask": PING, "mark": MARK}
RULES = """\
- rule: anything-in-test
  when: {environment: test}
  then: allow
  because: This measures.
"""


@dataclass
class Place:
    """Where it is measured: a home of its own, a site that is served, and inventories for the bare command."""

    root: Path
    gate: Gate
    client: GateClient
    numbers: Iterator[int]

    def slot(self) -> str:
        return f"s{next(self.numbers)}"

    def inventory(self, name: str) -> Path:
        return self.root / f"{name}.yml"


def playbook(tasks: list[dict[str, Any]]) -> str:
    return yaml.safe_dump([{"name": "Bench", "hosts": "all", "gather_facts": False, "tasks": tasks}], sort_keys=False)


def make_site(root: Path, hosts: dict[str, Any]) -> None:
    init(root, os_user().name, actions=())
    for name in ("rules", "inventory"):
        shutil.rmtree(root / name)
        (root / name).mkdir()
    (root / "rules" / "baseline.yml").write_text(RULES)
    (root / "inventory" / "hosts.yml").write_text(
        yaml.safe_dump({"all": {"vars": {"gate_environment": "test"}, "children": hosts}})
    )
    for name, tasks in ACTIONS.items():
        folder = root / "playbooks" / name
        folder.mkdir(parents=True)
        spec = {"short_description": name, "options": OPTIONS}
        meta = {"short_description": name, "description": f"{name}.", "argument_specs": {name: spec}}
        (folder / "do.meta.yml").write_text(yaml.safe_dump(meta, sort_keys=False))
        (folder / "do.yml").write_text(playbook(tasks))
        manifest = {
            "risk": 10, "targets": {"groups": sorted(hosts), "max_hosts": 500}, "reversibility": "none",
            "reversibility_reason": "It measures.", "check": "none", "on_failure": "stop",
            "timeout_s": 600, "undo_window": "1d",
            "requires": {"collections": []}, "owner": "bench", "phrases": [name],
        }  # fmt: skip
        (folder / "action.yml").write_text(yaml.safe_dump(manifest, sort_keys=False))
        (folder / "README.md").write_text(f"# {name}\n")


@contextlib.contextmanager
def served(root: Path, hosts: dict[str, Any]) -> Iterator[Place]:
    """A site with these groups of hosts, served by `gate serve` in a process of its own."""
    make_site(root / "site", hosts)
    for group in hosts.values():
        for name in group["hosts"]:
            (root / "trees" / name).mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "HOME": str(root)}
    with Gate.open(root / "site", works=False) as gate:
        _, token = gate.new_token(Actor(ActorKind.AGENT, "bench"), ["propose", "read"], timedelta(days=1))
        with (root / "serve.log").open("wb") as words:
            server = subprocess.Popen(
                [BIN / "gate", "serve"], cwd=root / "site", env=environment, stdout=words, stderr=words
            )
        try:
            socket = root / "site" / ".gate" / "gate.sock"
            until(lambda: socket.exists() or server.poll() is not None)
            warm = root / "site" / ".gate" / "warm"
            until(lambda: any(warm.glob("*/playbooks")) or server.poll() is not None)
            if server.poll() is not None:
                raise SystemExit((root / "serve.log").read_text())
            with GateClient(f"unix:{socket}", token) as client:
                yield Place(root, gate, client, iter(range(1_000_000)))
        finally:
            server.terminate()
            server.wait(60)


def until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise SystemExit("the bench waited in vain")
        time.sleep(0.001)


def groups(root: Path, lab: Any) -> dict[str, Any]:
    """The groups of the site: twenty local hosts with a folder each, and the real ones of a lab."""
    local = {"ansible_connection": "local", "ansible_python_interpreter": "/usr/bin/python3"}
    found: dict[str, Any] = {"local": {"hosts": dict.fromkeys(LOCAL_HOSTS), "vars": local}}
    if lab is not None:
        told = lab.inventory["all"]
        found["web"] = {"hosts": told["children"]["web"]["hosts"], "vars": told["vars"]}
    for group in found.values():
        group["vars"]["gate_root"] = f"{root}/trees/{{{{ inventory_hostname }}}}"
    return found


def write_inventories(place: Path, hosts: dict[str, Any]) -> None:
    """`tuned` as the site has them; `plain` without the interpreter, which Ansible then looks for in every run."""
    for name in ("plain", "tuned", "race"):
        children = json.loads(json.dumps(hosts))
        if name == "plain":
            for group in children.values():
                group["vars"].pop("ansible_python_interpreter")
        if name == "race" and "local" in children:
            children = {"local": {**children["local"], "hosts": {"local-01": None}}}
        (place / f"{name}.yml").write_text(yaml.safe_dump({"all": {"children": children}}))


def drop_connections(root: Path) -> None:
    for socket in [*root.glob(".ansible/cp/*"), *root.glob(".ansible/gate/*"), *root.glob("tuned/*")]:
        subprocess.run(["ssh", "-O", "exit", "-o", f"ControlPath={socket}", "x"], capture_output=True, check=False)
    until(lambda: not [*root.glob(".ansible/cp/*"), *root.glob(".ansible/gate/*"), *root.glob("tuned/*")])
