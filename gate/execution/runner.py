"""ansible-runner, called once and in one way. Nobody else imports it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ansible_runner

from gate.execution.environment import ansible_environment
from gate.execution.workspace import PLAYBOOKS
from gate.warrant.model import Phase, Warrant


@dataclass(frozen=True, slots=True)
class Ended:
    """How ansible-runner ended: `rc` is None when Ansible never gave one."""

    rc: int | None
    status: str


def run(
    warrant: Warrant, private: Path, artifacts: Path, config: Path | None, on_event: Callable[[dict[str, Any]], None]
) -> Ended:
    """Runs the warrant's playbook on exactly its hosts, in the prepared folder `private`; blocks until it ends."""

    def handle(event: dict[str, Any]) -> bool:
        on_event(event)
        return False  # our own log takes the place of one file an event

    runner = ansible_runner.run(
        private_data_dir=str(private),
        artifact_dir=str(artifacts),
        ident="runner",
        playbook=PLAYBOOKS[warrant.phase],
        inventory=warrant.inventory,
        limit=",".join(warrant.hosts),
        cmdline="--check --diff" if warrant.phase is Phase.CHECK else "--diff",
        envvars=ansible_environment(private, config),
        settings={"job_timeout": warrant.timeout_s, "pexpect_timeout": 0.25},
        fact_cache_type="",
        event_handler=handle,
        quiet=True,
    )
    return Ended(rc=runner.rc if isinstance(runner.rc, int) else None, status=str(runner.status))
