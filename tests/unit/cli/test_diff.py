from __future__ import annotations

from typing import Any

import click
import pytest

from gate.cli.diff import MAX_LINES, lines


def part(**more: Any) -> dict[str, Any]:
    return {"header": "/etc/x", "lines": [], "cut": 0, "hidden": "", "digest": "sha256:" + "a" * 64, **more}


def task(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"task": "Edit it", "module": "copy", "changed": True, "predicted": True, "parts": list(parts), **more}


def plain(diff: Any, **more: Any) -> list[str]:
    return [click.unstyle(line) for line in lines(diff, **more)]


def test_hosts_with_the_same_diff_are_shown_together() -> None:
    one, other = task(part(lines=["-a", "+b"])), task(part(lines=["-a", "+c"]))
    told = plain({"web-01": [one], "web-02": [one], "web-03": [other], "web-04": []})
    assert told == ["web-01, web-02", "  ~ Edit it: /etc/x", "    -a", "    +b",
                    "web-03", "  ~ Edit it: /etc/x", "    -a", "    +c"]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (task(), "~ Edit it: changed something, and shows no diff"),
        (task(predicted=False), "? Edit it: not predicted, copy cannot be previewed"),
        (task(part(hidden="no_log", header="")), "~ Edit it: not shown: the task has no_log"),
        (task(part(hidden="binary")), "~ Edit it: /etc/x not shown: it is no text"),
        (task(part(hidden="too large")), "~ Edit it: /etc/x not shown: it is too large"),
        (task(part(hidden="too much", header="3 more")), "~ Edit it: 3 more not shown: there is too much of it"),
    ],
)
def test_what_is_not_shown_says_so(given: dict[str, Any], told: str) -> None:
    assert plain({"a": [given]}) == ["a", f"  {told}"]


def test_a_preview_speaks_of_what_would_be() -> None:
    assert plain({"a": [task()]}, foreseen=True)[1] == "  ~ Edit it: would change something, and shows no diff"


def test_a_cut_says_how_much_and_under_which_digest() -> None:
    assert (
        plain({"a": [task(part(lines=["+a"], cut=7))]})[-1]
        == "    … 7 lines cut; all of it is under sha256:aaaaaaaaaaaa…"
    )


def test_long_diffs_are_cut_for_people() -> None:
    told = plain({"a": [task(part(lines=["+x"] * 500))]})
    assert len(told) == MAX_LINES + 2
    assert told[-1] == f"  … {501 - MAX_LINES} more lines; -o json has them all"


def test_added_and_removed_lines_have_their_colours() -> None:
    told = list(lines({"a": [task(part(lines=["@@ -1 +1 @@", "-a", "+b", " c"])), task(predicted=False)]}))
    assert told[2:7] == [
        "  " + click.style(line, fg=colour)
        for line, colour in [
            ("  @@ -1 +1 @@", "cyan"), ("  -a", "red"), ("  +b", "green"), ("   c", None),
            ("? Edit it: not predicted, copy cannot be previewed", "yellow"),
        ]
    ]  # fmt: skip


def test_nothing_in_it_can_act_on_the_terminal_or_look_like_another_line() -> None:
    evil = "\x1b[2J\x1b]0;x\x07"
    given = task(part(header=f"/x{evil}\ny", lines=[f"+a{evil}"]), task=f"T{evil}\n+forged", module=evil)
    for line in plain({f"h{evil}": [given, task(predicted=False, module=evil)]}):
        assert "\x1b" not in line
        assert "\x07" not in line
        assert "\n" not in line
