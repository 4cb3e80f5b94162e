"""An action that fails half-way does exactly the first of its steps."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gate.proof.broken_off import broken_off
from gate.values.errors import CertificateError

DO = """---
- name: Do
  hosts: all
  tasks:
    - name: Look
      ansible.builtin.stat: {path: /x}
    - name: Record
      ansible.builtin.set_stats: {data: {undo: {}}, per_host: true}
    - name: One
      ansible.builtin.file: {path: /x, state: touch}
    - name: Two
      block:
        - ansible.builtin.file: {path: /y, state: touch}
        - ansible.builtin.file: {path: /z, state: touch}
    - name: Three
      ansible.builtin.file: {path: /w, state: touch}
"""


def names(text: str) -> list[str]:
    (play,) = yaml.safe_load(text)
    return [task["name"] for task in play["tasks"]]


def test_it_ends_after_the_evidence_and_after_each_later_step_but_the_last(tmp_path: Path) -> None:
    (tmp_path / "do.yml").write_text(DO)
    ways = list(broken_off(tmp_path / "do.yml"))
    assert [way.after for way in ways] == ["Record", "One", "Two"]
    assert names(ways[0].text) == ["Look", "Record", "Break off here", "One", "Two", "Three"]
    assert names(ways[2].text) == ["Look", "Record", "One", "Two", "Break off here", "Three"]


def test_of_several_plays_each_has_its_steps(tmp_path: Path) -> None:
    more = (
        DO.replace("---\n", "")
        .replace("Record", "Again")
        .replace("ansible.builtin.set_stats: {data: {undo: {}}, per_host: true}", "x.y.z: {}")
    )
    (tmp_path / "do.yml").write_text(DO + more)
    ways = [way.after for way in broken_off(tmp_path / "do.yml")]
    assert ways == ["Record", "One", "Two", "Three", "Look", "Again", "One", "Two"]


def test_without_evidence_there_is_nothing_to_begin_with(tmp_path: Path) -> None:
    (tmp_path / "do.yml").write_text(
        "- {name: Do, hosts: all, tasks: [{name: One, ansible.builtin.file: {path: /x}}]}\n"
    )
    with pytest.raises(CertificateError, match="records no evidence"):
        list(broken_off(tmp_path / "do.yml"))
