"""One site, and one change after the other in it, while its processes are killed."""

from __future__ import annotations

import contextlib
import random
import shutil
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Timer
from typing import Any, Self

from books import Record, faults, late
from case import Case, Strike
from victims import ALL, ANY, Process, processes

from gate import Gate, Intent
from gate.changes.model import AT_REST, State
from gate.values.errors import ClientError
from tests.acceptance.conftest import Site

HOST = "web-03"
REST_S = 120.0  # by then everything is at rest, or its outcome is lost
GONE_S = 15.0  # by then what worked for a change is gone
FOR_A_VICTIM_S = 10.0
WARM_AGAIN_S = 150.0  # a server that was killed often is left alone for a minute
RULES = """\
- rule: staging-is-free
  when: {environment: staging}
  then: allow
  because: Staging is for trying.
"""


class Life:
    """A context manager: a served site, an operator who looks and settles, and an agent who asks over HTTP."""

    def __init__(self, top: Path) -> None:
        self.site = Site(top)
        self.site.add_mark()
        (self.site.root / "rules" / "baseline.yml").write_text(RULES)
        self.token = self.site.token()
        self.operator = Gate.open(self.site.root, works=False)
        self.server = self.site.start_server()
        self._asking = ThreadPoolExecutor(1)
        self._stopped: list[Timer] = []
        self._whole: dict[str, float] = {}
        self._seen: dict[str, tuple[str, list[str]]] = {}  # tag -> state and marks when it came to rest

    def __enter__(self) -> Self:
        try:
            for meant in ("well", "verify-fails", "do-fails"):
                self.go_on(f"first-{meant}", meant)  # the first ones start cold
                began = time.monotonic()
                self.go_on(f"measured-{meant}", meant)
                self._whole[meant] = time.monotonic() - began
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._asking.shutdown()
        self.operator.close()
        self.server.kill(group=True)
        for one in processes(self.site, 0):
            one.strike("kill")

    def ask(self, tag: str, meant: str, pause_ms: int = 0) -> str:
        """Asks once; the id of the change."""
        parameters = {"tag": tag, "outcome": meant, "pause_ms": pause_ms}
        with self.site.client(self.token) as client:
            return str(client.propose(Intent.of("mark", [HOST], parameters), key=tag)["id"])

    def insist(self, tag: str, meant: str, pause_ms: int = 0) -> str:
        """Asks with the same key until there is an answer."""
        end = time.monotonic() + REST_S
        while time.monotonic() < end:
            with contextlib.suppress(ClientError):
                return self.ask(tag, meant, pause_ms)
            self.revive()
            time.sleep(0.05)
        raise AssertionError(f"nobody answers to {tag}")

    def go_on(self, tag: str, meant: str = "well") -> str:
        """A change that nothing befalls; returns its state."""
        return self.rest(self.insist(tag, meant))

    def rest(self, change: str) -> str:
        """The state in which a change comes to rest, or that it has when the patience is over."""
        end = time.monotonic() + REST_S
        while (state := self.operator.change(change).state) not in AT_REST and time.monotonic() < end:
            time.sleep(0.01)
        return state.value

    def revive(self) -> None:
        """Starts the gate anew if it is dead."""
        if self.server.process.poll() is not None:
            self.server.kill()
            self.server = self.site.start_server()

    def live(self, case: Case) -> dict[str, Any]:
        """Asks for a change, does to it what the case says, and looks what came of it."""
        chosen = random.Random(case.number)
        began = time.monotonic()
        asked = self._asking.submit(self.ask, case.tag, case.meant, case.pause_ms)
        struck = []
        for strike in case.strikes:
            time.sleep(max(0.0, began + strike.share * self._length(case) - time.monotonic()))
            victims = self._victims(strike, asked, chosen)
            struck += [f"{strike.deed} {one} at {time.monotonic() - began:.3f}" for one in victims]
            self._strike(strike, victims)
            if self.server.process.poll() is not None:
                time.sleep(case.down_s)
            self.revive()
        asked.exception(timeout=REST_S)
        change = self.insist(case.tag, case.meant, case.pause_ms)
        told = {"case": case.as_json(), "struck": struck, "change": change, **self._look(case, change)}
        for timer in self._stopped:
            timer.join()
        self._stopped.clear()
        return told

    def _length(self, case: Case) -> float:
        return self._whole[case.meant] + case.pause_ms / 1000

    def _victims(self, strike: Strike, asked: Future[str], chosen: random.Random) -> list[Process]:
        """Whom it hits. Nobody, if the change comes to rest before there is one."""
        end = time.monotonic() + FOR_A_VICTIM_S
        while time.monotonic() < end:
            there = processes(self.site, self.server.process.pid)
            found = [one for one in there if strike.role in {one.role, ANY, ALL}]
            if found:
                return found if strike.role == ALL else [chosen.choice(found)]
            if asked.done() and (asked.exception() or self.operator.change(asked.result()).state in AT_REST):
                break
            time.sleep(0.002)
        return []

    def _strike(self, strike: Strike, victims: list[Process]) -> None:
        for one in victims:
            one.strike(strike.deed)
            if strike.deed == "stop":
                timer = Timer(strike.pause_s, one.strike, ["continue"])
                timer.start()
                self._stopped.append(timer)
            elif one.role == "gate":
                self.server.process.wait(30)

    def _look(self, case: Case, change: str) -> dict[str, Any]:
        state = self.rest(change)
        runs = self.operator.runs(change)
        record = Record(
            meant=case.meant,
            state=state,
            marks=self.site.marks(HOST, case.tag),
            runs=runs,
            story=self.operator.story(change),
            alive=self._alive({run["id"] for run in runs}),
        )
        self._seen[case.tag] = state, list(record.marks)
        wrong = faults(record)
        if state == State.UNKNOWN:
            wrong += self._settle(case, change)
        notes = [run["outcome"]["note"] for run in runs if run["outcome"] and run["outcome"]["note"]]
        return {"state": state, "marks": record.marks, "notes": notes, "faults": wrong}

    def _alive(self, runs: set[str]) -> list[str]:
        end = time.monotonic() + GONE_S
        while True:
            left = [str(one) for one in processes(self.site, self.server.process.pid) if one.run in runs]
            if not left or time.monotonic() > end:
                return left
            time.sleep(0.02)

    def _settle(self, case: Case, change: str) -> list[str]:
        """Its host is held until somebody has looked; then it can be used again, and the change taken back."""
        wrong = []
        behind = self._behind(case.tag)
        if not _soon(lambda: self.operator.change(behind).waiting_for == "hold"):
            wrong.append(f"the hold is gone: the next change is {self.operator.change(behind).state}")
        found = self.site.marks(HOST, case.tag)
        state = State.UNDONE if "UNDO" in found else State.SUCCEEDED if "END" in found else State.FAILED
        self.operator.settle(change, state=state, reason="I looked.")
        if self.rest(behind) != "succeeded":
            wrong.append(f"the host is not usable again: the next change is {self.operator.change(behind).state}")
        if case.undo and state is not State.UNDONE and "START" in found:
            undo = self.operator.undo(change, reason="It is not wanted.").id
            if self.rest(undo) != "succeeded" or self.site.marks(HOST, case.tag)[-1] != "UNDO":
                wrong.append(f"what was settled cannot be undone: {undo} is {self.operator.change(undo).state}")
        return wrong

    def _behind(self, tag: str) -> str:
        """The next change for the host. If the rules were killed last, one question goes without an answer."""
        change = self.insist(f"{tag}-behind", "well")
        denied = self.operator.change(change).state is State.DENIED
        return self.insist(f"{tag}-behind-it", "well") if denied else change

    def end(self) -> list[str]:
        """What is wrong when it is over: the ledger, doubles that came late, the warmth, the end of the gate."""
        wrong = []
        end = time.monotonic() + WARM_AGAIN_S
        turn = 0
        while not self._is_warm(f"last-{turn}"):
            turn += 1
            if time.monotonic() > end:
                wrong.append("it does not get warm again")
                break
            time.sleep(1)
        report, problems = self.operator.verify()
        wrong += [] if report.sound else [f"the ledger is not sound: {report}"]
        wrong += [f"the ledger is not sound: {problem.what}" for problem in problems]
        wrong += [
            what
            for tag, (state, marks) in self._seen.items()
            for what in late(state, marks, self.site.marks(HOST, tag))
        ]
        self.server.stop()
        left = [str(one) for one in processes(self.site, 0)]
        wrong += [f"left alive: {', '.join(left)} after the gate has ended"] * bool(left)
        return wrong

    def keep(self, folder: Path) -> None:
        """Copies what is needed to understand a fault: what the gate said, and all that it has written."""
        shutil.rmtree(folder, ignore_errors=True)
        unneeded = shutil.ignore_patterns("*.sock", "keys", "warm")
        shutil.copytree(self.site.state, folder / "state", ignore=unneeded, symlinks=True)
        shutil.copy(self.site.top / "serve.log", folder / "serve.log")

    def _is_warm(self, tag: str) -> bool:
        change = self.insist(tag, "well")
        if self.rest(change) != "succeeded":
            return False
        folders = [self.site.state / "runs" / run["id"] for run in self.operator.runs(change)]
        return not any((folder / "artifacts" / "cold").exists() for folder in folders)


def _soon(found: Callable[[], bool], patience_s: float = 30.0) -> bool:
    end = time.monotonic() + patience_s
    while not found():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
