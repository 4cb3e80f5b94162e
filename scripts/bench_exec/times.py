"""What was measured of several ways of doing one thing, and the table of it."""

from __future__ import annotations

import contextlib
import os
import statistics
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

BIN = Path(sys.executable).parent


@dataclass
class Times:
    """Of one way of doing it, in seconds: to the first task, and in all. `own` is what of it is the gate's."""

    first: list[float] = field(default_factory=list)
    total: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)


Way = Callable[[Times | None], None]


def interleaved(
    ways: dict[str, Way], rounds: int, before: Callable[[], None] = lambda: None, *, uncounted: int = 2
) -> dict[str, Times]:
    """Every way in every round, each second round backwards; some rounds before that do not count."""
    times = {name: Times() for name in ways}
    for number in range(-uncounted, rounds):
        for name in list(ways) if number % 2 == 0 else list(ways)[::-1]:
            before()
            ways[name](times[name] if number >= 0 else None)
    return times


def table(title: str, times: dict[str, Times]) -> list[str]:
    base, tuned = (statistics.median(list(times.values())[n].total) for n in (0, 1))
    columns = ("", "first task", "in all", "slowest", "to plain", "to tuned", "the gate's own")
    lines = [f"### {title}", "", f"| {' | '.join(columns)} |", "|---|--:|--:|--:|--:|--:|--:|"]
    for name, one in times.items():
        middle = statistics.median(one.total)
        figures = (_ms(one.first), _ms(one.total), f"{max(one.total) * 1000:,.0f}")
        lines.append(
            f"| {' | '.join([name, *figures, f'{middle / base:.2f}', f'{middle / tuned:.2f}', _ms(one.own)])} |"
        )
    return [*lines, ""]


def _ms(seconds: list[float]) -> str:
    return f"{statistics.median(seconds) * 1000:,.0f}" if seconds else ""


class Memory:
    """The most that all processes of this Python and of the gate took at once, shared pages counted once, in MB."""

    peak = 0.0

    def __enter__(self) -> Self:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.3):
            self.peak = max(self.peak, sum(_pss(path) for path in Path("/proc").glob("[0-9]*")) / 1024)


def _pss(process: Path) -> int:
    with contextlib.suppress(OSError, ValueError, StopIteration):
        if str(BIN) in (process / "cmdline").read_text() and int(process.name) != os.getpid():
            rolled = (process / "smaps_rollup").read_text().splitlines()
            return int(next(line.split()[1] for line in rolled if line.startswith("Pss:")))
    return 0
