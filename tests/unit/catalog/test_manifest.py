from __future__ import annotations

from datetime import timedelta

import pytest

from gate.catalog.finding import BrokenActionError
from gate.catalog.manifest import read_manifest


def test_a_manifest_is_read(make_action) -> None:
    made = read_manifest(make_action())
    assert (made.risk, made.targets.groups, made.targets.max_hosts) == (30, ("web", "db"), 2)
    assert made.window == timedelta(days=7)
    assert made.requires.collections == ("community.general",)


@pytest.mark.parametrize(
    ("old", "new", "rule", "line"),
    [
        ("risk: 30", "risk: 101", "action-key", 1),
        ("risk: 30", "risk: '30'", "action-key", 1),
        ("risk: 30", "risk: true", "action-key", 1),
        ("risk: 30\n", "", "action-key", 1),
        ("owner:", "ownr:", "action-key", 9),
        ("max_hosts: 2", "max_hosts: 0", "action-key", 2),
        ("max_hosts: 2", "max_host: 2", "action-key", 2),
        ("targets: {groups: [web, db], max_hosts: 2}", "targets:\n  groups: [web]\n  max_hosts: 0", "action-key", 4),
        ("[web, db]", "[web, 'all:!db']", "action-key", 2),
        ("[web, db]", "web", "action-key", 2),
        ("check: full", "check: yes", "action-key", 4),
        ("undo_window: 7d", "undo_window: 7 days", "action-key", 7),
        ("undo_window: 7d", "undo_window: 0d", "action-key", 7),
        ("timeout_s: 300", "timeout_s: 5m", "action-key", 6),
        ("collections: [community.general]", "collections: ['../x']", "action-key", 8),
        ("reversibility: full", "reversibility: partial", "reversibility", 3),
        ("reversibility: full", "reversibility: none\nreversibility_reason: gone", "reversibility", 6),
    ],
)
def test_a_wrong_manifest_is_refused_with_its_line(make_action, old: str, new: str, rule: str, line: int) -> None:
    folder = make_action()
    file = folder / "action.yml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(BrokenActionError) as wrong:
        read_manifest(folder)
    assert (rule, line) in [(found.rule, found.line) for found in wrong.value.findings]
    assert f"action.yml:{wrong.value.findings[0].line}: " in str(wrong.value)


def test_partial_with_a_reason_is_taken(make_action) -> None:
    folder = make_action()
    file = folder / "action.yml"
    file.write_text(file.read_text().replace("full\ncheck", "partial\nreversibility_reason: mails are sent\ncheck"))
    assert read_manifest(folder).reversibility == "partial"
