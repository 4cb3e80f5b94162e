"""Canaries in every place where a secret can be, an action that tells all it knows, and a search of every byte written.

What is searched: every file below the state folder (database with its log, artifacts, warrants, caches), an export of
the ledger, and every answer of the command line and of HTTP; for each canary in each form that a text can carry it in.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gate.execution.forms import forms

BIN = Path(sys.executable).parent
HOST, OTHER = "web-03", "web-01"  # one is free, the other needs a person
OPTIONS = "ending: {type: str, default: well, description: How it ends., choices: [well, badly, slowly]}"
DO = """\
---
- name: Tell everything
  hosts: all
  gather_facts: false
  vars:
    all_of_it: >-
      {{ canary_inline }} {{ canary_whole }} {{ canary_nested.deep[0] }} {{ app_password }} {{ indirect_token }}
      {{ canary_multi }} {{ canary_odd }}
  tasks:
    - name: Look for {{ canary_inline }}
      ansible.builtin.slurp: {src: "{{ gate_root }}/etc/app/secret.ini"}
      register: before
    - name: Record
      ansible.builtin.set_stats:
        data:
          undo:
            resources: ["file:/etc/app/secret.ini"]
            content: "{{ before.content }}"
            said: "{{ all_of_it }}"
            "{{ canary_whole }}": ["{{ canary_inline | b64encode }}"]
        per_host: true
        aggregate: false
    - name: Say it
      ansible.builtin.debug: {msg: "{{ all_of_it }} {{ all_of_it | b64encode }} {{ all_of_it | to_json | to_json }}"}
    - name: Say it otherwise
      ansible.builtin.debug: {msg: "{{ canary_odd | urlencode }} {{ canary_odd | quote }} {{ canary_odd | to_yaml }}"}
    - name: Write it
      ansible.builtin.copy:
        content: "[app]\\nname = other\\npassword = rotated-{{ app_password }}\\n# {{ all_of_it }}\\n"
        dest: "{{ gate_root }}/etc/app/secret.ini"
        mode: "0600"
    - name: Write it for each
      ansible.builtin.copy: {content: "{{ item }}", dest: "{{ gate_root }}/etc/app/each", mode: "0600"}
      loop: ["{{ canary_inline }}", "x {{ canary_whole | b64encode }}"]
    - name: Run it
      ansible.builtin.command: {argv: [echo, "{{ canary_inline }}"]}
    - name: Run it aloud
      ansible.builtin.shell: "echo {{ canary_whole }}; echo {{ app_password }} >&2"
      changed_when: false
    - name: Do not log it
      ansible.builtin.copy: {content: "{{ unnamed }}", dest: "{{ gate_root }}/etc/app/unnamed", mode: "0600"}
      no_log: true
    - name: Remember it
      ansible.builtin.set_stats: {data: {other: "{{ all_of_it }}"}}
    - name: Wait
      ansible.builtin.command: {argv: [sleep, "60"]}
      when: ending == 'slowly'
    - name: Fail with {{ canary_whole }}
      ansible.builtin.command: {argv: [cat, "/nowhere/{{ canary_inline }}", "{{ canary_multi }}"]}
      when: ending == 'badly'
"""
UNDO = """\
---
- name: Bring it back
  hosts: all
  gather_facts: false
  tasks:
    - name: Write what was there
      ansible.builtin.copy:
        content: "{{ evidence[inventory_hostname].content | b64decode }}"
        dest: "{{ gate_root }}/etc/app/secret.ini"
        mode: "0600"
"""

KEEP_OPTIONS = """\
key: {type: str, required: true, no_log: true, description: The key that is kept.}
spare: {type: str, default: null, no_log: true, description: Another one.}
"""
KEEP_DO = """\
---
- name: Keep a key
  hosts: all
  gather_facts: false
  tasks:
    - name: Record the evidence
      ansible.builtin.set_stats: {data: {undo: {resources: [key]}}, per_host: true, aggregate: false}
    - name: Write the keys
      ansible.builtin.copy: {content: "{{ key }} {{ spare }}", dest: "{{ gate_root }}/key", mode: "0600"}
      no_log: true
    - name: Give it to a program
      ansible.builtin.command: {argv: [tee, "{{ gate_root }}/program"], stdin: "{{ key }}"}
      no_log: true
"""
KEEP_UNDO = """\
---
- name: Keep it no longer
  hosts: all
  gather_facts: false
  tasks:
    - name: Remove the keys
      ansible.builtin.file: {path: "{{ gate_root }}/key", state: absent}
"""
SECRETS = """
[vault]
identities = ["site@vault-password"]

[secrets.from-vault]
variable = "canary_inline"
actions = ["keep"]

[secrets.from-environment]
env = "APP_KEY"
actions = ["keep"]

[secrets.from-lookup]
lookup = "ansible.builtin.file"
terms = ["looked-up"]
actions = ["keep"]

[secrets.for-others]
env = "OTHER_KEY"
actions = ["tell"]
"""


@dataclass(frozen=True)
class Planted:
    """A site in which every secret is a canary, by the place where it is."""

    site: Any
    canaries: Mapping[str, str]
    environment: Mapping[str, str]

    def gate(self, *words: str, **options: Any) -> str:
        done = self.site.gate(*words, env=self.environment, **options)
        return done.stdout + done.stderr

    def file(self, host: str = HOST) -> Path:
        return self.site.host(host) / "etc/app/secret.ini"


@pytest.fixture(scope="module")
def planted(shared_site: Any) -> Planted:
    shared_site.started = partial(shared_site.started, warm=False)  # every byte is to lie where it is looked for
    canaries = {name: f"canary-{name}-{secrets.token_hex(12)}" for name in ("inline", "whole", "nested", "plain")}
    canaries |= {
        name: f"canary-{name}-{secrets.token_hex(12)}" for name in ("indirect", "vault", "environment", "hidden")
    }
    canaries["multi"] = f"canary-first-{secrets.token_hex(8)}\ncanary-second-{secrets.token_hex(8)}"
    canaries["odd"] = f"c&n/ry+ \"odd'<é>$;\\ {secrets.token_hex(8)}"
    canaries["file"] = f"canary-file-{secrets.token_hex(12)}"
    inventory(shared_site, canaries)
    shared_site.add_action("tell", OPTIONS, files={"do.yml": DO, "undo.yml": UNDO})
    toml = shared_site.root / "gate.toml"
    toml.write_text(toml.read_text() + SECRETS)
    shared_site.add_action("keep", KEEP_OPTIONS, files={"do.yml": KEEP_DO, "undo.yml": KEEP_UNDO})
    canaries |= {name: f"canary-{name}-{secrets.token_hex(12)}" for name in ("key", "other", "lookup")}
    (shared_site.root / "looked-up").write_text(canaries["lookup"] + "\n")
    for host in (HOST, OTHER):
        file = shared_site.host(host) / "etc/app/secret.ini"
        file.write_text(f"[app]\nname = app\npassword = {canaries['file']}\nport = 1\n")
        file.chmod(0o600)
    names = ("AWS_SECRET_ACCESS_KEY", "ANSIBLE_BECOME_PASS", "APP_PASSWORD", "OPENAI_API_KEY", "DATABASE_URL")
    environment = dict.fromkeys(names, canaries["environment"])
    environment |= {"APP_KEY": canaries["key"], "OTHER_KEY": canaries["other"]}
    return Planted(shared_site, canaries, environment)


def inventory(site: Any, canaries: Mapping[str, str]) -> None:
    (site.root / "vault-password").write_text(canaries["vault"] + "\n")
    (site.root / "vault-password").chmod(0o600)
    folder = site.root / "inventory" / "group_vars"
    variables = folder / "all"
    variables.mkdir()
    (folder / "all.yml").rename(variables / "hosts.yml")
    plain = {
        "app_password": canaries["plain"],
        "indirect_token": "{{ base_of_it }}-{{ canary_whole }}",
        "base_of_it": canaries["indirect"],
        "ansible_become_password": canaries["plain"],
        "unnamed": canaries["hidden"],
    }
    (variables / "plain.yml").write_text(json.dumps(plain))
    whole = {"canary_whole": canaries["whole"], "canary_nested": {"deep": [canaries["nested"]]}}
    whole |= {"canary_multi": canaries["multi"], "canary_odd": canaries["odd"]}
    (variables / "whole.yml").write_text(json.dumps(whole))
    vault(site, "encrypt", str(variables / "whole.yml"))
    inline = vault(site, "encrypt_string", "--stdin-name", "canary_inline", stdin=canaries["inline"])
    (variables / "inline.yml").write_text(inline)


def vault(site: Any, *words: str, stdin: str = "") -> str:
    command = [BIN / "ansible-vault", words[0], "--vault-id", f"site@{site.root}/vault-password", *words[1:]]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=True).stdout


def every_byte(folder: Path) -> Iterator[tuple[str, str]]:
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            yield str(path), path.read_bytes().decode("utf-8", "replace")


def leaks(planted: Planted, texts: Iterator[tuple[str, str]] | list[tuple[str, str]]) -> list[str]:
    """Where a canary was found, and in which form."""
    needles = {form: name for name, canary in planted.canaries.items() for form in forms(canary)}
    return [f"{name} in {where} as {form}" for where, text in texts for form, name in needles.items() if form in text]


def by_hand(planted: Planted, *options: str) -> str:
    """What the same playbook says if nobody keeps anything quiet."""
    done = subprocess.run(
        [
            BIN / "ansible-playbook", "-i", planted.site.root / "inventory", "--limit", HOST, "--check", "--diff", "-v",
            "-e", "ending=badly", "--vault-id", f"site@{planted.site.root}/vault-password", *options,
            planted.site.root / "playbooks" / "tell" / "do.yml",
        ],
        capture_output=True, text=True, check=False, env={**os.environ, **planted.environment},
    )  # fmt: skip
    return done.stdout + done.stderr


def test_the_action_really_tells_everything(planted: Planted) -> None:
    found = {leak.split()[0] for leak in leaks(planted, [("by hand", by_hand(planted))])}
    assert found >= {"inline", "whole", "nested", "plain", "indirect", "multi", "odd", "file"}


def test_nothing_that_is_written_or_said_has_a_secret(planted: Planted) -> None:
    site, told = planted.site, []
    told.append(planted.gate("propose", "tell", "--on", HOST, "--wait", "-o", "json", expect=0))
    assert planted.canaries["plain"] in planted.file().read_text()  # it did what it should
    done = json.loads(told[0])
    told.append(planted.gate("changes", "show", done["id"]))
    told.append(planted.gate("changes", "show", done["id"], "-o", "json"))
    told.append(planted.gate("undo", done["id"], "--wait", expect=0))
    assert planted.file().read_text() == f"[app]\nname = app\npassword = {planted.canaries['file']}\nport = 1\n"
    told.append(planted.gate("propose", "tell", "--on", HOST, "-p", "ending=badly", "--wait", expect=6))
    assert f"password = {planted.canaries['file']}" in planted.file().read_text()  # it took itself back
    told.append(planted.gate("propose", "tell", "--on", OTHER, "-o", "json"))
    waiting = json.loads(told[-1])["id"]
    told.append(planted.gate("approve", waiting, "--show"))
    told.append(planted.gate("approve", waiting, "--show", "-o", "json"))
    assert "name = other" in told[-1]
    told.append(planted.gate("changes", "list", "-o", "yaml"))
    told.append(planted.gate("ledger", "show", "-n", "500", "-o", "json"))
    told.append(planted.gate("ledger", "export", str(site.state / "export.jsonl")))
    told.append(planted.gate("doctor"))
    told.append(planted.gate("ledger", "verify", expect=0))
    assert leaks(planted, [(f"answer {number}", text) for number, text in enumerate(told)]) == []
    assert leaks(planted, every_byte(site.state)) == []


def test_no_answer_over_http_has_a_secret(planted: Planted) -> None:
    site, told = planted.site, []
    with site.serving():
        token = site.token("reader", scopes=("propose", "read"))
        headers = {"Authorization": f"Bearer {token}"}
        transport = httpx2.HTTPTransport(uds=str(site.socket))
        with httpx2.Client(base_url="http://gate", transport=transport, headers=headers, timeout=120) as client:
            wish = {"action": "tell", "targets": [HOST], "parameters": {"ending": "badly"}, "reason": "to see"}
            made = client.post("/v1/changes", json=wish)
            told += [made, client.get("/v1/catalog"), client.get("/v1/changes/nope")]
            told.append(client.get(f"/v1/changes/{made.json()['id']}/wait", params={"timeout_s": 30}))
            told.append(client.get(f"/v1/changes/{made.json()['id']}"))
        assert leaks(planted, every_byte(site.state)) == []  # while the warm servers are there, too
    assert told[-1].json()["state"] == "undone"
    answers = [(f"answer {number}", f"{one.headers} {one.text}") for number, one in enumerate(told)]
    answers.append(("the server's log", (site.top / "serve.log").read_text(errors="replace")))
    assert leaks(planted, answers) == []
    assert leaks(planted, every_byte(site.state)) == []


def test_a_run_that_is_killed_leaves_no_secret_behind(planted: Planted, eventually: Any) -> None:
    site = planted.site
    with site.serving():
        made = json.loads(
            planted.gate("propose", "tell", "--on", HOST, "-p", "ending=slowly", "--no-run", "-o", "json")
        )
        folder = eventually(lambda: waiting_run(site.state), "the run waits")
        os.kill(json.loads((folder / "lease").read_text())["pid"], signal.SIGKILL)
        ended = eventually(lambda: site.states()[made["id"]] in {"unknown", "undone", "failed"}, "it is at rest")
        assert ended
        shown = planted.gate("changes", "show", made["id"], "-o", "json")
    assert json.loads(shown)["state"] == "unknown"
    assert leaks(planted, [("changes show", shown)]) == []
    assert leaks(planted, every_byte(site.state)) == []
    planted.gate("settle", made["id"], "--as", "failed", "--reason", "killed", expect=0)
    planted.gate("undo", made["id"], "--wait", expect=0)
    assert f"password = {planted.canaries['file']}" in planted.file().read_text()
    assert leaks(planted, every_byte(site.state)) == []


def waiting_run(state: Path) -> Path | None:
    for events in (state / "runs").glob("*/artifacts/events.jsonl"):
        if '"Wait"' in events.read_text() and not (events.parents[1] / "result").exists():
            return events.parents[1]
    return None


def test_a_search_finds_what_is_there(planted: Planted) -> None:
    text = base64.b64encode(b"xy" + planted.canaries["odd"].encode() + b"z").decode()
    assert leaks(planted, [("a text", text)])


@pytest.mark.parametrize(
    ("name", "canary"), [("from-vault", "inline"), ("from-environment", "key"), ("from-lookup", "lookup")]
)
def test_a_secret_that_is_named_reaches_the_host_and_nothing_else(planted: Planted, name: str, canary: str) -> None:
    told = [planted.gate("propose", "keep", "--on", HOST, "-p", f"key={name}", "--wait", "-o", "json", expect=0)]
    assert (planted.site.host(HOST) / "key").read_text() == f"{planted.canaries[canary]} "
    assert (planted.site.host(HOST) / "program").read_text().strip() == planted.canaries[canary]
    told.append(planted.gate("changes", "show", json.loads(told[0])["id"], "-o", "json"))
    told.append(planted.gate("catalog", "show", "keep", "-o", "json"))
    told.append(planted.gate("undo", json.loads(told[0])["id"], "--wait", expect=0))
    assert name in told[1]
    assert name in told[2]
    assert leaks(planted, [(f"answer {number}", text) for number, text in enumerate(told)]) == []
    assert leaks(planted, every_byte(planted.site.state)) == []


def test_nobody_can_name_a_secret_that_is_not_for_the_action_or_give_its_value(planted: Planted) -> None:
    told = []
    for key in ("for-others", "unknown", planted.canaries["key"], planted.canaries["inline"]):
        told.append(planted.gate("propose", "keep", "--on", HOST, "-p", f"key={key}", expect=2))
        assert "names none of the secrets" in told[-1]
    assert leaks(planted, [(f"answer {number}", text) for number, text in enumerate(told)]) == []
    assert leaks(planted, every_byte(planted.site.state)) == []


def test_the_doctor_looks_at_every_secret_and_tells_none(planted: Planted) -> None:
    told = planted.gate("doctor")
    for name in ("from-vault", "from-environment", "from-lookup", "for-others"):
        assert name in told
    missing = planted.site.gate("doctor", env={**planted.environment, "APP_KEY": ""})
    assert "The secret from-environment cannot be had" in missing.stdout + missing.stderr
    assert leaks(planted, [("doctor", told), ("doctor without", missing.stdout + missing.stderr)]) == []


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN PRIVATE KEY-----",
        "$ANSIBLE_VAULT;1.1;AES256",
        "x ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "AKIAIOSFODNN7EXAMPLE",
    ],
)
def test_what_is_certainly_a_secret_is_refused_in_a_wish(planted: Planted, text: str) -> None:
    needle = secrets.token_hex(12)
    told = planted.gate("propose", "tell", "--on", HOST, "-r", f"{needle} {text}", expect=2)
    assert "contains a secret" in told
    assert needle not in told
    assert needle not in "".join(content for _, content in every_byte(planted.site.state))
