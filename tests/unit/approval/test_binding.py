from __future__ import annotations

from typing import Any

import pytest

from gate.approval.binding import binding

GIVEN: dict[str, Any] = {
    "intent": {"action": "a", "targets": ["web-01"], "reason": "x"},
    "parameters": {"n": 1},
    "action_digest": "sha256:a",
    "undo_digest": "sha256:u",
    "hosts": ["a", "b"],
    "inventory_digest": "sha256:i",
    "generation": "sha256:g",
    "preview": "sha256:p",
}


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("intent", {**GIVEN["intent"], "reason": "y"}),
        ("parameters", {"n": 2}),
        ("parameters", {"n": "1"}),
        ("parameters", {"n": True}),
        ("action_digest", "sha256:b"),
        ("undo_digest", "sha256:b"),
        ("hosts", ["a"]),
        ("hosts", ["a", "b", "c"]),
        ("hosts", ["a,b"]),
        ("inventory_digest", "sha256:b"),
        ("generation", "sha256:b"),
        ("preview", "sha256:b"),
        ("preview", None),
    ],
)
def test_whatever_is_different_makes_another_binding(name: str, other: Any) -> None:
    assert binding(**GIVEN) != binding(**{**GIVEN, name: other})


def test_the_order_of_hosts_makes_no_difference() -> None:
    assert binding(**GIVEN) == binding(**{**GIVEN, "hosts": ["b", "a"]})
