from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.execution.diff import (
    BINARY,
    CUT_LINE,
    MAX_LINES,
    MAX_LINES_OF_HOST,
    MAX_LINES_OF_RUN,
    MAX_PARTS,
    MAX_TASKS,
    TOO_LARGE,
    TOO_MUCH,
    Part,
    TaskDiff,
    bound,
    bounded,
    parts_of,
)
from gate.execution.redaction import Redactor

CANARY = "canary-71c0d4"
BY_LOOKS = Redactor()


def text(before: str, after: str, **more: Any) -> dict[str, Any]:
    return {"before": before, "after": after, "before_header": "/x", "after_header": "/x", **more}


def part(diff: Any, redactor: Redactor = BY_LOOKS) -> Part:
    [only] = parts_of(diff, redactor)
    return only


def numbered(count: int, name: str = "line") -> str:
    return "".join(f"{name} {number}\n" for number in range(count))


def test_a_text_is_shown_as_hunks_with_its_header() -> None:
    shown = part(text("a\nb\nc\nd\ne\nf\n", "a\nb\nc\nD\ne\nf\n"))
    assert shown.header == "/x"
    assert shown.lines == ("@@ -2,5 +2,5 @@", " b", " c", "-d", "+D", " e", " f")
    assert (shown.cut, shown.hidden) == (0, "")
    assert shown.digest.startswith("sha256:")


def test_a_new_file_and_one_that_goes_are_shown_whole() -> None:
    assert part({"before": "", "after": "a\nb\n", "after_header": "/x"}).lines == ("@@ -0,0 +1,2 @@", "+a", "+b")
    assert part({"before": "a\n", "after": "", "before_header": "/x"}).lines == ("@@ -1 +0,0 @@", "-a")


def test_the_end_of_the_last_line_is_a_difference() -> None:
    assert "\\ No newline at end of file" in "\n".join(part(text("a", "a\n")).lines)
    assert part(text("a\r\n", "a\n")).lines[1:] == ("-a\r", "+a")


def test_a_state_is_shown_key_by_key() -> None:
    diff = {"before": {"mode": "0644", "owner": "a", "gone": 1}, "after": {"mode": "0600", "owner": "a", "new": [1]}}
    assert part(diff).lines == ("-gone: 1", "-mode: 0644", "+mode: 0600", "+new: [1]")


def test_what_was_prepared_is_shown_as_it_is() -> None:
    assert part({"prepared": "+ one\n- two\n"}).lines == ("+ one", "- two")


@pytest.mark.parametrize(
    "diff",
    [
        None, [], {}, "x", [None, 7, "x"], text("a\n", "a\n"), {"prepared": ""},
        {"before": {"a": 1}, "after": {"a": 1}},
        {"before_header": "/x (file attributes)", "after_header": "/x (file attributes)"},
    ],
)  # fmt: skip
def test_what_shows_no_difference_is_left_out(diff: Any) -> None:
    assert parts_of(diff, BY_LOOKS) == ()


@pytest.mark.parametrize(
    ("diff", "why"),
    [
        ({"src_binary": 1, "before": ""}, BINARY),
        ({"dst_binary": 1}, BINARY),
        ({"src_larger": 104448}, TOO_LARGE),
        ({"dst_larger": 104448, "after": "x"}, TOO_LARGE),
        (text("a\0b", "c"), BINARY),
    ],
)
def test_what_cannot_be_shown_says_why(diff: Any, why: str) -> None:
    shown = part(diff)
    assert (shown.hidden, shown.lines) == (why, ())


def test_a_secret_that_changes_is_seen_to_change_and_not_seen() -> None:
    shown = part(text(f"a\npassword = {CANARY}-1\nb\n", f"a\npassword = {CANARY}-2\nb\n"))
    assert shown.lines[2:4] == ("-password = [hidden 1]", "+password = [hidden 2]")
    same = part(text(f"x = 1\npassword = {CANARY}\n", f"x = 2\npassword = {CANARY}\n"))
    assert " password = [hidden 1]" in same.lines


@pytest.mark.parametrize(
    "diff",
    [
        text(f"{CANARY}\n", "x\n"),
        text("x\n", f"a {CANARY} b\n"),
        text("x", "y", after_header=f"/etc/{CANARY}"),
        {"before": {"a": CANARY, CANARY: 1}, "after": {}},
        {"prepared": f"+{CANARY}"},
        {"src_binary": 1, "after_header": CANARY},
        {"before": [CANARY], "after": []},
    ],
)
def test_a_known_secret_is_nowhere_in_it(diff: Any) -> None:
    made = TaskDiff(task="t", module="m", changed=True, parts=parts_of(diff, Redactor([CANARY])))
    told = json.dumps(made.as_json())
    assert "[hidden" in told
    assert "canary" not in told


def test_a_secret_over_several_lines_is_hidden_as_a_whole() -> None:
    key = f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n{CANARY}\n-----END PRIVATE KEY-----\n"
    shown = part(text("a\n", f"a\n{key}b\n"))
    assert shown.lines == ("@@ -1 +1,3 @@", " a", "+[hidden 1]", "+b")


def test_long_parts_are_cut_and_their_digest_is_over_all_of_it() -> None:
    first, other = numbered(1000), numbered(999) + "another\n"
    shown, differs = part(text("", first)), part(text("", other))
    assert (len(shown.lines), shown.cut) == (MAX_LINES, 1001 - MAX_LINES)
    assert shown.lines == differs.lines
    assert shown.digest != differs.digest


def test_the_digest_does_not_depend_on_what_is_hidden() -> None:
    digests = {part(text("a", f"password={secret}")).digest for secret in ("one", "two", "three")}
    assert len(digests) == 1


def test_long_lines_are_cut() -> None:
    shown = part(text("", "x" * 10_000))
    assert len(shown.lines[1]) < CUT_LINE + 20
    assert shown.lines[1].endswith("[cut]")


@pytest.mark.slow
@pytest.mark.parametrize("line", ["same\n", "{}\n", "\n"])
def test_large_texts_take_no_more_than_moments(line: str) -> None:
    began = time.process_time()
    before = "".join(line.format(number) for number in range(50_000))
    after = "".join(line.format(number * 7 % 50_000) + "x" * (number % 3 == 0) for number in range(50_000))
    shown = part(text(before, after))
    assert time.process_time() - began < 20
    assert len(shown.lines) <= MAX_LINES
    assert shown.lines[0].startswith("@@ ")


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")))
def test_the_hunks_take_the_old_text_to_the_new_one(old: list[str], new: list[str]) -> None:
    before, after = "".join(f"{one}\n" for one in old), "".join(f"{one}\n" for one in new)
    parts = parts_of(text(before, after), BY_LOOKS)
    if old == new:
        assert parts == ()
        return
    made, at = [], 0
    for line in parts[0].lines:
        if line.startswith("@@"):
            start, _, count = line.split()[1][1:].partition(",")
            start_at = int(start) - (count != "0")
            made += old[at:start_at]
            at = start_at
        elif line[0] in " -":
            assert old[at] == line[1:]
            made += [line[1:]] if line[0] == " " else []
            at += 1
        else:
            made.append(line[1:])
    assert made + old[at:] == new


def task(name: str = "T", lines: int = 0, **more: Any) -> TaskDiff:
    parts = (Part(header="/x", lines=tuple("x" * lines), digest="sha256:a"),) if lines else ()
    return TaskDiff(task=name, module="m", changed=True, **{"parts": parts, **more})


def test_a_host_and_a_run_have_their_limits_and_what_is_cut_is_counted() -> None:
    of_host = bounded({"a": [task(lines=MAX_LINES_OF_HOST), task(lines=10)], "b": [task(lines=10)]})
    assert [one.parts[0].cut for one in of_host["a"]] == [0, 10]
    assert of_host["b"][0].parts[0].cut == 0
    hosts = {f"h{number}": [task(lines=1_000)] for number in range(30)}
    shown = bounded(hosts)
    assert sum(len(one.parts[0].lines) for tasks in shown.values() for one in tasks) == MAX_LINES_OF_RUN
    assert sum(one.parts[0].cut for tasks in shown.values() for one in tasks) == 30_000 - MAX_LINES_OF_RUN


def test_too_many_tasks_and_parts_end_in_one_that_stands_for_the_rest() -> None:
    tasks = [task(f"t{number}") for number in range(MAX_TASKS + 5)]
    shown = bounded({"a": tasks})["a"]
    assert len(shown) == MAX_TASKS + 1
    assert shown[-1].task == "5 more tasks"
    assert shown[-1].parts[0].hidden == TOO_MUCH
    others = bounded({"a": [*tasks[:-1], task("another")]})["a"]
    assert others[-1].parts[0].digest != shown[-1].parts[0].digest
    many = parts_of([text("", f"{number}\n") for number in range(MAX_PARTS + 3)], BY_LOOKS)
    assert len(many) == MAX_PARTS + 1
    assert (many[-1].hidden, many[-1].header) == (TOO_MUCH, "3 more")


def test_what_a_digest_covers_is_the_same_however_much_is_shown() -> None:
    whole = {"a": [task(lines=100)]}
    cut = {"a": [task(parts=(Part(header="/x", lines=("x",), cut=99, digest="sha256:a"),))]}
    assert bound(whole) == bound(cut)
    for other in (
        task("U", 100),
        task(lines=100, predicted=False),
        task(parts=(Part(header="/y", digest="sha256:a"),)),
    ):
        assert bound({"a": [other]}) != bound(whole)


def test_a_task_says_the_same_again_in_json() -> None:
    made = TaskDiff(task="t", module="m", changed=True, predicted=False, parts=parts_of(text("a", "b"), BY_LOOKS))
    assert TaskDiff.from_json(json.loads(json.dumps(made.as_json()))) == made
