"""Secrets by reference, had with real Ansible: from the environment, a vaulted inventory, a lookup; or not at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gate.execution.environment import ansible_environment, worker_environment
from gate.execution.outcome import Status
from gate.execution.secrets import Found, Place, find
from gate.execution.settings import RunSettings, SecretSource
from gate.values.errors import SecretError
from gate.warrant.model import Phase

if TYPE_CHECKING:
    Bench = Any

pytestmark = pytest.mark.parametrize("bench", ["cold"], indirect=True)  # warm ones: test_secrets_warm.py
INLINE, WHOLE, PLAIN, FILE = "canary-inline-77", "canary-whole-77", "canary-plain-77", "canary-file-77"
ENVIRONMENT, PASSWORD = "canary-environment-77", "canary-vault-77"
META = """\
short_description: Write
description: Write
argument_specs:
  write:
    short_description: Write
    options:
      text: {type: str, required: true, description: A text., pattern: "[a-z]*", max_length: 20}
      key: {type: str, required: true, no_log: true, description: A key.}
"""
DO = """\
- hosts: all
  gather_facts: false
  tasks:
    - name: Write it
      ansible.builtin.copy: {content: "{{ text }}:{{ key }}", dest: "{{ root }}/out", mode: "0600"}
      no_log: true
"""


@pytest.fixture(scope="module")
def vaults(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Two files of variables that Ansible Vault has encrypted: one whole, and one with a single value."""
    folder = tmp_path_factory.mktemp("vaults")
    password, whole = folder / "password", folder / "whole.yml"
    password.write_text(f"{PASSWORD}\n")
    whole.write_text(f"whole_key: {WHOLE}\nnumber: 47114711\nlist: [{{deep: canary-deep-77}}]\n")
    _vault(password, "encrypt", str(whole))
    inline = _vault(password, "encrypt_string", "--stdin-name", "inline_key", stdin=INLINE)
    return {"whole.yml": whole.read_text(), "inline.yml": inline}


@pytest.fixture
def vaulted(bench: Bench, vaults: dict[str, str]) -> RunSettings:
    """The bench's inventory, with secrets in it; and a site's settings that name them."""
    password = bench.root / "password"
    password.write_text(f"{PASSWORD}\n")
    variables = bench.inventory / "group_vars" / "all"
    variables.mkdir(parents=True)
    for name, text in vaults.items():
        (variables / name).write_text(text)
    plain = {
        "db_password": PLAIN,
        "api_token": "{{ whole_key }}-x",
        "other": "no-secret-77",
        "name_by_host": "{{ inventory_hostname }}",
    }
    (variables / "plain.yml").write_text(json.dumps(plain))
    (bench.root / "a file").write_text(f"{FILE}\n")
    sources = {
        "inline": SecretSource(actions=("write",), variable="inline_key"),
        "whole": SecretSource(actions=("write",), variable="whole_key"),
        "templated": SecretSource(actions=("write",), variable="api_token"),
        "differs": SecretSource(actions=("write",), variable="name_by_host"),
        "nowhere": SecretSource(actions=("write",), variable="nowhere"),
        "env": SecretSource(actions=("write",), env="APP_KEY"),
        "file": SecretSource(actions=("write",), lookup="ansible.builtin.file", terms=("a file",)),
        "missing": SecretSource(actions=("write",), lookup="ansible.builtin.file", terms=("/nowhere",)),
        "plugin": SecretSource(actions=("write",), lookup="no.such.plugin"),
        "many": SecretSource(actions=("write",), lookup="ansible.builtin.items", terms=("canary-1", "canary-2")),
        "short": SecretSource(actions=("write",), lookup="ansible.builtin.items", terms=("short",)),
        "foreign": SecretSource(actions=("other",), env="APP_KEY"),
    }  # fmt: skip
    return RunSettings(root=str(bench.root), vaults=(f"site@{password}",), secrets=sources)


def _vault(password: Path, *words: str, stdin: str = "") -> str:
    command = [Path(sys.executable).parent / "ansible-vault", words[0], "--vault-id", f"site@{password}", *words[1:]]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=True).stdout


def place(bench: Bench, settings: RunSettings, *hosts: str) -> Place:
    config = bench.root / "empty.cfg"
    config.touch()
    ansible = {**worker_environment(os.environ), **ansible_environment(bench.root, config), **settings.environment}
    environment = {"APP_KEY": ENVIRONMENT}
    return Place(inventory=bench.inventory, hosts=hosts, environment=environment, ansible=ansible)


def had(bench: Bench, settings: RunSettings, *names: str) -> Found:
    return find(names, settings, place(bench, settings, "web-01", "web-02"))


def test_a_secret_is_had_where_the_site_says(bench: Bench, vaulted: RunSettings) -> None:
    found = had(bench, vaulted, "inline", "whole", "templated", "env", "file")
    assert found.values == {
        "inline": INLINE,
        "whole": WHOLE,
        "templated": f"{WHOLE}-x",
        "env": ENVIRONMENT,
        "file": FILE,
    }


def test_what_the_inventory_keeps_secret_is_known_whether_it_is_named_or_not(
    bench: Bench, vaulted: RunSettings
) -> None:
    hidden = set(had(bench, vaulted).all())
    assert {INLINE, WHOLE, PLAIN, f"{WHOLE}-x", "canary-deep-77", "47114711", PASSWORD} <= hidden
    assert not {"no-secret-77", "web-01", "local"} & hidden


def test_an_inventory_without_secrets_costs_no_process(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_process(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr("subprocess.Popen", no_process)
    assert had(bench, RunSettings()) == Found()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("differs", "not the same on all hosts"),
        ("nowhere", "not there"),
        ("missing", "lookup ansible.builtin.file"),
        ("plugin", "lookup no.such.plugin"),
        ("many", "lookup ansible.builtin.items"),
        ("short", "less than 8 characters"),
        ("unknown", "names none like this"),
    ],
)
def test_a_secret_that_cannot_be_had_is_refused_and_says_nothing_of_it(
    bench: Bench, vaulted: RunSettings, name: str, why: str
) -> None:
    with pytest.raises(SecretError, match=why) as refused:
        had(bench, vaulted, name)
    assert "canary" not in str(refused.value)


def test_an_empty_variable_of_the_environment_is_no_secret(bench: Bench, vaulted: RunSettings) -> None:
    empty = replace(place(bench, vaulted, "web-01"), environment={"APP_KEY": ""})
    with pytest.raises(SecretError, match="APP_KEY"):
        find(["env"], vaulted, empty)


def test_a_wrong_vault_password_is_said_without_a_word_of_the_vault(bench: Bench, vaulted: RunSettings) -> None:
    (bench.root / "password").write_text("another-password\n")
    with pytest.raises(SecretError, match="vault password is wrong") as refused:
        had(bench, vaulted)
    assert "ANSIBLE_VAULT" not in str(refused.value)


def test_a_program_can_give_the_vault_password(bench: Bench, vaulted: RunSettings) -> None:
    program = bench.root / "site-client"
    program.write_text(f"#!/bin/sh\necho {PASSWORD}\n")
    program.chmod(0o700)
    settings = replace(vaulted, vaults=(f"site@{program}",))
    assert had(bench, settings, "inline").values == {"inline": INLINE}


def test_settings_travel_as_they_are(tmp_path: Path, vaulted: RunSettings) -> None:
    (tmp_path / "settings").write_text(vaulted.text())
    assert RunSettings.read(tmp_path / "settings") == vaulted
    assert RunSettings.read(tmp_path / "nowhere") == RunSettings()
    assert "canary" not in vaulted.text().replace("canary-1", "").replace("canary-2", "")


def given(bench: Bench, settings: RunSettings, key: str, **values: Any) -> Any:
    (bench.action / "do.meta.yml").write_text(META)
    bench.write(DO)
    bench.executor = replace(bench.executor, settings=settings)
    return bench.warrant(parameters={"text": "given", "key": key}, **values)


@pytest.mark.parametrize(("key", "value"), [("inline", INLINE), ("whole", WHOLE), ("env", ENVIRONMENT), ("file", FILE)])
def test_a_playbook_gets_the_value_and_nothing_else_does(
    bench: Bench, vaulted: RunSettings, monkeypatch: pytest.MonkeyPatch, key: str, value: str
) -> None:
    monkeypatch.setenv("APP_KEY", ENVIRONMENT)
    warrant = given(bench, vaulted, key)
    outcome = bench.run(warrant)
    assert outcome.status is Status.SUCCEEDED, outcome
    assert bench.out().read_text() == f"given:{value}"
    written = b"".join(path.read_bytes() for path in bench.state.rglob("*") if path.is_file())
    assert not [canary for canary in (INLINE, WHOLE, PLAIN, FILE, ENVIRONMENT, PASSWORD) if canary.encode() in written]


def test_a_value_is_never_a_template(bench: Bench, vaulted: RunSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "{{ lookup('pipe', 'touch " + str(bench.root / "evil") + "') }}"
    monkeypatch.setenv("APP_KEY", text)
    assert bench.run(given(bench, vaulted, "env")).status is Status.SUCCEEDED
    assert bench.out().read_text() == f"given:{text}"
    assert not (bench.root / "evil").exists()


@pytest.mark.parametrize("key", ["foreign", "unknown", "nowhere", "differs", "short", "env"])
def test_without_its_secret_nothing_is_run(bench: Bench, vaulted: RunSettings, key: str) -> None:
    outcome = bench.run(given(bench, vaulted, key, hosts=("web-01", "web-02")))
    assert (outcome.status, outcome.began) == (Status.FAILED, False)
    assert "secret" in outcome.note
    assert not bench.out().exists()
    assert not list(bench.state.glob("runs/*/private"))


def test_no_argument_of_any_process_has_the_value(bench: Bench, vaulted: RunSettings) -> None:
    seen: list[str] = []

    def look(_: object) -> None:
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                seen.append(process.read_bytes().decode(errors="replace"))
            except OSError:
                continue

    outcome = bench.run(given(bench, vaulted, "inline"), on_event=look)
    assert outcome.status is Status.SUCCEEDED
    assert any("ansible-playbook" in line and "handed" in line for line in seen)
    assert not [line for line in seen if INLINE in line]


def test_evidence_with_a_secret_is_sealed_and_undo_restores_it(bench: Bench, vaulted: RunSettings) -> None:
    bench.executor = replace(bench.executor, settings=vaulted)
    bench.write(
        "- hosts: all\n  gather_facts: false\n  tasks:\n"
        "    - ansible.builtin.set_stats:\n        per_host: true\n"
        "        data: {undo: {resources: [out], text: 'was {{ inline_key }} {{ 1 }}'}}\n"
    )
    undo = "- hosts: all\n  gather_facts: false\n  tasks:\n    - ansible.builtin.copy:\n"
    undo += "        content: \"{{ evidence['web-01'].text }}\"\n        dest: '{{ root }}/out'\n"
    (bench.action / "undo.yml").write_text(undo)
    outcome = bench.run(bench.warrant())
    assert outcome.evidence["web-01"]["text"] == "was [hidden] 1"
    assert outcome.evidence["web-01"]["resources"] == ["out"]
    undone = bench.run(bench.warrant(phase=Phase.UNDO, evidence=dict(outcome.evidence)))
    assert undone.status is Status.SUCCEEDED, undone
    assert bench.out().read_text() == f"was {INLINE} 1"
    written = b"".join(path.read_bytes() for path in bench.state.rglob("*") if path.is_file())
    assert INLINE.encode() not in written


def test_evidence_that_was_tampered_with_is_not_restored(bench: Bench, vaulted: RunSettings) -> None:
    bench.executor = replace(bench.executor, settings=vaulted)
    (bench.action / "undo.yml").write_text("- hosts: all\n  tasks: []\n")
    outcome = bench.run(bench.warrant(phase=Phase.UNDO, evidence={"web-01": {"sealed": "AAAA"}}))
    assert not outcome.began
    assert "cannot be opened" in outcome.note


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"vaults": 1, "secrets": {}}', '{"vaults": [], "secrets": {"a": {}}}']
)
def test_settings_that_cannot_be_read_stop_the_run(bench: Bench, text: str) -> None:
    class Spoiled(RunSettings):
        def text(self) -> str:
            return text

    bench.executor = replace(bench.executor, settings=Spoiled())
    outcome = bench.run(bench.warrant())
    assert not outcome.began
    assert "settings" in outcome.note
