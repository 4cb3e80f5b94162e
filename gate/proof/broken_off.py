"""An action that fails half-way: the same folder, but that do.yml ends after one of its steps.

So undo is tried from everything that a failed `do` can leave behind, not only from its success.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gate.catalog.playbook import short
from gate.values.errors import CertificateError

_FAIL = {"name": "Break off here", "ansible.builtin.fail": {"msg": "Broken off by the proof."}}


@dataclass(frozen=True, slots=True)
class BrokenOff:
    """`after` is the name of the last task that is done, `text` what do.yml is then."""

    after: str
    text: str


def broken_off(do: Path) -> Iterator[BrokenOff]:
    """do.yml broken off after the recording of evidence, and after each later task but the last.

    Tasks that a block holds together are one step.

    Raises:
        CertificateError: it is no list of plays with tasks.
    """
    plays = yaml.safe_load(do.read_text())
    places = [(play, place) for play in plays for place in range(len(_tasks(play)))]
    recorded = next((at for at, (play, place) in enumerate(places) if _records(_tasks(play)[place])), None)
    if recorded is None:
        raise CertificateError("The action records no evidence.", "No task is a set_stats.", "gate catalog check")
    for play, place in places[recorded:-1]:
        tasks = _tasks(play)
        tasks.insert(place + 1, _FAIL)
        yield BrokenOff(str(tasks[place].get("name", "a task")), yaml.safe_dump(plays, sort_keys=False))
        del tasks[place + 1]


def _tasks(play: Any) -> list[dict[str, Any]]:
    tasks = play.get("tasks") if isinstance(play, Mapping) else None
    return tasks if isinstance(tasks, list) else []


def _records(task: Mapping[str, Any]) -> bool:
    return any(short(str(key)) == "set_stats" for key in task)
