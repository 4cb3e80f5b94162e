"""Secrets and warm servers: a site with a vault is served warm, and no server ever has a secret."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gate.execution.outcome import Status
from gate.execution.settings import RunSettings, SecretSource

if TYPE_CHECKING:
    Bench = Any

pytestmark = pytest.mark.parametrize("bench", ["cold"], indirect=True)  # it is made warm here, with its vault
VAULTED, KEY = "canary-vaulted-31", "canary-key-31"
META = """\
short_description: Write
argument_specs:
  write:
    options:
      key: {type: str, required: true, no_log: true}
"""
DO = """\
- hosts: all
  gather_facts: false
  tasks:
    - name: Write it
      ansible.builtin.copy: {content: "{{ vaulted }}:{{ key }}", dest: "{{ root }}/out", mode: "0600"}
      no_log: true
"""


def test_a_site_with_a_vault_is_served_warm_and_no_server_has_a_secret(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = bench.root / "password"
    password.write_text("canary-password-31\n")
    command = [Path(sys.executable).parent / "ansible-vault", "encrypt_string", "--vault-id", f"a@{password}"]
    made = subprocess.run([*command, "--name", "vaulted", VAULTED], capture_output=True, text=True, check=True).stdout
    (bench.inventory / "group_vars").mkdir()
    (bench.inventory / "group_vars" / "all.yml").write_text(made)
    (bench.action / "do.meta.yml").write_text(META)
    bench.write(DO)
    settings = RunSettings(
        root=str(bench.root),
        vaults=(f"a@{password}",),
        secrets={"key": SecretSource(actions=("write",), env="APP_KEY")},
    )
    monkeypatch.setenv("APP_KEY", KEY)
    pool = bench.warm(settings=settings)
    bench.executor = replace(bench.executor, settings=settings)
    for _ in range(2):
        warrant = bench.warrant(parameters={"key": "key"})
        outcome = bench.run(warrant)
        assert outcome.status is Status.SUCCEEDED, outcome
        assert bench.out().read_text() == f"{VAULTED}:{KEY}"
        assert not (bench.executor.folder(warrant.run_id) / "artifacts" / "cold").exists()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command_line, environment = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
        except OSError:
            continue
        if str(pool.folder).encode() in command_line:
            assert b"canary" not in environment
            assert b"canary" not in command_line
    written = b"".join(path.read_bytes() for path in bench.state.rglob("*") if path.is_file())
    assert not [canary for canary in (VAULTED, KEY, "canary-password-31") if canary.encode() in written]
