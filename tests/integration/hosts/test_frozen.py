"""A host that freezes in the middle of a change, or of its undo: nobody guesses, and in the end it is what it was."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gate.app import Gate
from gate.catalog.new import new_action
from gate.changes.model import Change, State, WaitingFor
from gate.intent import Intent

if TYPE_CHECKING:
    from tests.hosts.host import Host

PATIENCE_S = 120.0
FILE = "/etc/slow_line.conf"
# the last task of do and of undo waits a little before it begins, and leaves a mark while it does
SLOW = """\
    - name: Take a little time
      ansible.builtin.command: {{argv: [sh, -c, "touch /run/at-{phase}; sleep {seconds}; rm -f /run/at-{phase}"]}}
      changed_when: true

"""


@pytest.fixture
def slow(site: Path) -> Path:
    """An action that writes a line and takes its time."""
    new_action(site / "playbooks", "slow_line")
    folder = site / "playbooks" / "slow_line"
    for name, before in (("do", "    - name: Write the file\n"), ("undo", "    - name: Write what was there\n")):
        text = (folder / f"{name}.yml").read_text()
        (folder / f"{name}.yml").write_text(text.replace(before, SLOW.format(phase=name, seconds=4) + before))
    (folder / "verify.yml").unlink()
    return folder


def wish(line: str) -> Intent:
    return Intent.of("slow_line", ["web-01"], {"line": line}, "A test.")


def content(host: Host) -> str:
    return host.run("sh", "-c", f"cat {FILE} 2>/dev/null || echo none").strip()


def eventually(found: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not found():
        assert time.monotonic() < deadline, f"it never came about that {what}"
        time.sleep(0.05)


def at(host: Host, phase: str) -> Callable[[], bool]:
    return lambda: host.run("sh", "-c", f"ls /run/at-{phase} 2>/dev/null || true").strip() != ""


def lost(gate: Gate, host: Host, change: Change, phase: str) -> Change:
    """The host freezes while it is at work, and stays so until the gate has given it up."""
    eventually(at(host, phase), f"{phase} is at work")
    host.freeze()
    ended = gate.wait(change.id, PATIENCE_S)
    assert ended.state is State.UNKNOWN, gate.runs(change.id)
    return ended


def comes_back(host: Host, phase: str) -> None:
    host.thaw()
    eventually(lambda: not at(host, phase)(), "what was under way there has ended")


@pytest.mark.usefixtures("slow")
def test_what_was_lost_is_unknown_and_held_and_can_be_settled_and_taken_back(
    gate: Gate, ask: Callable[[Intent], Change], hosts: tuple[Host, ...]
) -> None:
    host = hosts[0]
    host.run("sh", "-c", f"printf 'by hand\\n' > {FILE}; chmod 640 {FILE}")
    before = host.run("stat", "-c", "%a %U %G", FILE)

    change = lost(gate, host, ask(wish("hello")), "do")
    waiting = ask(wish("another"))
    assert (gate.wait(waiting.id, 5).waiting_for, gate.change(change.id).state) == (WaitingFor.HOLD, State.UNKNOWN)
    gate.reject(waiting.id, reason="not now")
    comes_back(host, "do")
    assert content(host) == "by hand"  # its last task was never sent
    gate.settle(change.id, state=State.FAILED, reason="web-01 froze before it wrote anything")

    again = ask(wish("hello"))
    assert gate.wait(again.id, PATIENCE_S).state is State.SUCCEEDED
    undo = lost(gate, host, gate.undo(again.id), "undo")
    assert gate.change(again.id).state is State.UNDOING
    comes_back(host, "undo")
    assert content(host) == "hello"
    gate.settle(undo.id, state=State.FAILED, reason="web-01 froze before it restored anything")
    assert gate.change(again.id).state is State.UNDO_FAILED

    assert gate.wait(gate.undo(again.id).id, PATIENCE_S).state is State.SUCCEEDED
    assert gate.wait(gate.undo(change.id).id, PATIENCE_S).state is State.SUCCEEDED
    assert (content(host), host.run("stat", "-c", "%a %U %G", FILE)) == ("by hand", before)
    assert gate.verify()[0].sound
    host.run("rm", FILE)
