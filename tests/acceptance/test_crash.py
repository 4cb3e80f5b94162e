"""kill -9 at random moments: nothing runs twice, nothing is lost, and what cannot be known is called unknown.

`mark` writes START, END and UNDO with the change's own tag into a file on its host, so a second execution would show.
GATE_CRASHES says at how many moments the gate is killed.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import random
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gate import Intent
from gate.values.errors import ClientError

MOMENTS = int(os.environ.get("GATE_CRASHES", "9"))
SITES = 3  # at once: a run mostly waits
SEED = 20_260_101
HOST = "web-03"
PAUSE_MS = 300

# what may be found in the marks, by how the change ended; `failed` and `undo_failed` only if nothing was started there
ENDS = {
    ("well", "succeeded"): [["START", "END"]],
    ("well", "failed"): [[]],
    ("verify-fails", "undone"): [["START", "END", "UNDO"]],
    ("verify-fails", "undo_failed"): [["START", "END"]],
    ("verify-fails", "failed"): [[]],
    ("do-fails", "undone"): [["START", "UNDO"]],
    ("do-fails", "undo_failed"): [["START"]],
    ("do-fails", "failed"): [[]],
}

# the HTTP library leaves its socket to the garbage collector when the other end dies while it connects
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]


class Agent:
    """Proposes, and after a crash sends the same request with the same key again."""

    def __init__(self, site: Any) -> None:
        self.site, self.token = site, site.token()

    def propose(self, tag: str, *, outcome: str = "well", pause_ms: int = 0, host: str = HOST) -> dict[str, Any]:
        parameters = {"tag": tag, "outcome": outcome, "pause_ms": pause_ms}
        with self.site.client(self.token) as client:
            return dict(client.propose(Intent.of("mark", [host], parameters), key=tag))

    def insist(self, tag: str, **options: Any) -> str:
        """Sends the same request until there is an answer: that is what its key is for."""
        for _ in range(10):
            with contextlib.suppress(ClientError):
                return str(self.propose(tag, **options)["id"])
        raise AssertionError(f"nobody answered to {tag}")

    def wait(self, change: str, timeout_s: float = 60) -> str:
        with self.site.client(self.token) as client:
            return str(client.wait(change, timeout_s)["state"])


@pytest.fixture
def site(site: Any) -> Any:
    site.add_mark()
    return site


def test_killing_the_gate_at_any_moment_loses_nothing_and_repeats_nothing(new_site: Callable[[], Any]) -> None:
    sites = [new_site() for _ in range(min(SITES, MOMENTS))]
    chosen = random.Random(SEED)  # noqa: S311 - the same moments every time
    # one in each slice of the whole, so that none of its parts is left out
    shares = [(number + chosen.random()) / MOMENTS for number in range(MOMENTS)]
    chosen.shuffle(shares)
    with ThreadPoolExecutor(len(sites)) as pool:
        jobs = [pool.submit(crashes, one, number, shares[number :: len(sites)]) for number, one in enumerate(sites)]
        seen = [told for job in jobs for told in job.result()]
    assert len(seen) == MOMENTS
    strange = [told for told in seen if told["marks"] not in ENDS.get((told["outcome"], told["state"]), [])]
    assert strange == []
    # a moment that only ever hit an idle gate would show nothing
    assert {told["state"] for told in seen} >= {"succeeded", "undone"}


def crashes(site: Any, number: int, shares: list[float]) -> list[dict[str, Any]]:
    """Kills the gate of one site again and again, each time while another change is on its way."""
    site.add_mark()
    agent = Agent(site)
    server = site.start_server()
    seen = []
    asking = ThreadPoolExecutor(1)
    try:
        whole = {outcome: measured(agent, outcome) for outcome in ("well", "verify-fails", "do-fails")}
        for turn, share in enumerate(shares):
            outcome = list(whole)[turn % len(whole)]
            tag = f"crash-{number}-{turn}"
            asked = asking.submit(agent.propose, tag, outcome=outcome, pause_ms=PAUSE_MS)
            time.sleep(share * whole[outcome])
            server.kill(group=turn % 4 >= 2)
            heard = None if asked.exception(timeout=60) else asked.result()["id"]
            server = site.start_server()
            change = agent.insist(tag, outcome=outcome, pause_ms=PAUSE_MS)
            assert heard in {None, change}
            state = agent.wait(change)
            seen.append({"outcome": outcome, "state": state, "marks": site.marks(HOST, tag), "share": share})
        check_the_books(site, [f"crash-{number}-{turn}" for turn in range(len(shares))])
    finally:
        server.kill(group=True)
        asking.shutdown()
        gc.collect()
    return seen


def measured(agent: Agent, outcome: str) -> float:
    began = time.monotonic()
    agent.wait(agent.insist(f"measured-{outcome}", outcome=outcome, pause_ms=PAUSE_MS))
    return time.monotonic() - began


def check_the_books(site: Any, tags: list[str]) -> None:
    assert site.json("ledger", "verify")["sound"]
    changes = site.json("changes", "list", "-n", "1000")["changes"]
    by_tag = [change["intent"]["parameters"]["tag"] for change in changes]
    assert sorted(tag for tag in by_tag if tag.startswith("crash-")) == sorted(tags)
    entries = site.json("ledger", "show", "-n", "10000")["entries"]
    for change in changes:
        kinds = [entry["kind"] for entry in entries if entry["change_id"] == change["id"]]
        assert kinds.count("started") <= 1
        ends = [kind for kind in kinds if kind in {"succeeded", "failed", "undone", "undo_failed", "unknown"}]
        assert ends == [change["state"]], (change, kinds, (site.top / "serve.log").read_text()[-3000:])


@pytest.mark.parametrize("victim", ["worker", "ansible", "worker and gate"])
def test_what_cannot_be_known_is_unknown_and_holds_its_host_until_it_is_settled(
    victim: str, site: Any, eventually: Callable[..., Any]
) -> None:
    agent = Agent(site)
    server = site.start_server()
    try:
        lost = agent.insist("lost", pause_ms=8_000)
        eventually(lambda: site.marks(HOST, "lost") == ["START"], "the change has begun")
        worker, ansible = worker_of(site), ansible_below(worker_of(site))
        if "gate" in victim:
            server.kill()
        for pid in [worker] * ("worker" in victim) + ansible * ("ansible" in victim):
            os.kill(pid, signal.SIGKILL)
        if "gate" in victim:
            server = site.start_server()
        assert agent.wait(lost) == "unknown"
        behind = agent.insist("behind")
        eventually(lambda: shown(site, behind)["waiting_for"] == "hold", "the second change waits for the host")
        assert agent.wait(behind, 2) == "waiting"
        elsewhere = agent.insist("elsewhere", host="db-02")
        assert agent.wait(elsewhere) == "succeeded"
        assert shown(site, behind)["waiting_for"] == "hold"
        site.gate("undo", lost, expect=7)
        site.gate("settle", lost, "--as", "failed", "--reason", "I looked.", expect=0)
        assert agent.wait(behind) == "succeeded"
    finally:
        server.kill(group=True)
    assert site.marks(HOST, "lost").count("START") == 1
    assert site.marks(HOST, "behind") == ["START", "END"]
    assert shown(site, lost)["state"] == "failed"
    assert site.json("ledger", "verify")["sound"]


def test_a_lost_undo_is_unknown_and_settling_it_settles_the_change_that_it_took_back(
    site: Any, eventually: Callable[..., Any]
) -> None:
    slow = (site.root / "playbooks/mark/undo.yml").read_text().replace('{{ tag }}"}', '{{ tag }}", pause_ms: 8000}')
    (site.root / "playbooks/mark/undo.yml").write_text(slow)
    agent = Agent(site)
    server = site.start_server()
    try:
        change = agent.insist("back")
        assert agent.wait(change) == "succeeded"
        undo = site.json("undo", change, "--timeout", "0")["id"]
        eventually(lambda: "UNDO" in site.marks(HOST, "back"), "the undo has begun")
        pid = worker_of(site)
        server.kill(group=True)
        os.kill(pid, signal.SIGKILL)
        server = site.start_server()
        assert agent_sees(site, undo, "unknown", eventually)
        assert shown(site, change)["state"] == "undoing"
        site.gate("settle", undo, "--as", "succeeded", "--reason", "I looked.", expect=0)
        assert (shown(site, undo)["state"], shown(site, change)["state"]) == ("succeeded", "undone")
        assert agent.wait(agent.insist("after")) == "succeeded"
    finally:
        server.kill(group=True)
    assert site.marks(HOST, "back") == ["START", "END", "UNDO"]
    assert site.json("ledger", "verify")["sound"]


def agent_sees(site: Any, change: str, state: str, eventually: Callable[..., Any]) -> bool:
    return bool(eventually(lambda: shown(site, change)["state"] == state, f"{change} is {state}"))


def shown(site: Any, change: str) -> dict[str, Any]:
    found: dict[str, Any] = site.json("changes", "show", change)
    return found


def worker_of(site: Any) -> int:
    """The process of the run that goes on."""
    going = [path for path in (site.state / "runs").iterdir() if not (path / "result").exists()]
    assert len(going) == 1
    return int(json.loads((going[0] / "lease").read_text())["pid"])


def ansible_below(pid: int) -> list[int]:
    """Its children: ansible-playbook, in a session of its own."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it ended while we looked
        if parent == pid:
            found.append(int(stat.parent.name))
    assert found
    return found
