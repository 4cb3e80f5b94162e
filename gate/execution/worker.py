"""The child process that runs one warrant: `python -m gate.execution.worker RUN_FOLDER`.

It believes nothing but the signature. The gate may die while it works: it goes on, and its result waits in
its folder. Its files: warrant (in), lease, started, artifacts/, result (out, written whole or not at all).
"""

from __future__ import annotations

import contextlib
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gate.execution import orphans
from gate.execution.boundaries import hold
from gate.execution.environment import take_secrets
from gate.execution.events import observe, reduce_event
from gate.execution.handover import handing_over
from gate.execution.outcome import Observed, Outcome, judge, never_started
from gate.execution.secrecy import Secrecy
from gate.execution.settings import RunSettings
from gate.execution.stopping import Stopping, check_not_asked, is_asked
from gate.execution.warm import client, endings
from gate.execution.workspace import prepare, remove
from gate.inventory.digest import inventory_digest
from gate.values.canonical import canonical
from gate.values.clock import SystemClock
from gate.values.errors import GateError, WarrantError
from gate.values.keys import public_key
from gate.values.lease import Lease
from gate.warrant.model import Phase, Warrant
from gate.warrant.verify import verify

if TYPE_CHECKING:
    from gate.execution.runner import Become


def main(arguments: list[str]) -> int:
    """Runs the warrant in the folder that is named, once."""
    folder = Path(arguments[1]).resolve()
    lease = Lease.take(folder / "lease")
    if lease is None or (folder / "result").exists() or (folder / "started").exists():
        return 1  # somebody else is at it, or it is over, or somebody was and is gone
    lease.sign()
    state = folder.parent.parent
    hosts: tuple[str, ...] = ()
    try:
        settings = RunSettings.read(folder / "settings")
        hold(may_gain=settings.may_gain, limits=settings.limits)
        given = take_secrets(os.environ, settings.variables)
        warrant = admit(folder, state)
        hosts = warrant.hosts
        check_not_asked(folder)
        prepare(warrant, folder / "private")
        secrecy = Secrecy.of(warrant, folder, given)
        sys.stderr = secrecy.guard(sys.stderr)
        spend(state / "spent", warrant)
    except GateError as refused:
        remove(folder / "private")
        write_whole(folder / "result", never_started(hosts, str(refused), stopped=is_asked(folder)).as_json())
        return 1
    outcome = execute(warrant, folder, secrecy)
    remove(folder / "private")
    write_whole(folder / "result", outcome.as_json())
    return 0


def admit(folder: Path, state: Path) -> Warrant:
    """The verified warrant of this folder.

    Raises:
        WarrantError: forged, out of time, for another run, or the inventory is another one.
    """
    signed = (folder / "warrant").read_text()
    warrant = verify(signed, public_key(state / "keys", "warrant"), SystemClock().now())
    if warrant.run_id != folder.name:
        raise WarrantError(
            "The warrant is for another run.", f"It says {warrant.run_id}, not {folder.name}.", "Propose it again."
        )
    if inventory_digest(Path(warrant.inventory)) != warrant.inventory_digest:
        raise WarrantError(
            "The inventory is not the one that was decided on.",
            "A file of it was changed after the decision.",
            "Propose the change again: it will be decided with the new inventory.",
        )
    return warrant


def spend(folder: Path, warrant: Warrant) -> None:
    """Uses the warrant up: from here on nobody can run it again, in any process.

    Raises:
        WarrantError: it was used before.
    """
    try:
        descriptor = os.open(folder / warrant.nonce, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise WarrantError(
            "The warrant was used before.", "A warrant runs once.", "Propose the change again."
        ) from None
    os.fsync(descriptor)
    os.close(descriptor)
    sync_folder(folder)


def execute(warrant: Warrant, folder: Path, secrecy: Secrecy) -> Outcome:
    """Runs it and judges what was seen. Each event is on disk, and on stdout, before the next is taken.

    What Ansible and ansible-runner write themselves stays in the private folder; what may be told of it is copied.
    """
    from gate.execution.runner import run

    seen = Observed()
    stopping = Stopping(folder, warrant.timeout_s, warrant.grace_s).start()
    artifacts, private = folder / "artifacts", folder / "private"
    artifacts.mkdir()
    config = Path(warrant.inventory).parent / "ansible.cfg"
    with (artifacts / "events.jsonl").open("a") as log:

        def on_event(event: dict[str, Any]) -> None:
            ours = reduce_event(event, secrecy, preview=warrant.phase.only_looks)
            if ours is not None:
                observe(seen, ours)
                line = canonical(ours) + "\n"
                log.write(line)
                log.flush()
                if "evidence" in ours:
                    os.fsync(log.fileno())  # undo depends on it
                tell(line)

        (folder / "started").touch()
        sync_folder(folder)
        extra = {**served_warm(warrant, artifacts), **secrecy.environment}
        known = config if config.exists() else None
        with handing_over(private, secrecy.handed):
            ended = run(warrant, private, private / "artifacts", known, extra, on_event, stopping, warm_ansible())
    stop = stopping.settle()
    if seen.stats is None:
        orphans.end(folder)  # Ansible is gone without a word; forks of it may not be
    seen.words += secrecy.keep(private / "artifacts" / "runner", artifacts / "runner")
    undo = warrant.phase is Phase.UNDO
    return judge(warrant.hosts, seen, ended.rc, ended.status, stop, warrant.local, undo=undo)


def served_warm(warrant: Warrant, artifacts: Path) -> dict[str, str]:
    """What has to be in Ansible's environment for the warm servers, if there are any: see gate.execution.warm."""
    if warm_ansible() is None:
        return {}
    return {
        "GATE_PAYLOADS": warrant.action_digest.rpartition(":")[2],
        client.NOTE: str(artifacts / "cold"),
        endings.GRACE: str(warrant.grace_s),
    }


def warm_ansible() -> Become | None:
    """What a fork turns into instead of an ansible-playbook that has to be started; None without warm servers."""
    servers = os.environ.get("GATE_WARM")
    return partial(client.become, Path(servers) / "playbooks") if servers else None


def tell(line: str) -> None:
    """Passes an event on to the gate, if it still lives."""
    with contextlib.suppress(OSError):  # the gate died; the file has the event
        os.write(1, line.encode())


def write_whole(path: Path, value: dict[str, Any]) -> None:
    """Writes JSON so that the file is there completely, after a power cut too, or not at all."""
    draft = path.with_suffix(".tmp")
    with draft.open("w") as file:
        file.write(canonical(value))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
