"""ansible-runner, called once and in one way. Nobody else imports it."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import ansible_runner
import pexpect.expect
import pexpect.utils
import ptyprocess
from ansible_runner.config.runner import RunnerConfig

from gate.execution.environment import ansible_environment
from gate.execution.handover import command_line
from gate.execution.workspace import PLAYBOOKS
from gate.warrant.model import Warrant

# at the end of Ansible ptyprocess would sleep for 0.1 s, in case it had to be killed; by then it is over
ptyprocess.PtyProcess.delayafterclose = property(lambda _: 0, lambda _, __: None)
# pexpect waits by the clock that people set: were it set back, nobody would look at the run for as long as that
_steady = SimpleNamespace(time=time.monotonic, sleep=time.sleep)
pexpect.expect.time = pexpect.utils.time = _steady
_spawn = ptyprocess.PtyProcess.spawn

Become = Callable[[Sequence[str], Mapping[str, str]], NoReturn]


@dataclass(frozen=True, slots=True)
class Ended:
    """How ansible-runner ended: `rc` is None when Ansible never gave one."""

    rc: int | None
    status: str


def run(
    warrant: Warrant,
    private: Path,
    artifacts: Path,
    config: Path | None,
    extra: Mapping[str, str],
    on_event: Callable[[dict[str, Any]], None],
    to_kill: Callable[[], bool],
    become: Become | None = None,
) -> Ended:
    """Runs the warrant's playbook on exactly its hosts, in the prepared folder `private`; blocks until it ends.

    `extra` is added to the environment of Ansible. `to_kill` is asked several times a second; Ansible is killed when
    it says so. `become` is called in the fork that was about to start ansible-playbook, and is it instead.
    """

    def handle(event: dict[str, Any]) -> bool:
        on_event(event)
        return False  # our own log takes the place of one file an event

    with starting(become):
        runner = ansible_runner.run(
            private_data_dir=str(private),
            artifact_dir=str(artifacts),
            ident="runner",
            playbook=PLAYBOOKS[warrant.phase],
            inventory=warrant.inventory,
            limit=",".join(warrant.hosts),
            cmdline=command_line(warrant.phase, private),
            envvars={**ansible_environment(private, config), **extra},
            settings={"pexpect_timeout": 0.25},
            cancel_callback=to_kill,
            fact_cache_type="",
            event_handler=handle,
            quiet=True,
        )
    return Ended(rc=runner.rc if isinstance(runner.rc, int) else None, status=str(runner.status))


@contextlib.contextmanager
def starting(become: Become | None) -> Iterator[None]:
    """Until the block is left, `become` is what ansible-runner starts in this process; None: what it finds on disk."""
    ptyprocess.PtyProcess.spawn = _spawn if become is None else partial(_spawn_as, become)
    try:
        yield
    finally:
        ptyprocess.PtyProcess.spawn = _spawn


def _spawn_as(become: Become, argv: list[bytes], *, preexec_fn: Callable[[], None], **rest: Any) -> Any:
    def turn() -> None:
        preexec_fn()
        become([os.fsdecode(word) for word in argv], rest["env"])

    return _spawn(argv, preexec_fn=turn, **rest)


def environment_of_a_run(config: Path | None) -> dict[str, str]:
    """The environment that Ansible would have in a run with this ansible.cfg, but for what is the run's own."""
    with tempfile.TemporaryDirectory() as folder:
        private = Path(folder)
        (private / "project").mkdir()
        (private / "project" / "none.yml").touch()
        (private / "env").mkdir()
        made = RunnerConfig(str(private), playbook="none.yml", ident="none", fact_cache_type="", quiet=True)
        os.environ.update(ansible_environment(private, config))
        made.prepare()
    return {name: str(value) for name, value in made.env.items()}
