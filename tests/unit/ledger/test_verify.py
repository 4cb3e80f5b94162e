from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gate.ledger import tree
from gate.ledger.checkpoint import Checkpoint
from gate.ledger.entry import Entry
from gate.ledger.verify import Report, verify
from gate.values.errors import TamperedError

START = datetime(2026, 1, 1, tzinfo=UTC)
Row = tuple[int, str, bytes | None]


def entry(seq: int, **data: Any) -> Entry:
    now = START + timedelta(seconds=seq)
    return Entry.new(seq, "kind", "human:a", {"n": seq, **data}, now=now, change_id=f"chg-{seq}")


def row(made: Entry) -> Row:
    return made.seq, made.body(), made.leaf()


ROWS: list[Row] = [row(entry(seq)) for seq in range(1, 11)]


def checkpoint(size: int) -> Checkpoint:
    leaves = [tree.leaf_hash(body.encode()) for _, body, _ in ROWS[:size]]
    return Checkpoint(origin="o", size=size, root=tree.root_of(leaves))


SIGNED = [checkpoint(0), checkpoint(4), checkpoint(8), checkpoint(10)]


def blamed(report: Report) -> set[int | None]:
    return {problem.seq for problem in report.problems}


def test_an_untouched_ledger_is_sound() -> None:
    report = verify(ROWS, SIGNED)
    assert report.sound
    assert (report.size, report.signed, report.root) == (10, 10, SIGNED[-1].root)


def test_what_is_not_signed_yet_is_told() -> None:
    assert verify(ROWS, SIGNED[:2]).signed == 4


def test_an_empty_ledger_is_sound() -> None:
    assert verify([], [checkpoint(0)]).sound


def test_a_changed_text_is_named() -> None:
    forged = [*ROWS]
    forged[5] = (6, entry(6, forged=True).body(), ROWS[5][2])
    report = verify(forged, SIGNED)
    assert any(problem.seq == 6 and "was changed" in problem.what for problem in report.problems)
    assert any(problem.seq == 8 and "5 to 8" in problem.what for problem in report.problems)


def test_a_changed_hash_is_named() -> None:
    forged = [*ROWS]
    forged[5] = (6, ROWS[5][1], bytes(32))
    assert blamed(verify(forged, SIGNED)) == {6}


def test_a_removed_entry_is_named() -> None:
    report = verify(ROWS[:4] + ROWS[5:], SIGNED)
    assert any("Entry 5 is missing" in problem.what for problem in report.problems)


def test_an_inserted_entry_is_named() -> None:
    report = verify([*ROWS[:4], row(entry(5, more=True)), *ROWS[4:]], SIGNED)
    assert any(problem.seq == 5 for problem in report.problems)


def test_swapped_entries_are_named() -> None:
    swapped = [*ROWS]
    swapped[2], swapped[6] = swapped[6], swapped[2]
    assert {3, 7} <= blamed(verify(swapped, SIGNED))


def test_swapped_texts_under_the_old_numbers_are_named() -> None:
    swapped = [*ROWS]
    swapped[2], swapped[6] = (3, *ROWS[6][1:]), (7, *ROWS[2][1:])
    report = verify(swapped, [])
    assert any("calls itself 7" in problem.what for problem in report.problems)
    assert blamed(report) == {3, 7}


def test_a_cut_off_end_is_told() -> None:
    report = verify(ROWS[:9], SIGNED)
    assert [problem.seq for problem in report.problems] == [None]
    assert "the end was cut off" in report.problems[0].what


def test_a_cut_off_end_that_nobody_signed_cannot_be_seen() -> None:
    assert verify(ROWS[:9], SIGNED[:3]).sound


def test_an_emptied_ledger_is_told() -> None:
    assert not verify([], SIGNED).sound


def test_a_rewritten_history_is_caught_by_the_checkpoint_alone() -> None:
    rewritten = [*ROWS[:4], row(entry(5, forged=True)), *ROWS[5:]]  # leaves and all are computed anew
    assert verify(rewritten, []).sound
    report = verify(rewritten, SIGNED)
    assert blamed(report) == {8, 10}
    assert "5 to 8" in report.problems[0].what


def test_unreadable_text_is_named_and_the_rest_is_still_checked() -> None:
    broken = [*ROWS]
    broken[3] = (4, "{", None)
    broken[6] = (7, ROWS[6][1], bytes(32))
    assert {4, 7} <= blamed(verify(broken, []))


LOOSE: list[Callable[[str], str]] = [
    lambda body: body.replace(":", ": ", 1),
    lambda body: json.dumps(json.loads(body)),
    lambda body: body + " ",
    lambda body: body.replace('"seq"', '"\\u0073eq"'),
    lambda body: json.dumps({**json.loads(body), "more": 1}, sort_keys=True, separators=(",", ":")),
    lambda body: "[]",
    lambda body: "null",
    lambda body: "",
]


@pytest.mark.parametrize("loose", LOOSE)
def test_only_the_canonical_text_is_an_entry(loose: Callable[[str], str]) -> None:
    body = loose(ROWS[0][1])
    if body == ROWS[0][1]:
        pytest.fail("the case changes nothing")
    with pytest.raises(TamperedError):
        Entry.parse(body)


def test_an_entry_says_the_same_again() -> None:
    made = entry(3, text="ä\n\u202e", deep={"a": [1, None, True]})
    assert Entry.parse(made.body()) == made
