"""Does the ledger tell the truth? Needs the bodies, the public key and the checkpoints; no database. Pure.

It trusts nothing that the database says about itself: leaves and roots are computed anew, and compared
with what was signed when the entries were young.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gate.ledger import tree
from gate.ledger.checkpoint import Checkpoint
from gate.ledger.entry import Entry
from gate.values.errors import TamperedError


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and at which entry (None: no single entry can be blamed)."""

    seq: int | None
    what: str


@dataclass(frozen=True, slots=True)
class Report:
    """The result: sound if there is no problem. `signed` entries are covered by the newest checkpoint."""

    size: int
    root: bytes
    signed: int
    problems: tuple[Problem, ...]

    @property
    def sound(self) -> bool:
        return not self.problems


def verify(stored: Iterable[tuple[int, str, bytes | None]], checkpoints: Sequence[Checkpoint]) -> Report:
    """Checks entries (seq, body, leaf as stored or None) against each other and against signed checkpoints."""
    problems: list[Problem] = []
    signed = {checkpoint.size: checkpoint.root for checkpoint in checkpoints}
    frontier: list[bytes] = []
    size = 0
    last_good = 0
    _compare(signed, 0, frontier, last_good, problems)
    for seq, body, leaf in stored:
        problems += _entry_problems(size + 1, seq, body, leaf)
        frontier = tree.append(frontier, size, tree.leaf_hash(body.encode()))
        size += 1
        last_good = _compare(signed, size, frontier, last_good, problems)
    problems += [
        Problem(None, f"The ledger has {size} entries, but a checkpoint was signed over {more}: the end was cut off.")
        for more in signed
        if more > size
    ]
    return Report(size=size, root=tree.root(frontier), signed=max(signed, default=0), problems=tuple(problems))


def _compare(
    signed: dict[int, bytes], size: int, frontier: list[bytes], last_good: int, problems: list[Problem]
) -> int:
    if size not in signed:
        return last_good
    if signed[size] == tree.root(frontier):
        return size
    problems.append(
        Problem(
            None if size == 0 else size,
            f"Entries {last_good + 1} to {size} are not those that the checkpoint over {size} entries was signed for.",
        )
    )
    return last_good


def _entry_problems(expected: int, seq: int, body: str, leaf: bytes | None) -> list[Problem]:
    problems = []
    if seq != expected:
        problems.append(Problem(seq, f"Entry {expected} is missing: the next one says {seq}."))
    if leaf is not None and leaf != tree.leaf_hash(body.encode()):
        problems.append(Problem(seq, f"Entry {seq} was changed: its text does not match its hash."))
    try:
        entry = Entry.parse(body)
    except TamperedError as wrong:
        return [*problems, Problem(seq, f"Entry {seq} is unreadable: {wrong.why}")]
    if entry.seq != seq:
        problems.append(Problem(seq, f"Entry {seq} calls itself {entry.seq}: it was moved."))
    return problems
