"""kill -9 of a random process at a random moment, again and again: nothing runs twice, nothing is lost, nothing lies.

Every run is a change on a real site that `gate serve` serves in a process of its own, asked for over HTTP. A case is
drawn from the seed and its number: `--seed S --from N --runs 1` repeats it, as far as a moment can be repeated.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any, TextIO

sys.path.insert(0, str(Path(__file__).parents[2]))

from case import draw
from life import Life

from tests.acceptance.conftest import short_folder

SITE_LASTS = 40  # runs; then a new one takes its place


class Score:
    """What was seen so far. Each run is a line of the log; faults keep what is needed to understand them."""

    def __init__(self, log: TextIO, runs: int) -> None:
        self._log, self._runs = log, runs
        self._lock, self._began = Lock(), time.monotonic()
        self.states: Counter[str] = Counter()
        self.struck: Counter[str] = Counter()
        self.faults: list[str] = []
        self.missed = 0

    def add(self, told: dict[str, Any]) -> None:
        with self._lock:
            self._log.write(json.dumps(told) + "\n")
            self._log.flush()
            self.states[told["state"]] += 1
            for one in told["struck"]:
                deed, victim = one.split()[:2]
                self.struck[f"{deed} {victim.partition(':')[0]}"] += 1
            self.missed += not told["struck"]
            number = told["case"]["number"]
            self._wrong([f"run {number}, {told['change']}: {what}" for what in told["faults"]])
            if self.states.total() % 10 == 0:
                self.tell()

    def add_end(self, numbers: str, wrong: list[str]) -> None:
        with self._lock:
            self._log.write(json.dumps({"site": numbers, "faults": wrong}) + "\n")
            self._log.flush()
            self._wrong([f"at the end of runs {numbers}: {what}" for what in wrong])

    def _wrong(self, wrong: list[str]) -> None:
        self.faults += wrong
        for what in wrong:
            print(f"FAULT {what}", flush=True)

    def tell(self) -> None:
        done, minutes = self.states.total(), (time.monotonic() - self._began) / 60
        states = ", ".join(f"{count} {state}" for state, count in self.states.most_common())
        print(f"{done}/{self._runs} runs, {self.strikes} strikes, {minutes:.1f} min: {states}", flush=True)

    @property
    def strikes(self) -> int:
        return self.struck.total()

    def verdict(self, seed: int) -> str:
        kinds = Counter(what.partition(": ")[2].partition(":")[0] for what in self.faults)
        told = ", ".join(
            f"{kinds[kind]} {plural}"
            for kind, plural in (
                ("double execution", "double executions"),
                ("lost outcome", "lost outcomes"),
                ("false success", "false successes"),
            )
        )
        return (
            f"{'BROKEN' if self.faults else 'HELD'}: {self.states.total()} runs with seed {seed},"
            f" {self.strikes} strikes ({self.missed} runs were over before theirs):"
            f" {told}, {len(self.faults)} faults in all"
        )


def main() -> int:
    """Returns the exit code: 0 if everything held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=None, help="left out: another one every time")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the number of the first run")
    parser.add_argument("--sites", type=int, default=2, help="at once: a change mostly waits")
    parser.add_argument("--log", type=Path, default=Path(".chaos"), help="the folder for the log, and for faults")
    given = parser.parse_args()
    seed = given.seed if given.seed is not None else time.time_ns() % 1_000_000
    given.log.mkdir(exist_ok=True)
    path = given.log / f"{seed}-{given.first}.jsonl"
    numbers = range(given.first, given.first + given.runs)
    print(f"{given.runs} runs with seed {seed}; every one is in {path}", flush=True)
    with path.open("w") as log, ThreadPoolExecutor(given.sites) as pool:
        score = Score(log, given.runs)
        jobs = [pool.submit(spend, part, seed, score, given.log) for part in _parts(numbers, given.sites)]
        for job in jobs:
            job.result()
    for what, count in sorted(score.struck.items()):
        print(f"  {count:5} {what}")
    print(score.verdict(seed), flush=True)
    return 1 if score.faults else 0


def _parts(numbers: range, sites: int) -> Iterator[range]:
    size = min(SITE_LASTS, -(-len(numbers) // sites))
    for first in range(0, len(numbers), size):
        yield numbers[first : first + size]


def spend(numbers: range, seed: int, score: Score, kept: Path) -> None:
    """The life of one site."""
    with short_folder() as top, Life(top) as life:
        told: list[str] = []
        for number in numbers:
            one = life.live(draw(seed, number))
            score.add(one)
            told += one["faults"]
        wrong = life.end()
        score.add_end(f"{numbers[0]}-{numbers[-1]}", wrong)
        if told or wrong:
            life.keep(kept / f"{seed}-{numbers[0]}")


if __name__ == "__main__":
    sys.exit(main())
