"""Whatever lies in the folder of a run that was lost, its change is unknown, its host is held, and the gate goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gate.changes.model import State
from gate.execution.deaths import Death
from gate.execution.outcome import Status
from gate.execution.remains import MOST_BYTES
from gate.flow.recover import recover
from gate.intent import Intent
from gate.values.lease import Lease

if TYPE_CHECKING:
    Steps = Any
Wish = Callable[..., Intent]
WELL = {"status": "succeeded", "changed": 1, "message": ""}
RESULT: dict[str, Any] = {
    "status": "succeeded", "hosts": {"web-03": WELL}, "evidence": {}, "diff": {}, "note": "", "began": True,
    "stopped": False,
}  # fmt: skip


def write(name: str, content: Any) -> Callable[[Path], None]:
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return lambda folder: (folder / name).write_bytes(text) and None


def result(**changed: Any) -> Callable[[Path], None]:
    return write("result", RESULT | changed)


def huge(folder: Path) -> None:
    with (folder / "result").open("wb") as file:
        file.truncate(MOST_BYTES + 1)


def link(folder: Path) -> None:
    (folder / "elsewhere").write_text(json.dumps(RESULT))
    (folder / "result").symlink_to(folder / "elsewhere")


def events(content: bytes) -> Callable[[Path], None]:
    def put(folder: Path) -> None:
        (folder / "artifacts").mkdir()
        (folder / "artifacts" / "events.jsonl").write_bytes(content)

    return put


def event_pipe(folder: Path) -> None:
    (folder / "artifacts").mkdir()
    os.mkfifo(folder / "artifacts" / "events.jsonl")


REMAINS = {
    "nothing": lambda _folder: None,
    "an empty result": write("result", b""),
    "half a result": write("result", json.dumps(RESULT).encode()[:60]),
    "a result that is no text": write("result", b"\xff\xfe\x00"),
    "a result of zeros, as after a power cut": write("result", b"\0" * 4096),
    "a result that is a list": write("result", []),
    "a result without hosts": result(hosts={}),
    "a result about another host": result(hosts={"web-01": WELL}),
    "a result about more hosts": result(hosts={"web-03": WELL, "web-01": WELL}),
    "a result whose hosts are a list": result(hosts=["web-03"]),
    "a success with a host that failed": result(hosts={"web-03": WELL | {"status": "failed"}}),
    "a success with a host that is unknown": result(hosts={"web-03": WELL | {"status": "unknown"}}),
    "a status that there is not": result(status="fine"),
    "a failure that never began, of a run that did": result(status="failed", began=False, hosts={}),
    "a failure that never began, host by host": result(
        status="failed", began=False, hosts={"web-03": WELL | {"status": "failed"}}
    ),
    "brackets without end": write("result", b"[" * 100_000),
    "a result that is a folder": lambda folder: (folder / "result").mkdir(),
    "a result that is a pipe": lambda folder: os.mkfifo(folder / "result"),
    "a result that is a link": link,
    "a link to nowhere": lambda folder: (folder / "result").symlink_to("/nowhere"),
    "a result without end": huge,
    "events that are no text": events(b"\xff\xfe\n"),
    "events that are lists": events(b"[]\n7\nnull\n"),
    "events without fields": events(b'{"event": "ok", "host": "web-03"}\n{"event": "stats"}\n'),
    "an event that was cut off": events(b'{"event": "started", "host": "web-03"'),
    "events that are a pipe": event_pipe,
    "a lease that is a folder": lambda folder: (folder / "lease").mkdir(),
    "a lease that nobody signed": write("lease", b"{"),
}  # fmt: skip


def lose(steps: Steps, wish: Intent) -> tuple[Any, Path]:
    change = steps.propose(wish)
    folder = steps.site.executor.folder(steps.start_and_die(change).run_id)
    folder.mkdir(parents=True)
    (folder / "started").touch()
    return change, folder


def last_note(steps: Steps, change: Any) -> str:
    told = [entry.data["outcome"] for entry in steps.gate.story(change.id) if entry.kind == "run"]
    return str(told[-1]["note"])


@pytest.mark.parametrize("left", REMAINS.values(), ids=REMAINS.keys())
def test_it_is_unknown(steps: Steps, workers: Wish, left: Callable[[Path], Any]) -> None:
    change, folder = lose(steps, workers("web-03"))
    left(folder)
    recover(steps.site, change.id)
    assert steps.gate.change(change.id).state is State.UNKNOWN
    assert last_note(steps, change)
    assert steps.gate.verify()[0].sound


def test_a_folder_that_is_a_file_is_unknown(steps: Steps, workers: Wish) -> None:
    change, folder = lose(steps, workers("web-03"))
    (folder / "started").unlink()
    folder.rmdir()
    folder.write_text("not a folder")
    recover(steps.site, change.id)
    assert steps.gate.change(change.id).state is State.UNKNOWN


@pytest.mark.parametrize(
    ("boot", "who"), [(None, Death.WORKER), ("another", Death.MACHINE)], ids=["the worker", "the machine"]
)
def test_it_says_who_died(steps: Steps, workers: Wish, boot: str | None, who: Death) -> None:
    change, folder = lose(steps, workers("web-03"))
    lease = Lease.take(folder / "lease")
    assert lease is not None
    lease.sign()
    lease.release()
    if boot:
        signed = json.loads((folder / "lease").read_text())
        (folder / "lease").write_text(json.dumps(signed | {"boot": boot}))
    recover(steps.site, change.id)
    assert last_note(steps, change) == who


def test_what_is_believed_is_what_a_worker_writes(steps: Steps, workers: Wish) -> None:
    # the control: with all in order the same way of losing a run ends well
    _, folder = lose(steps, workers("web-03"))
    result()(folder)
    outcome = steps.site.executor.outcome(folder.name, ("web-03",))
    assert outcome.status is Status.SUCCEEDED
