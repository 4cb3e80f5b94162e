"""Rules written to a folder, questions with defaults."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gate.policy.rules.rulebook import Rulebook, read_rulebook

ANY_RULE = "- {rule: any, when: {risk: {ge: 0}}, then: allow, because: A rule.}\n"


@pytest.fixture
def book(tmp_path: Path) -> Callable[..., Rulebook]:
    """Makes a rulebook of the text of rules, windows and limits."""

    def make(rules: str = ANY_RULE, windows: str = "", limits: str = "") -> Rulebook:
        for name, text in (("rules.yml", rules), ("windows.yml", windows), ("limits.yml", limits)):
            (tmp_path / name).write_text(text)
        return read_rulebook(tmp_path)

    return make
