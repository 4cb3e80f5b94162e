"""Tags of the inventory decide, in every place where rules are asked: now, what if, in tables, and of the past."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gate.app import Gate
from gate.changes.model import Change, State
from gate.cli.main import cli
from gate.identity.scopes import Identity
from gate.intent import Intent
from gate.values.actor import Actor
from gate.values.errors import InventoryError

NOT_PCI = """\
- {rule: any, when: {risk: {ge: 0}}, then: allow, because: Anything.}
- {rule: no-pci, when: {tag.pci: yes}, then: deny, because: Nothing is done to what has cards.}
- {rule: no-old, when: {tags: {has: {glob: "old-*"}}}, then: deny, because: Nothing is done to what is old.}
"""
CASES = """\
defaults: {catalog: set_config_value, actor: agent:planner, at: 2026-11-23T12:00:00Z, host: {name: h}}
cases:
  - {case: a host with cards, host: {tags: [pci]}, expect: {verdict: deny, rules: [no-pci]}}
  - {case: an old host, host: {tags: [new, old-6]}, expect: {verdict: deny, rules: [no-old]}}
  - {case: another tag, host: {tags: [pci-free]}, expect: {verdict: allow, silent: [no-pci, no-old]}}
  - {case: no tag, expect: {verdict: allow, silent: [no-pci, no-old]}}
"""


@pytest.fixture
def tagged(site: Path) -> Path:
    """The site: web hosts have cards, web-02 has none, db-02 is old."""
    for name, tags in (("group_vars/web", "[pci]"), ("host_vars/web-02", "[]"), ("host_vars/db-02", "[old-6, x]")):
        path = site / "inventory" / f"{name}.yml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"gate_tags: {tags}\n")
    return site


@pytest.fixture
def by_tags(tagged: Path) -> Path:
    """And its rules ask for tags."""
    (tagged / "rules" / "rules.yml").write_text(NOT_PCI)
    (tagged / "rules" / "tests").mkdir()
    (tagged / "rules" / "tests" / "tags.yml").write_text(CASES)
    return tagged


@pytest.fixture
def propose(gate: Gate) -> Callable[[Intent], Change]:
    """Proposes in the name of an agent."""
    agent = Identity(actor=Actor.parse("agent:planner"), scopes=frozenset({"propose"}))
    return lambda wish: gate.propose_for(agent, wish)


def run(site: Path, *words: str, code: int = 0) -> dict[str, Any]:
    done = CliRunner().invoke(cli, ["--site", str(site), *words, "-o", "json"], obj=Gate.open)
    assert done.exit_code == code, done.output
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_a_rule_sees_the_tags_that_ansible_gives_a_host(by_tags: Path, propose: Callable, workers: Callable) -> None:
    states = {host: propose(workers(host)).state for host in ("web-01", "web-02", "db-01", "db-02")}
    assert states == {"web-01": State.DENIED, "db-02": State.DENIED, "web-02": State.READY, "db-01": State.READY}
    both = propose(workers("web-02", "web-01"))
    assert both.state is State.DENIED  # the strictest host decides
    assert both.decision["reasons"][0]["hosts"] == ["web-01"]


def test_tags_that_were_edited_count_from_then_on(by_tags: Path, propose: Callable, workers: Callable) -> None:
    assert propose(workers("db-01")).state is State.READY
    (by_tags / "inventory" / "host_vars" / "db-01.yml").write_text("gate_tags: [pci]\n")
    assert propose(workers("db-01", value="9")).state is State.DENIED
    (by_tags / "inventory" / "host_vars" / "db-01.yml").write_text("gate_tags: pci\n")
    with pytest.raises(InventoryError, match="gate_tags of db-01"):
        propose(workers("db-01", value="10"))


def test_tables_what_if_and_vocabulary_know_tags(by_tags: Path) -> None:
    assert run(by_tags, "policy", "test")["failed"] == 0
    wish = ("--action", "set_config_value", "-p", "path=/etc/app/app.ini", "-p", "format=ini")
    wish += ("-p", "section=server", "-p", "key=workers", "-p", "value=8")
    assert run(by_tags, "policy", "what-if", *wish, "--on", "web-02")["decision"]["verdict"] == "allow"
    denied = run(by_tags, "policy", "what-if", *wish, "--on", "web-01", code=3)
    assert denied["decision"]["facts"]["web-01"]["tag.pci"] == "yes"
    names = {word["name"] for word in run(by_tags, "policy", "vocabulary")["facts"]}
    assert {"tag.pci", "tag.x", "tag.old-6", "tags"} <= names
    hosts = {one["name"]: one["tags"] for one in run(by_tags, "inventory", "list")["hosts"]}
    assert hosts == {"web-01": ["pci"], "web-02": [], "web-03": ["pci"], "db-01": [], "db-02": ["old-6", "x"]}


def test_the_check_of_a_site_knows_its_groups_and_tags(by_tags: Path) -> None:
    assert run(by_tags, "policy", "check")["findings"] == []
    rules = by_tags / "rules" / "rules.yml"
    rules.write_text(rules.read_text().replace("tag.pci", "tag.pcii"))
    (by_tags / "rules" / "tests" / "tags.yml").unlink()
    (finding,) = run(by_tags, "policy", "check")["findings"]
    assert (finding["severity"], finding["fix"]) == ("warning", "Write 'pci'.")
    (by_tags / "inventory" / "hosts.yml").write_text("all: [")
    assert run(by_tags, "policy", "check")["findings"] == []


def test_what_was_decided_without_tags_can_be_decided_again_with_them(
    tagged: Path, tmp_path: Path, propose: Callable, workers: Callable
) -> None:
    wishes = {propose(workers(host)).id: host for host in ("web-03", "db-02", "web-02")}
    candidate = tmp_path / "candidate"
    candidate.mkdir()
    (candidate / "rules.yml").write_text(NOT_PCI)
    found = run(tagged, "policy", "backtest", str(candidate))
    assert found["undecided"] == []
    steps = {wishes[one["change"]]: one["step"] for one in found["differences"]}
    assert steps == {"web-02": "needs_approval -> allow", "web-03": "allow -> deny", "db-02": "allow -> deny"}


def test_decisions_about_tags_are_replayed_from_the_record_alone(
    by_tags: Path, propose: Callable, workers: Callable
) -> None:
    assert [propose(workers(host)).state for host in ("web-03", "web-02")] == [State.DENIED, State.READY]
    for path in ("group_vars/web.yml", "host_vars/web-02.yml"):
        (by_tags / "inventory" / path).unlink()  # whatever the inventory says now
    found = run(by_tags, "policy", "replay")
    assert (found["agreed"], found["disagreements"]) == (2, [])
