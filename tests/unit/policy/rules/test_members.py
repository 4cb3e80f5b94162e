"""A group or tag that the site does not have is named, wherever it is asked for; what it has is left alone."""

import pytest

from gate.policy.rules.lint import lint

MEMBERS = {"group": {"web", "db"}, "tag": {"pci"}}
WINDOW = "- {window: nights, kind: allow, cron: '0 22 * * *', duration: 4h, zone: UTC, applies: {groups: [WHAT]}}\n"


def found(book, **parts):
    return [(one.severity, one.rule, one.what, one.fix) for one in lint(book(**parts), members=MEMBERS)]


def rule(when):
    return f"- {{rule: no, when: {when}, then: deny, because: x}}\n"


@pytest.mark.parametrize(
    ("when", "name", "fix"),
    [
        ("{group.wbe: yes}", "group 'wbe'", "Write 'web'."),
        ("{not: {group.wbe: no}}", "group 'wbe'", "Write 'web'."),
        ("{tag.zzz: yes}", "tag 'zzz'", "`gate inventory list` shows the groups and tags."),
        ("{all: [{risk: 5}, {any: [{group.web: yes}, {tag.pic: yes}]}]}", "tag 'pic'", "Write 'pci'."),
        ("{groups: {has: dba}}", "group 'dba'", "Write 'db'."),
        ("{tags: {every: {in: [pci, pcx]}}}", "tag 'pcx'", "Write 'pci'."),
    ],
)
def test_a_name_that_the_site_does_not_have_is_a_warning(book, when, name, fix):
    what = f"'no' asks for the {name}, which the inventory does not have."
    assert found(book, rules=rule(when)) == [("warning", "no", what, fix)]


@pytest.mark.parametrize(
    "when",
    [
        "{all: [{group.web: yes}, {tag.pci: no}]}",
        "{groups: {has: {glob: 'x*'}}}",
        "{tags: {count: 0}}",
        "{groups: {count: {ge: 2}}}",
        "{tags: {has: {ne: other}}}",
        "{environment: nowhere}",
    ],
)
def test_what_the_site_has_or_what_names_nobody_is_left_alone(book, when):
    assert found(book, rules=rule(when)) == []


@pytest.mark.parametrize(
    "parts",
    [
        {"windows": WINDOW},
        {"limits": "- {limit: nights, at_most: 1, per: 1h, by: ['group:WHAT']}\n"},
        {"limits": "- {limit: nights, hosts: 3, of: WHAT}\n"},
        {"limits": "- {limit: nights, concurrent: 3, applies: {groups: [WHAT]}}\n"},
    ],
)
def test_windows_and_limits_are_looked_at_too(book, parts):
    given = {name: text.replace("WHAT", "wep") for name, text in parts.items()}
    assert [one[:2] for one in found(book, **given)] == [("warning", "nights")]
    assert found(book, **{name: text.replace("WHAT", "web") for name, text in parts.items()}) == []


def test_without_a_site_nothing_is_compared(book):
    assert lint(book(rules=rule("{group.wbe: yes}"))) == []
